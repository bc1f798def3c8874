"""What a table of the source is by the contract of its dataset: which columns are read, and what is said.

The contract holds here as it does for raw objects. Of columns that the spec does not know those of an evolving one are
read and kept aside, those of a discarding one are left out and told, and a frozen one is not exported before the spec
says what they are: what comes unannounced there may be card data. A column whose name says that it holds security codes
is never read, whatever the contract.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline_assets.datasets.spec import Column, Dataset
from pipeline_assets.privacy.cards import without_numbers
from pipeline_assets.privacy.security_codes import says_security_code
from pipeline_assets.raw.engines import SourceColumn
from pipeline_assets.raw.errors import SourceError

UPDATED_AT = "updated_at"


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A table as it is read.

    `known` are the columns of the spec that are there, but for security codes, each with its place in the source;
    `unknown` those that it does not know and that are read; `said` is what people have to know, in whole sentences.
    """

    dataset: Dataset
    known: tuple[tuple[Column, SourceColumn], ...]
    unknown: tuple[SourceColumn, ...]
    said: tuple[str, ...]

    @property
    def columns(self) -> tuple[SourceColumn, ...]:
        """The columns that are read."""
        return (*(there for _, there in self.known), *self.unknown)

    def called(self, there: SourceColumn) -> str:
        """The name of a column in frames: that of the spec, or its own in lower case."""
        return next((column.name for column, place in self.known if place is there), there.name)

    def place(self, name: str) -> SourceColumn:
        """Where a column of the spec is in the source."""
        return next(there for column, there in self.known if column.name == name)


def table_of(dataset: Dataset, found: Sequence[SourceColumn]) -> SourceTable:
    """A table with these columns by the contract of its dataset; raises `SourceError` for one that cannot be read."""
    if not found:
        raise SourceError(f"the source has no table {dataset.name}: make it, or give the user the right to read it")
    if wrong := [name for name in dataset.key if dataset.column(name).type != "integer"]:
        raise SourceError(f"{dataset.name} is read in the order of its key, so {wrong[0]} must be a whole number")
    there = {column.name: column for column in found}
    places = {
        column.name: there[name]
        for column in dataset.columns
        if (name := next((each for each in (column.name, *column.aliases) if each in there), None)) is not None
    }
    lost = [column for column in dataset.columns if column.name not in places and not column.optional]
    taken = {column.written for column in places.values()}
    unknown = [column for column in found if column.written not in taken and not says_security_code(column.name)]
    _refuse(dataset, lost, unknown)
    said = [
        f"{dataset.name} has no column {column.name} any more: it is exported as empty; drop it from the spec, or put "
        "it back"
        for column in lost
    ]
    if unknown and dataset.contract.unknown == "discard":
        said.append(
            f"{dataset.name} has {_named(unknown)}, which its spec does not know and its contract discards: add a line "
            "to the spec to export it"
        )
        unknown = []
    read = [column for column in dataset.columns if column.name in places and column.personal != "security_code"]
    return SourceTable(dataset, tuple((column, places[column.name]) for column in read), tuple(unknown), tuple(said))


def _refuse(dataset: Dataset, lost: Sequence[Column], unknown: Sequence[SourceColumn]) -> None:
    contract = dataset.contract
    needed = [column.name for column in lost if contract.changed == "freeze" or not column.nullable]
    if needed:
        # Both are said: a column that was renamed is one that is missing and one that is unknown.
        renamed = f" and has {_named(unknown)}, which the spec does not know" if unknown else ""
        raise SourceError(
            f"{dataset.name} has no column {', '.join(needed)}{renamed}: put it back, or say its new name in the spec "
            "(aliases)"
        )
    if unknown and contract.unknown == "freeze":
        raise SourceError(
            f"{dataset.name} has {_named(unknown)}, which its spec does not know and its contract freezes: add a line "
            "for it to the spec, or take it out of the source"
        )


def _named(columns: Iterable[SourceColumn]) -> str:
    names = [without_numbers(column.name) for column in columns]
    return f"the column{'s' * (len(names) > 1)} {', '.join(names)}"
