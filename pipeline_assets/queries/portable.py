"""SQL linter: whether Athena takes a query and answers it as DuckDB does, `python -m pipeline_assets.queries.portable`.

DuckDB is more forgiving than Trino, which Athena is: it compares a day with text, divides whole numbers into fractions,
takes clauses in any order. So there is a list of what a query may be made of, and all else is a fault: its clauses in
`pipeline_assets.queries.clauses`, its expressions in `pipeline_assets.queries.expressions`. The shipped queries pass.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import sqlglot
from sqlglot import TokenType, exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope

from pipeline_assets.datasets.spec import Column, ColumnType
from pipeline_assets.lake.tables import GlueColumn, LakeTable, glue_type
from pipeline_assets.queries import kinds
from pipeline_assets.queries.clauses import clause_faults
from pipeline_assets.queries.errors import QueryError
from pipeline_assets.queries.expressions import RULES
from pipeline_assets.queries.kinds import Judge, Kind
from pipeline_assets.queries.named_query import NamedQuery, parse_query
from pipeline_assets.queries.names import UnknownNameError, read_tables
from pipeline_assets.queries.sql import COMMENT, placeholders, queries
from pipeline_assets.queries.tables import relations
from pipeline_assets.queries.views import Relation

_KINDS: Final[dict[ColumnType, Kind]] = {
    "text": kinds.TEXT,
    "number": kinds.DOUBLE,
    "integer": kinds.WHOLE,
    "decimal": Kind("decimal", 2),
    "datetime": kinds.TIME,
    "date": kinds.DAY,
    "boolean": kinds.TRUTH,
}
#: What stands for a parameter of each kind while a query is judged; a choice is a text, too.
_EXAMPLES: Final = {
    "day": "'2026-03-01'",
    "as_of": "'2026-03-01'",
    "count": "1",
    "place": "1",
    "share": "0.5E0",
    "amount": "'12.50'",
}


class PortabilityWarning(UserWarning):
    """A query that Athena would not take, or may answer otherwise than DuckDB."""


def faults(asked: NamedQuery) -> list[str]:
    """Find what Athena would not take, or would answer otherwise than DuckDB.

    Parameters
    ----------
    asked
        Query in Athena's dialect.

    Returns
    -------
    list[str]
        Faults in words, each once; empty where both engines do the same.
    """
    found: list[str] = []
    try:
        text = _filled(asked)
        tree = sqlglot.parse_one(text, dialect="athena")
        found += clause_faults(text, tree)
        read_tables(tree)
        qualified = qualify(
            tree, schema=_schema(), dialect="athena", expand_alias_refs=False, validate_qualify_columns=True
        )
    except (SqlglotError, UnknownNameError, QueryError) as error:
        return [*found, str(error)]
    return [*found, *_kind_faults(qualified)]


def _filled(asked: NamedQuery) -> str:
    """The statement with an example in place of each placeholder."""
    examples = {one.name: _EXAMPLES.get(one.kind, "'text'") for one in asked.parameters}
    names = placeholders(asked)
    tokens = sqlglot.tokenize(asked.statement, dialect="athena")
    marks = [token for token in tokens if token.token_type is TokenType.PLACEHOLDER]
    text = asked.statement
    for mark, name in reversed(list(zip(marks, names, strict=True))):
        text = f"{text[: mark.start]}{examples[name]}{text[mark.end + 1 :]}"
    return text


@cache
def _columns() -> dict[str, dict[str, Kind]]:
    """The kind of each column of each table; of its keys, `date` and `as_of` always hold a day."""
    keys = {"date": kinds.DAY_TEXT, "as_of": kinds.DAY_TEXT}
    return {
        name: {column.name: kind for column in each.columns if (kind := _kind(column))}
        | {key: keys.get(key, kinds.TEXT) for key in _partitions(each)}
        for name, each in relations().items()
    }


def _kind(column: Column | GlueColumn) -> Kind | None:
    """The kind of a column; None for a list or a record, which no expression may have."""
    if isinstance(column, Column):
        return _KINDS[column.type]
    digits = column.glue.removeprefix("decimal(").removesuffix(")").split(",")
    return Kind("decimal", int(digits[1])) if column.glue.startswith("decimal(") else None


@cache
def _schema() -> dict[str, Any]:
    return {
        name: {column.name: _athena(column) for column in each.columns} | dict.fromkeys(_partitions(each), "varchar")
        for name, each in relations().items()
    }


def _athena(column: Column | GlueColumn) -> str:
    kind = glue_type(column)
    return "json" if "<" in kind else kind.replace("string", "varchar")


def _partitions(relation: Relation) -> tuple[str, ...]:
    return relation.partitions if isinstance(relation, LakeTable) else ()


def _kind_faults(tree: exp.Expr) -> list[str]:
    """What is wrong with the expressions of a query whose columns say which table they are from."""
    found: list[str] = []
    given: dict[int, dict[str, Kind | None]] = {}
    for scope in traverse_scope(tree):
        query = scope.expression
        if isinstance(query, exp.SetOperation):
            given[id(query)] = _united(query, given, found)
        elif isinstance(query, exp.Select):
            given[id(query)] = _selected(query, scope, given, found)
    return list(dict.fromkeys(found))


def _united(query: exp.SetOperation, given: dict[int, dict[str, Kind | None]], found: list[str]) -> Any:  # noqa: ANN401
    left, right = (given.get(id(side.unnest()), {}) for side in (query.this, query.expression))
    if len(left) != len(right):
        found.append(f"puts {len(right)} columns under {len(left)}")
    for (name, above), below in zip(left.items(), right.values(), strict=False):
        pair = [kind for kind in (above, below) if kind and kind.name != "null"]
        if len({(kind.name, kind.scale) for kind in pair}) > 1:
            found.append(f"puts {below} under {above} in `{name}`")
    return left


def _selected(
    query: exp.Select, scope: Scope, given: dict[int, dict[str, Kind | None]], found: list[str]
) -> dict[str, Kind | None]:
    """Kinds of what a SELECT gives, by name."""
    results: dict[str, Kind | None] = {}

    def column(node: exp.Column) -> Kind | None:
        source = scope.sources.get(node.table)
        if isinstance(source, exp.Table):
            return _columns()[source.name].get(node.name)
        if source:
            return given.get(id(source.expression), {}).get(node.name)
        order = node.find_ancestor(exp.Order)
        if not (order and order.parent is query):
            found.append(f"has a result's name outside of ORDER BY: {node.name}")
        return results.get(node.name)

    judge = Judge(column, RULES, found)
    for shown in query.selects:
        results[shown.alias_or_name] = judge.kind(shown)
    conditions = [query.args.get("where"), query.args.get("having")]
    conditions = [clause.this for clause in conditions if clause]
    for condition in [*conditions, *(join.args.get("on") for join in query.args.get("joins") or [])]:
        if condition:
            judge.expect(condition, {"truth"}, "takes for true or false a")
    for name in ("group", "order"):
        for each in query.args[name].expressions if query.args.get(name) else []:
            judge.kind(each.this if isinstance(each, exp.Ordered) else each)
    return results


def main(paths: Sequence[str]) -> int:
    """Print the faults of SQL files.

    Parameters
    ----------
    paths
        Files; the shipped queries where none is named.

    Returns
    -------
    int
        How many faults there are; 1 where a file cannot be read.
    """
    try:
        asked = [
            parse_query(Path(path).name, Path(path).read_text(encoding="utf-8"), COMMENT) for path in paths
        ] or queries()
    except (OSError, QueryError) as error:
        sys.stdout.write(f"{error}\n")
        return 1
    said = [f"{one.name}.sql: {fault}" for one in asked for fault in faults(one)]
    sys.stdout.writelines(f"{line}\n" for line in said)
    return len(said)


if __name__ == "__main__":
    sys.exit(bool(main(sys.argv[1:])))
