"""The bridge's plan: whatever crashes, a receipt is stored once for each place it names, then no longer waits."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from pipeline_assets.events.ledger import PendingReport
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.lineage.bridge import (
    DAYS_LEFT_OUT,
    NO_ASSET,
    LeftOut,
    PartitionEvent,
    Place,
    Rejection,
    Shown,
    Standing,
    assets_named,
    plan,
)
from pipeline_assets.lineage.metadata import (
    LISTED,
    Conservation,
    State,
    data_version,
    sources_table,
    state_figures,
    work_figures,
)
from tests.worlds.examples import examples

LANDED, SOLD, GRAPH = "tickets/landed", "tickets", "purchase_graph"
TEN_ROWS = Counts(received=10, accepted=7, quarantined=1, duplicate=1, superseded=1)
#: Days 1 to 9 exist, two are before the first, day 10 is about to begin, and nothing else is known.
DAYS = {f"2026-03-0{day}" for day in range(1, 10)}
EARLIER_DAYS = {"2026-02-27", "2026-02-28"}
EARLY_DAY = "2026-03-10"


def standing(place: Place) -> Standing:
    if place.asset == GRAPH:
        return Standing.UNKNOWN if place.partition else Standing.KNOWN
    if place.asset not in {LANDED, SOLD}:
        return Standing.UNKNOWN
    if place.partition == EARLY_DAY:
        return Standing.EARLY
    if place.partition in EARLIER_DAYS:
        return Standing.LEFT_OUT
    return Standing.KNOWN if place.partition in DAYS else Standing.UNKNOWN


def a_report(
    number: int,
    *places: tuple[str, str],
    counts: Counts = TEN_ROWS,
    run: int = 1,
    refused: str = "",
) -> PendingReport:
    source = ObjectVersion(
        "inbox", f"{number:05}.csv", f"v{number}", f"e{number}", 100, "2026-03-01T00:00:00.000Z", "0"
    )
    recorded_at = f"2026-03-01T10:{number // 60 % 60:02}:{number % 60:02}.000Z"
    parts = tuple(PartitionCounts(asset, partition, counts) for asset, partition in places)
    receipt = Receipt("tickets", source, run, counts, parts, 100, 0.5, "1.0", recorded_at, refused=refused)
    return PendingReport(f"{recorded_at}#{receipt.report_id}", receipt)


def a_ticket_file(number: int, day: int = 1) -> PendingReport:
    date = f"2026-03-0{day}"
    return a_report(number, (LANDED, date), (SOLD, date), (GRAPH, ""))


@dataclass
class Dagster:
    """A Dagster that stores one event after the other and may die between any two of them."""

    events: list[PartitionEvent] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def shown(self) -> set[Shown]:
        stored = {Shown(event.place, report) for event in self.events for report in event.report_ids}
        stored |= {Shown(Place(DAYS_LEFT_OUT, ""), each.report_id) for each in self.left_out}
        return stored | {Shown(rejection.place, rejection.report_id) for rejection in self.rejections}


def tick(
    waiting: list[PendingReport], dagster: Dagster, *, stores: int | None = None, clears: int | None = None
) -> None:
    """One tick that dies after clearing `clears` reports or after storing `stores` events; None lets it live."""
    decided = plan(waiting, dagster.shown(), standing, max_events=4, receipts_per_event=3)
    for report in decided.seen[:clears]:
        waiting.remove(report)
    if clears is not None and clears < len(decided.seen):
        return
    # The rejections of a tick are one observation and the days left out another, stored before the materializations.
    if stores is None or stores > 0:
        dagster.rejections += decided.rejections
    if stores is None or stores > 1:
        dagster.left_out += decided.left_out
    dagster.events += decided.events[: None if stores is None else max(stores - 2, 0)]


def test_a_receipt_is_told_once_for_each_place_and_cleared_when_all_are_seen() -> None:
    report = a_ticket_file(1)
    first = plan([report], set(), standing)
    assert [(str(event.place), event.report_ids) for event in first.events] == [
        ("tickets/landed [2026-03-01]", [report.receipt.report_id]),
        ("tickets [2026-03-01]", [report.receipt.report_id]),
        ("purchase_graph", [report.receipt.report_id]),
    ]
    assert first.seen == ()
    two_seen = {Shown(event.place, report.receipt.report_id) for event in first.events[:2]}
    second = plan([report], two_seen, standing)
    assert [event.place for event in second.events] == [Place(GRAPH, "")]
    assert second.seen == ()
    third = plan([report], two_seen | {Shown(Place(GRAPH, ""), report.receipt.report_id)}, standing)
    assert (third.seen, third.events) == ((report,), ())


def test_receipts_of_one_partition_become_one_event_with_their_sums() -> None:
    refused = a_report(3, (LANDED, "2026-03-01"), counts=Counts(), refused="no header")
    decided = plan([a_ticket_file(1), a_ticket_file(2), refused], set(), standing)
    landed, sold, graph = decided.events
    assert landed.counts == Counts(20, 14, 2, 2, 2)
    assert (landed.size, landed.seconds, landed.refused, len(landed.sources)) == (300, 1.5, 1, 3)
    assert landed.oldest == "2026-03-01T10:00:01.000Z"
    assert landed.code_versions == ["1.0"] * 3
    assert (len(sold.report_ids), len(graph.report_ids)) == (2, 2)


def test_a_later_run_of_the_same_object_is_a_report_of_its_own() -> None:
    first, second = a_report(1, (GRAPH, "")), a_report(1, (GRAPH, ""), run=2)
    shown = {Shown(Place(GRAPH, ""), first.receipt.report_id)}
    decided = plan([first, second], shown, standing)
    assert decided.seen == (first,)
    assert decided.events[0].report_ids == [second.receipt.report_id]


def test_a_report_that_waits_twice_is_told_once() -> None:
    report = a_report(1, (GRAPH, ""))
    twin = replace(report, key="later#" + report.receipt.report_id)
    assert [event.report_ids for event in plan([report, twin], set(), standing).events] == [[report.receipt.report_id]]
    shown = {Shown(Place(GRAPH, ""), report.receipt.report_id)}
    assert plan([report, twin], shown, standing).seen == (report, twin)


def test_one_partition_named_twice_by_a_receipt_is_summed() -> None:
    decided = plan([a_report(1, (LANDED, "2026-03-01"), (LANDED, "2026-03-01"))], set(), standing)
    assert [event.counts for event in decided.events] == [TEN_ROWS + TEN_ROWS]


def test_more_receipts_than_one_event_may_name_become_several_events() -> None:
    reports = [a_report(number, (GRAPH, "")) for number in range(7)]
    decided = plan(reports, set(), standing, receipts_per_event=3)
    assert [len(event.report_ids) for event in decided.events] == [3, 3, 1]
    assert decided.left == 0


def test_what_does_not_fit_into_a_tick_is_left_and_the_oldest_goes_first() -> None:
    reports = [a_report(number, (SOLD, f"2026-03-0{number}")) for number in range(1, 6)]
    decided = plan(reports, set(), standing, max_events=2)
    assert [event.place.partition for event in decided.events] == ["2026-03-01", "2026-03-02"]
    assert decided.left == 3


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(("tickets/misspelt", "2026-03-01"), id="unknown asset"),
        pytest.param((LANDED, "yesterday"), id="not a day"),
        pytest.param((LANDED, ""), id="no partition on a partitioned asset"),
        pytest.param((GRAPH, "2026-03-01"), id="a partition on an asset without"),
    ],
)
def test_what_dagster_does_not_have_is_rejected_once_and_the_rest_of_the_receipt_is_told(
    place: tuple[str, str],
) -> None:
    report = a_report(1, (LANDED, "2026-03-02"), place)
    decided = plan([report], set(), standing)
    assert [event.place for event in decided.events] == [Place(LANDED, "2026-03-02")]
    assert decided.rejections == (Rejection(Place(*place), report.receipt.report_id, "s3://inbox/00001.csv"),)
    told = {Shown(Place(LANDED, "2026-03-02"), report.receipt.report_id)}
    again = plan([report], told, standing)
    assert (again.seen, len(again.rejections)) == ((), 1)
    told.add(Shown(Place(*place), report.receipt.report_id))
    assert plan([report], told, standing).seen == (report,)


def test_days_before_the_first_are_told_of_once_for_each_receipt_and_keep_nothing_waiting() -> None:
    report = a_report(1, (LANDED, "2026-03-02"), (SOLD, "2026-02-28"), (SOLD, "2026-02-27"), (SOLD, "2026-03-01"))
    first = plan([report], set(), standing)
    assert [str(event.place) for event in first.events] == ["tickets/landed [2026-03-02]", "tickets [2026-03-01]"]
    told = LeftOut(report.receipt.report_id, "s3://inbox/00001.csv", "2026-02-27", "2026-02-28", 2)
    assert (first.left_out, first.rejections, first.left, first.seen) == ((told,), (), 0, ())
    shown = {Shown(event.place, report.receipt.report_id) for event in first.events}
    again = plan([report], shown, standing)
    assert (again.left_out, again.events, again.seen) == ((told,), (), ())
    shown.add(Shown(Place(DAYS_LEFT_OUT, ""), report.receipt.report_id))
    last = plan([report], shown, standing)
    assert (last.left_out, last.events, last.seen) == ((), (), (report,))


def test_a_receipt_that_names_nothing_is_rejected_rather_than_lost() -> None:
    decided = plan([a_report(1)], set(), standing)
    assert [rejection.place for rejection in decided.rejections] == [Place(NO_ASSET, "")]


def test_a_day_that_has_not_begun_here_waits() -> None:
    report = a_report(1, (LANDED, EARLY_DAY))
    decided = plan([report], set(), standing)
    assert (decided.seen, decided.events, decided.rejections, decided.left) == ((), (), (), 1)


def test_a_place_waits_until_what_it_is_made_of_is_shown() -> None:
    report = a_report(1, (SOLD, "2026-03-01"), (LANDED, "2026-03-01"))

    def made_of(place: Place) -> list[Place]:
        return [Place(LANDED, place.partition)] if place.asset == SOLD else []

    first = plan([report], set(), standing, made_of=made_of)
    assert ([event.place.asset for event in first.events], first.left, first.seen) == ([LANDED], 1, ())
    shown = {Shown(Place(LANDED, "2026-03-01"), report.receipt.report_id)}
    second = plan([report], shown, standing, made_of=made_of)
    assert ([event.place.asset for event in second.events], second.left) == ([SOLD], 0)


def test_a_dynamic_partition_is_requested_once_and_told_of_when_it_is_there() -> None:
    reports = [a_report(number, (SOLD, f"tenant-{number % 2}"), (LANDED, "2026-03-01")) for number in range(4)]
    there: set[str] = set()

    def dynamic(place: Place) -> Standing:
        if place.asset == SOLD and place.partition not in there:
            return Standing.NEW
        return Standing.KNOWN

    first = plan(reports, set(), dynamic)
    assert [event.place for event in first.events] == [Place(LANDED, "2026-03-01")]
    assert first.new == (Place(SOLD, "tenant-0"), Place(SOLD, "tenant-1"))
    assert (first.rejections, first.left, first.seen) == ((), 4, ())
    there.update(["tenant-0", "tenant-1"])
    shown = {Shown(Place(LANDED, "2026-03-01"), report.receipt.report_id) for report in reports}
    second = plan(reports, shown, dynamic)
    assert {event.place.partition: len(event.report_ids) for event in second.events} == {"tenant-0": 2, "tenant-1": 2}
    assert (second.new, second.left) == ((), 0)


def test_an_event_says_whether_its_place_accounts_for_what_arrived() -> None:
    report = a_report(1, (LANDED, "2026-03-01"), (SOLD, "2026-03-01"))
    landed, sold = report.receipt.partitions
    parts = (replace(landed, of_arrival=True), sold)
    decided = plan([replace(report, receipt=replace(report.receipt, partitions=parts))], set(), standing)
    assert {event.place.asset: event.as_received for event in decided.events} == {LANDED: True, SOLD: False}


def test_nothing_waiting_is_nothing_to_do() -> None:
    decided = plan([], set(), standing)
    assert (decided.seen, decided.events, decided.rejections, decided.left) == ((), (), (), 0)
    assert assets_named([]) == []


KNOWN_PLACES = [(LANDED, day) for day in sorted(DAYS)] + [(SOLD, day) for day in sorted(DAYS)] + [(GRAPH, "")]
FOREIGN_PLACES = [("elsewhere", "2026-03-01"), (SOLD, "not a day")]
LEFT_OUT_PLACES = [(SOLD, day) for day in sorted(EARLIER_DAYS)]
ROWS = st.integers(0, 50)
SOME_COUNTS = st.builds(lambda a, q, d, s: Counts(a + q + d + s, a, q, d, s), ROWS, ROWS, ROWS, ROWS)
SOME_REPORTS = st.lists(
    st.tuples(
        st.lists(st.sampled_from(KNOWN_PLACES + FOREIGN_PLACES + LEFT_OUT_PLACES), max_size=4, unique=True),
        SOME_COUNTS,
        st.integers(1, 2),
    ),
    max_size=14,
).map(
    lambda drawn: [
        a_report(number, *places, counts=counts, run=run) for number, (places, counts, run) in enumerate(drawn)
    ]
)
#: How far each tick gets before the daemon dies: events stored, reports cleared; None is the whole way.
CRASHES = st.lists(st.tuples(st.none() | st.integers(0, 5), st.none() | st.integers(0, 3)), max_size=12)


@given(reports=SOME_REPORTS, crashes=CRASHES, arrivals=st.lists(st.integers(0, 5), max_size=6))
@settings(max_examples=examples(300), deadline=None)
def test_whatever_crashes_each_receipt_is_stored_exactly_once(
    reports: list[PendingReport], crashes: list[tuple[int | None, int | None]], arrivals: list[int]
) -> None:
    dagster, waiting, coming = Dagster(), [], list(reports)
    for arriving, (stores, clears) in zip(arrivals + [0] * len(crashes), crashes, strict=False):
        waiting += [coming.pop(0) for _ in range(min(arriving, len(coming)))]
        tick(waiting, dagster, stores=stores, clears=clears)
    waiting += coming
    for _ in range(3 * len(reports) + 2):
        tick(waiting, dagster)

    assert waiting == []
    stored = Counter((event.place, report_id) for event in dagster.events for report_id in event.report_ids)
    expected = {
        (Place(part.asset, part.partition), report.receipt.report_id)
        for report in reports
        for part in report.receipt.partitions
        if (part.asset, part.partition) in KNOWN_PLACES
    }
    assert stored == Counter(dict.fromkeys(expected, 1))
    left_out = Counter(each.report_id for each in dagster.left_out)
    assert left_out == Counter(
        report.receipt.report_id
        for report in reports
        if any((part.asset, part.partition) in LEFT_OUT_PLACES for part in report.receipt.partitions)
    )
    rejected = Counter((rejection.place, rejection.report_id) for rejection in dagster.rejections)
    assert set(rejected.values()) <= {1}
    assert len(rejected) == sum(
        max(1 - len(report.receipt.partitions), 0)
        + sum((part.asset, part.partition) in FOREIGN_PLACES for part in report.receipt.partitions)
        for report in reports
    )


@given(reports=SOME_REPORTS, max_events=st.integers(1, 6), receipts_per_event=st.integers(1, 5))
@settings(max_examples=examples(200), deadline=None)
def test_a_tick_keeps_its_bounds_and_loses_no_row(
    reports: list[PendingReport], max_events: int, receipts_per_event: int
) -> None:
    decided = plan(reports, set(), standing, max_events=max_events, receipts_per_event=receipts_per_event)
    assert len(decided.events) <= max_events
    assert all(1 <= len(event.report_ids) <= receipts_per_event for event in decided.events)
    assert all(event.counts.conserved for event in decided.events)
    by_id = {report.receipt.report_id: report.receipt for report in reports}
    for event in decided.events:
        parts = [
            part.counts
            for report_id in event.report_ids
            for part in by_id[report_id].partitions
            if Place(part.asset, part.partition) == event.place
        ]
        assert sum(parts, Counts()) == event.counts
    told = sum(len(event.report_ids) for event in decided.events) + len(decided.rejections) + len(decided.left_out)
    assert told + decided.left == sum(_things_to_tell(report) for report in reports)


def _things_to_tell(report: PendingReport) -> int:
    """The places that a report names, all days left out being one."""
    places = [(part.asset, part.partition) for part in report.receipt.partitions]
    apart = [place for place in places if place in LEFT_OUT_PLACES]
    return max(len(places) - len(apart) + bool(apart), 1)


def test_conservation_can_fail_and_says_the_numbers() -> None:
    whole, broken = TEN_ROWS, replace(TEN_ROWS, accepted=6)
    assert not Conservation({"2026-03-01": whole}).broken
    found = Conservation({"2026-03-01": whole, "2026-03-02": broken})
    assert found.broken == {"2026-03-02": broken}
    assert "2026-03-02: 10 received but 6 accepted + 1 quarantined + 1 duplicate + 1 superseded = 9" in found.sentence
    assert found.table.splitlines()[2] == "| 2026-03-02 | 10 | 6 | 1 | 1 | 1 |"


def test_tables_stay_short_and_whole_whatever_a_key_holds() -> None:
    versions = [
        structs.replace(a_ticket_file(number).receipt.version, key="a|b\nc.csv") for number in range(LISTED + 5)
    ]
    lines = sources_table(versions).splitlines()
    assert len(lines) == LISTED + 3
    assert lines[2].startswith(r"| s3://inbox/a\|b c.csv |")
    assert lines[-1] == "| and 5 more | | | |"
    accounts = {str(number): TEN_ROWS for number in range(LISTED + 1)}
    assert Conservation(accounts).table.splitlines()[-1] == "| and 1 more | | | | | |"


def test_what_an_event_did_and_what_a_partition_holds_have_names_of_their_own() -> None:
    state = State(Counts(100, 90, 5, 3, 2), 4, "0123456789abcdef")
    did = work_figures(TEN_ROWS, size=5, seconds=0.25, objects=1, refused=0)
    assert did["rows_received"] == 10
    assert state_figures("2026-03-01", state, as_received=True)["dagster/partition_row_count"] == 100
    assert state_figures("2026-03-01", state)["dagster/partition_row_count"] == 90
    assert "dagster/row_count" not in state_figures("", state)
    assert not did.keys() & state_figures("2026-03-01", state).keys()


def test_the_data_version_depends_on_the_objects_and_not_on_their_order() -> None:
    ids = ["r1", "r2", "r3"]
    assert data_version(ids) == data_version(ids[::-1]) != data_version(ids[:2])


@pytest.mark.parametrize("module", ["bridge", "days", "metadata", "tick_time"])
def test_plain_code_does_not_import_dagster(module: str) -> None:
    code = f"import sys, pipeline_assets.lineage.{module}; print([m for m in sys.modules if m.startswith('dagster')])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
