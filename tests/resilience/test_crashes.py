"""A process may die between any two lines: before or after every call that leaves it, then the event comes again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from deploy.local.instance import GraphEngine
from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.tickets import ingest
from pipeline_assets.tickets.ingest import TICKET_FLOW
from tests.worlds.examples import some
from tests.worlds.graph_picture import Picture, picture
from tests.worlds.mortality import DeadError, Fate, mortal_stores
from tests.worlds.stores import ledger_table

if TYPE_CHECKING:
    from tests.worlds.stack import RunningStack

pytestmark = pytest.mark.every_engine
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
class TwoVersions:
    """One file in two versions, a graph, and a ledger."""

    cloud: RunningStack
    table: str
    versions: list[ObjectVersion]

    @contextmanager
    def empty(self) -> Iterator[TwoVersions]:
        """The same versions with nothing in the graph and another ledger."""
        self.cloud.graph.execute_query("MATCH (n) DETACH DELETE n")
        with ledger_table(self.cloud.access.dynamodb) as table:
            yield replace(self, table=table)

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
def world(cloud: RunningStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[TwoVersions]:
    monkeypatch.setattr(ingest, "BATCH_ROWS", 2)
    bucket, key = cloud.access.bucket("quarantine"), f"crashes/{uuid4().hex}.csv"
    versions = []
    for number, rows in enumerate((OLDER, NEWER)):
        body = "\n".join([HEADER, *rows]).encode()
        put = cloud.access.s3.put_object(Bucket=bucket, Key=key, Body=body)
        moment = f"2026-11-20T10:00:0{number}.000Z"
        versions.append(ObjectVersion(bucket, key, put["VersionId"], "", len(body), moment, f"{number}"))
    with TwoVersions(cloud, "", versions).empty() as world:
        yield world


def test_what_an_undisturbed_world_looks_like(world: TwoVersions) -> None:
    for version in world.versions:
        world.work(version, Fate())
    drawn, told = world.state()
    assert drawn["CONTAINS"] == [("T1", "Bread", 3), ("T4", "Salt", 1)]
    assert told["totals"].counts == Counts(received=7, accepted=2, quarantined=1, duplicate=1, superseded=3)
    assert [account.counts.accepted for account in told["days"]] == [1, 0, 1]
    # Of the older version it is told too that its rows are superseded.
    assert len(told["pending"]) == 3


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_death_at_any_call_changes_nothing_in_the_end(
    world: TwoVersions, subtests: pytest.Subtests, *, after: bool
) -> None:
    calls: list[tuple[int, str]] = []
    for number, version in enumerate(world.versions):
        undisturbed = Fate()
        world.work(version, undisturbed)
        calls += [(number, name) for name in undisturbed.made]
    expected = json.dumps(world.state(), default=str)
    assert len(calls) > 20

    for at, (number, name) in _chosen(world, calls):
        with (
            subtests.test(f"{'after' if after else 'before'} call {at}, {name} of version {number}"),
            world.empty() as again,
        ):
            fate = Fate(at, after)
            for version in again.versions:
                try:
                    again.work(version, fate)
                except DeadError:
                    again.work(version, Fate())
            assert fate.calls >= at
            assert json.dumps(again.state(), default=str) == expected


def _chosen(world: TwoVersions, calls: list[tuple[int, str]]) -> list[tuple[int, tuple[int, str]]]:
    """Some calls with their numbers on Neo4j, all of them with `--slow`; the first of each kind on the embedded one."""
    numbered = list(enumerate(calls, 1))
    if world.cloud.instance.graph_engine is GraphEngine.NEO4J:
        return some(numbered)
    return [(at, call) for at, call in numbered if calls.index(call) == at - 1]


def test_a_death_in_a_redo_is_mended_by_the_next_one(world: TwoVersions, subtests: pytest.Subtests) -> None:
    older, _ = world.versions
    world.work(older, Fate())
    before, told = world.state()
    for at in range(1, 20):
        with subtests.test(f"before call {at}"):
            try:
                world.work(older, Fate(at), redo=True)
            except DeadError:
                world.work(older, Fate(), redo=True)
            drawn, now = world.state()
            assert drawn == before
            assert {name: now[name] for name in ("totals", "landed", "days")} == {
                name: told[name] for name in ("totals", "landed", "days")
            }
