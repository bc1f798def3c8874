"""Declarative dataset specs: what a dataset's columns and row rules are, said once and read by everything."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Literal

#: number: any number, as a file says it; integer: 64 bits; decimal: 18 digits, two of them after the point;
#: datetime: UTC to the microsecond; date: a day.
ColumnType = Literal["text", "number", "datetime", "integer", "decimal", "date", "boolean"]
#: warn: counted and kept; quarantine: the row is rejected and kept aside; halt: the whole object is refused.
Severity = Literal["warn", "quarantine", "halt"]
#: What a column says of a person, which decides what becomes of it before anything is written: a card number or a
#: social security number becomes a keyed token and its last digits, a security code is never read from its source,
#: free text loses the card numbers in it, a name stays and is shown nowhere but in the table itself.
PersonalData = Literal["none", "name", "card_number", "security_code", "ssn", "free_text"]
#: What becomes of a column that a spec does not know: evolve keeps its values aside in `other_columns`, discard drops
#: them and counts, freeze refuses the object.
UnknownColumns = Literal["evolve", "discard", "freeze"]

_LAST_FOUR = "last four digits of the {name}"
_OR_UNREADABLE = "{text}; unreadable where something else was given"
_TOKEN = "keyed token of the {name}: the same one has the same token while the key is the same"  # noqa: S105 - a description


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Parameters
    ----------
    name
        Name in frames, objects and tables.
    type
        Its type, one of those of `datasets.types`.
    meaning
        What its values are, for people.
    unit
        Unit of the values; empty where they carry none.
    nullable
        Whether a row may have no value.
    optional
        Whether a file may have no such column.
    aliases
        Its other names in a header, in lower case; where several are there the first of them is meant.
    personal
        What it says of a person.
    """

    name: str
    type: ColumnType
    meaning: str
    unit: str = ""
    nullable: bool = False
    optional: bool = False
    aliases: tuple[str, ...] = ()
    personal: PersonalData = "none"


@dataclass(frozen=True, slots=True)
class Between:
    """A value from `least` to `most`, both included; None leaves a side open."""

    column: str
    least: int | Decimal | None = None
    most: int | Decimal | None = None


@dataclass(frozen=True, slots=True)
class Matches:
    """Text that a regular expression matches as a whole, in the syntax that RE2, Rust and Java share."""

    column: str
    pattern: str


