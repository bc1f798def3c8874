"""SQL on the lake: every query against hand-computed rows, on both engines; parameters stay values; days are pruned."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from deploy.local.cloud import CREDENTIALS, REGION
from pipeline_assets.errors import TransientError
from pipeline_assets.lake.layout import curated_key, quarantine_prefix
from pipeline_assets.operations.access import Access
from pipeline_assets.queries.athena import AthenaEngine
from pipeline_assets.queries.duckdb_engine import DuckDbEngine
from pipeline_assets.queries.errors import QueryError
from pipeline_assets.queries.named_query import NamedQuery, parse_query
from pipeline_assets.queries.sql import COMMENT, queries, query
from tests.worlds.athena_stand_in import AthenaStandIn, athena_stand_in
from tests.worlds.lake_days import at, put_day, put_rejected
from tests.worlds.sql import (
    ANSWERS,
    CURATED,
    DAY,
    QUARANTINE,
    customer,
    lake_buckets,
    line,
    moment,
    order,
    payment,
    question,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from pipeline_assets.queries.open_engine import SqlEngine

#: Personal values of the rows below; no answer may hold one.
PERSONAL = ("Dolores", "Haze", "d.haze@example.org", "6789", "1111", "k1:aaaa", "k1:bbbb", "my card question")
TEXTS = """\
-- Texts
--
-- Which customers have this family name?
--
-- Parameters
--   name   text   Family name
--   limit  count = 5  Most rows
--
-- Columns
--   customer_id  Who
--   last_name    Family name
--   one          A share

