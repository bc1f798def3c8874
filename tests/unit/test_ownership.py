"""Who owns a ticket: the graph depends on the set of object versions alone, never on order or repetition.

A graph of plain dictionaries takes the place of the store and applies what `settle` decides; the oracle works the
answer out from the versions at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from pipeline_assets.events.outcomes import Counts
from pipeline_assets.graph.ownership import Content, Held, Line, settle


def line(
    ticket: str, product: str = "Bread", quantity: int = 1, fingerprint: int = 1, category: str = "Bakery"
) -> Line:
    return Line(
        ticket, product, f"B-{ticket}", "2026-11-19T18:00:00.000Z", category, quantity, "S1", "2026-11-19", fingerprint
    )


@dataclass(frozen=True)
class Version:
    key: str
    stamp: int
    lines: tuple[Line, ...]

    @property
    def owner(self) -> str:
        return f"{self.stamp:04d}/0001"


@dataclass
class DictGraph:
    held: dict[str, Held] = field(default_factory=dict)
    begun: dict[str, set[int]] = field(default_factory=dict)

    def put(self, version: Version, rows: tuple[Line, ...]) -> Counts:
        begun = self.begun.setdefault(version.key, set())
        outdated = any(stamp > version.stamp for stamp in begun)
        settlement = settle(rows, self.held, version.owner, outdated=outdated)
        for ticket, (_, after) in settlement.put.items():
            self.held[ticket] = Held(version.owner, after)
        for ticket in settlement.retire:
            self.held[ticket] = Held(version.owner, None)
        begun.add(version.stamp)
        return sum(settlement.days.values(), Counts())

    def finish(self, version: Version) -> None:
        earlier = {f"{stamp:04d}/0001" for stamp in self.begun.get(version.key, ()) if stamp < version.stamp}
        self.begun.setdefault(version.key, set()).add(version.stamp)
        for ticket, known in self.held.items():
            if known.owner in earlier:
                self.held[ticket] = Held(known.owner, None)

    def visible(self) -> dict[str, Content]:
        return {ticket: known.content for ticket, known in self.held.items() if known.content}


def oracle(versions: list[Version]) -> dict[str, Content]:
    newest = {key: max(v.stamp for v in versions if v.key == key) for key in {v.key for v in versions}}
    expected: dict[str, Content] = {}
    for ticket in {row.ticket_id for version in versions for row in version.lines}:
        owner = max((v for v in versions if any(row.ticket_id == ticket for row in v.lines)), key=lambda v: v.stamp)
        if owner.stamp == newest[owner.key]:
            content = Content()
            for row in owner.lines:
                if row.ticket_id == ticket:
                    content.add(row)
            expected[ticket] = content
    return expected


rows = st.builds(
    line,
    ticket=st.sampled_from(["T1", "T2", "T3"]),
    product=st.sampled_from(["Bread", "Milk"]),
    quantity=st.integers(1, 3),
    fingerprint=st.integers(1, 4),
    category=st.sampled_from(["Bakery", "Dairy", ""]),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Version]:
    stamps = draw(st.lists(st.integers(1, 999), min_size=1, max_size=6, unique=True))
    return [
        Version(draw(st.sampled_from(["a.csv", "b.csv"])), stamp, tuple(draw(st.lists(rows, max_size=5))))
        for stamp in stamps
    ]


@given(histories(), st.data())
def test_any_order_and_repetition_of_versions_gives_the_graph_of_the_oracle(
    versions: list[Version], data: st.DataObject
) -> None:
    deliveries = data.draw(st.permutations(versions + data.draw(st.lists(st.sampled_from(versions), max_size=4))))
    graph = DictGraph()
    for version in deliveries:
        graph.put(version, version.lines)
        graph.finish(version)
    assert graph.visible() == oracle(versions)


@given(histories(), st.data())
def test_batches_of_all_versions_may_interleave(versions: list[Version], data: st.DataObject) -> None:
    graph = DictGraph()
    waiting = {version: list(version.lines) for version in versions}
    while waiting:
        version = data.draw(st.sampled_from(sorted(waiting, key=lambda v: v.stamp)))
        batch, rest = waiting[version][:2], waiting[version][2:]
        graph.put(version, tuple(batch))
        if rest:
            waiting[version] = rest
        else:
            graph.finish(version)
            del waiting[version]
    assert graph.visible() == oracle(versions)


@given(histories())
def test_every_row_has_exactly_one_outcome(versions: list[Version]) -> None:
    graph = DictGraph()
    for version in versions:
        counts = graph.put(version, version.lines)
        assert counts.conserved
        assert counts.received == len(version.lines)


def test_the_same_row_is_a_duplicate_and_another_quantity_adds_up() -> None:
    settlement = settle(
        [
            line("T1", quantity=2, fingerprint=1),
            line("T1", quantity=2, fingerprint=1),
            line("T1", quantity=3, fingerprint=2),
        ],
        {},
        "0001/0001",
        outdated=False,
    )
    assert settlement.days["2026-11-19"] == Counts(received=3, accepted=2, duplicate=1)
    _, after = settlement.put["T1"]
    assert after.lines["Bread"].quantity == 5


def test_the_last_category_given_counts_and_an_empty_one_does_not_erase_it() -> None:
    settlement = settle(
        [
            line("T1", fingerprint=1, category="Dairy"),
            line("T1", fingerprint=2),
            line("T1", fingerprint=3, category=""),
        ],
        {},
        "0001/0001",
        outdated=False,
    )
    assert settlement.put["T1"][1].lines["Bread"].category == "Bakery"
