"""The file of queries for Athena's editor is the shipped queries, each as it runs there."""

from __future__ import annotations

import sqlglot
from sqlglot import exp

from docs.athena_queries import FILE, athena_queries, filled, purchase_queries
from pipeline_assets.queries.named_query import NamedQuery
from pipeline_assets.queries.portable import faults
from pipeline_assets.queries.views import COMPRAS_VIEWS


def test_the_file_is_as_it_is_written() -> None:
    assert FILE.read_text(encoding="utf-8") == athena_queries()


def test_every_statement_can_be_read_alone() -> None:
    statements = sqlglot.parse(athena_queries(), dialect="athena")
    created = [each for each in statements if isinstance(each, exp.Create)]
    asked = [each for each in statements if isinstance(each, exp.Select)]
    assert [each.this.name for each in created] == [view.name for view in COMPRAS_VIEWS]
    assert len(asked) == len(purchase_queries()) == 4
    assert len(created) + len(asked) == len([each for each in statements if each])


def test_a_query_keeps_no_mark_and_only_its_days_are_reckoned() -> None:
    for one in purchase_queries():
        text = filled(one)
        assert not list(sqlglot.parse_one(text, dialect="athena").find_all(exp.Placeholder))
        found = faults(NamedQuery(one.name, "", "", (), {}, text))
        assert all("current_date" in fault.lower() for fault in found), found


def test_a_view_gives_the_columns_that_it_says() -> None:
    for view in COMPRAS_VIEWS:
        tree = sqlglot.parse_one(view.statement, dialect="athena")
        assert tree.named_selects == [column.name for column in view.columns]  # type: ignore[attr-defined]