SELECT customer_id, last_name, 0.5 AS one
FROM customers
WHERE last_name = ? /* name */
ORDER BY customer_id
LIMIT ? /* limit */
"""


def free(text: str) -> NamedQuery:
    """A query that is no file."""
    return NamedQuery("free", "", "", (), {}, text)


@pytest.fixture
def athena(duck: DuckDbEngine) -> Iterator[AthenaStandIn]:
    with athena_stand_in(duck) as stand_in:
        yield stand_in


def athena_engine(stand_in: AthenaStandIn) -> AthenaEngine:
    where = {"region_name": REGION, "endpoint_url": stand_in.url, **CREDENTIALS}
    return AthenaEngine(
        database="lake", workgroup="lake-group", compras_database="purchases", poll_seconds=0.01, **where
    )


@pytest.fixture(params=["duckdb", "athena"])
def engine(request: pytest.FixtureRequest, duck: DuckDbEngine, athena: AthenaStandIn) -> SqlEngine:
    return duck if request.param == "duckdb" else athena_engine(athena)


@pytest.mark.parametrize("asked", queries(), ids=lambda asked: asked.name)
def test_a_query_answers_what_was_worked_out_by_hand(engine: SqlEngine, asked: NamedQuery) -> None:
    parameters, rows = ANSWERS[asked.name]
    answer = engine.run(asked, parameters)
    assert list(answer.rows) == rows
    assert answer.columns == tuple(asked.columns)
    assert answer.scanned_bytes > 0
    assert answer.seconds > 0
    assert not [value for value in PERSONAL if value in str(answer.rows)]


def test_what_was_known_on_a_day_does_not_change_with_later_days(engine: SqlEngine) -> None:
    answer = engine.run(query("customers_by_country"), {"as_of": DAY("2026-03-01")})
    assert list(answer.rows) == [("US", 2, 4), ("MX", 1, 2)]


@pytest.mark.parametrize(
    ("loaded", "happened", "counts_on"),
    [
        pytest.param("2026-03-01", "2026-03-02 00:30", "2026-03-02", id="loaded on the day before"),
        pytest.param("2026-03-01", "2026-03-01 23:59:59.999500", "2026-03-02", id="rounded into the next day"),
        pytest.param("2026-03-01", "2026-03-01 23:59:59.999499", "2026-03-01", id="rounded within the day"),
        pytest.param("1969-12-31", "1969-12-31 23:59:59.999500", "1970-01-01", id="rounded before 1970"),
        pytest.param("1969-12-31", "1969-12-31 23:59:59.999499", "1969-12-31", id="rounded down before 1970"),
    ],
)
def test_a_row_counts_on_its_day_and_no_other(s3: S3Client, loaded: str, happened: str, counts_on: str) -> None:
    """As Trino has it, whose times are rounded to milliseconds, half up."""
    bucket = f"sql-{abs(hash((loaded, happened)))}"
    s3.create_bucket(Bucket=bucket)
    when = {"updated_at": at(happened)}
    put_day(s3, bucket, "orders", loaded, [order(1, happened, "9.99")])
    put_day(s3, bucket, "order_lines", loaded, [line(1, 1, 5, "9.99", **when)])
    put_day(s3, bucket, "payments", loaded, [payment(1, "9.99", paid_at=at(happened), **when)])
    put_day(s3, bucket, "query_log", loaded, [question(1, "search", "1.00", asked_at=at(happened), **when)])
    engine = DuckDbEngine(lake_buckets(s3, curated=bucket))
    for name in ("daily_sales", "payments_by_issuer", "questions_by_system", "top_products"):
        for day in (DAY(counts_on) + timedelta(days=days) for days in (-1, 0, 1)):
            rows = engine.run(query(name), {"first_day": day, "last_day": day}).rows
            assert len(rows) == (day == DAY(counts_on)), (name, day)


def test_a_mean_is_that_of_the_exact_sum(s3: S3Client) -> None:
    """Added as doubles, these come to a hair less than 24.98, and their mean to a cent less."""
    s3.create_bucket(Bucket="sql-means")
    rows = [question(n, "search", text) for n, text in enumerate(["7.67", "6.42", "1.29", "9.60"])]
    put_day(s3, "sql-means", "query_log", "2026-03-01", rows)
    engine = DuckDbEngine(lake_buckets(s3, curated="sql-means"))
    day = {"first_day": DAY("2026-03-01"), "last_day": DAY("2026-03-01")}
    ((_, _, _, mean, _),) = engine.run(query("questions_by_system"), day).rows
    assert mean == 6.25


def test_a_time_is_shown_in_milliseconds(s3: S3Client, duck: DuckDbEngine) -> None:
    rows = [{"rule": "readable", "quarantined_at": at("2014-01-01 10:00:00.898517")}]
    put_rejected(s3, QUARANTINE, "stores", "2014-01-01", "r9", rows)
    day = {"first_day": DAY("2014-01-01"), "last_day": DAY("2014-01-01")}
    (row,) = duck.run(query("rejected_by_rule"), day).rows
    s3.delete_object(Bucket=QUARANTINE, Key=f"{quarantine_prefix('ecommerce', 'stores', '2014-01-01')}r9.parquet")
    assert row[-1] == moment("2014-01-01 10:00:00.899")


def test_a_day_without_rows_gives_an_empty_answer_with_its_columns(engine: SqlEngine) -> None:
    answer = engine.run(query("daily_sales"), {"first_day": DAY("2031-01-01"), "last_day": DAY("2031-01-02")})
    assert answer.rows == ()
    assert answer.columns == tuple(query("daily_sales").columns)


@pytest.mark.parametrize(
    "name",
    [
        "O'Brien",
        "' OR '1'='1",
        "x'; DROP TABLE customers; --",
        "\\' OR 1=1 --",
        "?",
        ":name /* limit */",
        "José 李",
        '"',
        "''",
    ],
)
def test_what_is_in_a_parameter_stays_a_value(engine: SqlEngine, s3: S3Client, name: str) -> None:
    put_day(s3, CURATED, "customers", "2020-01-01", [customer(8, "US", last_name=name), customer(9, "US")])
    answer = engine.run(parse_query("texts.sql", TEXTS, COMMENT), {"name": name})
    assert [(row[0], row[1]) for row in answer.rows] == [(8, name)]
    s3.delete_object(Bucket=CURATED, Key=curated_key("customers", "2020-01-01"))


def test_a_parameter_that_a_query_does_not_take_is_refused(engine: SqlEngine) -> None:
    with pytest.raises(QueryError, match=r"has no parameter `day`; it takes `first_day`, `last_day`"):
        engine.run(query("daily_sales"), {"day": DAY("2026-03-01")})
    with pytest.raises(QueryError, match=r"`limit` must be a whole number from 1 to 2147483647, not '1; DROP'"):
        engine.run(query("top_products"), {"limit": "1; DROP"})
    with pytest.raises(QueryError, match=r"`first_day` must be a day such as"):
        engine.run(query("daily_sales"), {"first_day": "2026-03-01' OR ''='"})


class TestDuckDb:
    def test_only_days_and_columns_that_are_asked_for_are_read(self, duck: DuckDbEngine, s3: S3Client) -> None:
        sizes = {}
        for number in range(1, 11):
            # Texts that hardly compress, so that the columns weigh more than the footer.
            rows = [customer(n, "US", email=f"{n * 7919 % 104729}-{n}-{number}@example.org") for n in range(20_000)]
            sizes[number] = put_day(s3, CURATED, "customers", f"2019-01-{number:02}", rows)
        one_day = duck.run(query("rows_per_day"), {"first_day": DAY("2019-01-03"), "last_day": DAY("2019-01-03")})
        five_days = duck.run(query("rows_per_day"), {"first_day": DAY("2019-01-03"), "last_day": DAY("2019-01-07")})
        as_of = duck.run(query("customers_by_country"), {"as_of": DAY("2019-01-01")})
        for number in sizes:
            s3.delete_object(Bucket=CURATED, Key=curated_key("customers", f"2019-01-{number:02}"))
        assert as_of.rows == (("US", 20_000, 40_000),)
        assert one_day.scanned_bytes < sizes[3]
        assert 4 * one_day.scanned_bytes < five_days.scanned_bytes < 6 * one_day.scanned_bytes
        # Names and addresses are not read.
        assert as_of.scanned_bytes < sizes[1]

    def test_an_older_day_has_null_where_a_column_was_added(self, s3: S3Client, duck: DuckDbEngine) -> None:
        put_day(
            s3, CURATED, "customers", "2018-01-01", [customer(1, "US")], without=["household_size", "other_columns"]
        )
        assert duck.run(query("customers_by_country"), {"as_of": DAY("2018-01-01")}).rows == (("US", 1, None),)
        s3.delete_object(Bucket=CURATED, Key=curated_key("customers", "2018-01-01"))

    @pytest.mark.parametrize(
        "name", ["_temporary/0/part.parquet", ".part.parquet.crc", "_SUCCESS", "x/.y/part.parquet"]
    )
    def test_what_tools_leave_behind_is_not_seen(self, s3: S3Client, duck: DuckDbEngine, name: str) -> None:
        key = f"customers/date=2017-01-02/{name}"
        s3.put_object(Bucket=CURATED, Key=key, Body=b"no parquet at all")
        try:
            assert duck.run(query("customers_by_country"), {"as_of": DAY("2017-01-02")}).rows == ()
        finally:
            s3.delete_object(Bucket=CURATED, Key=key)

    def test_a_day_that_is_rewritten_under_a_query_is_read_again(self, s3: S3Client) -> None:
        put_day(s3, CURATED, "customers", "2018-02-01", [customer(1, "US")])
        rewriting = _Rewriting(s3, lambda: put_day(s3, CURATED, "customers", "2018-02-01", [customer(1, "GB")]))
        engine = DuckDbEngine(lake_buckets(cast("S3Client", rewriting)))
        assert engine.run(query("customers_by_country"), {"as_of": DAY("2018-02-01")}).rows == (("GB", 1, 2),)
        s3.delete_object(Bucket=CURATED, Key=curated_key("customers", "2018-02-01"))

    def test_a_day_that_is_always_rewritten_is_told(self, s3: S3Client) -> None:
        put_day(s3, CURATED, "customers", "2018-02-01", [customer(1, "US")])
        numbers = iter(range(2, 1000))
        again = lambda: put_day(s3, CURATED, "customers", "2018-02-01", [customer(next(numbers), "GB")])  # noqa: E731
        engine = DuckDbEngine(lake_buckets(cast("S3Client", _Rewriting(s3, again, times=1000))))
        with pytest.raises(TransientError, match="were rewritten 5 times"):
            engine.run(query("customers_by_country"), {"as_of": DAY("2018-02-01")})
        s3.delete_object(Bucket=CURATED, Key=curated_key("customers", "2018-02-01"))

    def test_an_object_that_is_no_parquet_is_told(self, s3: S3Client, duck: DuckDbEngine) -> None:
        s3.put_object(Bucket=CURATED, Key=curated_key("customers", "2017-01-01"), Body=b"no parquet at all")
        with pytest.raises(QueryError, match="`customers_by_country` could not be answered"):
            duck.run(query("customers_by_country"), {"as_of": DAY("2017-01-01")})
        s3.delete_object(Bucket=CURATED, Key=curated_key("customers", "2017-01-01"))

    def test_a_lake_that_is_not_there_is_told(self, s3: S3Client) -> None:
        engine = DuckDbEngine(lake_buckets(s3, curated="no-such-bucket"))
        with pytest.raises(TransientError, match=r"the lake could not be read: .*NoSuchBucket"):
            engine.run(query("customers_by_country"), {})

    @pytest.mark.parametrize("source", ["read_csv('/etc/passwd')", "read_text('/etc/hostname')", "'/etc/passwd'"])
    def test_a_query_sees_no_file_of_the_machine(self, duck: DuckDbEngine, source: str) -> None:
        hostile = NamedQuery("files", "", "", (), {}, f"SELECT * FROM {source}")  # noqa: S608 - ours
        with pytest.raises(QueryError, match="`files` could not be answered"):
            duck.run(hostile, {})

    def test_many_queries_at_once_give_the_same(self, duck: DuckDbEngine) -> None:
        parameters, rows = ANSWERS["top_products"]
        answers: list[Any] = []
        asking = [
            threading.Thread(target=lambda: answers.append(duck.run(query("top_products"), parameters).rows))
            for _ in range(8)
        ]
        for each in asking:
            each.start()
        for each in asking:
            each.join()
        assert answers == [tuple(rows)] * 8


class TestAthena:
    def test_parameters_go_apart_from_the_text_into_the_workgroup(self, athena: AthenaStandIn) -> None:
        athena_engine(athena).run(query("top_products"), ANSWERS["top_products"][0])
        (request,) = athena.started
        assert request["QueryString"] == query("top_products").statement
        assert request["ExecutionParameters"] == ["'2026-03-01'", "'2026-03-01'", "'2026-03-01'", "'2026-03-01'", "2"]
        assert request["WorkGroup"] == "lake-group"
        assert request["QueryExecutionContext"] == {"Database": "lake"}
        # Where answers go is the workgroup's affair.
        assert "ResultConfiguration" not in request

    @pytest.mark.parametrize(
        ("state", "reason"),
        [
            pytest.param("FAILED", "TABLE_NOT_FOUND: line 5:6: Table 'orders' does not exist", id="failed"),
            pytest.param("CANCELLED", "Bytes scanned limit was exceeded", id="over the limit"),
        ],
    )
    def test_a_query_that_athena_ends_says_why(self, athena: AthenaStandIn, state: str, reason: str) -> None:
        athena.end_as = (state, reason)
        with pytest.raises(QueryError, match=f"Athena did not answer `daily_sales`: {reason}"):
            athena_engine(athena).run(query("daily_sales"), {})
        assert athena.stopped == []

    def test_a_query_that_nobody_waits_for_is_stopped(
        self, athena: AthenaStandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(_seconds: float) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("pyathena.common.time.sleep", interrupted)
        with pytest.raises(KeyboardInterrupt):
            athena_engine(athena).run(query("daily_sales"), {})
        assert athena.stopped == ["query-0"]

    def test_what_athena_refuses_and_what_does_not_get_through_differ(self, athena: AthenaStandIn) -> None:
        wrong = NamedQuery("wrong", "", "", (), {}, "SELEC 1")
        with pytest.raises(QueryError, match="Athena refused it"):
            athena_engine(athena).run(wrong, {})
        athena.url = "http://127.0.0.1:9"
        with pytest.raises(TransientError, match="Athena did not answer"):
            athena_engine(athena).run(query("daily_sales"), {})

    @pytest.mark.usefixtures("s3")
    def test_the_local_cloud_s_athena_speaks_the_same_protocol(self, bare_cloud: Access) -> None:
        """It takes no parameters and answers a text without a table; start, state, pages and header are its own."""
        client = bare_cloud.client("athena")
        location = {"ResultConfiguration": {"OutputLocation": f"s3://{CURATED}/_answers/"}}
        client.create_work_group(Name="sql-test", Configuration=location)
        where = {"region_name": REGION, "endpoint_url": bare_cloud.document["endpoint_url"], **CREDENTIALS}
        engine = AthenaEngine(database="lake", workgroup="sql-test", **where)
        answer = engine.run(NamedQuery("one", "", "", (), {}, "SELECT 1 AS one, 'x' AS other"), {})
        assert answer.columns == ("one", "other")
        assert answer.rows == ((1, "x"),)


class _Rewriting:
    """A client of S3 that lets an object be rewritten each time a listing was read, so many times."""

    def __init__(self, s3: S3Client, rewrite: Any, times: int = 1) -> None:
        self._s3, self._rewrite, self._left = s3, rewrite, times

    def get_object(self, **request: Any) -> Any:
        if self._left:
            self._left -= 1
            self._rewrite()
        return self._s3.get_object(**request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)


def test_the_answers_are_those_of_every_query() -> None:
    assert set(ANSWERS) == {asked.name for asked in queries()}
