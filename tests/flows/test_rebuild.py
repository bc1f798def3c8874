"""The graph is built anew from the bucket and is the same: whatever happened to it, to the ledger or to the rebuild."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from deploy.local.outputs import environment_contract
from pipeline_assets.errors import TransientError
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.graph import emptying
from pipeline_assets.graph.store import PurchaseGraph
from pipeline_assets.tickets import ingest
from pipeline_assets.tickets.catch_up import catch_up
from pipeline_assets.tickets.ingest import TICKET_FLOW
from pipeline_assets.tickets.rebuild import ObjectsGoneError
from tests.worlds.examples import examples, seeds
from tests.worlds.tickets import TicketWorld, random_history, random_rows, row, ticket_world

if TYPE_CHECKING:
    from tests.worlds.stack import RunningStack


@pytest.fixture
def world(cloud: RunningStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[TicketWorld]:
    monkeypatch.setattr(ingest, "BATCH_ROWS", 3)
    monkeypatch.setattr(emptying, "BATCH", 4)
    with ticket_world(cloud) as one:
        yield one


@pytest.mark.parametrize("seed", seeds(5))
def test_a_rebuilt_graph_says_the_same(world: TicketWorld, seed: int) -> None:
    random_history(world, random.Random(seed))
    before = world.picture()
    done = world.rebuild()
    assert world.picture() == before
    assert (done.objects, done.refused >= 1, done.same, done.missing) == (12, True, True, ())
    assert done.before == done.after
    totals = world.stores().ledger.totals("tickets")
    assert totals.objects == 12
    assert totals.counts == done.counts


@pytest.mark.parametrize("seed", seeds(5))
def test_a_lost_ledger_and_a_lost_graph_come_back_from_the_bucket_alone(world: TicketWorld, seed: int) -> None:
    random_history(world, random.Random(100 + seed))
    before = world.picture()
    world.forget()
    done = world.rebuild()
    assert world.picture() == before
    assert done.same is None
    assert world.stores().ledger.totals("tickets").objects == 12
    assert catch_up(world.stores()).restored == ()


def test_what_does_not_belong_into_the_graph_goes(world: TicketWorld) -> None:
    world.load("a.csv", row("T1"), row("T2", "Milk", category="Dairy"))
    before = world.picture()
    driver = world.cloud.graph
    driver.execute_query("CREATE (:Ticket {ticket_id: 'alien'})-[:SOLD_AT]->(:Store {name: 'nowhere'})")
    driver.execute_query("CREATE (:RetiredTicket {key: 'T1', ticket_id: 'T1', owner: '9999/9/9/000001'})")
    driver.execute_query("MATCH (:Ticket {ticket_id: 'T1'})-[r:CONTAINS]->() DELETE r")
    driver.execute_query("MATCH (p:Product {name: 'Milk'}) CREATE (p)-[:IN_CATEGORY]->(:Category {name: 'Toys'})")
    assert world.picture() != before
    done = world.rebuild()
    assert world.picture() == before
    assert world.retired() == set()
    assert done.same is False


def test_a_rule_that_was_mended_counts_in_graph_and_ledger(world: TicketWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.load("a.csv", row("T1"), row("T2", quantity=5_000))
    monkeypatch.setattr("pipeline_assets.tickets.rows.LARGEST_QUANTITY", 1_000)
    done = world.rebuild()
    assert world.picture()["Ticket"] == [("T1",)]
    assert done.counts.quarantined == 1
    assert world.stores().ledger.totals("tickets").counts == done.counts


def test_tickets_of_deleted_objects_stop_a_rebuild_that_is_not_forced(world: TicketWorld) -> None:
    kept, gone = world.load("kept.csv", row("T1")), world.load("gone.csv", row("T2"), row("T3"))
    world.delete(gone)
    before = world.picture()
    with pytest.raises(ObjectsGoneError) as error:
        world.rebuild()
    assert error.value.tickets == {gone.uri: 2}
    assert world.picture() == before
    done = world.rebuild(force=True)
    assert world.picture()["Ticket"] == [("T1",)]
    assert done.missing == (gone.uri,)
    assert [receipt.source.uri for receipt in catch_up(world.stores()).missing] == [gone.uri]
    assert kept.uri not in done.missing


def test_what_an_expired_version_said_is_not_needed(world: TicketWorld) -> None:
    world.load("late.csv", row("T1"))
    expired = world.load("moved.csv", row("T1", quantity=7), row("T2"))
    assert world.picture()["CONTAINS"] == [("T1", "Bread", 7), ("T2", "Bread", 1)]
    world.load("moved.csv", row("T2"))
    before = world.picture()
    assert before["CONTAINS"] == [("T1", "Bread", 1), ("T2", "Bread", 1)]
    world.delete(expired)
    world.rebuild()
    assert world.picture() == before


def test_files_that_arrive_meanwhile_are_neither_lost_nor_doubled(world: TicketWorld) -> None:
    dice = random.Random(3)
    for number in range(6):
        world.load(f"{number}.csv", *random_rows(dice))
    late = [world.put(f"{dice.randint(0, 9)}.csv", *random_rows(dice)) for _ in range(12)]
    again = dice.choices(world.versions, k=6)

    def deliver(version: ObjectVersion, *, redo: bool) -> None:
        while True:
            try:
                TICKET_FLOW.ingest(version, world.stores(), redo=redo)
            except TransientError:
                continue
            return

    with ThreadPoolExecutor(3) as workers:
        rebuilding = workers.submit(world.rebuild)
        work: list[Future[Any]] = [workers.submit(deliver, version, redo=False) for version in late]
        work += [workers.submit(deliver, version, redo=True) for version in again]
        for finished in [rebuilding, *work]:
            finished.result(timeout=120)
    raced = world.picture()
    done = world.rebuild()
    assert (world.picture(), done.same) == (raced, True)
    world.forget()
    for version in world.versions:
        TICKET_FLOW.ingest(version, world.stores())
    assert world.picture() == raced


def cesta(world: TicketWorld, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    contract = environment_contract(world.cloud.instance, world.cloud.outputs)
    environment = {**os.environ, **contract, "TICKETS_BUCKET": world.bucket, "LEDGER_TABLE": world.table}
    command = [sys.executable, "-m", "deploy.cli.main", "rebuild", "graph", "--from-env", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, input=said)


def test_the_command_asks_rebuilds_and_compares(world: TicketWorld) -> None:
    world.load("a.csv", row("T1"), row("T2"))
    runs = {receipt.id: receipt.run for receipt in world.stores().ledger.receipts("tickets")}
    declined = cesta(world, said="n\n")
    assert (declined.returncode, "taken out of the graph: 2 tickets" in declined.stdout) == (1, True)
    assert {receipt.id: receipt.run for receipt in world.stores().ledger.receipts("tickets")} == runs
    done = cesta(world, said="y\n")
    assert (done.returncode, "says exactly what it said before" in done.stdout) == (0, True), done.stderr


def test_the_command_names_the_files_whose_tickets_would_be_lost(world: TicketWorld) -> None:
    world.delete(world.load("gone.csv", row("T1")))
    refused = cesta(world, "--yes")
    assert (refused.returncode, f"s3://{world.bucket}/gone.csv" in refused.stderr) == (1, True)
    assert world.picture()["Ticket"] == [("T1",)]
    forced = cesta(world, "--yes", "--force")
    assert (forced.returncode, "lost, since no longer in the bucket" in forced.stdout) == (0, True), forced.stderr
    assert world.picture()["Ticket"] == []


class DeadError(BaseException):
    """The rebuild was killed here."""


class MortalGraph(PurchaseGraph):
    """A graph whose n-th write transaction is the last thing its process does, before or after the commit."""

    def __init__(self, inner: PurchaseGraph, at: int, *, after: bool) -> None:
        super().__init__(inner.driver)
        self.calls, self.at, self.after = 0, at, after

    def in_turn(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        if self.calls == self.at and not self.after:
            raise DeadError
        result = super().in_turn(*args, **kwargs)
        if self.calls == self.at:
            raise DeadError
        return result


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_rebuild_that_dies_anywhere_is_mended_by_the_next_or_by_a_catch_up(
    world: TicketWorld, subtests: pytest.Subtests, *, after: bool
) -> None:
    world.load("a.csv", row("T1"), row("T2"), row("T3"), row("T4"))
    world.load("a.csv", row("T1", quantity=2), row("T2"), row("T5"))
    world.load("b.csv", row("T5", "Milk", category="Dairy"), row("T6"))
    world.load("late.csv", row("T3"))
    before = world.picture()
    for at in range((2 if after else 1) + 3 * seeds(3)[0], 100, 9 // examples(3)):
        graph = MortalGraph(PurchaseGraph(world.cloud.graph), at, after=after)
        try:
            world.rebuild(graph=graph)
        except DeadError:
            pass
        else:
            break
        with subtests.test(f"{'after' if after else 'before'} write {at}"):
            if at % 2:
                catch_up(world.stores())
            else:
                assert world.rebuild().missing == ()
            assert world.picture() == before
        # Each rebuild is one more run: from the first one again, so that there is an end of the writes to die at.
        world.forget()
        for version in world.versions:
            TICKET_FLOW.ingest(version, world.stores())
    assert at > 20
