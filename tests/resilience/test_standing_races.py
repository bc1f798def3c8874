"""Which version stands, where a run is begun, killed or overtaken between any two steps of another one."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs

from pipeline_assets.errors import TimeBudgetReachedError
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.rejection import Rejection
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.graph import store
from pipeline_assets.graph.ingestion import Batch, BehindError, Ingestion
from pipeline_assets.graph.ownership import Line
from pipeline_assets.graph.store import PurchaseGraph
from pipeline_assets.tickets import rows
from pipeline_assets.tickets.catch_up import catch_up
from pipeline_assets.tickets.ingest import TICKET_FLOW
from pipeline_assets.tickets.leaving import with_lines_that_leave
from pipeline_assets.tickets.stores import TicketStores
from tests.worlds.ledger_accounts import source_ids
from tests.worlds.mortality import DeadError
from tests.worlds.tickets import HEADER, TicketWorld, row, ticket_world

if TYPE_CHECKING:
    from tests.worlds.stack import RunningStack

pytestmark = pytest.mark.any_engine
DAY = "2026-11-14"


@pytest.fixture
def world(cloud: RunningStack) -> Iterator[TicketWorld]:
    with ticket_world(cloud) as made:
        yield made


def version(number: int) -> ObjectVersion:
    return ObjectVersion("b", "a.csv", f"v{number}", "", 1, f"2026-11-20T10:00:{number:02d}.000Z", "1")


def line(ticket: str, quantity: int = 1) -> Line:
    moment = f"{DAY}T18:00:00.000Z"
    return Line(ticket, "Bread", f"B-{ticket}", moment, "Bakery", quantity, "S1", DAY, hash((ticket, quantity)) >> 1)


def batch(*lines: Line, next_row: int, broken: bool = False) -> Batch:
    rejected = {DAY: Counts(received=1, quarantined=1)} if broken else {}
    return Batch(lines, next_row, rejected, 0, 0)


def quantities(graph: PurchaseGraph) -> dict[str, int]:
    query = "MATCH (t:Ticket)-[c:CONTAINS]->() RETURN t.ticket_id AS ticket, c.quantity AS quantity"
    return {record["ticket"]: record["quantity"] for record in graph.driver.execute_query(query).records}


def finished(graph: PurchaseGraph, load: Ingestion) -> Ingestion:
    while not load.done:
        load = graph.finish(load)
    return load


def test_claims_of_two_versions_on_the_same_tickets_are_all_taken_back(
    world: TicketWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part that stood and a whole version on its way, which the newest one replaces both."""
    monkeypatch.setattr(store, "RETIRE_BATCH", 4)
    graph = world.stores().graph
    graph.ensure_schema()
    tickets = [f"T{number}" for number in range(6)]
    part = graph.write(Ingestion(version(1)), batch(*map(line, tickets), next_row=7))
    part = graph.write(part, batch(next_row=8, broken=True))
    finished(graph, replace(part, cut="broken off"))
    graph.write(Ingestion(version(0)), batch(*(line(ticket, 2) for ticket in tickets[:3]), next_row=4))
    newest = graph.write(Ingestion(version(2)), batch(*(line(ticket, 3) for ticket in tickets), next_row=7))
    finished(graph, newest)
    assert quantities(graph) == dict.fromkeys(tickets, 3)
    claims = graph.driver.execute_query("MATCH (c:TicketClaim) RETURN c.owner AS owner").records
    assert [record["owner"] for record in claims] == []


