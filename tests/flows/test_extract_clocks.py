"""Times of change that are not what an export assumes: whose clock is another, who say none, who come in late."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pipeline_assets.raw.extract import Request, export
from tests.worlds.extracts import ALL_ORDERS, DATABASES, NEW_ORDERS, ExtractWorld, ids, on_databases, quick_world_of
from tests.worlds.source import NOON, MariaDbDatabase, orders

KEYS = replace(NEW_ORDERS, keys=True)


@pytest.fixture(params=DATABASES)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> ExtractWorld:
    return quick_world_of(request, tmp_path)


def ago(hours: float) -> datetime:
    return datetime.now(UTC) - timedelta(hours=hours)


#: When the rows that were there had changed last, and how far ahead of UTC the clock of the next change is, in hours.
BEFORE = {"long ago": NOON, "some hours ago": ago(3), "just now": ago(0), "to come": ago(-48)}
OFFSETS = [-14, -9.5, -5, -1, -0.5, 0, 2, 9, 12]


class TestOtherClocks:
    @on_databases(hours={str(hours): hours for hours in OFFSETS}, before={name: name for name in BEFORE})
    def test_a_change_is_exported_whatever_the_zone_of_the_clock(
        self, world: ExtractWorld, hours: float, before: str
    ) -> None:
        world.database.put("orders", orders(1, 4, BEFORE[before]))
        export(ALL_ORDERS, world.stores)
        world.database.put("orders", orders(2, 1, ago(-hours), status="returned"))
        manifest = export(NEW_ORDERS, world.stores)
        changed = world.frame(manifest)
        assert changed.filter(changed["order_id"] == 2)["status"].to_list() == ["returned"]
        # It comes once, but for the lag and for times to come.
        if hours < 0 and before in {"long ago", "some hours ago"}:
            assert export(NEW_ORDERS, world.stores).objects == ()

    def test_one_that_is_behind_by_days_goes_on_from_its_newest_time(self, world: ExtractWorld) -> None:
        world.database.put("orders", orders(1, 4, ago(24 * 9)))
        export(ALL_ORDERS, world.stores)
        world.database.put("orders", orders(2, 1, ago(24 * 8)))
        assert ids(world.frame(export(NEW_ORDERS, world.stores))) == [2]
        assert export(NEW_ORDERS, world.stores).objects == ()

    def test_what_came_in_late_is_told(self, world: ExtractWorld) -> None:
        world.database.put("orders", orders(1, 4, ago(0)))
        assert export(ALL_ORDERS, world.stores).warnings == ()
        world.database.put("orders", orders(2, 1, ago(5)))
        (said,) = export(NEW_ORDERS, world.stores).warnings
        assert said.startswith("orders: 1 of its rows say that they were last changed before the load before")

    def test_where_nothing_is_late_nothing_is_told_and_nothing_comes_twice(self, world: ExtractWorld) -> None:
        world.database.put("orders", orders(1, 4, ago(1)))
        export(ALL_ORDERS, world.stores)
        for _ in range(2):
            manifest = export(NEW_ORDERS, world.stores)
            assert (manifest.objects, [each for each in manifest.warnings if "before the load" in each]) == ((), [])

    def test_many_late_rows_are_read_with_their_whole_table(
        self, world: ExtractWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("pipeline_assets.raw.late._MOST_KEYS", 2)
        world.database.put("orders", orders(1, 9, ago(0)))
        export(ALL_ORDERS, world.stores)
        world.database.put("orders", orders(1, 3, ago(5)))
        assert ids(world.frame(export(NEW_ORDERS, world.stores))) == list(range(1, 10))

    def test_where_nothing_says_what_was_there_the_whole_table_is_read(self, world: ExtractWorld) -> None:
        world.database.put("orders", orders(1, 4, ago(0)))
        export(ALL_ORDERS, world.stores)
        for key in world.keys("_keys/recent/"):
            world.bucket.delete(key)
        world.database.put("orders", orders(5, 1, ago(5)))
        manifest = export(NEW_ORDERS, world.stores)
        assert ids(world.frame(manifest)) == [1, 2, 3, 4, 5]
        assert "what the load before this one wrote down of late changes is gone" in str(manifest.warnings)

    def test_all_keys_find_a_row_with_any_other_time(self, world: ExtractWorld) -> None:
        world.database.put("orders", orders(1, 4, ago(0)))
        export(replace(ALL_ORDERS, keys=True), world.stores)
        world.database.put("orders", orders(2, 1, NOON - timedelta(days=300)))
        assert 2 in ids(world.frame(export(KEYS, world.stores)))
        assert export(replace(KEYS, lag=timedelta(0)), world.stores).warnings == ()

    @pytest.mark.parametrize("hours", [-5, -3.5, 9])
    def test_the_newest_time_tells_of_its_zone(self, world: ExtractWorld, hours: float) -> None:
        world.database.put("orders", orders(1, 1, ago(-hours)))
        (said,) = export(ALL_ORDERS, world.stores).warnings
        assert f"{abs(hours):.0f}:" in said or "3:30" in said
        assert ("behind" if hours < 0 else "ahead of") in said

    @pytest.mark.parametrize("hours", [5, 3.5, 0.25])
    def test_a_table_that_was_seen_before_needs_to_be_as_far_behind_again(
        self, world: ExtractWorld, hours: float
    ) -> None:
        world.database.put("orders", orders(1, 1, ago(hours)))
        (said,) = export(ALL_ORDERS, world.stores).warnings
        assert "if more was changed since" in said
        # At rest: nothing is said twice.
        assert export(ALL_ORDERS, world.stores).warnings == ()
        world.database.put("orders", orders(2, 1, ago(hours)))
        (said,) = export(ALL_ORDERS, world.stores).warnings
        assert "as it was at the load before, which tells of a zone west of UTC" in said

    def test_one_that_moved_and_is_behind_by_another_span_is_not_told_of(self, world: ExtractWorld) -> None:
        world.database.put("orders", orders(1, 1, ago(5)))
        export(ALL_ORDERS, world.stores)
        world.database.put("orders", orders(2, 1, ago(2)))
        assert export(ALL_ORDERS, world.stores).warnings == ()

    @pytest.mark.parametrize("hours", [0, -0.1, -5.12, -100, -2000])
    def test_a_table_at_rest_is_not_told_of(self, world: ExtractWorld, hours: float) -> None:
        world.database.put("orders", orders(1, 1, ago(-hours)))
        assert export(ALL_ORDERS, world.stores).warnings == ()


@pytest.mark.parametrize("world", ["mariadb"], indirect=True)
class TestZonesOfAServer:
    def test_an_update_by_the_clock_of_a_session_west_of_utc_is_exported(self, world: ExtractWorld) -> None:
        world.database.run(
            "ALTER TABLE `orders` MODIFY `updated_at` DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP "
            "ON UPDATE CURRENT_TIMESTAMP"
        )
        world.database.put("orders", orders(1, 3, ago(0)))
        export(ALL_ORDERS, world.stores)
        world.database.run("SET SESSION time_zone = '-05:00'; UPDATE `orders` SET `status` = 'r' WHERE `order_id` = 2")
        manifest = export(NEW_ORDERS, world.stores)
        assert "r" in world.frame(manifest)["status"].to_list()
        assert "not in UTC" in str(manifest.warnings)

    @pytest.mark.parametrize(("column", "told"), [("DATETIME(6)", True), ("TIMESTAMP(6)", False)])
    def test_a_zone_of_the_server_is_told_where_times_may_be_of_it(
        self,
        world: ExtractWorld,
        column: str,
        told: bool,  # noqa: FBT001
    ) -> None:
        world.database.run(f"ALTER TABLE `orders` MODIFY `updated_at` {column} NOT NULL")
        world.database.put("orders", orders(1, 1, ago(1.1)))
        world.database.run("SET GLOBAL time_zone = '-05:00'")
        try:
            warnings = export(ALL_ORDERS, world.stores).warnings
        finally:
            world.database.run("SET GLOBAL time_zone = 'SYSTEM'")
        assert ("5:00:00 h behind UTC" in str(warnings)) is told


class TestNoTimes:
    def without(self, world: ExtractWorld, value: str) -> None:
        """Give order 3 a time of change that is none."""
        if isinstance(world.database, MariaDbDatabase):
            world.database.run("ALTER TABLE `orders` MODIFY `updated_at` DATETIME(6) NULL")
            world.database.run(
                f"SET SESSION sql_mode = ''; UPDATE `orders` SET `updated_at` = {value} WHERE order_id = 3"  # noqa: S608
            )
            return
        world.database.run("CREATE TABLE o AS SELECT * FROM `orders`")
        world.database.run("DROP TABLE `orders`")
        world.database.run("ALTER TABLE o RENAME TO `orders`")
        world.database.run(f"UPDATE `orders` SET `updated_at` = {value} WHERE `order_id` = 3")  # noqa: S608

    @pytest.mark.parametrize("value", ["NULL", "'0000-00-00 00:00:00'"])
    def test_a_row_that_says_none_is_read_and_told(self, world: ExtractWorld, value: str) -> None:
        world.database.put("orders", orders(1, 5))
        export(ALL_ORDERS, world.stores)
        self.without(world, value)
        manifest = export(NEW_ORDERS, world.stores)
        assert ids(world.frame(manifest)) == [3]
        assert "orders has 1 row whose updated_at says no time" in str(manifest.warnings)
        of_day = export(Request("day", date(2026, 3, 1), datasets=ALL_ORDERS.datasets), world.stores)
        assert ids(world.frame(of_day)) == [1, 2, 4, 5]
        assert "1 row whose updated_at says no time" in str(of_day.warnings)

    @pytest.mark.parametrize(
        "value",
        [
            "''",
            "'soon'",
            "1772366400",
            "12.5",
            "'12/12/2026'",
            "'01/12/2026 10:00'",
            "'20/11/2026'",
            "'20.11.2026'",
            "'19-11-26'",
            "'20 Nov 2026'",
            "'2'",
            "x'3230'",
            "'28/11/2026'",
            "'20991231'",
        ],
    )
    def test_in_sqlite_anything_may_be_there(self, world: ExtractWorld, value: str) -> None:
        if isinstance(world.database, MariaDbDatabase):
            return
        world.database.put("orders", orders(1, 5))
        export(ALL_ORDERS, world.stores)
        self.without(world, value)
        assert ids(world.frame(export(NEW_ORDERS, world.stores))) == [3]

    def test_a_time_that_is_a_day_is_within_it(self, world: ExtractWorld) -> None:
        world.database.put("orders", orders(1, 2))
        export(ALL_ORDERS, world.stores)
        if isinstance(world.database, MariaDbDatabase):
            world.database.run("ALTER TABLE `orders` MODIFY `updated_at` DATE")
        today = datetime.now(UTC).date()
        world.database.run(f"UPDATE `orders` SET `updated_at` = '{today}' WHERE `order_id` = 2")  # noqa: S608
        assert ids(world.frame(export(NEW_ORDERS, world.stores))) == [2]
        of_day = Request("day", today, datasets=ALL_ORDERS.datasets)
        assert ids(world.frame(export(of_day, world.stores))) == [2]
        assert export(replace(of_day, day=today - timedelta(days=1)), world.stores).objects == ()
