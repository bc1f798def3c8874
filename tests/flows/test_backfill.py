"""A backfill through the real daemon: each day is told once, nothing is stale after it, and a bad day fails alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from deploy.local.dagster_web import ask_dagster
from deploy.samples import shop_database
from pipeline_assets.definitions import defs
from pipeline_assets.lake.layout import raw_prefix
from pipeline_assets.lineage.bridge import Place
from pipeline_assets.lineage.metadata import place_state
from tests.worlds.examples import examples
from tests.worlds.frames import DATASETS, made
from tests.worlds.lake import Lake, sound, stored
from tests.worlds.stack import RunningStack
from tests.worlds.waiting import until

ASSETS = ["raw/payments", "curated/payments"]
LOADS = "lake/loads"
FIRST = date(2026, 5, 1)
DAYS = [(FIRST + timedelta(days=number)).isoformat() for number in range(examples(30))]
BAD = (FIRST + timedelta(days=len(DAYS))).isoformat()
#: Two rounds of the backfill daemon, and the work.
PATIENCE = 600.0

_LAUNCH = """mutation($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) { ... on LaunchBackfillSuccess { backfillId } }
}"""
_BACKFILL = """query($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill {
    status
    assetBackfillData { assetBackfillStatuses { ... on AssetPartitionsStatusCounts {
      assetKey { path } numPartitionsMaterialized numPartitionsFailed
    } } }
  } }
}"""
_STALE = """query($key: AssetKeyInput!, $days: [String!]!) {
  assetNodeOrError(assetKey: $key) { ... on AssetNode { staleStatusByPartition(partitions: $days) } }
}"""


@pytest.fixture
def shop(stack: RunningStack) -> None:
    """A shop of one payment a day; that of the bad day cannot be exported."""
    shop_database.make_sqlite(stack.instance.source_database, {})
    payments = DATASETS["payments"]
    rows = [
        {"payment_id": number, "updated_at": datetime.combine(date.fromisoformat(day), time(12), UTC)}
        for number, day in enumerate([*DAYS, BAD], 1)
    ]
    with closing(sqlite3.connect(stack.instance.source_database)) as database:
        shop_database.put_rows(database, payments, made(payments.columns, rows, sound))
        database.execute("UPDATE payments SET card_number = x'ff41' WHERE payment_id = ?", (len(rows),))
        database.commit()


@pytest.fixture
def instance(stack: RunningStack) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(stack.instance.dagster_home)) as opened:
        yield opened


def stale(instance: dg.DagsterInstance) -> set[tuple[str, str]]:
    """What is not fresh of the good days, by Dagster's own judgement."""
    resolver = CachingStaleStatusResolver(instance, defs.resolve_asset_graph(), LoadingContextForTest(instance))
    statuses = {
        (asset, day): resolver.get_status(dg.AssetKey.from_user_string(asset), day)
        for asset in (*ASSETS, LOADS)
        for day in DAYS
    }
    return {place for place, status in statuses.items() if status is not StaleStatus.FRESH}


def events(instance: dg.DagsterInstance, asset: str) -> list[dg.EventLogRecord]:
    found = instance.fetch_materializations(dg.AssetKey.from_user_string(asset), limit=1_000).records
    return [record for record in found if record.partition_key in {*DAYS, BAD}]


def figures(record: dg.EventLogRecord) -> frozenset[str]:
    """The names of the metadata of an event."""
    return frozenset(record.asset_materialization.metadata if record.asset_materialization else ())


def nothing_waits(lake: Lake) -> bool:
    return lake.ledger.pending_count("ecommerce") == lake.ledger.pending_count("loads") == 0


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("shop")
def test_a_backfill_tells_each_day_once_leaves_nothing_stale_and_fails_for_the_bad_day_alone(
    stack: RunningStack, instance: dg.DagsterInstance
) -> None:
    lake = Lake(stack)
    params = {"partitionNames": [*DAYS, BAD], "assetSelection": [{"path": asset.split("/")} for asset in ASSETS]}
    launched = ask_dagster(stack.instance, _LAUNCH, {"params": params})["launchPartitionBackfill"]["backfillId"]

    def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = ask_dagster(stack.instance, _BACKFILL, {"id": launched})["partitionBackfillOrError"]
        return found if found["status"] not in {"REQUESTED", "FAILING"} else None

    backfill = until(ended, PATIENCE)
    assert backfill
    assert backfill["status"] == "COMPLETED_FAILED"
    assert {
        "/".join(each["assetKey"]["path"]): (each["numPartitionsMaterialized"], each["numPartitionsFailed"])
        for each in backfill["assetBackfillData"]["assetBackfillStatuses"]
    } == dict.fromkeys(ASSETS, (len(DAYS), 1))
    until(lambda: nothing_waits(lake), PATIENCE)

    # One event a day, by the run, with the version that the ledger has.
    for asset in ASSETS:
        told = events(instance, asset)
        assert sorted(str(record.partition_key) for record in told) == DAYS, asset
        assert all(record.run_id for record in told)
        for record in told:
            event = record.asset_materialization
            assert event
            version = (event.tags or {})["dagster/data_version"]
            assert version == event.metadata["data_version"].value
            held = place_state(lake.ledger, "ecommerce", Place(asset, str(record.partition_key)))
            assert asset.startswith("curated/") or version == held.data_version
    by_run = {figures(record) for record in events(instance, "raw/payments")}
    assert len(by_run) == 1
    assert stale(instance) == set()
    answer = ask_dagster(stack.instance, _STALE, {"key": {"path": ["curated", "payments"]}, "days": DAYS})
    assert set(answer["assetNodeOrError"]["staleStatusByPartition"]) == {"FRESH"}

    # Another version of one object: what the functions make of it is told; what nobody looked at again is stale.
    (listed,) = lake.keys(lake.raw, raw_prefix("payments", DAYS[4]))
    lake.receipt(lake.put(listed, stored("payments", [{"payment_id": 5}, {"payment_id": 500}])))
    until(lambda: nothing_waits(lake), PATIENCE)
    assert stale(instance) == {(LOADS, DAYS[4])}
    bridged = events(instance, "raw/payments")[0]
    assert (bridged.run_id, bridged.partition_key) == ("", DAYS[4])
    assert {figures(bridged)} == by_run, "the run and the bridge tell the same"
