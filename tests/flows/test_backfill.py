"""A backfill from the UI, through the real daemon: each day is told once, nothing is stale, and a bad day fails alone."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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
from pipeline_assets.lineage.metadata import partition_state
from tests.worlds.frames import DATASETS, made
from tests.worlds.lake import Lake, sound, stored
from tests.worlds.stack import RunningStack
from tests.worlds.waiting import until

ASSETS = ["raw/orders", "raw/payments", "curated/orders", "curated/payments"]
LOADS = "lake/loads"
FIRST = date(2026, 5, 1)
DAYS = [(FIRST + timedelta(days=number)).isoformat() for number in range(30)]
BAD = (FIRST + timedelta(days=30)).isoformat()
#: Two rounds of the backfill daemon, and the work.
PATIENCE = 300.0

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


def put(database: sqlite3.Connection, dataset: str, rows: Sequence[Mapping[str, Any]]) -> None:
    shop_database.put_rows(database, DATASETS[dataset], made(DATASETS[dataset].columns, rows, sound))


@pytest.fixture
def shop(stack: RunningStack) -> Iterator[sqlite3.Connection]:
    """A shop of one order and its payment a day; the payment of the bad day cannot be exported."""
    shop_database.make_sqlite(stack.instance.source_database, {})
    with closing(sqlite3.connect(stack.instance.source_database)) as database:
        for number, day in enumerate([*DAYS, BAD]):
            at = {"updated_at": datetime.combine(date.fromisoformat(day), time(12), UTC)}
            put(database, "orders", [{"order_id": number, **at}])
            put(database, "payments", [{"payment_id": number, "order_id": number, **at}])
        database.execute("UPDATE payments SET card_number = x'ff41' WHERE payment_id = ?", (len(DAYS),))
        database.commit()
        yield database


@pytest.fixture
def instance(stack: RunningStack) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(stack.instance.dagster_home)) as opened:
        yield opened


def stale(instance: dg.DagsterInstance) -> set[tuple[str, str]]:
    """What is not fresh of the good days, by Dagster's own judgement."""
    resolver = CachingStaleStatusResolver(
        instance, defs.resolve_asset_graph(), LoadingContextForTest(instance)
    )
    statuses = {
        (asset, day): resolver.get_status(dg.AssetKey.from_user_string(asset), day)
        for asset in (*ASSETS, LOADS)
        for day in DAYS
    }
    return {place for place, status in statuses.items() if status is not StaleStatus.FRESH}


def events(instance: dg.DagsterInstance, asset: str) -> list[dg.EventLogRecord]:
    found = instance.fetch_materializations(dg.AssetKey.from_user_string(asset), limit=1_000).records
    return [record for record in found if record.partition_key in {*DAYS, BAD}]


def nothing_waits(lake: Lake) -> bool:
    return lake.ledger.pending_count("ecommerce") == lake.ledger.pending_count("loads") == 0


def test_a_backfill_tells_each_day_once_leaves_nothing_stale_and_fails_for_the_bad_day_alone(
    stack: RunningStack, shop: sqlite3.Connection, instance: dg.DagsterInstance
) -> None:
    lake = Lake(stack)
    assert shop.execute("SELECT count(*) FROM orders").fetchone() == (31,)
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
    } == dict.fromkeys(ASSETS, (30, 1))
    until(lambda: nothing_waits(lake), PATIENCE)

    # One event a day, by the run, with the version that the ledger has; the bad day's orders by the bridge.
    for asset in ASSETS:
        told = events(instance, asset)
        by_bridge = [] if asset.endswith("payments") else [BAD]
        assert Counter(record.partition_key for record in told) == Counter([*DAYS, *by_bridge]), asset
        assert {record.partition_key for record in told if not record.run_id} == set(by_bridge)
        for record in told:
            made_of = partition_state(lake.ledger.account(asset, str(record.partition_key)))
            assert record.asset_materialization
            tags = record.asset_materialization.tags or {}
            assert tags["dagster/data_version"] == record.asset_materialization.metadata["data_version"].value
            assert asset.startswith("curated/") or tags["dagster/data_version"] == made_of.data_version
    shapes = {frozenset(each.asset_materialization.metadata) for each in events(instance, "raw/orders")  # fmt: skip
              if each.asset_materialization}
    assert len(shapes) == 1, "the run and the bridge tell the same"
    assert stale(instance) == set()
    answer = ask_dagster(stack.instance, _STALE, {"key": {"path": ["curated", "orders"]}, "days": DAYS})
    assert set(answer["assetNodeOrError"]["staleStatusByPartition"]) == {"FRESH"}

    # Another version of one object: what the functions make of it is told; what nobody looked at again is stale.
    (listed,) = lake.keys(lake.raw, raw_prefix("orders", DAYS[4]))
    changed = lake.put(listed, stored("orders", [{"order_id": 4}, {"order_id": 400}]))
    lake.receipt(changed)
    until(lambda: nothing_waits(lake), PATIENCE)
    assert stale(instance) == {(LOADS, DAYS[4])}
