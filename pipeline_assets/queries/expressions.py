"""Expressions that DuckDB answers to the last digit as Athena does.

It is a list of what is allowed, by function and by the kinds of its arguments: a sum of these, a comparison of those.
What is not on it, or is given another kind, is a fault. Each line was compared on both engines.
"""

from __future__ import annotations

from typing import Final

from sqlglot import exp
from sqlglot.expressions import DataType

from pipeline_assets.queries.casts import cast
from pipeline_assets.queries.kinds import (
    DOUBLE,
    MOVED_DAY,
    NOTHING,
    NUMBERS,
    TEXT,
    TIME,
    TRUTH,
    WHOLE,
    Judge,
    Kind,
    Rules,
)

_ORDERED: Final = {*NUMBERS, "text", "day", "time"}
_MOST_DIGITS, _LONGEST_WHOLE, _ROUNDED = 18, 2**63 - 1, range(16)
_DAY_UNITS: Final = {"DAY", "WEEK", "MONTH", "YEAR"}
_TIME_UNITS: Final = {*_DAY_UNITS, "HOUR", "MINUTE", "SECOND"}


def _literal(judge: Judge, node: exp.Literal) -> Kind | None:
    if node.is_string:
        return TEXT
    if "e" in node.name.lower():
        return DOUBLE
    whole, point, rest = node.name.partition(".")
    if len(whole + rest) > _MOST_DIGITS and (point or int(whole) > _LONGEST_WHOLE):
        judge.report("a number too long", node)
    return Kind("decimal", len(rest)) if point else WHOLE


def _arithmetic(judge: Judge, node: exp.Binary) -> Kind | None:
    kinds = [judge.expect(side, NUMBERS, "reckons with a") for side in (node.this, node.expression)]
    known = [kind for kind in kinds if kind]
    if len(known) < len(kinds):
        return None
    if DOUBLE in known:
        return DOUBLE
    scales = [kind.scale for kind in known]
    if not any(kind.name == "decimal" for kind in known):
        return WHOLE
    return Kind("decimal", sum(scales) if isinstance(node, exp.Mul) else max(scales))


def _division(judge: Judge, node: exp.Div) -> Kind | None:
    kinds = [judge.expect(side, NUMBERS, "divides a") for side in (node.this, node.expression)]
    if None in kinds:
        return None
    if DOUBLE not in kinds:
        judge.report("divides what is not double", node)
        return None
    return DOUBLE


def _comparison(judge: Judge, node: exp.Expr) -> Kind:
    if isinstance(node, exp.Between):
        sides = [node.this, node.args["low"], node.args["high"]]
    elif isinstance(node, exp.In):
        sides = [node.this, *node.expressions]
    else:
        sides = [node.this, node.expression]
    judge.common_kind(sides, "compares", numbers=True)
    return TRUTH


def _like(judge: Judge, node: exp.Like) -> Kind:
    judge.expect(node.this, {"text"}, "LIKE of a")
    if not (isinstance(node.expression, exp.Literal) and node.expression.is_string):
        judge.report("LIKE of what is not a literal", node)
    return TRUTH


def _null_test(judge: Judge, node: exp.Is) -> Kind:
    judge.kind(node.this)
    if not isinstance(node.expression, exp.Null):
        judge.report("IS of what is not NULL", node)
    return TRUTH


def _logic(judge: Judge, node: exp.Expr) -> Kind:
    for side in node.iter_expressions():
        judge.expect(side, {"truth"}, "takes for true or false a")
    return TRUTH


def _case(judge: Judge, node: exp.Case) -> Kind | None:
    branches = node.args["ifs"]
    if node.this:
        judge.common_kind([node.this, *(branch.this for branch in branches)], "compares", numbers=True)
    else:
        for branch in branches:
            judge.expect(branch.this, {"truth"}, "takes for true or false a")
    results = [branch.args["true"] for branch in branches]
    return judge.common_kind([*results, *filter(None, [node.args.get("default")])], "gives one of")


def _if(judge: Judge, node: exp.If) -> Kind | None:
    judge.expect(node.this, {"truth"}, "takes for true or false a")
    return judge.common_kind([node.args["true"], *filter(None, [node.args.get("false")])], "gives one of")


def _coalesce(judge: Judge, node: exp.Func) -> Kind | None:
    return judge.common_kind([node.this, *node.expressions], "gives one of")


def _nullif(judge: Judge, node: exp.Nullif) -> Kind | None:
    return judge.common_kind([node.this, node.expression], "compares")


def _joined(judge: Judge, node: exp.DPipe) -> Kind:
    for side in (node.this, node.expression):
        if judge.expect(side, {"text"}, "joins to a text a") == NOTHING:
            judge.report("joins to a text a null", node)
    return TEXT


