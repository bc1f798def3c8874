"""The contract of one raw object: which of its columns are known, missing, changed or unknown, and what follows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from pipeline_assets.curation.conversions import cleaned, converted, is_type, taken
from pipeline_assets.curation.rules import DELETED_AT, MISTYPED, ROW, WAS
from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.datasets.spec import Column, Dataset, stored_columns
from pipeline_assets.datasets.text import clean_column
from pipeline_assets.datasets.types import frame_type
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.lake.layout import RawObject
from pipeline_assets.privacy.cards import holds_number, without_numbers
from pipeline_assets.privacy.suspicion import holds_security_code

OTHER_COLUMNS = "other_columns"
SOURCE, LOAD_ID, DELETED = "_source", "_load_id", "_deleted"
#: The rules by which objects are refused whole, beside those of their datasets that halt.
OBJECT_RULES = ("place", "present", "manifest", "readable", "schema", "personal_column")
#: What Polars raises for bytes that are no sound Parquet; a panic is one of the ways it says so.
UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)
#: What nobody may hand over as it is: the source columns of which only digits, tokens or nothing are stored.
_REPLACED = frozenset(
    name
    for dataset in ECOMMERCE
    for column in dataset.columns
    if column.personal in {"card_number", "security_code", "ssn"}
    for name in (column.name, *column.aliases)
)


class RefusedObjectError(Exception):
    """Raised when no row of a raw object can be taken.

    Parameters
    ----------
    rule
        Rule that it broke.
    message
        What was there and what was expected, after "it".
    rows
        How many rows the object has, as far as that can be told.
    """

    def __init__(self, rule: str, message: str, rows: int = 0) -> None:
        super().__init__(message)
        self.rule = rule
        self.rows = rows


@dataclass(frozen=True, slots=True)
class RawFile:
    """A raw object that was downloaded.

    Parameters
    ----------
    version, raw
        Which object it is, and its place in the lake.
    path
        The file.
    refused
        Why it was not downloaded, where it can never be.
    """

    version: ObjectVersion
    raw: RawObject
    path: Path
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """How the columns of an object become those of a frame.

    Parameters
    ----------
    columns
        Expressions for the stored columns, ``other_columns`` and, where any was converted, what the rules need to tell
        whose values could not be.
    converted
        Names of the columns that are converted.
    dropped
        Names of unknown columns that are not kept.
    """

    columns: tuple[pl.Expr, ...]
    converted: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


def read_schema(dataset: Dataset, file: RawFile) -> tuple[Reading, int]:
    """Read the schema of an object by the contract of its dataset.

    Returns
    -------
    tuple of Reading and int
        How the object is read, and its number of rows.

    Raises
    ------
    RefusedObjectError
        It is empty or no Parquet file, or the contract refuses its columns.
    """
    if not file.path.stat().st_size:
        raise RefusedObjectError("readable", "it is empty, of 0 bytes; expected a Parquet file")
    try:
        lazy = pl.scan_parquet(file.path)
        schema, height = lazy.collect_schema(), lazy.select(pl.len()).collect().item()
    except pl.exceptions.DuplicateError as error:
        name = without_numbers(str(error).partition("'")[2].rpartition("'")[0])
        raise RefusedObjectError("schema", f"it has the column {name} more than once") from error
    except UNREADABLE as error:
        refusal = unreadable(error)
        raise refusal from error
    try:
        return (reading_of_tombstones if file.raw.deletes else reading_of)(dataset, schema), height
    except RefusedObjectError as error:
        error.rows = height
        raise


def scanned_rows(dataset: Dataset, file: RawFile, reading: Reading) -> pl.LazyFrame:
    """Scan the rows of an object, with what curation adds to them.

    Parameters
    ----------
    dataset
        The spec.
    file
        The object.
    reading
        How its columns are read.

    Returns
    -------
    pl.LazyFrame
        The columns of the reading, then ``_deleted`` (Boolean), ``_load_id``, ``_source`` (String), ``_row`` (Int64).
    """
    rows = pl.scan_parquet(file.path, row_index_name=ROW, row_index_offset=1).select(
        *reading.columns,
        pl.lit(value=file.raw.deletes).alias(DELETED),
        pl.lit(file.raw.load_id).alias(LOAD_ID),
        pl.lit(file.version.uri).alias(SOURCE),
        pl.col(ROW).cast(pl.Int64),
    )
    # The moment of a tombstone is shown where rows say when they were changed; it decides nothing.
    order = dataset.order[:1] if file.raw.deletes else ()
    return rows.with_columns(pl.col(DELETED_AT.name).alias(name) for name in order)


def reading_of(dataset: Dataset, schema: pl.Schema) -> Reading:
    """How an object with this schema is read by the contract of its dataset.

    Returns
    -------
    Reading
        Columns: the stored ones, ``other_columns``, and what tells values that could not be converted.

    Raises
    ------
    RefusedObjectError
        By the rule ``personal_column`` or ``schema``.
    """
    _refuse_personal(schema)
    wanted = stored_columns(dataset)
    places = _places(wanted, schema)
    unknown = [name for name in schema if name not in places.values()]
    missing = [column for column in wanted if column.name not in places]
    changed = [
        column for column in wanted if column.name in places and not is_type(schema[places[column.name]], column.type)
    ]
    _refuse_columns(dataset, missing, unknown)
    if hopeless := _hopeless(changed, places, schema):
        raise RefusedObjectError("schema", f"it {hopeless}")
    kept = unknown if dataset.contract.unknown == "evolve" else []
    columns = [
        *_known(wanted, places, schema, changed),
        (_as_json(dataset, kept, schema) if kept else pl.lit(None, dtype=pl.String)).alias(OTHER_COLUMNS),
        *_trace(changed, places, schema),
    ]
    dropped = () if kept else tuple(unknown)
    return Reading(tuple(columns), tuple(column.name for column in changed), dropped)


def reading_of_tombstones(dataset: Dataset, schema: pl.Schema) -> Reading:
    """How an object of tombstones is read: the key columns and ``deleted_at``; it may have no other column.

    Returns
    -------
    Reading
        Columns: the key and ``deleted_at``, and what tells values that could not be converted.

    Raises
    ------
    RefusedObjectError
        By the rule ``personal_column`` or ``schema``.
    """
    _refuse_personal(schema)
    wanted = (*(dataset.column(name) for name in dataset.key), DELETED_AT)
    places = _places(wanted, schema)
    missing = [column.name for column in wanted if column.name not in places]
    unknown = [name for name in schema if name not in places.values()]
    if missing or unknown:
        raise RefusedObjectError(
            "schema", f"{_said(missing, unknown)}; expected {_listed(each.name for each in wanted)}"
        )
    changed = [column for column in wanted if not is_type(schema[places[column.name]], column.type)]
    if hopeless := _hopeless(changed, places, schema):
        raise RefusedObjectError("schema", f"it {hopeless}")
    columns = [*_known(wanted, places, schema, changed), *_trace(changed, places, schema)]
    return Reading(tuple(columns), tuple(column.name for column in changed))


def _places(wanted: Iterable[Column], schema: pl.Schema) -> dict[str, str]:
    """By the name of each column that is there, its name in the object: the same once clean, or else an alias."""
    there: dict[str, str] = {}
    # Curation numbers the rows itself; Polars takes what begins with ^ and ends with $ for a pattern of names.
    if odd := [name for name in schema if name == ROW or (name.startswith("^") and name.endswith("$"))]:
        raise RefusedObjectError("schema", f"it has {_named(odd)}; expected another name")
    for name in schema:
        clean = clean_column(name)
        if clean in there:
            raise RefusedObjectError("schema", f"it has the column {clean} more than once")
        there[clean] = name
    found = (
        (column, next((there[n] for n in (column.name, *column.aliases) if n in there), None)) for column in wanted
    )
    return {column.name: place for column, place in found if place is not None}


def _refuse_personal(schema: pl.Schema) -> None:
    # A name is told and kept like the word of a column that it is, so it may hold no number itself.
    if any(map(holds_number, schema)):
        raise RefusedObjectError("personal_column", "the name of one of its columns holds a number of a person")
    clean = {name: clean_column(name) for name in schema}
    clear = [name for name in schema if clean[name] in _REPLACED or holds_security_code(clean[name], schema[name])]
    if clear:
        raise RefusedObjectError(
            "personal_column",
            f"it has {_named(clear)}, which may be stored nowhere; expected last digits and a token, as the export and "
            "the inbox write them",
        )


def _refuse_columns(dataset: Dataset, missing: Sequence[Column], unknown: Sequence[str]) -> None:
    contract = dataset.contract
    frozen = contract.changed == "freeze"
    needed = [column.name for column in missing if not column.optional and (frozen or not column.nullable)]
    if needed or (unknown and contract.unknown == "freeze"):
        # Both are said: a column that was renamed is one that is missing and one that is unknown.
        names = _listed(column.name for column in stored_columns(dataset))
        raise RefusedObjectError("schema", f"{_said(needed, unknown)}; expected {names}")


def _hopeless(changed: Sequence[Column], places: dict[str, str], schema: pl.Schema) -> str:
    """What is said of a column of which no value ever converts; empty where there is none."""
    for column in changed:
        found = schema[places[column.name]]
        if converted(pl.col(places[column.name]), found, column.type) is None:
            return f"has a column {column.name} of type {found}; expected {column.type}"
    return ""


def _known(
    wanted: Iterable[Column], places: dict[str, str], schema: pl.Schema, changed: Sequence[Column]
) -> Iterable[pl.Expr]:
    for column in wanted:
        place = places.get(column.name)
        if place is None:
            yield pl.lit(None, dtype=frame_type(column.type)).alias(column.name)
            continue
        make = converted if column in changed else taken
        expression = make(pl.col(place), schema[place], column.type)
        if expression is not None:
            yield (cleaned(expression, column) if column.type == "text" else expression).alias(column.name)


def _trace(changed: Sequence[Column], places: dict[str, str], schema: pl.Schema) -> Iterable[pl.Expr]:
    if not changed:
        return
    first = pl.lit(None, dtype=pl.String)
    for column in reversed(changed):
        place = places[column.name]
        value = converted(pl.col(place), schema[place], column.type)
        if value is not None:
            lost = pl.col(place).is_not_null() & value.is_null()
            first = pl.when(lost).then(pl.lit(column.name)).otherwise(first)
    yield first.alias(MISTYPED)
    for column in changed:
        place = places[column.name]
        # As JSON keeps it: text, or the bytes of what is none as hexadecimal digits.
        was = converted(pl.col(place), schema[place], "text")
        shown = (
            pl.col(place).bin.encode("hex") if isinstance(schema[place], pl.Binary) else pl.col(place).cast(pl.String)
        )
        yield (shown if was is None else pl.coalesce(was, shown)).alias(f"{WAS}{column.name}")


def _as_json(dataset: Dataset, names: Sequence[str], schema: pl.Schema) -> pl.Expr:
    """The unknown columns of a row as one JSON text of texts, without card and social security numbers."""
    # Loaded where somebody sends unknown columns, which is seldom.
    from pipeline_assets.privacy.masking import mask_text  # noqa: PLC0415

    clean = partial(mask_text, dataset=dataset)
    values = (
        _as_text(name, schema[name]).map_batches(clean, return_dtype=pl.String, is_elementwise=True) for name in names
    )
    return pl.struct(*values).struct.json_encode()


def _as_text(name: str, found: pl.DataType) -> pl.Expr:
    if isinstance(found, pl.Binary):
        return pl.col(name).bin.encode("hex")
    if found.is_nested():
        return pl.struct(pl.col(name)).struct.json_encode().alias(name)
    return pl.col(name).cast(pl.String)


def _said(missing: Sequence[str], unknown: Sequence[str]) -> str:
    lacks = f"it lacks {_named(missing)}" if missing else ""
    has = f"it has {_named(unknown)}, which {'is' if len(unknown) == 1 else 'are'} unknown" if unknown else ""
    return " and ".join(part for part in (lacks, has) if part)


def _named(names: Sequence[str]) -> str:
    return f"the column{'s' * (len(names) > 1)} {_listed(names)}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def unreadable(error: BaseException, rows: int = 0) -> RefusedObjectError:
    """Refusal of an object that is no sound Parquet, for what Polars raised on it."""
    # The library's own words may quote the file; only their kind is told.
    return RefusedObjectError("readable", f"it cannot be read ({type(error).__name__}); expected a Parquet file", rows)
