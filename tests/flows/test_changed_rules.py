"""Rules are mended while files wait: graph, ledger and quarantine say the same afterwards, whoever works again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, repeat
from typing import TYPE_CHECKING

import pytest

from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.errors import TimeBudgetReachedError
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.tickets import ingest, rows
from pipeline_assets.tickets.catch_up import catch_up
from pipeline_assets.tickets.ingest import TICKET_FLOW, TicketFlow
from tests.worlds.ledger_accounts import source_ids
from tests.worlds.mortality import DeadError
from tests.worlds.tickets import TicketWorld, row, ticket_world

if TYPE_CHECKING:
    from pipeline_assets.events.receipt import Receipt
    from pipeline_assets.events.sources import ObjectVersion
    from tests.worlds.stack import RunningStack

DAY = "2026-11-14"


@pytest.fixture
def world(cloud: RunningStack) -> Iterator[TicketWorld]:
    with ticket_world(cloud) as one:
        yield one


def agreed(world: TicketWorld, version: ObjectVersion) -> Receipt:
    """The receipt of a version, whose run and counts the graph and the quarantine share."""
    stores = world.stores()
    receipt, load = stores.ledger.receipt(version.id), stores.graph.ingestion(version)
    assert receipt
    assert load
    assert (load.run, load.done) == (receipt.run, True)
    rejected = list(stores.quarantine.documents(receipt))
    assert len(rejected) == (1 if receipt.refused and receipt.counts.received > 1 else receipt.counts.quarantined)
    return receipt


def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "LARGEST_QUANTITY", 1_000)


def test_a_run_is_never_numbered_below_an_earlier_one(world: TicketWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    version = world.load("a.csv", row("T1"), row("T2", quantity=5_000))
    TICKET_FLOW.ingest(version, world.stores(), redo=True)
    world.cloud.graph.execute_query("MATCH (n) DETACH DELETE n")
    catch_up(world.stores())
    small(monkeypatch)
    world.rebuild()
    assert agreed(world, version).counts == Counts(received=2, accepted=1, quarantined=1)
    assert world.stores().ledger.account("tickets", DAY).counts.accepted == 1


def test_a_redo_that_died_before_its_receipt_is_told_by_a_catch_up(
    world: TicketWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = world.load("a.csv", row("T1"), row("T2", quantity=5_000))
    small(monkeypatch)

    def die(*_: object) -> None:
        raise DeadError

    with monkeypatch.context() as dying:
        dying.setattr(TicketFlow, "receipt", die)
        with pytest.raises(DeadError):
            TICKET_FLOW.ingest(version, world.stores(), redo=True)
    assert [receipt.id for receipt in catch_up(world.stores()).restored] == [version.id]
    assert agreed(world, version).counts == Counts(received=2, accepted=1, quarantined=1)
    assert catch_up(world.stores()).restored == ()


def test_a_version_that_is_rejected_whole_by_now_leaves_its_key_to_the_one_before(
    world: TicketWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = world.load("a.csv", row("T1"), row("T2"))
    newer = world.load("a.csv", row("T3", quantity=5_000))
    small(monkeypatch)
    TICKET_FLOW.ingest(newer, world.stores(), redo=True)
    assert world.picture()["Ticket"] == [("T1",), ("T2",)]
    assert agreed(world, older).counts == Counts(received=2, accepted=2)
    assert source_ids(world.stores().ledger, "tickets", DAY) == (older.id,)
    before = world.picture()
    assert world.rebuild().same is True
    assert world.picture() == before


@pytest.mark.parametrize("rebuilt", [False, True], ids=["redone", "rebuilt"])
def test_a_file_that_is_refused_by_now_leaves_nothing_and_comes_back(
    world: TicketWorld, monkeypatch: pytest.MonkeyPatch, *, rebuilt: bool
) -> None:
    version = world.load("a.csv", row("T1"), row("T2"))
    before = world.picture()
    with monkeypatch.context() as stricter:
        columns = (*TICKETS.columns, replace(TICKETS.columns[0], name="till"))
        stricter.setattr(TicketFlow, "dataset", replace(TICKETS, columns=columns))
        if rebuilt:
            assert world.rebuild().missing == ()
        else:
            TICKET_FLOW.ingest(version, world.stores(), redo=True)
        assert world.picture()["Ticket"] == []
        assert "lacks the column till" in agreed(world, version).refused
        assert world.stores().ledger.totals("tickets").counts == Counts(received=2, quarantined=2)
    TICKET_FLOW.ingest(version, world.stores(), redo=True)
    assert world.picture() == before
    assert agreed(world, version).counts == Counts(received=2, accepted=2)


def test_where_the_version_before_is_gone_the_one_before_that_stands(
    world: TicketWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    oldest = world.load("a.csv", row("T1"))
    gone = world.load("a.csv", row("T2"))
    newest = world.load("a.csv", row("T3", quantity=5_000))
    world.delete(gone)
    small(monkeypatch)
    TICKET_FLOW.ingest(newest, world.stores(), redo=True)
    assert world.picture()["Ticket"] == [("T1",)]
    assert agreed(world, oldest).counts == Counts(received=1, accepted=1)
    assert source_ids(world.stores().ledger, "tickets", DAY) == (oldest.id,)


def test_a_version_that_went_away_while_it_was_read_leaves_its_key_to_the_one_before(
    world: TicketWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.load("a.csv", row("T1"), row("T2"))
    newer = world.put("a.csv", *(row(f"T{number}") for number in range(3, 9)))
    before = world.picture()
    monkeypatch.setattr(ingest, "BATCH_ROWS", 2)
    while world.picture() == before:
        looks = chain([99.0] * 4, repeat(0.0))
        with pytest.raises(TimeBudgetReachedError):
            TICKET_FLOW.ingest(newer, world.stores(), seconds_left=looks.__next__)
    world.delete(newer)
    receipt = TICKET_FLOW.ingest(newer, world.stores())
    assert "no longer in the bucket" in receipt.refused
    assert receipt.counts.accepted == 0
    assert receipt.counts.conserved
    assert world.picture() == before


def test_what_leaves_with_a_row_that_a_later_run_rejects_is_told_with_it(
    world: TicketWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = world.load("a.csv", row("T1"), row("T2", quantity=5_000))
    small(monkeypatch)
    receipt = TICKET_FLOW.ingest(version, world.stores(), redo=True)
    (document,) = world.stores().quarantine.documents(receipt)
    assert "before, the file had 'Bread' x 5000 of this ticket" in document["reason"]
