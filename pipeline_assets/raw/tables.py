"""Schema contract of a source table: which columns are read, what is warned of, what is refused.

The contract holds here as it does for raw objects. Columns that the spec does not know are read where it evolves, left
out with a warning where it discards, and refused where it is frozen: what comes unannounced there may be card data. A
column whose name says that it holds security codes is never read.
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
    """Source table as it is read.

    Parameters
    ----------
    dataset
        Its dataset.
    known
        Columns of the spec that the table has, without security codes, each with the one of the source.
    unknown
        Columns that the spec does not know and that are read.
    warnings
        Whole sentences for people, without their full stops.
    """

    dataset: Dataset
    known: tuple[tuple[Column, SourceColumn], ...]
    unknown: tuple[SourceColumn, ...]
    warnings: tuple[str, ...]

    @property
    def columns(self) -> tuple[SourceColumn, ...]:
        """Columns that are read."""
        return (*(column for _, column in self.known), *self.unknown)

    def frame_name(self, column: SourceColumn) -> str:
        """Name of a column in frames: that of the spec, or its own in lower case."""
        return next((known.name for known, source in self.known if source is column), column.name)

    def source_column(self, name: str) -> SourceColumn:
        """Find the column of the source for one of the spec."""
        return next(source for column, source in self.known if column.name == name)


def resolve_table(dataset: Dataset, found: Sequence[SourceColumn]) -> SourceTable:
    """Match the columns of a source table with its spec, and hold them against its contract.

    Returns
    -------
    SourceTable
        What is read of it, with its warnings.

    Raises
    ------
    SourceError
        There is no such table, or the contract forbids to read it.
    """
    if not found:
        raise SourceError(f"the source has no table {dataset.name}: make it, or give the user the right to read it")
    if wrong := [name for name in dataset.key if dataset.column(name).type != "integer"]:
        raise SourceError(f"{dataset.name} is read in the order of its key, so {wrong[0]} must be a whole number")
    by_name = {column.name: column for column in found}
    sources = {
        column.name: by_name[name]
        for column in dataset.columns
        if (name := next((each for each in (column.name, *column.aliases) if each in by_name), None)) is not None
    }
    missing = [column for column in dataset.columns if column.name not in sources and not column.optional]
    taken = {column.source_name for column in sources.values()}
    unknown = [column for column in found if column.source_name not in taken and not says_security_code(column.name)]
    _refuse(dataset, missing, unknown)
    warnings = [
        f"{dataset.name} has no column {column.name} any more: it is exported as empty; drop it from the spec, or put "
        "it back"
        for column in missing
    ]
    if unknown and dataset.contract.unknown == "discard":
        warnings.append(
            f"{dataset.name} has {_names(unknown)}, which its spec does not know and its contract discards: add a line "
            "to the spec to export it"
        )
        unknown = []
    read = [column for column in dataset.columns if column.name in sources and column.personal != "security_code"]
    return SourceTable(
        dataset, tuple((column, sources[column.name]) for column in read), tuple(unknown), tuple(warnings)
    )


def _refuse(dataset: Dataset, missing: Sequence[Column], unknown: Sequence[SourceColumn]) -> None:
    contract = dataset.contract
    needed = [column.name for column in missing if contract.changed == "freeze" or not column.nullable]
    if needed:
        # Both are named: a column that was renamed is a missing one and an unknown one.
        renamed = f" and has {_names(unknown)}, which the spec does not know" if unknown else ""
        raise SourceError(
            f"{dataset.name} has no column {', '.join(needed)}{renamed}: put it back, or say its new name in the spec "
            "(aliases)"
        )
    if unknown and contract.unknown == "freeze":
        raise SourceError(
            f"{dataset.name} has {_names(unknown)}, which its spec does not know and its contract freezes: add a line "
            "for it to the spec, or take it out of the source"
        )


def _names(columns: Iterable[SourceColumn]) -> str:
    names = [without_numbers(column.name) for column in columns]
    return f"the column{'s' * (len(names) > 1)} {', '.join(names)}"