def test_a_catch_up_finds_a_part_that_stands_again_though_its_receipt_says_refused(
    world: TicketWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = world.load("a.csv", row("T1", quantity=1))
    part = put_cut(world, "a.csv", row("T1", quantity=5))
    TICKET_FLOW.ingest(part, world.stores())
    monkeypatch.setattr(rows, "SMALLEST_QUANTITY", 2)
    with pytest.raises(DeadError):
        TICKET_FLOW.ingest(whole, watched(world, part, 2, die), redo=True)
    catch_up(world.stores())
    receipt = world.stores().ledger.receipt(part.id)
    assert receipt
    assert (receipt.counts, receipt.refused) == (Counts(received=2, accepted=1, quarantined=1), "")


def test_a_later_run_tells_whom_a_run_touched_that_died(world: TicketWorld) -> None:
    earlier, later = world.load("a.csv", row("T1", quantity=1)), world.put("b.csv", row("T1", quantity=2))
    with pytest.raises(DeadError):
        TICKET_FLOW.ingest(later, watched(world, earlier, 1, die))
    TICKET_FLOW.ingest(later, world.stores(), redo=True)
    receipt = world.stores().ledger.receipt(earlier.id)
    assert receipt
    assert receipt.counts == Counts(received=1, superseded=1)


def test_deliveries_are_counted_also_once_another_object_has_changed_the_counts(world: TicketWorld) -> None:
    earlier = world.load("a.csv", row("T1", quantity=1))
    world.load("b.csv", row("T1", quantity=2))
    TICKET_FLOW.ingest(earlier, world.stores())
    assert world.stores().ledger.deliveries(earlier.id) == 2


@pytest.mark.parametrize("ticket", ["N\u00f1", "Nn\u0303", "\udcff"], ids=["composed", "decomposed", "no UTF-8"])
def test_what_leaves_with_a_rejected_row_is_told_however_its_ticket_is_spelt(world: TicketWorld, ticket: str) -> None:
    graph = world.stores().graph
    world.load("a.csv", row("N\u00f1"))
    load = Ingestion(world.put("a.csv", row("N\u00f1")))
    (told,) = with_lines_that_leave(
        graph, load, ["ticket_id"], [Rejection(1, "quantity", "rule", "said", (ticket,), DAY)]
    )
    assert ("before, the file had 'Bread' x 1" in told.reason) == (ticket != "\udcff")


def test_a_version_that_was_overtaken_on_its_way_does_not_stand_by_half(world: TicketWorld) -> None:
    """Its first rows met a newer version, its last ones a redo of that version, which ends with nothing."""
    graph = world.stores().graph
    graph.ensure_schema()
    finished(graph, graph.write(Ingestion(version(2)), batch(line("T1", 2), next_row=2)))
    older = graph.write(Ingestion(version(1)), batch(line("T1"), next_row=2))
    redone = graph.write(Ingestion(version(2), run=2), batch(line("T1", 2), next_row=2))
    older = graph.write(older, batch(line("T2"), next_row=3))
    with pytest.raises(BehindError, match="is in run 2 at row 1"):
        finished(graph, older)
    finished(graph, replace(redone, refused=True))
    again = graph.ingestion(version(1))
    assert again
    finished(graph, graph.write(again, batch(line("T1"), line("T2"), next_row=3)))
    assert quantities(graph) == {"T1": 1, "T2": 1}


class Watched:
    """A ledger that does something once, right before it records the receipt of a version's run."""

    def __init__(self, inner: Ledger, source: ObjectVersion, run: int, before: Callable[[], object]) -> None:
        self.inner = inner
        self.of = source.id, run
        self.before: Callable[[], object] | None = before

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def record(self, receipt: Receipt, *, report: bool = True, delivery: bool = True) -> str:
        if (receipt.id, receipt.run) == self.of and self.before:
            before, self.before = self.before, None
            before()
        return self.inner.record(receipt, report=report, delivery=delivery)


def watched(world: TicketWorld, source: ObjectVersion, run: int, before: Callable[[], object]) -> TicketStores:
    stores = world.stores()
    return replace(stores, ledger=Watched(stores.ledger, source, run, before))  # type: ignore[arg-type]


def put_cut(world: TicketWorld, key: str, *rows: str) -> ObjectVersion:
    whole = world.put(key, *rows)
    body = gzip.compress("\n".join([HEADER, *rows, ""]).encode())[:-8]
    put = world.cloud.access.s3.put_object(Bucket=world.bucket, Key=key, Body=body)
    return structs.replace(whole, version_id=put["VersionId"], etag="", size=len(body))


def die() -> None:
    raise DeadError


def accounted(world: TicketWorld) -> tuple[Counts, set[str]]:
    ledger = world.stores().ledger
    return ledger.account("tickets", DAY).counts, set(source_ids(ledger, "tickets", DAY))


def test_the_account_of_a_day_stays_with_the_whole_version_that_came_between_graph_and_receipt_of_a_cut_one(
    world: TicketWorld,
) -> None:
    older = world.put("a.csv", row("T1"), row("T2"))
    cut = put_cut(world, "a.csv", row("T1"))
    TICKET_FLOW.ingest(cut, watched(world, cut, 1, lambda: TICKET_FLOW.ingest(older, world.stores())))
    assert quantities(world.stores().graph) == {"T1": 1, "T2": 1}
    assert accounted(world) == (Counts(received=2, accepted=2), {older.id})


@pytest.fixture
def refused_again(world: TicketWorld, monkeypatch: pytest.MonkeyPatch) -> tuple[ObjectVersion, ObjectVersion]:
    """An older version, and a newer one of which today's rules reject every row."""
    older, newer = world.put("a.csv", row("T1", quantity=5)), world.put("a.csv", row("T1", quantity=1))
    TICKET_FLOW.ingest(newer, world.stores())
    monkeypatch.setattr(rows, "SMALLEST_QUANTITY", 2)
    return older, newer


@pytest.mark.parametrize("redo", [False, True], ids=["delivered again", "replayed again"])
def test_what_stands_again_gets_its_receipt_also_where_the_worker_died_before_it(
    world: TicketWorld, refused_again: tuple[ObjectVersion, ObjectVersion], *, redo: bool
) -> None:
    older, newer = refused_again
    TICKET_FLOW.ingest(older, world.stores())
    with pytest.raises(DeadError):
        TICKET_FLOW.ingest(newer, watched(world, older, 2, die), redo=True)
    TICKET_FLOW.ingest(newer, world.stores(), redo=redo)
    check_older_stands(world, older)


def test_what_is_begun_again_before_its_first_receipt_is_worked_in(
    world: TicketWorld, refused_again: tuple[ObjectVersion, ObjectVersion]
) -> None:
    older, newer = refused_again
    redone = watched(world, older, 1, lambda: TICKET_FLOW.ingest(newer, world.stores(), redo=True))
    TICKET_FLOW.ingest(older, redone)
    check_older_stands(world, older)


def check_older_stands(world: TicketWorld, older: ObjectVersion) -> None:
    stores = world.stores()
    assert quantities(stores.graph) == {"T1": 5}
    receipt = stores.ledger.receipt(older.id)
    assert receipt
    assert receipt.counts == Counts(received=1, accepted=1)
    assert stores.ledger.totals("tickets").counts == Counts(received=2, accepted=1, quarantined=1)
    assert accounted(world) == (Counts(received=1, accepted=1), {older.id})


def test_a_revision_that_changes_no_count_names_a_place_that_dagster_has(world: TicketWorld) -> None:
    world.load("a.csv", row("T1", quantity=1))
    world.load("b.csv", row("T1", quantity=2))
    world.load("a.csv", row("T2"))
    reports = world.stores().ledger.pending("tickets", limit=50)
    assert [report.receipt.report_id for report in reports if not report.receipt.partitions] == []


def test_a_file_that_takes_over_lines_of_many_tells_them_bit_by_bit(world: TicketWorld) -> None:
    """A time budget that suffices for one of them at a time, and no one is told twice."""
    others = [world.load(f"{number}.csv", row(f"T{number}")) for number in range(6)]
    whole = world.put("all.csv", *(row(f"T{number}", quantity=9) for number in range(6)))
    attempts = 0
    while not world.stores().ledger.receipt(whole.id):
        attempts += 1
        looks = chain([99.0] * 4, repeat(0.0))
        with suppress(TimeBudgetReachedError):
            TICKET_FLOW.ingest(whole, world.stores(), seconds_left=looks.__next__)
        assert attempts < 20
    assert attempts > 2
    ledger = world.stores().ledger
    receipts = [ledger.receipt(other.id) for other in others]
    assert [receipt and receipt.counts for receipt in receipts] == [Counts(received=1, superseded=1)] * 6
    assert ledger.totals("tickets").counts == Counts(received=12, accepted=6, superseded=6)
    told = [report.receipt for report in ledger.pending("tickets", limit=100)]
    assert sorted(each.id for each in told if each.revision) == sorted(other.id for other in others)
