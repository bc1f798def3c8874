"""A process may die between any two lines: before or after every call that leaves it, then the event comes again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.object_version import ObjectVersion
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.graph.store import PurchaseGraph
from pipeline_assets.tickets import ingest
from pipeline_assets.tickets.ingest import ingest_object
from pipeline_assets.tickets.quarantine import Quarantine
from pipeline_assets.tickets.stores import TicketStores
from tests.flows.graph_picture import Picture, picture

if TYPE_CHECKING:
    from tests.flows.conftest import RunningStack

HEADER = ",".join(TICKETS.column_names)
OLDER = [
    "T1,Bread,B1,2026-11-14 18:00:00,Bakery,1,S1",
    "T1,Milk,B1,2026-11-14 18:00:00,Dairy,2,S1",
    "T2,Bread,B2,2026-11-15 09:00:00,Bakery,0,S1",
    "T3,Eggs,B3,2026-11-15 09:30:00,Dairy,6,S2",
    "T3,Eggs,B3,2026-11-15 09:30:00,Dairy,6,S2",
]
NEWER = ["T1,Bread,B1,2026-11-14 18:00:00,Bakery,3,S1", "T4,Salt,B4,2026-11-16 08:00:00,,1,S1"]


class DeadError(BaseException):
    """The process was killed here."""


@dataclass
class Fate:
    """Kills the process at the n-th call that leaves it, counted from 1, before or after the call; 0 never."""

    at: int = 0
    after: bool = False
    calls: int = 0

    def call(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        if self.calls == self.at and not self.after:
            raise DeadError
        result = function(*args, **kwargs)
        if self.calls == self.at:
            raise DeadError
        return result


@dataclass
class Mortal:
    """A client or a store whose calls may be the last of the process."""

    inner: Any
    fate: Fate = field(repr=False)
    watched: tuple[str, ...]

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.inner, name)
        if name not in self.watched:
            return value
        return lambda *args, **kwargs: self.fate.call(value, *args, **kwargs)


@dataclass
class World:
    """One empty graph, one empty ledger, one file in two versions."""

    cloud: RunningStack
    table: str
    versions: list[ObjectVersion]

    def work(self, version: ObjectVersion, fate: Fate, *, redo: bool = False) -> None:
        dynamodb = Mortal(
            self.cloud.access.dynamodb, fate, ("batch_write_item", "transact_write_items", "update_item", "get_item")
        )
        s3 = Mortal(self.cloud.access.s3, fate, ("get_object", "put_object"))
        graph = Mortal(PurchaseGraph(self.cloud.graph), fate, ("load", "write", "finish"))
        quarantine = Quarantine(s3, self.cloud.access.bucket("quarantine"))  # type: ignore[arg-type]
        stores = TicketStores(s3, Ledger(dynamodb, self.table), graph, quarantine)  # type: ignore[arg-type]
        ingest_object(version, stores, redo=redo)

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
    table = f"crashes-{uuid4().hex}"
    cloud.access.dynamodb.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    bucket, key = cloud.access.bucket("quarantine"), f"crashes/{table}.csv"
    versions = []
    for number, rows in enumerate((OLDER, NEWER)):
        body = "\n".join([HEADER, *rows]).encode()
        put = cloud.access.s3.put_object(Bucket=bucket, Key=key, Body=body)
        moment = f"2026-11-20T10:00:0{number}.000Z"
        versions.append(ObjectVersion(bucket, key, put["VersionId"], "", len(body), moment, f"{number}"))
    yield World(cloud, table, versions)
    cloud.access.dynamodb.delete_table(TableName=table)


def test_what_an_undisturbed_world_looks_like(world: World) -> None:
    for version in world.versions:
        world.work(version, Fate())
    drawn, told = world.state()
    assert drawn["CONTAINS"] == [("T1", "Bread", 3), ("T4", "Salt", 1)]
    assert told["totals"].counts == Counts(received=7, accepted=5, quarantined=1, duplicate=1)
    assert [account.counts.accepted for account in told["days"]] == [1, 0, 1]
    assert len(told["pending"]) == 2


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
