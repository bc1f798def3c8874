"""What is judged to be answered alike by both engines, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlglot

from pipeline_assets.queries import portable
from pipeline_assets.queries.named_query import NamedQuery, parse_query
from pipeline_assets.queries.portable import faults
from pipeline_assets.queries.sql import COMMENT, queries
from tests.worlds.sql_members import NAMED, REFUSED, TAKEN

HEADER = "-- A\n--\n-- B?\n--\n-- Parameters\n--   p  {}  It\n--\n-- Columns\n--   a  It\n\n"


def asked(statement: str) -> NamedQuery:
    return NamedQuery("q", "", "", (), {}, statement)


@pytest.mark.parametrize("statement", REFUSED.values(), ids=REFUSED)
def test_what_athena_refuses_or_answers_otherwise_is_a_fault(statement: str) -> None:
    assert faults(asked(statement))


@pytest.mark.parametrize("statement", (TAKEN | NAMED).values(), ids=TAKEN | NAMED)
def test_what_both_answer_alike_is_none(statement: str) -> None:
    assert faults(asked(statement)) == []


@pytest.mark.parametrize("statement", REFUSED.values(), ids=REFUSED)
def test_a_fault_is_found_wherever_it_is(statement: str) -> None:
    """In a part of a query, too: the kinds of results are known beyond it."""
    within = f"WITH part AS ({statement.rstrip(';')}) SELECT count(*) AS n FROM part"  # noqa: S608 - ours
    assert faults(asked(within))


@pytest.mark.parametrize("statement", TAKEN.values(), ids=TAKEN)
def test_a_fault_is_none_in_a_part_either(statement: str) -> None:
    if not statement.startswith("WITH"):
        assert faults(asked(f"WITH part AS ({statement}) SELECT count(*) AS n FROM part")) == []  # noqa: S608 - ours


@pytest.mark.parametrize("statement", TAKEN.values(), ids=TAKEN)
def test_how_a_query_is_written_does_not_matter(statement: str) -> None:
    """In capitals, on lines of its own, as sqlglot prints it."""
    assert faults(asked(sqlglot.parse_one(statement, dialect="athena").sql(dialect="trino", pretty=True))) == []


@pytest.mark.parametrize(
    ("kind", "statement", "right"),
    [
        ("day = today", "SELECT CAST(? /* p */ AS date) AS a", True),
        ("day = today", 'SELECT order_id AS a FROM orders WHERE "date" = ? /* p */', True),
        ("day = today", "SELECT order_id AS a FROM orders WHERE CAST(ordered_at AS date) = ? /* p */", False),
        ("text = x", "SELECT CAST(? /* p */ AS date) AS a", False),
        ("a|b = a", "SELECT order_id AS a FROM orders WHERE status = ? /* p */", True),
        ("share = 0.5", "SELECT ? /* p */ / 3 AS a", True),
        ("share = 0.5", "SELECT sum(? /* p */) AS a FROM orders", False),
        ("count = 5", "SELECT order_id AS a FROM orders ORDER BY order_id LIMIT ? /* p */", True),
        ("count = 5", "SELECT ? /* p */ / 3 AS a", False),
        ("text = x", "SELECT order_id AS a FROM orders ORDER BY order_id LIMIT ? /* p */", False),
    ],
)
def test_a_parameter_counts_as_its_kind(kind: str, statement: str, right: bool) -> None:  # noqa: FBT001
    assert (faults(parse_query("q.sql", HEADER.format(kind) + statement, COMMENT)) == []) is right


def test_files_are_judged_by_a_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert portable.main([]) == 0
    (tmp_path / "mine.sql").write_text(HEADER.format("count = 1") + "SELECT ? /* p */ / 3 AS a", encoding="utf-8")
    assert portable.main([str(tmp_path / "mine.sql")]) == 1
    assert portable.main([str(tmp_path / "none.sql")]) == 1
    assert "No such file" in capsys.readouterr().out.splitlines()[1]
    assert portable.main([str(tmp_path / "mine.sql")]) == 1
    assert capsys.readouterr().out == "mine.sql: divides what is not double: 1 /* p */ / 3\n"


def test_the_shipped_files_are_judged() -> None:
    assert len(queries()) > 0
    assert [fault for one in queries() for fault in faults(one)] == []
