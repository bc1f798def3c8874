"""Casts that both engines do alike, by the kind of what is cast and the kind that it is cast to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from sqlglot import exp
from sqlglot.expressions import DataType

from pipeline_assets.queries.kinds import DAY, DAY_TEXT, DOUBLE, NOTHING, NUMBERS, TEXT, TIME, TRUTH, WHOLE, Judge, Kind

#: So many digits a double holds whatever they are; of more, the engines make different decimals.
_DIGITS_OF_DOUBLE: Final = 15
#: Texts that both engines read alike, by the kind that they are cast to.
_READ_ALIKE: Final = {
    "day": re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"),
    "time": re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]) ([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{3})?"),
    "decimal": re.compile(r"-?\d{1,16}(\.\d{1,9})?"),
    "double": re.compile(r"-?\d+(\.\d+)?(E[+-]?\d+)?", re.IGNORECASE),
}
_CASTS: Final[Mapping[str, set[str]]] = {
    "text": {"text", "whole number", "decimal", "day", "truth"},
    "whole number": {"whole number"},
    "decimal": {"whole number", "decimal"},
    "double": set(NUMBERS),
    "day": {"day", "time", "day that was moved"},
    "time": {"day", "time", "day that was moved"},
    "truth": {"truth"},
}
_TARGETS: Final = {
    DataType.Type.VARCHAR: TEXT,
    DataType.Type.BIGINT: WHOLE,
    DataType.Type.DOUBLE: DOUBLE,
    DataType.Type.DATE: DAY,
    DataType.Type.TIMESTAMP: TIME,
    DataType.Type.BOOLEAN: TRUTH,
}


def cast(judge: Judge, node: exp.Cast) -> Kind | None:
    """Rule for casts.

    Parameters
    ----------
    judge
        Type checker of the query.
    node
        Cast in sqlglot's tree.

    Returns
    -------
    Kind | None
        None for a cast that the engines do not do alike.
    """
    kind, target = judge.kind(node.this), _target(judge, node)
    if not kind or not target:
        return None
    digits = int(node.to.expressions[0].name) if target.name == "decimal" else 0
    if not _cast_alike(node.this, kind, target, digits):
        judge.report(f"casts {kind} to {target}", node)
        return None
    return DAY_TEXT if target == TEXT and (kind == DAY or kind.iso) else target


def _target(judge: Judge, node: exp.Cast) -> Kind | None:
    to = node.to
    sizes = [int(size.name) for size in to.expressions if size.name.isdigit()]
    if to.this == DataType.Type.DECIMAL and len(sizes) == 2:  # noqa: PLR2004 - digits and scale
        return Kind("decimal", sizes[1])
    # TIMESTAMP '2026-03-01 10:00:00' is read as a cast to a timestamp of so many digits.
    written = to.this == DataType.Type.TIMESTAMP and isinstance(node.this, exp.Literal) and sizes in ([0], [3])
    if to.this in _TARGETS and (written or not to.expressions):
        return _TARGETS[to.this]
    judge.report(f"casts to {to.sql(dialect='athena')}", node)
    return None


def _cast_alike(value: Any, kind: Kind, target: Kind, size: int) -> bool:  # noqa: ANN401
    """Whether both engines make the same of a value; `size` are the digits of a decimal that it is cast to."""
    if kind == NOTHING:
        return True
    if kind == DOUBLE and target.name in {"decimal", "whole number"}:
        rounded = value.unnest()
        digits = rounded.args.get("decimals") if isinstance(rounded, exp.Round) else None
        fits = size <= _DIGITS_OF_DOUBLE and int(digits.name if digits else 0) <= target.scale
        return isinstance(rounded, exp.Round) and fits
    if kind.name == "text" and target.name in _READ_ALIKE:
        literal = isinstance(value, exp.Literal) and bool(_READ_ALIKE[target.name].fullmatch(value.name))
        # What has to be rounded is not compared.
        literal = literal and (target.name != "decimal" or len(value.name.partition(".")[2]) <= target.scale)
        return literal or (kind.iso and target == DAY)
    return kind.name in _CASTS[target.name] and kind.scale <= (target.scale if target.name == "decimal" else 38)
