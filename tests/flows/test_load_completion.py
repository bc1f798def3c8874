"""Loads that become whole, and what keeps one from it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from pipeline_assets.curation.completion import complete_loads, complete_open_loads
from pipeline_assets.curation.ingest import CURATION_FLOW, recurate_day
from pipeline_assets.curation.stores import FLOW
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.lake.layout import LoadName
from pipeline_assets.lake.manifest import LoadMode
from pipeline_assets.operations.access import Access
from tests.worlds.curation import DAY, ORDERS, STORES, CurationWorld, frame, load_id, row


@pytest.fixture
def world(bare_cloud: Access) -> CurationWorld:
    return CurationWorld.made(bare_cloud)


def open_keys(world: CurationWorld) -> set[str]:
    """Keys of the raw objects of which something is open."""
    ledger = world.stores().ledger
    return {each.receipt.version.key for each in ledger.problems.of(FLOW) if ledger.is_open(each)}


class TestCompletion:
    def load(self, world: CurationWorld, *, bad: int = 0) -> list[tuple[ObjectVersion, int]]:
        stores = world.put(STORES, frame(STORES, [row(STORES, key) for key in range(1, 4)]))
        rows = [row(ORDERS, key, status="lost" if key <= bad else "paid") for key in range(1, 21)]
        return [(stores, 3), (world.put(ORDERS, frame(ORDERS, rows)), 20)]

    def test_the_marker_comes_once_all_is_curated_whatever_comes_last(self, world: CurationWorld) -> None:
        objects = self.load(world, bad=1)
        assert [load.manifest for load in complete_open_loads(world.stores())] == [False]
        manifest = world.put_manifest(objects)
        assert CURATION_FLOW.ingest(manifest, world.stores()) is None
        world.ingest(objects[1][0])
        (still,) = complete_open_loads(world.stores())
        assert still.missing == (objects[0][0].key,)
        assert world.marker() is None
        world.ingest(objects[0][0])
        marker = world.marker()
        assert marker
        assert marker["datasets"]["orders"] == {
            "fingerprint": ORDERS.fingerprint,
            **Counts(received=20, accepted=19, quarantined=1).as_dict(),
        }
        assert list(complete_open_loads(world.stores())) == []

    def test_an_abandoned_load_is_closed_without_a_marker(self, world: CurationWorld) -> None:
        objects = self.load(world)
        note = world.put_key(LoadName(DAY, load_id(0)).abandoned_key, b"{}")
        assert CURATION_FLOW.ingest(note, world.stores()) is None
        for version, _ in objects:
            world.ingest(version)
        assert (list(complete_open_loads(world.stores())), complete_loads(DAY, world.stores())) == ([], [])
        assert world.marker() is None
        assert world.keys_of(STORES) == [1, 2, 3]

    def test_the_manifest_may_come_last(self, world: CurationWorld) -> None:
        objects = self.load(world)
        for version, _ in objects:
            world.ingest(version)
        assert world.marker() is None
        CURATION_FLOW.ingest(world.put_manifest(objects), world.stores())
        assert world.marker()

    def test_whoever_comes_last_of_many_at_once_puts_the_marker(self, world: CurationWorld) -> None:
        objects = [(world.put(STORES, frame(STORES, [row(STORES, key)]), part=f"{key:04d}"), 1) for key in range(1, 7)]
        manifest = world.put_manifest(objects)
        with ThreadPoolExecutor(7) as pool:
            list(
                pool.map(lambda each: CURATION_FLOW.ingest(each, world.stores()), [v for v, _ in objects] + [manifest])
            )
        assert world.marker()

    def test_a_load_with_too_many_rejected_rows_is_held_until_they_are_mended(self, world: CurationWorld) -> None:
        objects = self.load(world, bad=2)
        CURATION_FLOW.ingest(world.put_manifest(objects), world.stores())
        for version, _ in objects:
            world.ingest(version)
        (held,) = complete_open_loads(world.stores())
        assert held.held == ("2 of 20 rows of orders were rejected; expected at most 5%",)
        assert world.marker() is None
        lax = replace(ORDERS, rules=tuple(rule for rule in ORDERS.rules if rule.name != "status_known"))
        recurate_day(lax, DAY, world.stores())
        assert world.marker()

    def test_what_was_rejected_is_open_until_the_day_is_exported_again_without_it(self, world: CurationWorld) -> None:
        (_, _), (orders, _) = self.load(world, bad=2)
        other_day = world.put(ORDERS, frame(ORDERS, [row(ORDERS, 1, status="lost")]), day="2026-03-01")
        CURATION_FLOW.ingest(world.put_manifest([(orders, 20)]), world.stores())
        CURATION_FLOW.ingest(world.put_manifest([(other_day, 1)], day="2026-03-01"), world.stores())
        for version in (orders, other_day):
            world.ingest(version)
        assert open_keys(world) == {orders.key, other_day.key}

        again = self.export(world, 1, "paid")
        assert world.marker(1)
        assert open_keys(world) == {other_day.key}, "the same day, whole"
        assert world.keys_of(ORDERS) == list(range(1, 21))

        worse = self.export(world, 2, "lost")
        assert open_keys(world) == {other_day.key, worse.key}, "one that is held settles nothing"
        self.export(world, 3, "lost", mode="incremental", of=1)
        assert worse.key in open_keys(world)
        assert again.key not in open_keys(world)
        by_hand = world.put(ORDERS, frame(ORDERS, [row(ORDERS, 30, status="lost")]), load=-1)
        world.ingest(by_hand)
        self.export(world, 4, "paid", mode="full")
        assert {key for key in open_keys(world) if load_id(3) not in key} == {by_hand.key}, "no export brings it again"

    def export(
        self, world: CurationWorld, load: int, status: str, mode: LoadMode = "day", of: int = 20
    ) -> ObjectVersion:
        """Export the day again as another load, its first row with this status."""
        rows = [row(ORDERS, key, status=status if key <= 2 else "paid") for key in range(1, of + 1)]
        version = world.put(ORDERS, frame(ORDERS, rows), load=load)
        CURATION_FLOW.ingest(world.put_manifest([(version, of)], load=load, mode=mode), world.stores())
        world.ingest(version)
        return version

    def test_an_object_that_was_deleted_is_not_open_once_its_day_is_worked_out_without_it(
        self, world: CurationWorld
    ) -> None:
        kept = world.put(ORDERS, frame(ORDERS, [row(ORDERS, 1, status="lost"), row(ORDERS, 2)]), part="0001")
        gone = world.put(ORDERS, b"not Parquet", part="0002")
        for version in (kept, gone):
            world.ingest(version)
        assert open_keys(world) == {kept.key, gone.key}
        world.access.s3.delete_object(Bucket=world.raw, Key=gone.key)
        recurate_day(ORDERS, DAY, world.stores())
        assert open_keys(world) == {kept.key}

    def test_an_object_that_cannot_be_read_counts_with_the_rows_that_its_manifest_promised(
        self, world: CurationWorld
    ) -> None:
        objects = [(world.put(STORES, b""), 3)]
        CURATION_FLOW.ingest(world.put_manifest(objects), world.stores())
        world.ingest(objects[0][0])
        assert [load.held for load in complete_open_loads(world.stores())] == [
            ("3 of 3 rows of stores were rejected; expected at most 5%",)
        ]

    def test_rows_that_the_manifest_does_not_know_hold_the_load(self, world: CurationWorld) -> None:
        version = world.put(STORES, frame(STORES, [row(STORES, 1)]))
        CURATION_FLOW.ingest(world.put_manifest([(version, 2)]), world.stores())
        world.ingest(version)
        assert [load.held for load in complete_open_loads(world.stores())] == [
            (f"{version.key} has 1 rows; the manifest says 2",)
        ]

    def test_a_load_of_nothing_is_complete(self, world: CurationWorld) -> None:
        CURATION_FLOW.ingest(world.put_manifest([]), world.stores())
        assert world.marker()

    def test_days_before_the_one_that_is_asked_for_are_not_looked_at(self, world: CurationWorld) -> None:
        world.put(STORES, frame(STORES, [row(STORES, 1)]), day="2026-03-01")
        world.put(STORES, frame(STORES, [row(STORES, 1)]), day=DAY)
        assert [load.name.day for load in complete_open_loads(world.stores(), DAY)] == [DAY]
