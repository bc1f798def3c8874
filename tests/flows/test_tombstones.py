"""Rows that a source deletes: each gets a tombstone, and none that is there does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipeline_assets.datasets.ecommerce import ORDERS, QUERY_LOG
from pipeline_assets.lake.manifest import Manifest
from pipeline_assets.raw.extract import Request, export
from pipeline_assets.raw.loads import Part
from pipeline_assets.raw.source import SourceError
from tests.worlds.extracts import (
    DATABASES,
    NEW_ORDERS,
    Dying,
    ExtractWorld,
    ids,
    quick_world_of,
)
from tests.worlds.source import NOON, MariaDbDatabase, orders


@pytest.fixture(params=DATABASES)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> ExtractWorld:
    return quick_world_of(request, tmp_path)


class TestDeletions:
    def both(self, world: ExtractWorld) -> Manifest:
        return export(replace(NEW_ORDERS, keys=True), world.stores)

    def test_a_row_that_is_gone_gets_a_tombstone(self, world: ExtractWorld) -> None:
        world.database.put("orders", orders(1, 5))
        assert "deleted" not in str(self.both(world).objects)
        world.database.run("DELETE FROM `orders` WHERE `order_id` IN (2, 5)")
        before = datetime.now(UTC)
        tombstones = world.frame(self.both(world), deleted=True)
        assert tombstones.columns == ["order_id", "deleted_at"]
        assert ids(tombstones) == [2, 5]
        assert tombstones["deleted_at"].is_between(before - timedelta(seconds=1), datetime.now(UTC)).all()

    def test_it_is_buried_twice_and_then_left_in_peace(self, world: ExtractWorld) -> None:
        world.database.put("orders", orders(1, 2))
        self.both(world)
        world.database.run("DELETE FROM `orders` WHERE `order_id` = 2")
        first, begun = self.both(world), datetime.now(UTC)
        while world.stores.source.now() < begun.replace(microsecond=0) + timedelta(seconds=1):
            pass  # the times of tombstones have no fractions
        second, third = self.both(world), self.both(world)
        graves = [world.frame(each, deleted=True)["deleted_at"][0] for each in (first, second)]
        assert graves[0] < graves[1]
        assert "deleted" not in str(third.objects)

    def test_a_row_that_is_put_back_is_later_than_its_tombstone(self, world: ExtractWorld) -> None:
        world.database.put("orders", orders(1, 2))
        self.both(world)
        world.database.run("DELETE FROM `orders` WHERE `order_id` = 2")

        def put_back(part: Part) -> None:
            if part.stored.key.endswith("-deleted.parquet"):
                world.database.put("orders", orders(2, 1, datetime.now(UTC)))

        manifest = export(replace(NEW_ORDERS, keys=True), world.stores, put_back)
        tombstone, row = world.frame(manifest, deleted=True), world.frame(manifest).filter(pl.col("order_id") == 2)
        assert row["updated_at"][0] > tombstone["deleted_at"][0]

    def test_so_it_is_where_times_have_no_fractions(self, world: ExtractWorld) -> None:
        if isinstance(world.database, MariaDbDatabase):
            world.database.run("ALTER TABLE `orders` MODIFY `updated_at` DATETIME")
        world.database.put("orders", orders(1, 2))
        self.both(world)
        world.database.run("DELETE FROM `orders` WHERE `order_id` = 2")

        def put_back(part: Part) -> None:
            if part.stored.key.endswith("-deleted.parquet"):
                world.database.put("orders", orders(2, 1, datetime.now(UTC).replace(microsecond=0)))

        manifest = export(replace(NEW_ORDERS, keys=True), world.stores, put_back)
        tombstone, row = world.frame(manifest, deleted=True), world.frame(manifest).filter(pl.col("order_id") == 2)
        assert row["updated_at"][0] > tombstone["deleted_at"][0]

    def test_a_table_that_is_empty_by_mistake_is_not_buried(self, world: ExtractWorld) -> None:
        wanted = Request("incremental", datasets=(QUERY_LOG, ORDERS), keys=True)
        world.database.put("orders", orders(1, 150))
        world.database.put("query_log", [{"query_id": 1}])
        export(wanted, world.stores)
        world.database.run("DELETE FROM `query_log`")
        world.database.run("DELETE FROM `orders` WHERE `order_id` > 49")
        with pytest.raises(SourceError, match=r"^101 of 150 keys of orders are gone .*--many-deleted"):
            export(wanted, world.stores)
        # Nor is any row of another table, or another time.
        with pytest.raises(SourceError):
            export(wanted, world.stores)
        assert not [key for key in world.keys("") if "-deleted" in key]
        manifest = export(replace(wanted, many_deleted=True), world.stores)
        assert ids(world.frame(manifest, deleted=True)) == list(range(50, 151))
        assert ids(world.frame(manifest, "query_log", deleted=True), "query_id") == [1]
        # What was buried once does not count again.
        assert ids(world.frame(export(wanted, world.stores), deleted=True)) == list(range(50, 151))

    @pytest.mark.parametrize(("rows", "gone"), [(150, 100), (600, 120)])
    def test_a_hundred_or_a_fifth_may_be_gone(self, world: ExtractWorld, rows: int, gone: int) -> None:
        world.database.put("orders", orders(1, rows))
        self.both(world)
        world.database.run(f"DELETE FROM `orders` WHERE `order_id` <= {gone}")  # noqa: S608
        assert world.frame(self.both(world), deleted=True).height == gone

    def test_a_load_that_dies_after_its_tombstones_has_them_once(self, world: ExtractWorld) -> None:
        world.database.put("orders", orders(1, 2))
        self.both(world)
        world.database.run("DELETE FROM `orders` WHERE `order_id` = 1")
        with pytest.raises(KeyboardInterrupt):
            export(replace(NEW_ORDERS, keys=True), world.stores, Dying(1))
        manifest = self.both(world)
        assert [each.key.endswith("-deleted.parquet") for each in manifest.objects] == [True]


class TestTheFirstLook:
    """Keys are compared with what loads have exported, where no snapshot was taken before."""

    @pytest.mark.parametrize("first", [NEW_ORDERS, Request("day", NOON.date(), datasets=(ORDERS,))], ids=["new", "day"])
    def test_what_was_deleted_before_it_is_found(self, world: ExtractWorld, first: Request) -> None:
        world.database.put("orders", orders(1, 5))
        export(first, world.stores)
        world.database.run("DELETE FROM `orders` WHERE `order_id` = 2")
        looked = export(replace(NEW_ORDERS, mode="full", keys=True), world.stores)
        assert ids(world.frame(looked, deleted=True)) == [2]

    def test_a_table_that_is_empty_by_mistake_buries_nothing(self, world: ExtractWorld) -> None:
        world.database.put("orders", orders(1, 150))
        export(replace(NEW_ORDERS, part_rows=1000), world.stores)
        world.database.run("DELETE FROM `orders`")
        with pytest.raises(SourceError, match="150 of 150 keys of orders are gone"):
            export(replace(NEW_ORDERS, keys=True), world.stores)
