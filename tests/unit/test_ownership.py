"""Who owns a line of a ticket: the graph depends on the standing versions alone, never on order or repetition.

A graph of plain dictionaries takes the place of the store and applies what `settle` and `withdraw` decide; the oracle
works the answer out from the versions at once.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_assets.events.outcomes import Counts
from pipeline_assets.graph.ownership import (
    Claim,
    Claims,
    Content,
    Line,
    Settlement,
    TicketKey,
    content,
    owner_of,
    settle,
    withdraw,
)

DAY = "2026-11-19"


def line(
    ticket: str,
    product: str = "Bread",
    quantity: int = 1,
    fingerprint: int = 1,
    category: str = "Bakery",
    store: str = "S1",
    basket: str = "B1",
    day: str = DAY,
) -> Line:
    return Line(ticket, product, basket, f"{day}T18:00:00.000Z", category, quantity, store, day, fingerprint)


@dataclass(frozen=True)
class Version:
    key: str
    number: int
    lines: tuple[Line, ...]

    @property
    def stamp(self) -> str:
        return f"{self.number:04d}"


@dataclass
class DictGraph:
    held: dict[TicketKey, Claims] = field(default_factory=dict)
    done: dict[str, Version] = field(default_factory=dict)
    #: Accepted and superseded rows of each version, by its stamp.
    counts: dict[str, Counts] = field(default_factory=dict)

    def put(self, version: Version, rows: tuple[Line, ...]) -> None:
        newest = self.done.get(version.key)
        outdated = newest is not None and newest.number > version.number
        settlement = settle(rows, self.held, version.stamp, 1, outdated=outdated)
        came = sum(settlement.days.values(), Counts())
        assert came.conserved
        assert came.received == len(rows)
        self.counts[version.stamp] = self.counts.get(version.stamp, Counts()) + came
        self._apply(settlement)

    def finish(self, version: Version) -> None:
        newest = self.done.get(version.key)
        loser = version if newest and newest.number > version.number else newest
        if not newest or newest.number < version.number:
            self.done[version.key] = version
        if loser and loser is not self.done[version.key]:
            owner = owner_of(loser.stamp, 1)
            self._apply(withdraw(self.held, {owner}))
            counts = self.counts[loser.stamp]
            self.counts[loser.stamp] += Counts(accepted=-counts.accepted, superseded=counts.accepted)

    def _apply(self, settlement: Settlement) -> None:
        for ticket, change in settlement.changes.items():
            self.held[ticket] = change.after
        for owner, rows in settlement.moved.items():
            number = sum(rows.values())
            self.counts[owner.partition("/")[0]] += Counts(accepted=-number, superseded=number)

    def visible(self) -> dict[TicketKey, Content]:
        return {ticket: content(claims) for ticket, claims in self.held.items() if claims}


def oracle(versions: list[Version]) -> tuple[dict[TicketKey, Content], dict[str, Counter[str]]]:
    """The graph, and how many rows of each version stand and are superseded, the repeated ones left out."""
    standing = [max((v for v in versions if v.key == key), key=lambda v: v.number) for key in {v.key for v in versions}]
    claims: dict[TicketKey, dict[str, Claim]] = {}
    for version in sorted(standing, key=lambda v: v.number):
        for row in version.lines:
            key = TicketKey(row.store, row.ticket_id, row.basket_id, row.day)
            claims.setdefault(key, {}).setdefault(version.stamp, Claim()).add(row)
    expected: dict[TicketKey, Content] = {}
    outcomes: dict[str, Counter[str]] = {version.stamp: Counter() for version in versions}
    for ticket, of_ticket in claims.items():
        lines = {}
        for stamp in sorted(of_ticket):
            lines.update({product: (stamp, said) for product, said in of_ticket[stamp].lines.items()})
        heard = {stamp for stamp, _ in lines.values()}
        expected[ticket] = Content(min(of_ticket[stamp].timestamp for stamp in heard), lines)
        for stamp, claim in of_ticket.items():
            for product, said in claim.lines.items():
                outcome = "accepted" if lines[product][0] == stamp else "superseded"
                outcomes[stamp][outcome] += len(said.fingerprints)
    return expected, outcomes


rows = st.builds(
    line,
    ticket=st.sampled_from(["T1", "T2", "T3"]),
    product=st.sampled_from(["Bread", "Milk"]),
    quantity=st.integers(1, 3),
    fingerprint=st.integers(1, 4),
    category=st.sampled_from(["Bakery", "Dairy", ""]),
    store=st.sampled_from(["S1", "S1", "S2"]),
    basket=st.sampled_from(["B1", "B1", "B2"]),
    day=st.sampled_from([DAY, DAY, "2026-11-20"]),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Version]:
    numbers = draw(st.lists(st.integers(1, 999), min_size=1, max_size=6, unique=True))
    return [
        Version(draw(st.sampled_from(["a.csv", "b.csv", "c.csv"])), number, tuple(draw(st.lists(rows, max_size=5))))
        for number in numbers
    ]


def check(graph: DictGraph, versions: list[Version]) -> None:
    expected, outcomes = oracle(versions)
    assert graph.visible() == expected
    for version in versions:
        counts = graph.counts.get(version.stamp, Counts())
        assert counts.conserved
        assert counts.accepted == outcomes[version.stamp]["accepted"]


@given(histories(), st.data())
def test_any_order_of_versions_gives_graph_and_counts_of_the_oracle(
    versions: list[Version], data: st.DataObject
) -> None:
    graph = DictGraph()
    for version in data.draw(st.permutations(versions)):
        graph.put(version, version.lines)
        graph.finish(version)
    check(graph, versions)


@given(histories(), st.data())
def test_batches_of_all_versions_may_interleave(versions: list[Version], data: st.DataObject) -> None:
    graph = DictGraph()
    waiting = {version: list(version.lines) for version in versions}
    while waiting:
        version = data.draw(st.sampled_from(sorted(waiting, key=lambda v: v.number)))
        batch, rest = waiting[version][:2], waiting[version][2:]
        graph.put(version, tuple(batch))
        if rest:
            waiting[version] = rest
        else:
            graph.finish(version)
            del waiting[version]
    check(graph, versions)


def settled(*lines: Line, held: dict[TicketKey, Claims] | None = None, stamp: str = "0001") -> Settlement:
    return settle(lines, held or {}, stamp, 1, outdated=False)


def test_the_same_row_is_a_duplicate_and_another_quantity_adds_up() -> None:
    settlement = settled(
        line("T1", quantity=2, fingerprint=1),
        line("T1", quantity=2, fingerprint=1),
        line("T1", quantity=3, fingerprint=2),
    )
    assert settlement.days[DAY] == Counts(received=3, accepted=2, duplicate=1)
    (change,) = settlement.changes.values()
    assert content(change.after).lines["Bread"][1].quantity == 5


def test_the_last_category_given_counts_and_an_empty_one_does_not_erase_it() -> None:
    settlement = settled(
        line("T1", fingerprint=1, category="Dairy"), line("T1", fingerprint=2), line("T1", fingerprint=3, category="")
    )
    (change,) = settlement.changes.values()
    assert content(change.after).lines["Bread"][1].category == "Bakery"


@pytest.mark.parametrize(
    "other",
    [line("T1", "Rice", store="S2"), line("T1", "Rice", basket="B2"), line("T1", "Rice", day="2026-10-01")],
    ids=["another store", "another basket", "another day"],
)
def test_a_number_that_is_another_purchase_is_another_ticket(other: Line) -> None:
    settlement = settled(line("T1"), other)
    assert [list(content(change.after).lines) for change in settlement.changes.values()] == [["Bread"], ["Rice"]]
    baskets = {ticket.basket for ticket in settlement.changes}
    assert len(baskets) == 2


def test_a_later_object_takes_over_the_line_and_the_earlier_row_is_superseded() -> None:
    first = settled(line("T1", "Milk", quantity=2), line("T1", "Rice"))
    held = {ticket: change.after for ticket, change in first.changes.items()}
    second = settled(line("T1", "Milk", quantity=5), held=held, stamp="0002")
    assert second.days[DAY] == Counts(received=1, accepted=1)
    assert second.moved == {"0001/000001": Counter({DAY: 1})}
    (change,) = second.changes.values()
    standing = content(change.after)
    assert {product: said.quantity for product, (_, said) in standing.lines.items()} == {"Milk": 5, "Rice": 1}
    taken_back = withdraw(dict.fromkeys(second.changes, change.after), {"0002/000001"})
    assert taken_back.moved == {"0001/000001": Counter({DAY: -1})}
    (change,) = taken_back.changes.values()
    assert content(change.after).lines["Milk"][1].quantity == 2


@given(st.tuples(*[st.text(min_size=1, alphabet=st.sampled_from("ab/%2Fñ ")) for _ in range(3)]))
def test_keys_of_different_purchases_differ_whatever_is_in_their_parts(parts: tuple[str, str, str]) -> None:
    key = TicketKey(*parts, DAY)
    assert TicketKey.read(key.text) == key
    moved = TicketKey(parts[0] + "/" + parts[1], parts[2], "x", DAY)
    assert moved.text != key.text
