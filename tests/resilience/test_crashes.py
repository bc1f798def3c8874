"""A process may die between any two lines: before or after every call that leaves it, then the event comes again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.tickets import ingest
from pipeline_assets.tickets.ingest import TICKET_FLOW
from tests.worlds.graph_picture import Picture, picture
from tests.worlds.mortality import DeadError, Fate, ledger_table, mortal_stores

if TYPE_CHECKING:
    from tests.worlds.stack import RunningStack

HEADER = ",".join(TICKETS.column_names)
OLDER = [
    "T1,Bread,B1,2026-11-14 18:00:00,Bakery,1,S1",
    "T1,Milk,B1,2026-11-14 18:00:00,Dairy,2,S1",
    "T2,Bread,B2,2026-11-15 09:00:00,Bakery,0,S1",
    "T3,Eggs,B3,2026-11-15 09:30:00,Dairy,6,S2",
    "T3,Eggs,B3,2026-11-15 09:30:00,Dairy,6,S2",
]
NEWER = ["T1,Bread,B1,2026-11-14 18:00:00,Bakery,3,S1", "T4,Salt,B4,2026-11-16 08:00:00,,1,S1"]


@dataclass
class World:
    """One empty graph, one empty ledger, one file in two versions."""

    cloud: RunningStack
    table: str
    versions: list[ObjectVersion]

    def work(self, version: ObjectVersion, fate: Fate, *, redo: bool = False) -> None:
        TICKET_FLOW.ingest(version, mortal_stores(self.cloud, self.table, fate), redo=redo)

    def state(self) -> tuple[Picture, Any]:
        ledger = Ledger(self.cloud.access.dynamodb, self.table)
        days = [f"2026-11-{day}" for day in (14, 15, 16)]
        return picture(self.cloud.graph), {
            "totals": ledger.totals("tickets"),
            "landed": ledger.account("tickets/landed", "2026-11-20"),
            "days": [ledger.account("tickets", day) for day in days],
            "pending": sorted(report.receipt.report_id for report in ledger.pending("tickets", limit=100)),
        }


@pytest.fixture
def world(cloud: RunningStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(ingest, "BATCH_ROWS", 2)
    cloud.graph.execute_query("MATCH (n) DETACH DELETE n")
    bucket, key = cloud.access.bucket("quarantine"), f"crashes/{uuid4().hex}.csv"
    versions = []
    for number, rows in enumerate((OLDER, NEWER)):
        body = "\n".join([HEADER, *rows]).encode()
        put = cloud.access.s3.put_object(Bucket=bucket, Key=key, Body=body)
        moment = f"2026-11-20T10:00:0{number}.000Z"
        versions.append(ObjectVersion(bucket, key, put["VersionId"], "", len(body), moment, f"{number}"))
    with ledger_table(cloud) as table:
        yield World(cloud, table, versions)


def test_what_an_undisturbed_world_looks_like(world: World) -> None:
    for version in world.versions:
        world.work(version, Fate())
    drawn, told = world.state()
    assert drawn["CONTAINS"] == [("T1", "Bread", 3), ("T4", "Salt", 1)]
    assert told["totals"].counts == Counts(received=7, accepted=2, quarantined=1, duplicate=1, superseded=3)
    assert [account.counts.accepted for account in told["days"]] == [1, 0, 1]
    # Of the older version it is told too that its rows are superseded.
    assert len(told["pending"]) == 3


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_death_at_any_call_changes_nothing_in_the_end(world: World, *, after: bool) -> None:
    older, newer = world.versions
    for version in (older, newer):
        world.work(version, Fate())
    expected = json.dumps(world.state(), default=str)
    calls = Fate()
    _empty(world)
    for version in (older, newer):
        world.work(version, calls)
    assert calls.calls > 20

    for at in range(1, calls.calls + 1):
        _empty(world)
        fate = Fate(at, after)
        for version in (older, newer):
            try:
                world.work(version, fate)
            except DeadError:
                world.work(version, Fate())
        assert json.dumps(world.state(), default=str) == expected, f"dead {'after' if after else 'before'} call {at}"


def test_a_death_in_a_redo_is_mended_by_the_next_one(world: World) -> None:
    older, _ = world.versions
    world.work(older, Fate())
    before, told = world.state()
    for at in range(1, 20):
        try:
            world.work(older, Fate(at), redo=True)
        except DeadError:
            world.work(older, Fate(), redo=True)
        drawn, now = world.state()
        assert drawn == before
        assert {name: now[name] for name in ("totals", "landed", "days")} == {
            name: told[name] for name in ("totals", "landed", "days")
        }


def _empty(world: World) -> None:
    world.cloud.graph.execute_query("MATCH (n) DETACH DELETE n")
    dynamodb = world.cloud.access.dynamodb
    for item in dynamodb.scan(TableName=world.table)["Items"]:
        dynamodb.delete_item(TableName=world.table, Key={"pk": item["pk"], "sk": item["sk"]})
