"""Days that are too large for the function: asked for once, worked out by a run, and answered with their receipts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest
from dagster._core.storage.tags import RUN_KEY_TAG

from pipeline_assets.curation.assets import CurationStoresResource
from pipeline_assets.curation.ingest import CURATION_FLOW, is_loaded, recurate_day
from pipeline_assets.curation.requests import REQUESTS, request_day, requested_days
from pipeline_assets.curation.sensors import curation_requests, run_for
from pipeline_assets.curation.stores import CurationStores
from pipeline_assets.events.dead_letters import DeadLetters
from pipeline_assets.events.flow import HandsOver
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.operations.access import Access
from pipeline_assets.operations.trace import trace_object
from pipeline_assets.storage.s3 import S3Bucket
from tests.worlds.curation import DAY, STORES, CurationWorld, Held, frame, row
from tests.worlds.spark import cloud_environment


@pytest.fixture
def world(bare_cloud: Access) -> CurationWorld:
    return CurationWorld.made(bare_cloud)


@pytest.fixture
def function(world: CurationWorld) -> CurationStores:
    """The stores of the function, for which a day of two objects is too large."""
    return replace(world.stores(), largest_day=3_000)


def put(world: CurationWorld, number: int, *, keys: int = 1) -> ObjectVersion:
    rows = [row(STORES, 10 * number + each) for each in range(keys)]
    return world.put(STORES, frame(STORES, rows), part=f"{number:04d}")


def requests(world: CurationWorld) -> list[str]:
    return [each.key for each in world.stores().curated.objects(REQUESTS)]


def test_a_day_that_is_too_large_is_asked_for_once_and_answered_with_the_receipts_of_its_events(
    world: CurationWorld, function: CurationStores
) -> None:
    first = put(world, 1)
    assert CURATION_FLOW.ingest(first, function) is not None
    late = [put(world, number) for number in (2, 3)]
    for version in [*late, *late]:
        assert CURATION_FLOW.ingest(version, function) is None
    assert requests(world) == sorted(f"{REQUESTS}stores/{DAY}/{version.id}.json" for version in late)
    assert world.account(STORES).source(late[0]) is None, "the day is left as it was"
    assert CURATION_FLOW.ingest(first, function) is not None, "what the day has is told again"

    stores = world.stores()
    assert len(recurate_day(STORES, DAY, stores)) == 3
    assert requests(world) == []
    assert world.keys_of(STORES) == [10, 20, 30]
    receipts = [receipt for version in late if (receipt := stores.ledger.receipt(version.id))]
    assert [receipt.source for receipt in receipts] == late, "with the stamps of their events"
    assert all(map(stores.ledger.is_pending, receipts)), "the bridge has to tell of them"
    for version in late:
        assert CURATION_FLOW.ingest(version, function) is not None
    assert requests(world) == []


def test_what_comes_or_is_replaced_while_a_run_is_at_the_day_stays_asked_for_until_it_has_a_receipt(
    world: CurationWorld, function: CurationStores
) -> None:
    function = replace(function, largest_day=1)
    replaced = put(world, 1, keys=40)
    assert CURATION_FLOW.ingest(replaced, function) is None
    newer = put(world, 1, keys=41)
    late: list[ObjectVersion] = []

    def arrive() -> None:
        if not late:
            late.append(put(world, 100))
            assert CURATION_FLOW.ingest(late[0], function) is None

    recurate_day(STORES, DAY, world.stores(before_ledger=("transact_write_items", arrive)))
    stores = world.stores()
    assert requests(world) == [f"{REQUESTS}stores/{DAY}/{late[0].id}.json"]
    old = stores.ledger.receipt(replaced.id)
    assert old is not None
    assert (old.counts.received, old.counts.superseded) == (40, 40)
    assert stores.ledger.receipt(newer.id) is not None
    recurate_day(STORES, DAY, stores)
    assert requests(world) == []
    assert world.day(STORES).height == 42


def test_what_a_run_answers_while_the_function_looks_at_the_day_is_not_asked_for_again(
    world: CurationWorld, function: CurationStores
) -> None:
    version, answered = put(world, 1, keys=40), list[Receipt]()

    def answer() -> None:
        if not answered:
            answered.extend(recurate_day(STORES, DAY, world.stores()))

    # It has found no day yet, and lists what the day is made of.
    held: Any = Held(world.access.s3, "get_paginator", answer)
    slow = replace(function, raw=S3Bucket(held, world.raw), largest_day=1)
    receipt = CURATION_FLOW.ingest(version, slow)
    assert receipt is not None
    assert [receipt.id] == [each.id for each in answered]
    assert requests(world) == []
    assert CURATION_FLOW.ingest(version, slow, redo=True) is None
    assert len(requests(world)) == 1, "a person who asks for it anew gets it anew"


def test_a_trace_of_what_was_handed_over_names_its_request(world: CurationWorld, function: CurationStores) -> None:
    assert isinstance(CURATION_FLOW, HandsOver), "so the command asks it"
    sqs, name = world.access.sqs, uuid4().hex
    letters = DeadLetters(sqs, *(sqs.create_queue(QueueName=f"{name}-{each}")["QueueUrl"] for each in ("raw", "dead")))

    def verdict(version: ObjectVersion) -> str:
        stores = world.stores()
        asked = CURATION_FLOW.requests(version.key, stores)
        return trace_object(CURATION_FLOW.name, (world.raw, version.key), stores, letters, requests=asked).verdict

    handed_over = put(world, 1, keys=40)
    assert CURATION_FLOW.ingest(handed_over, replace(function, largest_day=1)) is None
    (request,) = requests(world)
    assert verdict(handed_over).endswith(f"a run in Dagster, which s3://{world.curated}/{request} asks for.")
    assert verdict(put(world, 2)).endswith("is in the bucket, but no event announces it: put it again.")
    recurate_day(STORES, DAY, world.stores())
    assert "is through since" in verdict(handed_over)


def test_a_request_whose_objects_are_gone_is_answered_too(world: CurationWorld, function: CurationStores) -> None:
    gone = put(world, 1, keys=40)
    assert CURATION_FLOW.ingest(gone, replace(function, largest_day=1)) is None
    world.access.s3.delete_object(Bucket=world.raw, Key=gone.key)
    stores = world.stores()
    assert is_loaded(STORES, DAY, stores)
    assert recurate_day(STORES, DAY, stores) == []
    assert stores.ledger.receipt(gone.id) is not None
    assert requests(world) == []
    assert not is_loaded(STORES, DAY, stores)


def test_the_sensor_starts_one_run_for_the_requests_of_a_day_and_another_when_they_stay(
    world: CurationWorld, function: CurationStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        CURATION_FLOW.ingest(put(world, number, keys=40), function)
    for name, value in cloud_environment(world.access).items():
        monkeypatch.setenv(name, value)
    resource = CurationStoresResource(
        raw_bucket=world.raw,
        curated_bucket=world.curated,
        quarantine_bucket=world.quarantine,
        ledger_table=world.ledger,
    )
    with dg.DagsterInstance.ephemeral() as instance:

        def ticked() -> list[dg.RunRequest]:
            context = dg.build_sensor_context(instance, resources={"curation_stores": resource})
            result = curation_requests(context)
            return list(result.run_requests or []) if isinstance(result, dg.SensorResult) else []

        (asked,) = ticked()
        (again,) = ticked()
        assert again.run_key == asked.run_key
        assert (asked.partition_key, asked.asset_selection) == (DAY, [dg.AssetKey(["curated", "stores"])])
        (day,) = requested_days(world.stores())
        hour_later = run_for(day, datetime.now(UTC) + timedelta(hours=1, minutes=1))
        assert hour_later.run_key != asked.run_key
        nothing = dg.Definitions(jobs=[_nothing]).resolve_job_def("_nothing")
        at_it = instance.create_run_for_job(nothing, tags=dict(asked.tags))
        assert ticked() == []
        instance.delete_run(at_it.run_id)
        ended = dg.DagsterRunStatus.FAILURE
        instance.create_run_for_job(nothing, tags={RUN_KEY_TAG: str(asked.run_key)}, status=ended)
        assert ticked() == [], "it failed, and takes no place of others before an hour is over"
        request_day("stores", "1999-01-01", put(world, 3), world.stores())
        assert ticked() == [], "what is no partition stands in nobody's way"
        recurate_day(STORES, DAY, world.stores())
        assert [key for key in requests(world) if DAY in key] == []


@dg.job
def _nothing() -> None:
    """A job without steps."""
