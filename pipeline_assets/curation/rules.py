"""The row rules of a dataset, written once for every engine that Narwhals speaks: Polars here, Spark at scale.

A frame of rows has the dataset's stored columns in their types and `_row`, its number in the raw object from 1. Where
the contract converted a column, the frame also has `_mistyped`, the name of the first column of which a row's value
could not be converted (null when all could), and `_was_<column>`, those values as text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import narwhals as nw

from pipeline_assets.datasets.row_tests import breaks
from pipeline_assets.datasets.spec import Column, Dataset, Severity, stored_columns
from pipeline_assets.datasets.types import TYPES
from pipeline_assets.privacy.suspicion import SUSPICIOUS

if TYPE_CHECKING:
    from narwhals.typing import FrameT

ROW, REJECTED, MISTYPED, WAS = "_row", "_rejected", "_mistyped", "_was_"
#: The column of a tombstone that says when the row went.
DELETED_AT = Column("deleted_at", "datetime", "when the source no longer had the row", unit="UTC")
NOT_SHOWN = "[not shown]"
_QUOTED_CHARACTERS = 80
_SECONDS, _DAYS = "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"


@dataclass(frozen=True, slots=True)
class Judgement:
    """One thing that rejects a row.

    Parameters
    ----------
    rule, column
        Name of the rule, and of its column.
    expected
        What it expects, after "expected".
    broken
        Null or false for a row that meets it.
    found
        The value as text, null for none.
    """

    rule: str
    column: str
    expected: str
    broken: nw.Expr
    found: nw.Expr


def judged(frame: FrameT, judgements: Sequence[Judgement]) -> FrameT:
    """Judge rows.

    Returns
    -------
    FrameT
        The frame with ``_rejected`` (Boolean): whether a row breaks any judgement.
    """
    broken = nw.any_horizontal(*(each.broken for each in judgements), ignore_nulls=True)
    return frame.with_columns(broken.alias(REJECTED))


def explained(rejected: FrameT, judgements: Sequence[Judgement]) -> FrameT:
    """Explain why rows are rejected; quotes no value of a personal column and nothing that may be a card number.

    Returns
    -------
    FrameT
        The frame with ``rule``, ``column`` and ``reason`` (String) of the first judgement that each row breaks.
    """
    return rejected.with_columns(
        _first(judgements, lambda each: nw.lit(each.rule)).alias("rule"),
        _first(judgements, lambda each: nw.lit(each.column)).alias("column"),
        _first(judgements, _reason).alias("reason"),
    )


def judgements_of(dataset: Dataset, day: str, *, converted: Sequence[str] = ()) -> list[Judgement]:
    """Judgements of the rows of a load day: rules that halt, values of another type, absent ones, other rules.

    A row is told the first of them that it breaks, so none hides one that halts.

    Parameters
    ----------
    dataset
        The spec.
    day
        The load day, ISO.
    converted
        Names of the columns that the contract converted.

    Returns
    -------
    list of Judgement
        In the order in which they are told.
    """
    columns = {column.name: column for column in stored_columns(dataset)}
    found = {name: _text_of(column) for name, column in columns.items()}

    def of_severity(severity: Severity) -> Iterator[Judgement]:
        for rule in dataset.rules:
            if rule.test and rule.severity == severity:
                column = rule.test.column
                yield Judgement(rule.name, column, rule.expected, breaks(rule.test, day), found[column])

    return [
        *of_severity("halt"),
        *(_of_type(columns[name]) for name in converted),
        *(_given(column) for column in columns.values() if not column.nullable),
        *of_severity("quarantine"),
    ]


def judgements_of_tombstones(dataset: Dataset, *, converted: Sequence[str] = ()) -> list[Judgement]:
    """What rejects a tombstone: a key or a moment that is absent or no such type."""
    columns = {each.name: each for each in (*(dataset.column(name) for name in dataset.key), DELETED_AT)}
    return [*(_of_type(columns[name]) for name in converted), *(_given(column) for column in columns.values())]


def warnings_of(dataset: Dataset, day: str) -> dict[str, nw.Expr]:
    """By the name of each rule that only warns, the number of rows that break it."""
    return {
        rule.name: breaks(rule.test, day).cast(nw.Int64).sum().alias(rule.name)
        for rule in dataset.rules
        if rule.test and rule.severity == "warn"
    }


def _of_type(column: Column) -> Judgement:
    was = nw.col(f"{WAS}{column.name}")
    found = nw.lit(NOT_SHOWN) if column.personal != "none" else _quoted(was)
    return Judgement("type", column.name, TYPES[column.type].expected, nw.col(MISTYPED) == column.name, found)


def _given(column: Column) -> Judgement:
    nothing = nw.lit(None, dtype=nw.String)
    return Judgement(f"{column.name}_given", column.name, "a value", nw.col(column.name).is_null(), nothing)


def _text_of(column: Column) -> nw.Expr:
    value = nw.col(column.name)
    if column.personal != "none":
        return nw.when(~value.is_null()).then(nw.lit(NOT_SHOWN))
    if column.type == "text":
        return _quoted(value)
    if column.type == "datetime":
        # Not %SZ: in the patterns of Spark, Z is the zone.
        return nw.concat_str(value.dt.to_string(_SECONDS), nw.lit("Z"))
    if column.type == "date":
        return value.dt.to_string(_DAYS)
    return value.cast(nw.String).str.replace_all(SUSPICIOUS, NOT_SHOWN)


def _quoted(value: nw.Expr) -> nw.Expr:
    # Hidden before it is cut short: half a card number is too much as well.
    shown = value.str.replace_all(SUSPICIOUS, NOT_SHOWN).str.slice(0, _QUOTED_CHARACTERS)
    return nw.concat_str(nw.lit("'"), shown, nw.lit("'"))


def _reason(judgement: Judgement) -> nw.Expr:
    return nw.concat_str(
        nw.lit("row "),
        nw.col(ROW).cast(nw.String),
        nw.lit(f", column {judgement.column}: found "),
        nw.when(judgement.found.is_null()).then(nw.lit("no value")).otherwise(judgement.found),
        nw.lit(f"; expected {judgement.expected}"),
    )


def _first(judgements: Sequence[Judgement], say: Callable[[Judgement], nw.Expr]) -> nw.Expr:
    """What is said of the first judgement that a row breaks."""
    chain = nw.lit(None, dtype=nw.String)
    for judgement in reversed(judgements):
        chain = nw.when(judgement.broken).then(say(judgement)).otherwise(chain)
    return chain
