"""The SQL files: what they say of themselves, and that Athena takes what DuckDB takes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlglot
from sqlglot import exp

from pipeline_assets.analytics.tables import prod_tables
from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.events.environment import MissingSettingError
from pipeline_assets.lake.tables import glue_type, lake_tables
from pipeline_assets.queries.answer import Answer
from pipeline_assets.queries.athena import literal
from pipeline_assets.queries.errors import QueryError
from pipeline_assets.queries.named_query import NamedQuery, parse_query
from pipeline_assets.queries.open_engine import QuerySettings
from pipeline_assets.queries.parameters import Value
from pipeline_assets.queries.portable import faults
from pipeline_assets.queries.sql import COMMENT, placeholders, queries, query
from pipeline_assets.queries.views import COMPRAS_VIEWS

NAMES = [
    "alerts_by_day",
    "compras_best_sellers",
    "compras_changes_per_day",
    "compras_daily",
    "compras_recent",
    "customers_by_country",
    "customers_leaving",
    "daily_sales",
    "forecast_errors",
    "fraud_found",
    "growth_by_region",
    "opportunities",
    "payments_by_issuer",
    "questions_asked_next",
    "questions_by_system",
    "questions_without_results",
    "regional_preferences",
    "rejected_by_rule",
    "riskiest_payments",
    "rows_per_day",
    "sales_growth",
    "sales_outlook",
    "segment_sizes",
    "slowest_questions",
    "top_products",
    "valuable_customers",
]
PROD = {table.name: table.bucket for table in prod_tables()}
SCHEMA: dict[str, Any] = {
    table.name: {
        **{column.name: glue_type(column).replace("string", "varchar") for column in table.columns},
        **dict.fromkeys(table.partitions, "varchar"),
    }
    for table in lake_tables(ECOMMERCE)
}
PURCHASES = {view.name for view in COMPRAS_VIEWS}


def test_all_queries_are_there_in_the_order_of_their_names() -> None:
    assert [asked.name for asked in queries()] == NAMES


@pytest.mark.parametrize("asked", queries(), ids=lambda asked: asked.name)
class TestEachQuery:
    def test_it_says_what_it_takes_and_gives(self, asked: NamedQuery) -> None:
        tree: Any = sqlglot.parse_one(asked.statement, dialect="athena")
        assert tree.named_selects == list(asked.columns)
        assert asked.answer.count("?") == 1
        assert set(placeholders(asked)) == {parameter.name for parameter in asked.parameters}
        assert all(not parameter.required for parameter in asked.parameters)

    def test_athena_takes_it_and_answers_as_duckdb_does(self, asked: NamedQuery) -> None:
        assert faults(asked) == []

    def test_it_only_reads(self, asked: NamedQuery) -> None:
        (tree,) = sqlglot.parse(asked.statement, dialect="athena")
        assert isinstance(tree, exp.Select)
        named = {table.name for table in tree.find_all(exp.Table)} - {cte.alias for cte in tree.find_all(exp.CTE)}
        assert named <= set(SCHEMA) or named <= set(PROD) or named <= PURCHASES

    def test_a_row_counts_in_its_latest_version(self, asked: NamedQuery) -> None:
        """Whatever reads rows of a dataset takes one per key and leaves deleted ones out; loads are counted as such."""
        tree: Any = sqlglot.parse_one(asked.statement, dialect="athena")
        keys = {table.name: SCHEMA[table.name] for table in tree.find_all(exp.Table) if table.name in SCHEMA}
        if asked.name in {"rejected_by_rule", "rows_per_day"}:
            return
        windows = [window.sql() for window in tree.find_all(exp.Window)]
        latest = [
            each
            for each in windows
            if "ORDER BY _deleted" in each and 'updated_at DESC, _load_id DESC, "date" DESC' in each
        ]
        gone = [each for each in windows if each.startswith("MAX(CASE WHEN _deleted THEN _load_id ")]
        assert len(latest) == len(gone) == len(keys)
        assert asked.statement.count("place = 1") == asked.statement.count("WHERE _load_id >= last_gone") == len(keys)
        assert asked.statement.count("_deleted") >= 2 * len(keys)

    def test_a_query_on_a_prod_set_asks_one_set_of_one_day_and_can_be_paged(self, asked: NamedQuery) -> None:
        tree: Any = sqlglot.parse_one(asked.statement, dialect="athena")
        read = [table.name for table in tree.find_all(exp.Table) if table.name in PROD]
        if not read:
            return
        assert len({PROD[name] for name in read}) == 1
        assert asked.statement.count("as_of = ? /* as_of */") == len(read)
        assert {"as_of": "as_of", "limit": "count", "after": "place"}.items() <= {
            parameter.name: parameter.kind for parameter in asked.parameters
        }.items()
        assert next(iter(asked.columns)) == "place"
        assert "WHERE place > ? /* after */\nORDER BY place\nLIMIT ? /* limit */\n" in asked.statement

    def test_no_answer_holds_a_personal_value(self, asked: NamedQuery) -> None:
        """Tokens and the like are counted at most, never shown."""
        tree: Any = sqlglot.parse_one(asked.statement, dialect="athena")
        personal = ("first_name", "last_name", "email", "ssn", "token", "last_four", "text")
        for shown in tree.expressions:
            for column in shown.find_all(exp.Column):
                counted = column.find_ancestor(exp.Count)
                assert counted or not any(word in column.name for word in personal)


def test_every_prod_set_is_asked_by_queries() -> None:
    asked = [table.name for one in queries() for table in sqlglot.parse_one(one.statement).find_all(exp.Table)]
    sets = [PROD[name] for name in asked if name in PROD]
    assert {name: sets.count(name) >= 2 for name in PROD.values()} == dict.fromkeys(PROD.values(), True)


def test_every_dataset_is_counted_by_day() -> None:
    tree: Any = sqlglot.parse_one(query("rows_per_day").statement, dialect="athena")
    assert {table.name for table in tree.find_all(exp.Table)} - {"all_rows"} == set(SCHEMA) - {"rejected_rows"}


@pytest.mark.parametrize(
    ("replaced", "by", "fault"),
    [
        pytest.param(
            "CAST(CAST(date_add('day', -1, CAST(? /* first_day */ AS date)) AS date) AS varchar)",
            "CAST(date_add('day', -1, CAST(? /* first_day */ AS date)) AS varchar)",
            "a day that was moved",
            id="a day that was moved and not cast back",
        ),
        pytest.param("/ count(*), 2)", "/ count(*), 3)", "casts double", id="a cast of a double that is not rounded"),
        pytest.param("CAST(? /* last_day */ AS date)", "? /* last_day */", "compares", id="a day with text"),
        pytest.param("GROUP BY CAST(ordered_at AS date)", "GROUP BY day", "day", id="a result's name in GROUP BY"),
        pytest.param("CAST(sum(total) AS double) /", "sum(total) /", "divides", id="a division of decimals"),
        pytest.param("sum(total) AS total", "avg(total) AS total", "uses avg", id="a mean of decimals"),
        pytest.param("sum(total) AS total", "list(total) AS total", "uses", id="a function of DuckDB"),
        pytest.param("FROM versions", "FROM versions CROSS JOIN UNNEST(ARRAY[1]) AS t(n)", "has unnest", id="UNNEST"),
        pytest.param("ORDER BY day", "QUALIFY row_number() OVER () = 1 ORDER BY day", "QUALIFY", id="QUALIFY"),
        pytest.param("WHERE place = 1", "WHERE day > CAST('2026-03-01' AS date)", "day", id="a result's name in WHERE"),
        pytest.param("WHERE place = 1", "WHERE plaice = 1", "plaice", id="a column that is not there"),
        pytest.param("ordered_at, status,", "ordered, status,", "ordered", id="a column that the table has not"),
    ],
)
def test_a_query_that_only_duckdb_would_take_is_found(replaced: str, by: str, fault: str) -> None:
    asked = query("daily_sales")
    assert replaced in asked.statement
    broken = NamedQuery(
        asked.name, asked.title, asked.answer, asked.parameters, asked.columns, asked.statement.replace(replaced, by)
    )
    assert any(fault in found for found in faults(broken)), faults(broken)


def test_a_placeholder_must_name_its_parameter() -> None:
    header = "-- A\n--\n-- B?\n--\n-- Parameters\n--   a  text = x  It\n--\n-- Columns\n--   c  It\n\n"
    text = header + "SELECT {} AS c, '?' AS d"
    assert placeholders(parse_query("a.sql", text.format("? /* a */"), COMMENT)) == ["a"]
    for wrong in ("?", "? /* b */", "1"):
        with pytest.raises(QueryError, match=r"`a.sql`: its placeholders are not those of its parameters"):
            placeholders(parse_query("a.sql", text.format(wrong), COMMENT))


def test_a_quote_that_is_not_closed_is_told() -> None:
    with pytest.raises(QueryError, match="`mine` could not be read: Error tokenizing"):
        placeholders(NamedQuery("mine", "", "", (), {}, "SELECT 'x"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5"),
        (0.25, "0.25E0"),
        (0.0, "0.0E0"),
        (1.0, "1.0E0"),
        (1e-05, "1e-05"),
        (date(2026, 3, 1), "'2026-03-01'"),
        ("it's", "'it''s'"),
        ("' OR ''='", "''' OR ''''='''"),
        ("\\'; --", "'\\''; --'"),
        ("", "''"),
        (None, "NULL"),
    ],
)
def test_a_value_becomes_the_literal_that_is_read_back_as_it(value: Value, text: str) -> None:
    assert literal(value) == text
    read = sqlglot.parse_one(text, dialect="athena")
    assert isinstance(read, exp.Null if value is None else exp.Literal)
    if isinstance(value, str):
        assert read.this == value


@pytest.mark.parametrize(
    ("text", "days_ago"), [("today", 0), ("today-0", 0), ("today-29", 29)], ids=["today", "nought", "before"]
)
def test_days_may_be_counted_back_from_today(text: str, days_ago: int) -> None:
    before = datetime.now(UTC).date()
    read = query("customers_by_country").read({"as_of": text})["as_of"]
    after = datetime.now(UTC).date()
    assert read in {day - timedelta(days=days_ago) for day in (before, after)}


@pytest.mark.parametrize("text", ["2026-02-30", "yesterday", "today+1", "today-999999", "", "20260301x"])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(QueryError, match=r"`as_of` must be a day such as 2026-03-01, today or today-29, not"):
        query("customers_by_country").read({"as_of": text})


def test_a_default_day_moves_with_the_calendar() -> None:
    (as_of,) = query("customers_by_country").parameters
    assert as_of.default == "today"
    assert query("customers_by_country").bind({})["as_of"] in {datetime.now(UTC).date(), as_of.read("today-1")}


@pytest.mark.parametrize(
    ("scanned", "cost"),
    [(0, 10), (1, 10), (10 * 2**20, 10), (10 * 2**20 + 1, 11), (2**40, 2**20)],
    ids=["nothing", "a byte", "the least", "a byte more", "a tebibyte"],
)
def test_a_query_costs_whole_mebibytes_and_ten_at_least(scanned: int, cost: int) -> None:
    answer = Answer((), (), (), scanned, 0.0)
    assert Decimal(answer.cost_usd) == Decimal(cost) * 5 / 2**20


class TestSettings:
    athena = {"LAKE_DATABASE": "lake", "ATHENA_WORKGROUP": "group"}  # noqa: RUF012 - never changed
    duckdb = {"SQL_ENGINE": "duckdb", "CURATED_BUCKET": "cur", "QUARANTINE_BUCKET": "qua"}  # noqa: RUF012

    def test_athena_is_meant_where_nothing_is_said(self) -> None:
        settings = QuerySettings.from_environment(self.athena)
        assert (settings.engine, settings.database, settings.workgroup) == ("athena", "lake", "group")

    @pytest.mark.parametrize("complete", [athena, duckdb], ids=["athena", "duckdb"])
    def test_a_missing_variable_is_named(self, complete: dict[str, str]) -> None:
        assert QuerySettings.from_environment(complete)
        for name in complete.keys() - {"SQL_ENGINE"}:
            with pytest.raises(MissingSettingError, match=f"environment variable {name} is not set"):
                QuerySettings.from_environment({key: value for key, value in complete.items() if key != name})

    def test_an_unknown_engine_is_told(self) -> None:
        with pytest.raises(MissingSettingError, match="SQL_ENGINE is 'spark': it must be athena or duckdb"):
            QuerySettings.from_environment({"SQL_ENGINE": "spark"})
