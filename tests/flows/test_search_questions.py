"""What people search for over HTTP goes into the query log, and by way of the inbox into the lake."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import uuid4

import dagster as dg
import polars as pl
import pytest

from deploy.local.issuer import mint_token
from deploy.local.outputs import environment_contract
from pipeline_assets.definitions import defs
from pipeline_assets.lake.layout import curated_key
from pipeline_assets.operations.access import Access
from pipeline_assets.raw.inbox import INBOX_FLOW
from pipeline_assets.search.asked import AskedDay, DayNotOverError, asked_file, asked_on, deliver_asked
from pipeline_assets.search.asked_assets import questions_of_yesterday
from pipeline_assets.search.query_log import AskedQuery, AskedTable, QueryLog
from tests.worlds.api import api_of
from tests.worlds.inbox import InboxWorld
from tests.worlds.stack import RunningStack
from tests.worlds.waiting import until

TODAY = datetime.now(UTC).date()
YESTERDAY = TODAY - timedelta(days=1)


@pytest.mark.any_engine
def test_a_question_over_http_is_a_row_that_the_retail_copilot_reads_the_day_after(
    cloud: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = AskedTable(cloud.access.dynamodb, cloud.access.table("asked-queries"))
    tenant = f"asks_{uuid4().hex[:8]}"
    api, token = api_of(cloud), mint_token(cloud.instance, tenant, 60)
    word = f"leche{uuid4().hex[:6]}"
    typed = f"q={word[:4]}&mode=autocomplete", f"q={word[:6]}&typing=true"
    for parameters in (f"q={word}", *typed, "", f"q={word}&mode=prefix"):
        assert api.ask("GET", f"/search/{tenant}/products?{parameters}", token).status == 200
    lines = [row for row in asked_on(TODAY, table) if row["system"] == f"search:{tenant}"]
    assert [(row["text"], row["results"]) for row in lines] == [(word, 0)] * 2
    # Who asked is a keyed token, the same for both.
    (asked_by,) = {row["asked_by"] for row in lines}
    assert re.fullmatch(r"[\w-]+:[0-9a-f]{32}", asked_by)

    for name, value in environment_contract(cloud.instance, cloud.outputs).items():
        monkeypatch.setenv(name, value)
    a_day_passes(table, TODAY)
    with dg.DagsterInstance.ephemeral() as instance:
        job = defs.get_job_def("deliver_questions")
        result = job.execute_in_process(instance=instance, partition_key=YESTERDAY.isoformat())
        (event,) = result.asset_materializations_for_node("search__query_log")
        refused = job.execute_in_process(instance=instance, partition_key=TODAY.isoformat(), raise_on_error=False)
        (failure,) = [each for each in refused.all_events if each.is_step_failure]
    assert int(str(event.metadata["dagster/partition_row_count"].value)) >= 2
    assert 0 < float(str(event.metadata["zero_result_rate"].value)) <= 1
    assert f"{TODAY} is not over" in str(failure.step_failure_data.user_failure_data)

    curated = cloud.access.open_bucket("curated")

    def told() -> list[dict[str, Any]]:
        # The day that it came to the lake is today.
        day = curated.read(curated_key("query_log", TODAY.isoformat()))
        return pl.read_parquet(io.BytesIO(day)).filter(system=f"search:{tenant}").to_dicts() if day else []

    rows = until(told)
    assert sorted(row["query_id"] for row in rows) == sorted(row["query_id"] for row in lines)
    assert {(row["text"], row["asked_by"], row["results"]) for row in rows} == {(word, asked_by, 0)}
    assert {row["asked_at"].date() for row in rows} == {YESTERDAY}


def a_day_passes(table: AskedTable, day: date) -> None:
    """Make the lines of a day those of the day before."""
    before = day - timedelta(days=1)
    names = ("day", "asked", "asked_at")
    for page in table.client.get_paginator("scan").paginate(TableName=table.name):
        for line in page["Items"]:
            if line["day"]["S"] == day.isoformat():
                moved = {name: {"S": line[name]["S"].replace(day.isoformat(), before.isoformat())} for name in names}
                table.client.put_item(TableName=table.name, Item={**line, **moved})
                table.client.delete_item(TableName=table.name, Key={name: line[name] for name in ("day", "asked")})


@pytest.fixture
def asked(bare_cloud: Access) -> AskedTable:
    name = f"asked-{uuid4().hex[:12]}"
    bare_cloud.dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "day", "KeyType": "HASH"}, {"AttributeName": "asked", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in ("day", "asked")],
        BillingMode="PAY_PER_REQUEST",
    )
    return AskedTable(bare_cloud.dynamodb, name)


def test_a_day_is_delivered_once_when_it_is_over(bare_cloud: Access, asked: AskedTable) -> None:
    world, morning = InboxWorld(bare_cloud), datetime.combine(TODAY + timedelta(days=1), time(0, 17), UTC)
    inbox, log = bare_cloud.storage.bucket(world.inbox), QueryLog(lambda: asked)

    def delivered(now: datetime = morning) -> AskedDay:
        return deliver_asked(TODAY, asked, inbox, world.stores.ledger, now)

    assert delivered().key == ""
    for text, seconds, results in (("pan", 0.2, 3), ("pna", 1.5, 0), ("leche", 0.1, 9)):
        assert log.record(AskedQuery("tienda", "caller:0f", text, seconds, results))
    for early in (datetime.now(UTC), morning.replace(minute=4, second=59)):
        with pytest.raises(DayNotOverError, match=f"{TODAY} is not over; .* at {morning:%Y-%m-%d} 00:05 UTC"):
            delivered(early)
    assert not list(inbox.objects())

    first = delivered()
    assert (first.questions, first.without_results, first.p95_seconds, first.delivered_before) == (3, 1, 1.5, False)
    content = inbox.read(first.key)
    assert content == asked_file(list(asked_on(TODAY, asked)))
    # Once while it waits there to be worked in, and once when it is gone from the inbox.
    waiting = delivered()
    INBOX_FLOW.ingest(world.announced(first.key), world.stores)
    assert world.left() == []
    assert waiting == delivered() == replace(first, delivered_before=True)
    assert world.left() == []
    assert [sum(each.rows for each in manifest.objects) for manifest in world.manifests()] == [3]


def test_the_schedule_asks_for_the_day_before() -> None:
    with dg.build_schedule_context(scheduled_execution_time=datetime(2026, 11, 28, 0, 17, tzinfo=UTC)) as context:
        request = questions_of_yesterday(context)
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == "2026-11-27"