@dataclass(frozen=True, slots=True)
class IsIn:
    """One of some values."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotAfter:
    """A column that is not greater than another one of the row."""

    column: str
    other: str


@dataclass(frozen=True, slots=True)
class NotAfterLoad:
    """A time at most `days` after the end of the day its row was loaded on."""

    column: str
    days: int = 1


@dataclass(frozen=True, slots=True)
class References:
    """A value that is a key of another dataset as of the same day; asked of a whole day at once, never of a row."""

    column: str
    dataset: str


#: A condition on one row, which a null in its column meets: whether there may be one says the column itself.
RowTest = Between | Matches | IsIn | NotAfter | NotAfterLoad


@dataclass(frozen=True, slots=True)
class Rule:
    """One named row rule and what happens where it is broken.

    Parameters
    ----------
    name
        Name of the rule, as receipts and the quarantine tell it.
    severity
        What follows where it is broken.
    expected
        Completes the sentence "expected ...".
    test
        The condition itself where rows come in frames; rows of text files are judged by their flow's own code.
    """

    name: str
    severity: Severity
    expected: str
    test: RowTest | None = None


@dataclass(frozen=True, slots=True)
class Contract:
    """What becomes of objects whose columns are not those of the spec.

    Of another type is taken what converts without loss, whatever the contract: a value that does not is rejected with
    its row, since how a column is written may be the doing of its worst value.

    Parameters
    ----------
    unknown
        Of columns that the spec does not know.
    changed
        Of known ones that are missing: evolve takes null for one that may be null, freeze refuses the object; one that
        may not be null always refuses it.
    """

    unknown: UnknownColumns = "evolve"
    changed: Literal["evolve", "freeze"] = "evolve"


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset.

    Parameters
    ----------
    name
        Name of the dataset, and of its table.
    description, owner
        What it is, and the team that answers for it.
    columns
        In the order they are written.
    key
        Columns that tell rows apart.
    rules
        Row rules, in the order they are told.
    order
        Columns that decide which version of a row is the latest.
    contract
        What becomes of objects with other columns.
    references
        What is expected of a whole day.
    most_rejected
        Share of rejected rows from which on a day counts as bad, 0 to 1.
    identifiers
        Columns, also ones that the spec does not have, whose digits are no numbers of persons, whatever they look like.
    """

    name: str
    description: str
    owner: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rules: tuple[Rule, ...]
    order: tuple[str, ...] = ()
    contract: Contract = field(default_factory=Contract)
    references: tuple[References, ...] = ()
    most_rejected: float = 0.05
    identifiers: tuple[str, ...] = ()

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change with anything the spec says."""
        said = json.dumps(asdict(self), sort_keys=True, default=str)
        return hashlib.sha256(said.encode()).hexdigest()[:12]

    def column(self, name: str) -> Column:
        """The column of this name; raises KeyError naming the columns there are."""
        for column in self.columns:
            if column.name == name:
                return column
        message = f"dataset {self.name} has no column {name!r}; it has {', '.join(self.column_names)}"
        raise KeyError(message)

    def places(self, header: Sequence[str]) -> dict[str, int]:
        """Where each column is in a file's header, which is in lower case: by its name, or else by an alias of it."""
        return {
            column.name: header.index(name)
            for column in self.columns
            if (name := next((n for n in (column.name, *column.aliases) if n in header), None)) is not None
        }

    def header_fault(self, header: Sequence[str]) -> str:
        """What keeps a header, in lower case, from being this dataset's, as in "row 0 ..."; empty when nothing does."""
        places = self.places(header)
        missing = [column.name for column in self.columns if not column.optional and column.name not in places]
        if missing:
            return f"row 0 lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}, of {len(header)} it has"
        repeated = [header[place] for place in places.values() if header.count(header[place]) > 1]
        return f"row 0 has the column {repeated[0]} more than once" if repeated else ""

    def rule(self, name: str) -> Rule:
        """The rule of this name; raises KeyError naming the rules there are."""
        for rule in self.rules:
            if rule.name == name:
                return rule
        known = ", ".join(rule.name for rule in self.rules)
        message = f"dataset {self.name} has no rule {name!r}; it has {known}"
        raise KeyError(message)


def impersonal_columns(dataset: Dataset) -> tuple[Column, ...]:
    """Columns of a dataset that say nothing of a person; tokens and last digits are of one, too."""
    return tuple(column for column in dataset.columns if column.personal == "none")


def stored_columns(dataset: Dataset) -> tuple[Column, ...]:
    """Columns that are written of a dataset, in order.

    Returns
    -------
    tuple of Column
        A card number `<name>_number` gives `<name>_last_four`, `<name>_issuer` and `<name>_token`, a social security
        number `<name>` gives `<name>_last_four` and `<name>_token`, a security code nothing; any other column stays.
    """
    return tuple(stored for column in dataset.columns for stored in stored_as(column))


def stored_as(column: Column) -> tuple[Column, ...]:
    """Columns that are written of one column of the source."""
    stem = column.name.removesuffix("_number")
    said = _LAST_FOUR if column.personal == "card_number" else _OR_UNREADABLE.format(text=_LAST_FOUR)
    last_four = _replaced(column, f"{stem}_last_four", said)
    token = _replaced(column, f"{stem}_token", _TOKEN)
    if column.personal == "security_code":
        return ()
    if column.personal == "card_number":
        return (
            last_four,
            _replaced(column, f"{stem}_issuer", _OR_UNREADABLE.format(text="network of the {name}, such as visa")),
            token,
        )
    return (last_four, token) if column.personal == "ssn" else (column,)


def _replaced(column: Column, name: str, meaning: str) -> Column:
    said = meaning.format(name=column.meaning)
    return Column(name, "text", said, nullable=column.nullable, optional=column.optional)
