"""Curated days under many workers at once, and deaths between any two calls: nothing is lost, nothing counts twice."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import islice, product
from typing import Any

import pytest

from pipeline_assets.curation.ingest import CURATION_FLOW, recurate_day
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.operations.access import Access
from tests.worlds.curation import DAY, MORNING, PUT_RECEIPT, STORES, CurationWorld, frame, row
from tests.worlds.examples import some
from tests.worlds.mortality import DeadError, Fate


@pytest.fixture
def world(bare_cloud: Access) -> CurationWorld:
    return CurationWorld.made(bare_cloud)


_OBJECTS = 12


def arrive(world: CurationWorld, number: int) -> ObjectVersion:
    """Put an object and work its event off twice: three rows of its own, and its version of a row that all have."""
    shared = row(STORES, 1, name=f"of {number}", updated_at=MORNING + timedelta(minutes=number))
    rows = [*(row(STORES, 100 * number + place) for place in range(1, 4)), shared]
    version = world.put(STORES, frame(STORES, rows), part=f"{number:04d}")
    slow = world.stores(before_day=lambda: time.sleep(random.uniform(0, 0.2)))
    for _ in range(2):
        CURATION_FLOW.ingest(version, slow)
        # From its receipt on, no worker that began before may put a day without it.
        assert world.account(STORES).source(version)
    return version


def arrive_elsewhere(work: tuple[Any, tuple[str, str, str, str], int]) -> ObjectVersion:
    """The same in another process."""
    document, names, number = work
    return arrive(CurationWorld(Access(document), *names), number)


class TestManyAtOnce:
    """Objects arrive while others of their day are being worked on, so that workers list different ones."""

    def require_all(self, world: CurationWorld, versions: Iterable[ObjectVersion]) -> None:
        ids = {version.id for version in versions}
        found = world.day(STORES)
        assert found.height == 3 * _OBJECTS + 1
        assert found.row(0, named=True)["name"] == f"of {_OBJECTS}"
        assert {source.id for source in world.account(STORES).sources} == ids
        ledger = world.stores().ledger
        totals = ledger.totals("ecommerce")
        assert (totals.objects, totals.counts.received) == (_OBJECTS, 4 * _OBJECTS)
        assert totals.counts.conserved
        assert [ledger.deliveries(each) for each in ids] == [2] * _OBJECTS

    @pytest.mark.parametrize("there", [0, 1], ids=["first", "next"])
    def test_a_worker_that_others_overtake_between_its_listing_and_its_put_begins_again(
        self, world: CurationWorld, there: int
    ) -> None:
        for number in range(there):
            world.ingest(world.put(STORES, frame(STORES, [row(STORES, number + 1)]), part=f"{number:04d}"))
        slow, others = world.put(STORES, frame(STORES, [row(STORES, 10)]), part="0010"), iter(range(11, 14))

        def overtake() -> None:
            for number in islice(others, 1):
                world.ingest(world.put(STORES, frame(STORES, [row(STORES, number)]), part=f"{number:04d}"))

        CURATION_FLOW.ingest(slow, world.stores(before_day=overtake))
        # The first to overtake had the slow object in its day already: nothing was left to do.
        assert world.keys_of(STORES) == [*range(1, there + 1), 10, 11]

    def test_a_day_worked_out_anew_that_others_overtake_again_and_again_has_them_all(
        self, world: CurationWorld
    ) -> None:
        world.ingest(world.put(STORES, frame(STORES, [row(STORES, 1)])))
        others = iter(range(11, 15))

        def overtake() -> None:
            for number in islice(others, 1):
                world.ingest(world.put(STORES, frame(STORES, [row(STORES, number)]), part=f"{number:04d}"))

        assert len(recurate_day(STORES, DAY, world.stores(before_day=overtake))) == 5
        assert world.keys_of(STORES) == [1, 11, 12, 13, 14]

    def test_threads_on_one_day_lose_nothing(self, world: CurationWorld) -> None:
        with ThreadPoolExecutor(4) as pool:
            versions = list(pool.map(partial(arrive, world), range(1, _OBJECTS + 1)))
        self.require_all(world, versions)

    def test_processes_on_one_day_lose_nothing(self, world: CurationWorld) -> None:
        made = (world.access.document, (world.raw, world.curated, world.quarantine, world.ledger))
        # Each is forked from a process that has imported what they need and done nothing yet.
        forking = multiprocessing.get_context("forkserver")
        forking.set_forkserver_preload([__name__])
        with ProcessPoolExecutor(4, forking) as pool:
            versions = list(pool.map(arrive_elsewhere, [(*made, number) for number in range(1, _OBJECTS + 1)]))
        self.require_all(world, versions)

    def test_a_day_that_is_worked_out_anew_meanwhile_loses_nothing(self, world: CurationWorld) -> None:
        with ThreadPoolExecutor(6) as pool:
            again = [pool.submit(recurate_day, STORES, DAY, world.stores()) for _ in range(4)]
            versions = list(pool.map(partial(arrive, world), range(1, _OBJECTS + 1)))
            for each in again:
                each.result()
        found = world.day(STORES)
        assert found.height == 3 * _OBJECTS + 1
        assert {source.id for source in world.account(STORES).sources} == {version.id for version in versions}
        assert world.stores().ledger.totals("ecommerce").counts.conserved


#: Calls of the ledger's table, and the keys of the objects that come in before the first of them.
_OVERTAKEN = [
    ("transact_write_items", [2, 3]),
    ("transact_write_items", [2, 3, 5, 2]),
    (PUT_RECEIPT, [5]),
    ("batch_write_item", [5]),
]


class TestLedgerOfADay:
    """What the ledger says that a day holds, which `CurationWorld.day` compares with the day itself."""

    def test_rows_that_another_object_superseded_come_back_when_it_is_replaced(self, world: CurationWorld) -> None:
        first = world.put(STORES, frame(STORES, [row(STORES, key) for key in (1, 2, 3)]))
        world.ingest(first)
        later = [row(STORES, key, updated_at=MORNING + timedelta(minutes=1)) for key in (1, 2)]
        world.ingest(world.put(STORES, frame(STORES, later), part="0002"))
        assert world.day(STORES)["_source"].to_list().count(first.uri) == 1
        world.ingest(world.put(STORES, frame(STORES, [row(STORES, 9)]), part="0002"))
        assert world.day(STORES)["_source"].to_list().count(first.uri) == 3

    def test_other_objects_are_judged_by_todays_rules_too(
        self, world: CurationWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.ingest(world.put(STORES, frame(STORES, [row(STORES, 1), row(STORES, 2, country="x")])))
        for rules, keys in (((), [1, 2, 3]), (STORES.rules, [1, 3, 4])):
            monkeypatch.setattr(world, "catalog", world.catalog.having(replace(STORES, rules=rules)))
            world.ingest(world.put(STORES, frame(STORES, [row(STORES, keys[-1])]), part=f"{keys[-1]:04d}"))
            assert world.keys_of(STORES) == keys

    @pytest.mark.parametrize(("call", "keys"), _OVERTAKEN)
    def test_who_tells_what_others_overtook_tells_again(self, world: CurationWorld, call: str, keys: list[int]) -> None:
        world.ingest(world.put(STORES, frame(STORES, [row(STORES, key) for key in (1, 2, 3, 4)])))
        slow = world.put(STORES, frame(STORES, [row(STORES, key) for key in (1, 5)]), load=1)
        others = iter(keys)

        def overtake() -> None:
            for key in islice(others, 1):
                world.ingest(world.put(STORES, frame(STORES, [row(STORES, key)]), load=key))

        CURATION_FLOW.ingest(slow, world.stores(before_ledger=(call, overtake)))
        assert next(others, None) is None
        assert world.keys_of(STORES) == [1, 2, 3, 4, 5]

    def test_an_object_that_is_replaced_meanwhile_stays_out(self, world: CurationWorld) -> None:
        world.ingest(world.put(STORES, frame(STORES, [row(STORES, 1), row(STORES, 2)])))
        others = iter([3])

        def replace_it() -> None:
            for key in islice(others, 1):
                world.ingest(world.put(STORES, frame(STORES, [row(STORES, key)])))

        slow = world.put(STORES, frame(STORES, [row(STORES, 1)]), load=1)
        CURATION_FLOW.ingest(slow, world.stores(before_ledger=("transact_write_items", replace_it)))
        assert next(others, None) is None
        assert world.keys_of(STORES) == [1, 3]
        assert len(world.stores().ledger.sources("curated/stores", DAY)) == 2

    def test_it_is_right_once_a_receipt_is_there(self, world: CurationWorld) -> None:
        world.ingest(world.put(STORES, frame(STORES, [row(STORES, 1), row(STORES, 2)])))
        seen: list[int] = []

        def look() -> None:
            seen.append(world.day(STORES).height)

        later = world.put(STORES, frame(STORES, [row(STORES, 1)]), load=1)
        CURATION_FLOW.ingest(later, world.stores(before_ledger=(PUT_RECEIPT, look)))
        assert seen == [2]

    def test_a_day_worked_out_anew_is_told_with_what_came_between_it_and_its_receipts(
        self, world: CurationWorld
    ) -> None:
        world.ingest(world.put(STORES, frame(STORES, [row(STORES, 1), row(STORES, 2)])))
        others = iter([1])

        def overtake() -> None:
            for key in islice(others, 1):
                world.ingest(world.put(STORES, frame(STORES, [row(STORES, key)]), load=1, part="0002"))

        recurate_day(STORES, DAY, world.stores(before_ledger=("batch_write_item", overtake)))
        assert next(others, None) is None
        assert world.keys_of(STORES) == [1, 2]

    def test_objects_that_are_gone_count_nothing(self, world: CurationWorld) -> None:
        version = world.put(STORES, frame(STORES, [row(STORES, 1)]))
        world.ingest(version)
        world.access.s3.delete_object(Bucket=world.raw, Key=version.key)
        assert recurate_day(STORES, DAY, world.stores()) == []
        assert world.day(STORES).is_empty()

    def test_the_time_that_a_day_took_is_shared_by_its_objects(self, world: CurationWorld) -> None:
        for key in (1, 2, 3, 4):
            world.put(STORES, frame(STORES, [row(STORES, key)]), part=f"{key:04d}")
        began = time.monotonic()
        receipts = recurate_day(STORES, DAY, world.stores(before_day=lambda: time.sleep(0.5)))
        assert 0.5 <= sum(receipt.seconds for receipt in receipts) <= time.monotonic() - began


class TestCrashes:
    def test_a_death_at_any_call_loses_and_doubles_nothing(self, bare_cloud: Access, subtests: pytest.Subtests) -> None:
        undisturbed = Fate()
        self._is_survived(bare_cloud, undisturbed)
        # The receipts of two objects and a marker cannot be had with fewer.
        assert undisturbed.calls > 15
        for (at, name), after in some(list(product(enumerate(undisturbed.made, 1), (False, True)))):
            with subtests.test(f"{'after' if after else 'before'} call {at}, {name}"):
                fate = Fate(at, after)
                self._is_survived(bare_cloud, fate)
                assert fate.calls >= at

    @staticmethod
    def _is_survived(access: Access, fate: Fate) -> None:
        """Let the next process finish what one left when it died."""
        world = CurationWorld.made(access)
        first = world.put(STORES, frame(STORES, [row(STORES, 1), row(STORES, 2), row(STORES, 3, country="x")]))
        second = world.put(STORES, frame(STORES, [*(row(STORES, key) for key in range(2, 22))]), part="0002")
        events = [first, world.put_manifest([(first, 3), (second, 20)]), second]
        stores = world.stores(fate)
        for version in events:
            try:
                CURATION_FLOW.ingest(version, stores)
            except DeadError:
                stores = world.stores()
                CURATION_FLOW.ingest(version, stores)
        assert world.keys_of(STORES) == list(range(1, 22))
        totals = world.stores().ledger.totals("ecommerce")
        assert (totals.objects, totals.counts.received, totals.counts.quarantined) == (2, 23, 1)
        assert totals.counts.conserved
        assert world.marker()
        receipt = world.stores().ledger.receipt(first.id)
        assert receipt
        assert [each["row"] for each in world.rejected(receipt)] == [3]
