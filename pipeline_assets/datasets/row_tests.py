"""The conditions of row rules, written once for every engine that Narwhals speaks: Polars, DuckDB, Spark."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import narwhals as nw

from pipeline_assets.datasets.spec import Between, IsIn, Matches, NotAfter, NotAfterLoad, RowTest


def breaks(test: RowTest, day: str) -> nw.Expr:
    """Where a row of a load day, ISO, does not meet a test; a null meets it."""
    value = nw.col(test.column)
    match test:
        case Between(_, least, most):
            sides = [value < least] if least is not None else []
            sides += [value > most] if most is not None else []
            return sides[0] | sides[1] if len(sides) > 1 else sides[0]
        case Matches(_, pattern):
            return ~value.str.contains(rf"\A(?:{pattern})\z")
        case IsIn(_, values):
            return ~value.is_in(values) & ~value.is_null()
        case NotAfter(_, other):
            return value > nw.col(other)
        case NotAfterLoad(_, days):
            end = datetime.combine(date.fromisoformat(day), time(), UTC) + timedelta(days=1 + days)
            return value > nw.lit(end)
