"""Days of a run: each is told when it is done, one that fails stops no other, and the bridge leaves them to the run."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipeline_assets.errors import TerminalError, TransientError
from pipeline_assets.events.accounts import PartitionAccount
from pipeline_assets.events.ledger import FlowTotals, PendingReport
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.flow_rows import FlowRow
from pipeline_assets.lineage.bridge import Place
from pipeline_assets.lineage.definitions import bridged
from pipeline_assets.lineage.held import held_places
from pipeline_assets.lineage.run_days import NOTHING, DayEvent, RunDays
from pipeline_assets.lineage.run_places import RunPlaces, places_of
from pipeline_assets.lineage.shown import RECEIPTS
from pipeline_assets.lineage.tick_time import TickTime

DAYS = [f"2026-03-0{number}" for number in range(1, 8)]
RANGE = {"dagster/asset_partition_range_start": DAYS[0], "dagster/asset_partition_range_end": DAYS[-1]}
MADE, MADE_OF_IT = dg.AssetKey(["files", "landed"]), dg.AssetKey("index")
PARTITIONS = dg.DailyPartitionsDefinition("2026-03-01", timezone="UTC")
FILES, INDEXES = FlowRow("files", anchor="files/landed"), FlowRow("indexes", anchor="index")
#: The days of each asset in the order in which they were worked.
worked: list[tuple[str, str]] = []
#: Days without data.
without: set[str] = set()
ONE_RUN = dg.BackfillPolicy.single_run()


def work(day: str) -> None:
    """What a test puts something else in place of."""
    assert day in DAYS


def _told(context: dg.AssetExecutionContext, key: dg.AssetKey) -> Iterator[DayEvent]:
    def one(day: str, stores: None) -> list[dg.AssetMaterialization]:
        assert stores is None
        worked.append((key.to_user_string(), day))
        if key == MADE:
            work(day)
        return [dg.AssetMaterialization(key, partition=day, tags={"dagster/data_version": f"v {day}"})]

    yield from RunDays(context).each(nullcontext, one, lambda day, _: day not in without, "nothing is known")


@dg.asset(
    key=MADE,
    partitions_def=PARTITIONS,
    dagster_type=NOTHING,
    backfill_policy=ONE_RUN,
    tags={"flow": "files"},
)
def made(context: dg.AssetExecutionContext) -> Iterator[DayEvent]:
    yield from _told(context, MADE)


@dg.asset(
    key=MADE_OF_IT,
    deps=[MADE],
    partitions_def=PARTITIONS,
    dagster_type=NOTHING,
    backfill_policy=ONE_RUN,
    code_version="1",
    tags={"flow": "indexes"},
)
def made_of_it(context: dg.AssetExecutionContext) -> Iterator[DayEvent]:
    yield from _told(context, MADE_OF_IT)


defs = dg.Definitions.merge(
    dg.Definitions(
        assets=[made, made_of_it],
        jobs=[dg.define_asset_job("days", dg.AssetSelection.assets(MADE, MADE_OF_IT).without_checks())],
    ),
    bridged([FILES, INDEXES]),
)


def days_job() -> dg.JobDefinition:
    return defs.resolve_job_def("days")


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    worked.clear()
    monkeypatch.setattr(dg.RetryPolicy, "calculate_delay", lambda *_: 0)
    with dg.DagsterInstance.local_temp(str(tmp_path)) as local:
        yield local


def run(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, each: Callable[[str], None]
) -> dg.JobExecutionResult:
    """A run of all days by the executor that the definitions have."""
    monkeypatch.setattr(f"{__name__}.work", each)
    return dg.execute_job(dg.reconstructable(days_job), instance, tags=RANGE, raise_on_error=False)


def days_told(instance: dg.DagsterInstance, key: dg.AssetKey) -> list[str | None]:
    return [record.partition_key for record in instance.fetch_materializations(key, limit=100, ascending=True).records]


def failure_of(result: dg.JobExecutionResult, step: str) -> str:
    (failed,) = [event for event in result.filter_events(lambda event: event.is_step_failure) if event.step_key == step]
    error = failed.step_failure_data.user_failure_data or failed.step_failure_data.error
    return str(getattr(error, "description", None) or getattr(error, "message", ""))


def test_a_day_is_shown_while_the_next_one_is_worked_once_and_with_its_own_version(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str | None]] = []
    result = run(instance, monkeypatch, lambda _: seen.append(days_told(instance, MADE)))
    assert result.success
    assert seen == [DAYS[:number] for number in range(len(DAYS))]
    assert days_told(instance, MADE) == days_told(instance, MADE_OF_IT) == DAYS
    records = instance.fetch_materializations(MADE, limit=100, ascending=True).records
    tags = [(record.asset_materialization.tags or {}) for record in records if record.asset_materialization]
    assert [each["dagster/data_version"] for each in tags] == [f"v {day}" for day in DAYS]


def test_days_without_data_are_left_out_and_nothing_of_the_run_fails(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.without", {DAYS[0], DAYS[2]})
    assert run(instance, monkeypatch, lambda _: None).success
    there = [day for day in DAYS if day not in without]
    assert days_told(instance, MADE) == days_told(instance, MADE_OF_IT) == there


def test_a_run_of_days_without_data_alone_is_refused_once(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.without", set(DAYS))
    result = run(instance, monkeypatch, lambda _: None)
    assert not result.success
    assert failure_of(result, MADE.to_python_identifier()).startswith(f"nothing is known for {DAYS[0]}, {DAYS[1]}")
    assert (days_told(instance, MADE), worked) == ([], [])


def test_a_day_that_cannot_be_worked_fails_alone_with_what_is_made_of_it(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(day: str) -> None:
        if day == DAYS[2]:
            raise TerminalError("a table has no key")

    result = run(instance, monkeypatch, refuse)
    assert not result.success
    others = [day for day in DAYS if day != DAYS[2]]
    assert days_told(instance, MADE) == days_told(instance, MADE_OF_IT) == others
    assert [day for asset, day in worked if asset == "files/landed"] == DAYS, "and it is not tried again"
    sentence = "1 of 7 days failed, the others are done. 2026-03-03: "
    assert failure_of(result, "files__landed") == f"{sentence}a table has no key"
    assert failure_of(result, "index") == f"{sentence}files/landed of the day failed in this run"


def test_a_day_whose_store_does_not_answer_is_tried_again_and_no_other(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([TransientError("busy"), TransientError("busy"), None])

    def ask(day: str) -> None:
        if day == DAYS[2] and (error := next(answers)):
            raise error

    assert run(instance, monkeypatch, ask).success
    assert days_told(instance, MADE) == [*DAYS[:2], *DAYS[3:], DAYS[2]]
    assert [day for asset, day in worked if asset == "files/landed"] == [*DAYS, DAYS[2], DAYS[2]]
    assert days_told(instance, MADE_OF_IT) == DAYS


def test_a_store_that_is_down_is_not_asked_for_every_day(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(_: str) -> None:
        raise TransientError("the database does not answer")

    result = run(instance, monkeypatch, down)
    assert not result.success
    assert [day for _, day in worked] == DAYS[:3] * 4, "three days, and three times again"
    told = failure_of(result, "files__landed")
    assert told.startswith("7 of 7 days failed, the others are done. 2026-03-01: TransientError: the database")
    assert "2026-03-07: not tried, as 3 days before it had no answer" in told
    assert days_told(instance, MADE) == days_told(instance, MADE_OF_IT) == []


def test_a_run_that_is_stopped_shows_the_days_that_were_done(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(day: str) -> None:
        if day == DAYS[4]:
            instance.report_run_canceling(instance.get_runs()[0])
            raise dg.DagsterExecutionInterruptedError

    result = run(instance, monkeypatch, stop)
    stopped = instance.get_run_by_id(result.run_id)
    assert stopped
    assert stopped.status is dg.DagsterRunStatus.CANCELED, "and not tried again"
    assert days_told(instance, MADE) == DAYS[:4]
    assert days_told(instance, MADE_OF_IT) == []


class Waiting:
    """A ledger in which some receipts wait."""

    def __init__(self, **waiting: list[PendingReport]) -> None:
        self._waiting = waiting

    def each_pending(self, flow: str, *, limit: int) -> Iterator[PendingReport]:
        yield from self._waiting.get(flow, [])[:limit]

    def totals(self, flow: str) -> FlowTotals:
        del flow
        return FlowTotals(Counts(), objects=1, refused=0)

    def account(self, asset: str, partition: str) -> PartitionAccount:
        return PartitionAccount.of({f"{asset} {partition}": Counts()})


def a_report(flow: str, *places: tuple[str, str]) -> PendingReport:
    now = datetime.now(UTC).isoformat()
    source = ObjectVersion("b", flow, "v", "e", 100, now, "1")
    parts = tuple(PartitionCounts(asset, partition, Counts()) for asset, partition in places)
    return PendingReport(now, Receipt(flow, source, 1, Counts(), parts, 100, 0.1, "1.0", now))


def held(instance: dg.DagsterInstance, ledger: Any, flow: str) -> Callable[[Place], bool]:
    reports = list(ledger.each_pending(flow, limit=10))
    return held_places(reports, ledger, instance, defs.get_repository_def(), TickTime())


def test_what_a_run_works_is_left_to_it_until_it_has_told_it_or_ended(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Waiting(files=[a_report("files", ("files/landed", day)) for day in DAYS])
    seen: dict[str, list[str]] = {}

    def look(day: str) -> None:
        is_held = held(instance, ledger, "files")
        seen[day] = [each for each in [*DAYS, "2026-03-09"] if is_held(Place("files/landed", each))]
        if day == DAYS[3]:
            raise dg.DagsterExecutionInterruptedError

    assert not run(instance, monkeypatch, look).success
    assert seen == {day: DAYS[number:] for number, day in enumerate(DAYS[:4])}
    is_held = held(instance, ledger, "files")
    assert [day for day in DAYS if is_held(Place("files/landed", day))] == []


def test_what_is_made_of_another_flows_places_waits_for_their_receipts(instance: dg.DagsterInstance) -> None:
    mine = a_report("indexes", ("index", DAYS[0]), ("index", DAYS[1]))
    is_held = held(instance, Waiting(indexes=[mine], files=[a_report("files", ("files/landed", DAYS[1]))]), "indexes")
    assert [day for day in DAYS[:2] if is_held(Place("index", day))] == [DAYS[1]]


def test_what_has_no_partitions_is_not_left_to_a_run() -> None:
    whole = RunPlaces({"graph": [("",)], "index": [("2026-03-01",)]}, {})
    assert whole.plans(Place("graph", ""))
    assert [whole.owes(place) for place in (Place("graph", ""), Place("index", "2026-03-01"))] == [False, True]


def test_what_a_run_has_told_names_its_receipts(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(instance, monkeypatch, lambda _: None)
    event = dg.AssetMaterialization(MADE, partition=DAYS[0], metadata={RECEIPTS: dg.MetadataValue.json(["r.1"])})
    instance.report_runless_asset_event(event)
    found = places_of(instance, result.run_id)
    assert set(found.told) == {Place(asset, day) for asset in ("files/landed", "index") for day in DAYS}
    assert not any(found.owes(place) for place in found.told)
    assert found.plans(Place("index", DAYS[0]))
    assert not found.plans(Place("index", "2026-03-08"))
    assert set(map(tuple, found.told.values())) == {()}, "an event outside of the run is none of its own"
