"""The SQL files and the forms that are allowed in them, on Trino itself and on DuckDB: the same to the last digit.

Trino is not among what is installed: `make trino` fetches it. Where it is missing, or a Java that it runs on, these
tests are left out.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline_assets.lake.tables import LakeTable, glue_type
from pipeline_assets.queries.as_of import settle_as_of
from pipeline_assets.queries.athena import literal
from pipeline_assets.queries.duckdb_engine import DuckDbEngine
from pipeline_assets.queries.named_query import NamedQuery
from pipeline_assets.queries.parameters import Value
from pipeline_assets.queries.sql import placeholders, queries
from pipeline_assets.queries.tables import known_tables
from pipeline_assets.queries.views import COMPRAS_VIEWS, Relation
from tests.worlds.athena_stand_in import filled
from tests.worlds.lake_days import put_day
from tests.worlds.sql import ANSWERS, CURATED, lake_buckets, order, put_lake
from tests.worlds.sql_members import NAMED, TAKEN

if TYPE_CHECKING:
    from pipeline_assets.operations.access import Access

SOURCE = Path(__file__).parents[1] / "engines" / "trino"
JARS = SOURCE / "jars"
JAVA = Path(os.environ.get("TRINO_JAVA_HOME", "/usr/lib/jvm/temurin-25-jdk-amd64")) / "bin"
DATABASE = "cesta_dev_lake"
pytestmark = pytest.mark.skipif(
    not (JARS.is_dir() and (JAVA / "javac").exists()), reason="`make trino` was not run, or TRINO_JAVA_HOME is unset"
)


class Trino:
    """Trino in a process of its own, without a server."""

    def __init__(self, classes: Path) -> None:
        subprocess.run(
            [JAVA / "javac", "-cp", f"{JARS}/*", "-d", classes, SOURCE / "AskTrino.java"],
            check=True,
            capture_output=True,
        )
        flags = ["-Xmx1g", "--add-modules", "jdk.incubator.vector", "--sun-misc-unsafe-memory-access=allow"]
        self.process = subprocess.Popen(
            [JAVA / "java", *flags, "-cp", f"{classes}:{JARS}/*", "AskTrino"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(statement) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = {}
        for line in self.process.stdout:
            # Before the first answer come lines of the library's own log.
            if line.startswith('{"'):
                answer = json.loads(line)
                break
        assert "error" not in answer, answer
        types = answer["types"]
        return [tuple(_read(*each) for each in zip(row, types, strict=True)) for row in answer["rows"]]


def _read(cell: str | None, kind: str) -> object:
    if cell is None or not kind.startswith(("double", "timestamp")):
        return cell
    return float(cell) if kind == "double" else datetime.fromisoformat(cell)


def _told(cell: object) -> object:
    """A cell of DuckDB's as `_read` has Trino's."""
    if isinstance(cell, bool):
        return str(cell).lower()
    return cell if cell is None or isinstance(cell, float | datetime) else str(cell)


@pytest.fixture(scope="module")
def duck(bare_cloud: Access) -> DuckDbEngine:
    s3 = bare_cloud.s3
    put_lake(s3)
    awkward = [
        order(20, "1969-12-31 23:59:59.999499", "-2.35", currency="éß李", status="ä", customer_id=7),
        order(21, "2024-02-29 00:00", "0.05", currency="EUR", status="Paid", _deleted=True),
        order(22, "2026-12-31 23:59:59.999", "99999999999.99", customer_id=20),
    ]
    put_day(s3, CURATED, "orders", "2026-02-20", awkward)
    return DuckDbEngine(lake_buckets(s3), DATABASE)


@pytest.fixture(scope="module")
def trino(duck: DuckDbEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trino]:
    """Trino with the tables and the rows that the lake has."""
    trino = Trino(tmp_path_factory.mktemp("trino"))
    try:
        trino.ask(f"CREATE SCHEMA {DATABASE}")
        relations: list[Relation] = [*known_tables(), *COMPRAS_VIEWS]
        for table, rows in ((table, _rows(table, duck)) for table in relations):
            for schema in ("default", DATABASE) if rows else ():
                trino.ask(f"CREATE TABLE {schema}.{table.name} AS {rows}")
        yield trino
    finally:
        trino.process.kill()
        trino.process.wait()


def _rows(table: Relation, duck: DuckDbEngine) -> str:
    """Its rows as literals, without lists, which no query reads."""
    types = {column.name: glue_type(column).replace("string", "varchar") for column in table.columns}
    types = {name: kind for name, kind in types.items() if "<" not in kind}
    types |= dict.fromkeys(table.partitions if isinstance(table, LakeTable) else (), "varchar")
    shown = ", ".join(f'"{name}"' for name in types)
    rows = duck.run(NamedQuery("all", "", "", (), {}, f"SELECT {shown} FROM {table.name}"), {}).rows  # noqa: S608 - ours
    selects = [
        ", ".join(
            f'CAST({literal(None if cell is None else str(_told(cell)))} AS {kind}) AS "{name}"'
            for cell, (name, kind) in zip(row, types.items(), strict=True)
        )
        for row in rows
    ]
    return " UNION ALL ".join(f"SELECT {select}" for select in selects)


def both(trino: Trino, duck: DuckDbEngine, statement: str) -> tuple[list[Any], list[Any]]:
    answer = duck.run(NamedQuery("one", "", "", (), {}, statement), {})
    told = [tuple(_told(cell) for cell in row) for row in answer.rows]
    return trino.ask(statement), told


@pytest.mark.parametrize("asked", queries(), ids=lambda asked: asked.name)
@pytest.mark.parametrize("wide", [False, True], ids=["as worked out by hand", "all days"])
def test_a_shipped_query_is_answered_alike(trino: Trino, duck: DuckDbEngine, asked: NamedQuery, *, wide: bool) -> None:
    ends: dict[str, Value] = {"first_day": "1969-12-30", "last_day": "2027-01-02", "limit": 50, "as_of": "2027-01-02"}
    bound = settle_as_of(asked, asked.bind(ANSWERS[asked.name][0]), duck.days)
    if any(p.kind == "as_of" for p in asked.parameters) and "place" in asked.columns:
        # A list over a prod set is of one day; what it is narrowed to is a parameter that may be left out.
        ends = {p.name: bound[p.name] if p.kind == "as_of" else p.fallback for p in asked.parameters}
    values = {name: ends[name] if wide else value for name, value in bound.items()}
    statement = filled(asked.statement, [literal(values[name]) for name in placeholders(asked)])
    of_trino, of_duck = both(trino, duck, statement)
    assert of_trino == of_duck
    assert of_trino


@pytest.mark.parametrize("statement", (TAKEN | NAMED).values(), ids=TAKEN | NAMED)
def test_an_allowed_form_is_answered_alike(trino: Trino, duck: DuckDbEngine, statement: str) -> None:
    """Rows that their order leaves equal may come in any."""
    of_trino, of_duck = both(trino, duck, statement)
    assert sorted(of_trino, key=str) == sorted(of_duck, key=str)


def test_milliseconds_are_those_of_trino(trino: Trino) -> None:
    rounded = trino.ask("SELECT CAST(TIMESTAMP '1969-12-31 23:59:59.999500' AS timestamp) AS a")
    assert rounded == [(datetime.fromisoformat("1970-01-01 00:00:00.000"),)]