def _moved(judge: Judge, node: exp.DateAdd) -> Kind | None:
    judge.expect(node.expression, {"whole number"}, "moves a time by a")
    kind = judge.expect(node.this, {"day", "time", "day that was moved"}, "moves a")
    units = _TIME_UNITS if kind == TIME else _DAY_UNITS
    if not node.args.get("unit") or node.args["unit"].name.upper() not in units:
        judge.report(f"moves by another unit than {', '.join(sorted(units)).lower()}", node)
    if kind == TIME:
        return TIME
    parent = node.parent
    while isinstance(parent, exp.Paren | exp.DateAdd):
        parent = parent.parent
    if not (isinstance(parent, exp.Cast) and parent.to.this in {DataType.Type.DATE, DataType.Type.TIMESTAMP}):
        judge.report("a day that was moved is a timestamp in DuckDB, until it is cast back", node)
    return MOVED_DAY


def _count(judge: Judge, node: exp.Count) -> Kind:
    counted = node.this
    if isinstance(counted, exp.Distinct):
        if len(counted.expressions) != 1:
            judge.report("counts several columns together", node)
        counted = counted.expressions[0]
    if not isinstance(counted, exp.Star):
        judge.kind(counted)
    return WHOLE


def _sum(judge: Judge, node: exp.Sum) -> Kind | None:
    """A sum; that of doubles depends on the order in which they are added, which is nobody's."""
    return judge.expect(node.this, {"whole number", "decimal"}, "a sum of")


def _extreme(judge: Judge, node: exp.Func) -> Kind | None:
    return judge.expect(node.this, _ORDERED, "the greatest or least of")


def _round(judge: Judge, node: exp.Round) -> Kind | None:
    digits = node.args.get("decimals")
    if digits and not (isinstance(digits, exp.Literal) and digits.name.isdigit() and int(digits.name) in _ROUNDED):
        judge.report("rounds to other digits than 0 to 15", node)
        return None
    return judge.expect(node.this, {"double"}, "rounds a")


def _part(judge: Judge, node: exp.Substring) -> Kind | None:
    places = [node.args.get("start"), node.args.get("length")]
    if not all(isinstance(place, exp.Literal) and place.name.isdigit() and int(place.name) for place in places):
        judge.report("takes a part of a text that does not begin at, or is not of, a number from 1", node)
        return None
    return TEXT if judge.expect(node.this, {"text"}, "takes a part of a") else None


def _weekday(judge: Judge, node: exp.DayOfWeekIso) -> Kind | None:
    return WHOLE if judge.expect(node.this, {"day"}, "the weekday of a") else None


def _window(judge: Judge, node: exp.Window) -> Kind | None:
    for each in node.args.get("partition_by") or []:
        judge.kind(each)
    order = node.args.get("order")
    for each in order.expressions if order else []:
        judge.kind(each.this)
    if isinstance(node.this, exp.RowNumber | exp.Rank | exp.DenseRank) and not order:
        judge.report("numbers rows without an order", node)
    if node.find(exp.Distinct):
        judge.report("has DISTINCT in a window", node)
    return judge.kind(node.this)


def _filter(judge: Judge, node: exp.Filter) -> Kind | None:
    judge.expect(node.expression.this, {"truth"}, "takes for true or false a")
    return judge.kind(node.this)


def _within(judge: Judge, node: exp.Expr) -> Kind | None:
    return judge.kind(node.this)


def _negated(judge: Judge, node: exp.Neg) -> Kind | None:
    return judge.expect(node.this, NUMBERS, "negates a")


RULES: Final[Rules] = {
    exp.Literal: _literal,
    exp.Boolean: lambda _judge, _node: TRUTH,
    exp.Null: lambda _judge, _node: NOTHING,
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul), _arithmetic),
    exp.Div: _division,
    exp.Neg: _negated,
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In), _comparison),
    exp.Like: _like,
    exp.Is: _null_test,
    **dict.fromkeys((exp.And, exp.Or, exp.Not), _logic),
    exp.Case: _case,
    exp.If: _if,
    exp.Coalesce: _coalesce,
    exp.Nullif: _nullif,
    exp.DPipe: _joined,
    exp.Cast: cast,
    exp.DateAdd: _moved,
    exp.Count: _count,
    exp.Sum: _sum,
    **dict.fromkeys((exp.Max, exp.Min), _extreme),
    exp.Round: _round,
    exp.Substring: _part,
    exp.DayOfWeekIso: _weekday,
    **dict.fromkeys((exp.RowNumber, exp.Rank, exp.DenseRank), lambda _judge, _node: WHOLE),
    exp.Window: _window,
    exp.Filter: _filter,
    **dict.fromkeys((exp.Paren, exp.Alias), _within),
}
