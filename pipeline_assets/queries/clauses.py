"""Clauses of which a query may be made, so that Athena takes it and answers as DuckDB does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import sqlglot
from sqlglot import TokenType, exp

from pipeline_assets.queries.expressions import RULES


def _of(names: str) -> frozenset[str]:
    return frozenset(names.split())


_BINARY: Final = _of("this expression")
#: Parts of a query, and what each may have.
_PARTS: Final[Mapping[type[exp.Expr], frozenset[str]]] = {
    exp.Select: _of("with_ expressions from_ joins where group having order limit distinct"),
    **dict.fromkeys((exp.Union, exp.Except, exp.Intersect), _of("this expression with_ distinct order limit")),
    exp.With: _of("expressions"),
    **dict.fromkeys((exp.CTE, exp.Subquery, exp.Alias), _of("this alias")),
    exp.TableAlias: _of("this"),
    exp.Table: _of("this alias db catalog"),
    **dict.fromkeys((exp.From, exp.Where, exp.Having), _of("this")),
    exp.Join: _of("this on side kind"),
    exp.Group: _of("expressions"),
    exp.Order: _of("expressions"),
    exp.Ordered: _of("this desc nulls_first"),
    exp.Limit: _of("expression"),
    exp.Distinct: _of("expressions"),
    exp.Identifier: _of("this quoted"),
    exp.Column: _of("this table db catalog"),
    exp.Star: _of(""),
    exp.Var: _of("this"),
    exp.DataType: _of("this expressions"),
    exp.DataTypeParam: _of("this"),
    exp.Literal: _of("this is_string"),
    **dict.fromkeys((exp.Boolean, exp.Neg, exp.Not, exp.Paren, exp.Sum, exp.Max, exp.Min), _of("this")),
    exp.Null: _of(""),
    exp.Between: _of("this low high"),
    **dict.fromkeys((exp.In, exp.Coalesce), _of("this expressions")),
    exp.Case: _of("this ifs default"),
    exp.If: _of("this true false"),
    exp.Cast: _of("this to"),
    exp.Count: _of("this big_int"),
    exp.Round: _of("this decimals"),
    exp.DateAdd: _of("this expression unit"),
    exp.Substring: _of("this start length"),
    exp.DayOfWeekIso: _of("this"),
    **dict.fromkeys((exp.RowNumber, exp.Rank, exp.DenseRank), _of("")),
    exp.Window: _of("this partition_by order over"),
    exp.Like: _of("this expression negate"),
    exp.DPipe: _of("this expression safe"),
    exp.Div: _of("this expression typed safe"),
}
#: What sqlglot would leave out or put in another place, so that it does not show in the tree.
_ORDERED_TOKENS: Final = {
    *(TokenType.COMMA, TokenType.SELECT, TokenType.FROM, TokenType.WHERE, TokenType.GROUP_BY, TokenType.HAVING),
    *(TokenType.ORDER_BY, TokenType.LIMIT, TokenType.UNION, TokenType.JOIN, TokenType.WITH, TokenType.ON),
}
_FOREIGN_TOKENS: Final = {TokenType.DCOLON, TokenType.COLON, TokenType.L_BRACKET, TokenType.SEMICOLON}
#: Types that sqlglot knows by names that Trino does not.
_TYPE_TOKENS: Final = {TokenType.BIGINT, TokenType.DECIMAL, TokenType.VARCHAR, TokenType.TIMESTAMP, TokenType.BOOLEAN}
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)
#: Words that Trino takes as names in quotes only.
_RESERVED: Final = """
ALTER AND AS AUTO BETWEEN BY CASE CAST CONSTRAINT CREATE CROSS CUBE CURRENT_CATALOG CURRENT_DATE CURRENT_PATH
CURRENT_ROLE CURRENT_SCHEMA CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER DEALLOCATE DELETE DESCRIBE DISTINCT DROP
ELSE END ESCAPE EXCEPT EXECUTE EXISTS EXTRACT FALSE FOR FROM FULL GROUP GROUPING HAVING IN INNER INSERT INTERSECT
INTO IS JOIN JSON_ARRAY JSON_EXISTS JSON_OBJECT JSON_QUERY JSON_TABLE JSON_VALUE LEFT LIKE LISTAGG LOCALTIME
LOCALTIMESTAMP NATURAL NORMALIZE NOT NULL ON OR ORDER OUTER PREPARE RECURSIVE RIGHT ROLLUP SELECT SKIP TABLE THEN
TRIM TRUE UESCAPE UNION UNNEST USING VALUES WHEN WHERE WITH
"""
_MOST_ROWS: Final = 2**31 - 1


def clause_faults(text: str, tree: exp.Expr) -> list[str]:
    """Find the clauses of a query that Athena would not take, or would answer otherwise than DuckDB.

    Parameters
    ----------
    text
        Query in Athena's dialect.
    tree
        The same as sqlglot has parsed it.

    Returns
    -------
    list[str]
        Faults in words, each once.
    """
    return list(dict.fromkeys([*_written(text, tree), *_parts(tree), *_queries(tree)]))


def _written(text: str, tree: exp.Expr) -> Iterator[str]:
    """Faults of the text that the tree does not show."""
    tokens = sqlglot.tokenize(text, dialect="athena")
    for token in tokens:
        another = token.token_type in _TYPE_TOKENS and token.text.upper() != token.token_type.name
        if token.token_type in _FOREIGN_TOKENS or token.text == "==" or another:
            yield f"has `{token.text}`"
    again = sqlglot.tokenize(tree.sql(dialect="athena", comments=False), dialect="athena")
    if _order_of(tokens) != _order_of(again):
        yield "has its clauses in another order than Athena, or a comma too many"


def _order_of(tokens: list[Any]) -> list[TokenType]:
    return [token.token_type for token in tokens if token.token_type in _ORDERED_TOKENS]


def _parts(tree: exp.Expr) -> Iterator[str]:
    """Parts that are not on the list."""
    for node in tree.walk():
        kind = type(node)
        allowed = _PARTS.get(kind, _BINARY if kind in RULES else None)
        if allowed is None:
            uses = isinstance(node, exp.Func) and not isinstance(node, exp.Unnest)
            name = node.sql_name().lower() if isinstance(node, exp.Func) else kind.__name__.upper()
            yield f"{'uses' if uses else 'has'} {node.name if isinstance(node, exp.Anonymous) else name}"
            continue
        for name in sorted({key for key, value in node.args.items() if value} - allowed):
            yield f"has {name.strip('_').upper()} in {kind.__name__.upper()}: {node.sql(dialect='athena')}"
        bare = isinstance(node, exp.Identifier) and not node.args.get("quoted")
        if bare and (node.name.upper() in _RESERVED.split() or not _PLAIN_NAME.fullmatch(node.name)):
            yield f"has a name that must be in quotes: {node.name}"


def _queries(tree: exp.Expr) -> Iterator[str]:
    if not isinstance(tree, exp.Query):
        yield "is no query"
    for query in tree.find_all(exp.Select, exp.SetOperation):
        yield from _limited(query)
        yield from _sorted(query)
        if isinstance(query, exp.Except | exp.Intersect) and not query.args.get("distinct"):
            yield f"has ALL in {type(query).__name__.upper()}"
        if isinstance(query, exp.Select):
            yield from _named(query)
            yield from _joined(query)
    for inner in tree.find_all(exp.Subquery):
        if not isinstance(inner.parent, exp.From | exp.Join | exp.SetOperation):
            yield f"has a query in an expression: {inner.sql(dialect='athena')}"


def _named(query: exp.Select) -> Iterator[str]:
    """Results without a name, which each engine names in its own way."""
    if isinstance(query.parent, exp.SetOperation) and query.parent.expression is query:
        return
    for shown in query.expressions:
        if not isinstance(shown, exp.Alias | exp.Column | exp.Star):
            yield f"has a result without a name: {shown.sql(dialect='athena')}"


def _joined(query: exp.Select) -> Iterator[str]:
    for join in query.args.get("joins") or []:
        if join.kind not in {"", "INNER", "OUTER", "CROSS"} or join.side not in {"", "LEFT", "RIGHT", "FULL"}:
            yield f"joins as {join.side} {join.kind}".rstrip()
        if not join.args.get("on") and (join.kind == "INNER" or join.side):
            yield "joins without a condition"


def _limited(query: exp.Query) -> Iterator[str]:
    limit = query.args.get("limit")
    if not isinstance(limit, exp.Limit):
        return
    most = limit.expression
    if not (isinstance(most, exp.Literal) and most.name.isdigit() and int(most.name) <= _MOST_ROWS):
        yield f"has a LIMIT that is not a number up to {_MOST_ROWS}: {limit.sql(dialect='athena')}"
    if not query.args.get("order"):
        yield "has a LIMIT without ORDER BY, which leaves open the rows that it keeps"


def _sorted(query: exp.Query) -> Iterator[str]:
    """Orders that Trino takes for another: it looks up a name among the results first, anywhere in ORDER BY."""
    order = query.args.get("order")
    shown = query.selects
    names = {each.alias_or_name.lower() for each in shown if not isinstance(each, exp.Star)}
    for ordered in order.expressions if order else []:
        key = ordered.this
        place = isinstance(key, exp.Literal)
        if place and not key.name.isdigit():
            yield f"sorts by what is the same in each row: {key.sql(dialect='athena')}"
        plain = place or (isinstance(key, exp.Column) and not key.table)
        known = place or key.name.lower() in names
        if plain and known:
            continue
        if any(not column.table and column.name.lower() in names for column in key.find_all(exp.Column)):
            yield f"sorts by an expression of a result: {key.sql(dialect='athena')}"
        starred = any(each.is_star for each in shown)
        among = key in [each.unalias() for each in shown] or (plain and starred)
        if not among and (query.args.get("distinct") or isinstance(query, exp.SetOperation)):
            yield f"sorts by what is not among its results: {key.sql(dialect='athena')}"
