"""Which day of the prod sets a query asks of, on both engines, and what becomes of a query that takes too long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from deploy.local.cloud import CREDENTIALS, REGION
from pipeline_assets.queries.athena import AthenaEngine
from pipeline_assets.queries.duckdb_engine import DuckDbEngine
from pipeline_assets.queries.errors import QueryError
from pipeline_assets.queries.named_query import NamedQuery
from pipeline_assets.queries.sql import query
from tests.worlds.athena_stand_in import AthenaStandIn, athena_stand_in
from tests.worlds.prod_rows import NEWER, OLDER, PROD_BUCKETS
from tests.worlds.sql import DAY, lake_buckets

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from pipeline_assets.queries.open_engine import SqlEngine


@pytest.fixture(scope="module")
def athena(duck: DuckDbEngine) -> Iterator[AthenaStandIn]:
    with athena_stand_in(duck) as stand_in:
        yield stand_in


@pytest.fixture(params=["duckdb", "athena"])
def engine(request: pytest.FixtureRequest, duck: DuckDbEngine, athena: AthenaStandIn) -> SqlEngine:
    where = {"region_name": REGION, "endpoint_url": athena.url, **CREDENTIALS}
    asking = AthenaEngine(database="lake", workgroup="lake-group", poll_seconds=0.01, **where)
    return duck if request.param == "duckdb" else asking


@pytest.fixture
def copilot(s3: S3Client) -> Iterator[str]:
    """Bucket of a set, from which a test may take days and to which it may add some."""
    name = PROD_BUCKETS["retail-copilot"]
    before = {each["Key"]: s3.get_object(Bucket=name, Key=each["Key"])["Body"].read() for each in _listed(s3, name)}
    yield name
    for each in _listed(s3, name):
        s3.delete_object(Bucket=name, Key=each["Key"])
    for key, content in before.items():
        s3.put_object(Bucket=name, Key=key, Body=content)


def _listed(s3: S3Client, bucket: str) -> list[dict[str, str]]:
    return [{"Key": each["Key"]} for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_the_newest_day_is_asked_of_and_named(engine: SqlEngine) -> None:
    answer = engine.run(query("questions_asked_next"), {})
    assert answer.parameters == {"as_of": DAY(NEWER), "template": None, "limit": 20, "after": 0}
    assert [row[-1] for row in answer.rows] == [4, 2]


def test_an_earlier_day_is_as_it_was_known_then(engine: SqlEngine) -> None:
    answer = engine.run(query("questions_asked_next"), {"as_of": DAY(OLDER)})
    assert (answer.parameters["as_of"], [row[-1] for row in answer.rows]) == (DAY(OLDER), [2])


@pytest.mark.parametrize("day", ["2026-02-28", "2026-03-03"], ids=["before", "after"])
def test_a_day_of_which_there_is_no_set_is_never_answered_by_another(engine: SqlEngine, day: str) -> None:
    told = f"`retail-copilot` was not made as of {day}; the newest day is {NEWER}."
    with pytest.raises(QueryError, match=told) as refused:
        engine.run(query("slowest_questions"), {"as_of": DAY(day)})
    assert refused.value.code == "unknown_day"


def test_a_set_that_was_never_made_is_told(engine: SqlEngine, s3: S3Client, copilot: str) -> None:
    for each in _listed(s3, copilot):
        s3.delete_object(Bucket=copilot, Key=each["Key"])
    with pytest.raises(QueryError, match="`retail-copilot` was not made as of any day yet") as refused:
        engine.run(query("slowest_questions"), {})
    assert refused.value.code == "unknown_day"


def test_tables_without_their_manifest_are_no_day_yet(duck: DuckDbEngine, s3: S3Client, copilot: str) -> None:
    newest = f"as_of={NEWER}/part.parquet"
    body = s3.get_object(Bucket=copilot, Key=f"query_templates/{newest}")["Body"].read()
    s3.put_object(Bucket=copilot, Key="query_templates/as_of=2026-03-09/part.parquet", Body=body)
    assert duck.run(query("slowest_questions"), {}).parameters["as_of"] == DAY(NEWER)
    s3.put_object(Bucket=copilot, Key="_manifests/as_of=2026-03-09.json", Body=b"{}")
    assert duck.run(query("slowest_questions"), {}).parameters["as_of"] == DAY("2026-03-09")


def test_a_set_whose_bucket_is_not_named_is_told(s3: S3Client) -> None:
    known = {name: bucket for name, bucket in lake_buckets(s3).items() if name not in PROD_BUCKETS}
    with pytest.raises(QueryError, match="in the bucket of `retail-copilot`, which the environment does not name"):
        DuckDbEngine(known).run(query("slowest_questions"), {})
    assert DuckDbEngine(known).run(query("customers_by_country"), {"as_of": DAY("2026-03-02")}).rows


class TestTimeLimit:
    def test_duckdb_is_stopped(self, duck: DuckDbEngine) -> None:
        """A count of some 10^13 rows, which would take hours."""
        many = " CROSS JOIN ".join(f"orders AS o{number}" for number in range(12))
        endless = NamedQuery("endless", "", "", (), {}, f"SELECT count(*) AS n FROM {many}")  # noqa: S608 - ours
        began = time.monotonic()
        with pytest.raises(QueryError, match="`endless` took longer than the 0 seconds") as refused:
            duck.run(endless, {}, 0.3)
        assert refused.value.code == "timed_out"
        assert time.monotonic() - began < 60

    def test_athena_is_told_to_stop_it(self, duck: DuckDbEngine) -> None:
        with athena_stand_in(duck) as busy:
            busy.busy = True
            where = {"region_name": REGION, "endpoint_url": busy.url, **CREDENTIALS}
            engine = AthenaEngine(database="lake", workgroup="lake-group", poll_seconds=0.01, **where)
            with pytest.raises(QueryError, match="`daily_sales` took longer than") as refused:
                engine.run(query("daily_sales"), {}, 0.3)
            assert refused.value.code == "timed_out"
            assert busy.stopped[0] == "query-0"

    @pytest.mark.parametrize("seconds", [30, None])
    def test_who_is_in_time_is_answered(self, engine: SqlEngine, seconds: float | None) -> None:
        assert engine.run(query("fraud_found"), {}, seconds).rows
