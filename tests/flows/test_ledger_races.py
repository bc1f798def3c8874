"""The ledger while workers race, repeat each other and die: an account stays the sum of its sources."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline_assets.errors import TransientError
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.operations.access import Access
from tests.worlds.examples import examples
from tests.worlds.ledger_accounts import source_ids
from tests.worlds.ledger_receipts import ARRIVED, DAYS, PLACES, bad, new_table, receipt, version
from tests.worlds.mortality import DeadError


@dataclass
class Worker:
    """A process with a ledger of its own, which goes on from call to call as it is told."""

    cloud: Access
    table: str
    work: Callable[[Ledger], object]
    dies: bool = False
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    rests: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    ended: bool = False
    error: BaseException | None = None

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()
        self.rests.acquire()

    def step(self, *, dies: bool = False) -> None:
        """Go on to the next call, or die at this one."""
        self.dies = dies
        self.go.release()
        self.rests.acquire()

    def _run(self) -> None:
        try:
            self.work(Ledger(self, self.table))  # type: ignore[arg-type]
        except (DeadError, TransientError):
            pass
        except BaseException as error:  # noqa: BLE001 - told by the test
            self.error = error
        self.ended = True
        self.rests.release()

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self.cloud.dynamodb, name)
        if name in {"get_item", "get_paginator", "batch_write_item", "transact_write_items", "update_item"}:
            self.rests.release()
            self.go.acquire()
            if self.dies:
                raise DeadError
        return inner


KEYS = ("a", "b")
editions = st.builds(
    lambda key, number, rows, run, revision: receipt(version(key, number), rows, run, revision),
    st.sampled_from(KEYS),
    st.integers(1, 3),
    st.dictionaries(st.sampled_from(DAYS), st.integers(1, 9)),
    st.integers(1, 2),
    st.integers(0, 1),
)
badly = st.builds(
    lambda key, number, rejected, accepted, run, revision: bad(version(key, number), rejected, accepted, run, revision),
    st.sampled_from(KEYS),
    st.integers(1, 3),
    st.integers(0, 2),
    st.integers(1, 3),
    st.integers(1, 2),
    st.integers(0, 1),
)
refusals = st.builds(
    lambda key, number, run: bad(version(key, number), 0, 0, run, refused="whole"),
    st.sampled_from(KEYS),
    st.integers(1, 3),
    st.integers(1, 2),
)
tellings = st.lists(st.integers(0, 9), min_size=6, max_size=6)


def restating(numbers: list[int]) -> Callable[[Ledger], object]:
    ids = [version(key, number).id for key in KEYS for number in (1, 2, 3)]
    counts = {each: Counts(received=n, superseded=n) for each, n in zip(ids, numbers, strict=True)}
    return lambda ledger: ledger.restate("tickets", DAYS[0], counts)


works = st.one_of(
    editions.map(lambda each: lambda ledger: ledger.record(each)),
    badly.map(lambda each: lambda ledger: ledger.record(each)),
    refusals.map(lambda each: lambda ledger: ledger.record(each)),
    editions.map(lambda each: lambda ledger: ledger.reinstate(each.id)),
    tellings.map(restating),
    st.just(lambda ledger: ledger.mend("tickets", DAYS[0])),
)


def problems_told(ledger: Ledger) -> set[tuple[str, tuple[int, int]]]:
    """What somebody is told of: receipts with their editions."""
    return {(each.receipt.id, each.receipt.edition) for each in ledger.problems.of("tickets") if ledger.is_open(each)}


def problems_there_are(ledger: Ledger) -> set[tuple[str, tuple[int, int]]]:
    """The same by the receipts alone, one after the other."""
    receipts = [each for each in ledger.receipts("tickets") if each.refused or each.counts.quarantined]
    refused = {each.source.uri: each.source.stamp for each in receipts if each.refused}
    found = set()
    for each in receipts:
        newest = ledger.newest(each.source.uri)
        is_replaced = newest is not None and newest.source.stamp > each.source.stamp
        if not is_replaced and not (each.refused and refused[each.source.uri] > each.source.stamp):
            found.add((each.id, each.edition))
    return found


@settings(max_examples=examples(40), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), workload=st.lists(works, min_size=2, max_size=5))
def test_whatever_is_repeated_races_or_dies_an_account_is_the_sum_of_its_sources(
    bare_cloud: Access, data: st.DataObject, workload: list[Callable[[Ledger], object]]
) -> None:
    """Two workers at a time, in turns that are drawn call by call, any of which may be the last of its worker."""
    table = new_table(bare_cloud)
    waiting, alive = [Worker(bare_cloud, table, work) for work in workload], list[Worker]()
    turns = data.draw(st.lists(st.tuples(st.booleans(), st.integers(0, 15)), max_size=60))
    turn: Iterator[tuple[bool, int]] = iter(turns)
    while waiting or alive:
        while waiting and len(alive) < 2:
            waiting[0].start()
            alive.append(waiting.pop(0))
        second, fate = next(turn, (False, 15))
        alive[second and len(alive) > 1].step(dies=fate == 0)
        assert not [worker.error for worker in alive if worker.error]
        alive = [worker for worker in alive if not worker.ended]
    ledger = Ledger(bare_cloud.dynamodb, table)
    for place in PLACES:
        source_ids(ledger, *place)
    told = problems_told(ledger)
    for each in ledger.receipts("tickets"):
        ledger.record(each)
        ledger.reinstate(each.id)
    assert told <= problems_told(ledger) == problems_there_are(ledger)
    landed, receipts = set(source_ids(ledger, "tickets/landed", ARRIVED)), ledger.receipts("tickets")
    assert landed >= {each.id for each in receipts}
    for day in DAYS:
        assert set(source_ids(ledger, "tickets", day)) <= landed
    bare_cloud.dynamodb.delete_table(TableName=table)
