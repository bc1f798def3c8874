"""What people search for over HTTP goes into the query log, and by way of the inbox into the lake."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from uuid import uuid4

import dagster as dg
import polars as pl
import pytest

from deploy.local.issuer import mint_token
from deploy.local.outputs import environment_contract
from pipeline_assets.definitions import defs
from pipeline_assets.operations.access import Access
from pipeline_assets.search.asked import asked_file, asked_on, deliver_asked
from pipeline_assets.search.asked_assets import questions_of_yesterday
from pipeline_assets.search.query_log import AskedQuery, QueryLog
from tests.worlds.api import api_of
from tests.worlds.stack import RunningStack
from tests.worlds.stores import make_bucket
from tests.worlds.waiting import until

TODAY = datetime.now(UTC).date()


@pytest.mark.any_engine
def test_a_question_over_http_is_a_row_of_the_lake_the_day_after(
    cloud: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = cloud.access.table("asked-queries")
    tenant = f"asks_{uuid4().hex[:8]}"
    api, token = api_of(cloud), mint_token(cloud.instance, tenant, 60)
    word = f"leche{uuid4().hex[:6]}"
    for parameters in (f"q={word}", f"q={word[:4]}&mode=autocomplete", "", f"q={word}&mode=prefix"):
        assert api.ask("GET", f"/search/{tenant}/products?{parameters}", token).status == 200
    lines = [row for row in asked_on(TODAY, cloud.access.dynamodb, table) if row["system"] == f"search:{tenant}"]
    assert [(row["text"], row["results"]) for row in lines] == [(word, 0)] * 2
    # Who asked is a keyed token, the same for both.
    (asked_by,) = {row["asked_by"] for row in lines}
    assert re.fullmatch(r"[\w-]+:[0-9a-f]{32}", asked_by)

    for name, value in environment_contract(cloud.instance, cloud.outputs).items():
        monkeypatch.setenv(name, value)
    raw = cloud.access.open_bucket("raw")
    before = {each.key for each in raw.objects("query_log/")}
    with dg.DagsterInstance.ephemeral() as instance:
        job = defs.get_job_def("deliver_questions")
        result = job.execute_in_process(instance=instance, partition_key=TODAY.isoformat())
        (event,) = result.asset_materializations_for_node("search__query_log")
    assert int(str(event.metadata["dagster/partition_row_count"].value)) >= 2
    assert 0 < float(str(event.metadata["zero_result_rate"].value)) <= 1

    def questions() -> set[int]:
        keys = [each.key for each in raw.objects("query_log/") if each.key not in before]
        frames = [pl.read_parquet(io.BytesIO(raw.read(key) or b"")) for key in keys]
        return {number for frame in frames for number in frame["query_id"]}

    until(lambda: {row["query_id"] for row in lines} <= questions())


def test_a_day_makes_the_same_file_each_time_and_an_empty_one_none(bare_cloud: Access) -> None:
    name = f"asked-{uuid4().hex[:12]}"
    bare_cloud.dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "day", "KeyType": "HASH"}, {"AttributeName": "asked", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in ("day", "asked")],
        BillingMode="PAY_PER_REQUEST",
    )
    log, inbox = QueryLog(bare_cloud.dynamodb, name), bare_cloud.storage.bucket(make_bucket(bare_cloud.s3, name))
    assert deliver_asked(TODAY, log.client, log.table, inbox).key == ""
    assert not list(inbox.objects())
    for text, seconds, results in (("pan", 0.2, 3), ("pna", 1.5, 0), ("leche", 0.1, 9)):
        assert log.record(AskedQuery("tienda", "caller:0f", text, seconds, results))
    first = deliver_asked(TODAY, log.client, log.table, inbox)
    content = inbox.read(first.key)
    assert (first.questions, first.without_results, first.p95_seconds) == (3, 1, 1.5)
    assert deliver_asked(TODAY, log.client, log.table, inbox) == first
    assert inbox.read(first.key) == content == asked_file(list(asked_on(TODAY, log.client, log.table)))


def test_the_schedule_asks_for_the_day_before() -> None:
    with dg.build_schedule_context(scheduled_execution_time=datetime(2026, 11, 28, 0, 17, tzinfo=UTC)) as context:
        request = questions_of_yesterday(context)
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == "2026-11-27"
