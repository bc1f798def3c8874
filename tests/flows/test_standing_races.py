"""Which version stands, where a run is begun, killed or overtaken between any two steps of another one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from deploy.local.instance import GraphEngine
from pipeline_assets.events.object_version import ObjectVersion
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.graph import store
from pipeline_assets.graph.load import Batch, BehindError, Load
from pipeline_assets.graph.ownership import Line
from pipeline_assets.graph.store import PurchaseGraph
from tests.flows.ticket_world import World, row, ticket_world

if TYPE_CHECKING:
    from tests.flows.conftest import RunningStack

pytestmark = pytest.mark.parametrize("cloud", [GraphEngine.EMBEDDED], indirect=True)
DAY = "2026-11-14"


@pytest.fixture
def world(cloud: RunningStack) -> Iterator[World]:
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


def finished(graph: PurchaseGraph, load: Load) -> Load:
    while not load.done:
        load = graph.finish(load)
    return load


def test_claims_of_two_versions_on_the_same_tickets_are_all_taken_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part that stood and a whole version on its way, which the newest one replaces both."""
    monkeypatch.setattr(store, "RETIRE_BATCH", 4)
    graph = world.stores().graph
    graph.ensure_schema()
    tickets = [f"T{number}" for number in range(6)]
    part = graph.write(Load(version(1)), batch(*map(line, tickets), next_row=7))
    part = graph.write(part, batch(next_row=8, broken=True))
    finished(graph, replace(part, cut="broken off"))
    graph.write(Load(version(0)), batch(*(line(ticket, 2) for ticket in tickets[:3]), next_row=4))
    newest = graph.write(Load(version(2)), batch(*(line(ticket, 3) for ticket in tickets), next_row=7))
    finished(graph, newest)
    assert quantities(graph) == dict.fromkeys(tickets, 3)
    claims = graph.driver.execute_query("MATCH (c:TicketClaim) RETURN c.owner AS owner").records
    assert [record["owner"] for record in claims] == []


def test_a_version_that_was_overtaken_on_its_way_does_not_stand_by_half(world: World) -> None:
    """Its first rows met a newer version, its last ones a redo of that version, which ends with nothing."""
    graph = world.stores().graph
    graph.ensure_schema()
    finished(graph, graph.write(Load(version(2)), batch(line("T1", 2), next_row=2)))
    older = graph.write(Load(version(1)), batch(line("T1"), next_row=2))
    redone = graph.write(Load(version(2), run=2), batch(line("T1", 2), next_row=2))
    older = graph.write(older, batch(line("T2"), next_row=3))
    with pytest.raises(BehindError, match="is in run 2 at row 1"):
        finished(graph, older)
    finished(graph, replace(redone, refused=True))
    again = graph.load(version(1))
    assert again
    finished(graph, graph.write(again, batch(line("T1"), line("T2"), next_row=3)))
    assert quantities(graph) == {"T1": 1, "T2": 1}


def test_a_revision_that_changes_no_count_names_a_place_that_dagster_has(world: World) -> None:
    world.load("a.csv", row("T1", quantity=1))
    world.load("b.csv", row("T1", quantity=2))
    world.load("a.csv", row("T2"))
    reports = world.stores().ledger.pending("tickets", limit=50)
    assert [report.receipt.report_id for report in reports if not report.receipt.partitions] == []
