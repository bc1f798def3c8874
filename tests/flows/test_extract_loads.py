"""Loads of a source database into a raw bucket: full, incremental and by day, and without a card number."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from pipeline_assets.datasets.ecommerce import ORDER_LINES, ORDERS, PAYMENTS, QUERY_LOG
from pipeline_assets.datasets.frame_types import frame_type
from pipeline_assets.datasets.spec import stored_columns
from pipeline_assets.lake.manifest import Manifest
from pipeline_assets.operations.access import Access
from pipeline_assets.privacy.leaks import scan_bucket
from pipeline_assets.privacy.tokens import TokenKey
from pipeline_assets.raw.extract import ExportMode, Request, export
from pipeline_assets.raw.loads import Part
from pipeline_assets.raw.source import SourceError
from pipeline_assets.storage.documents import from_json
from tests.worlds.extracts import (
    ALL_ORDERS,
    CANARIES,
    CARD,
    CODE,
    DATABASES,
    KEY,
    NEW_ORDERS,
    SSN,
    Dying,
    ExtractWorld,
    ids,
    world_of,
)
from tests.worlds.source import NOON, MariaDbDatabase, orders


@pytest.fixture(params=DATABASES)
def world(request: pytest.FixtureRequest, tmp_path: Path, bare_cloud: Access) -> ExtractWorld:
    return world_of(request, tmp_path, bare_cloud)


class TestWhole:
    def test_all_tables_arrive_in_the_types_of_the_lake(self, world: ExtractWorld) -> None:
        world.database.put("orders", orders(1, 7, customer_id=None, total=Decimal("12.34")))
        line = {"order_id": 1, "discount": Decimal("0.10"), "is_return": True}
        world.database.put("order_lines", [{**line, "line_number": n} for n in (2, 1)])
        manifest = export(Request("full", part_rows=3), world.stores)
        frame = world.frame(manifest)
        assert frame.schema == {column.name: frame_type(column.type) for column in stored_columns(ORDERS)}
        assert (ids(frame), frame["total"][0], frame["ordered_at"][0]) == (list(range(1, 8)), Decimal("12.34"), NOON)
        assert [each.rows for each in manifest.objects if each.dataset == "orders"] == [3, 3, 1]
        lines = world.frame(manifest, "order_lines")
        assert lines.select("line_number", "is_return", "discount").row(0) == (1, True, Decimal("0.10"))
        # Tables without rows were looked at and have no object.
        assert set(manifest.datasets) > {"customers", "payments"}
        assert {each.dataset for each in manifest.objects} == {"orders", "order_lines"}
        assert all(each.version_id for each in manifest.objects)

    def test_the_manifest_lies_in_the_bucket_and_says_the_same(self, world: ExtractWorld) -> None:
        world.database.put("orders", orders(1, 1))
        manifest = export(ALL_ORDERS, world.stores)
        body = world.s3.get_object(Bucket=world.bucket.name, Key=manifest.name.key)["Body"].read()
        assert from_json(body, Manifest) == manifest

    def test_what_does_not_fit_its_type_stays_as_it_was(self, world: ExtractWorld) -> None:
        world.database.put("orders", orders(1, 2))
        if isinstance(world.database, MariaDbDatabase):
            world.database.run("ALTER TABLE `orders` MODIFY `total` DECIMAL(18,4)")
        world.database.run("UPDATE `orders` SET `total` = 1.2345 WHERE `order_id` = 1")
        totals = world.frame(export(ALL_ORDERS, world.stores))["total"]
        assert totals.dtype != frame_type("decimal")
        assert [float(total) for total in totals] == [1.2345, 1.25]

    def test_parts_of_a_composite_key_lose_no_row(self, world: ExtractWorld) -> None:
        pairs = [(order, line) for order in range(1, 5) for line in range(1, 6)]
        world.database.put("order_lines", [{"order_id": order, "line_number": line} for order, line in pairs])
        for size in (1, 2, 3, 7, 20, 21):
            manifest = export(Request("full", datasets=(ORDER_LINES,), part_rows=size), world.stores)
            assert world.frame(manifest, "order_lines").select("order_id", "line_number").rows() == pairs

    def test_no_personal_number_gets_into_the_bucket(self, world: ExtractWorld) -> None:
        payment = {"card_number": CARD, "card_security_code": CODE, "method": "card"}
        world.database.put("payments", [{"payment_id": 1, **payment}, {"payment_id": 2, "card_number": "4111-1111 x"}])
        world.database.put("customers", [{"customer_id": 1, "ssn": SSN, "first_name": "Ada"}])
        world.database.put("query_log", [{"query_id": 1, "text": "is 4111 1111 1111 1111 mine? cvv 123"}])
        manifest = export(Request("full", keys=True), world.stores)
        paid = world.frame(manifest, "payments")
        token = KEY.token("card_number", CARD)
        assert paid["card_last_four"].to_list() == ["1111", None]
        assert paid["card_issuer"].to_list() == ["visa", "unreadable"]
        assert paid["card_token"].to_list() == [token, None]
        assert world.frame(manifest, "customers").select("ssn_last_four", "first_name").row(0) == ("6789", "Ada")
        assert "[card ending 1111]" in world.frame(manifest, "query_log")["text"][0]
        assert "123" not in world.frame(manifest, "query_log")["text"][0]
        assert scan_bucket(world.bucket, CANARIES) == []

    def test_another_key_gives_other_tokens(self, world: ExtractWorld) -> None:
        world.database.put("payments", [{"payment_id": 1, "card_number": CARD}])
        only = Request("full", datasets=(PAYMENTS,))
        before = world.frame(export(only, world.stores), "payments")
        rotated = replace(world.stores, key=TokenKey("k2", bytes(32)))
        after = world.frame(export(only, rotated), "payments")
        assert (before["card_token"][0][:3], after["card_token"][0][:3]) == ("k1:", "k2:")
        assert before["card_token"][0][3:] != after["card_token"][0][3:]
        assert before["card_last_four"][0] == after["card_last_four"][0]

    def test_bytes_that_are_no_text_are_left_to_the_rules(self, world: ExtractWorld) -> None:
        world.database.put("query_log", [{"query_id": 1}, {"query_id": 2, "text": f"card {CARD}"}])
        if isinstance(world.database, MariaDbDatabase):
            world.database.run("ALTER TABLE `query_log` MODIFY `text` BLOB")
            world.database.run("UPDATE `query_log` SET `text` = UNHEX('ff41') WHERE `query_id` = 1")
        manifest = export(Request("full", datasets=(QUERY_LOG,)), world.stores)
        assert world.frame(manifest, "query_log")["text"][1] == "card [card ending 1111]"
        assert scan_bucket(world.bucket, CANARIES) == []


class TestIncremental:
    def test_it_takes_what_changed_since_the_load_before_began(self, world: ExtractWorld) -> None:
        world.database.put("orders", orders(1, 5))
        assert ids(world.frame(export(NEW_ORDERS, world.stores))) == [1, 2, 3, 4, 5]
        lately = datetime.now(UTC) - timedelta(minutes=2)
        world.database.put("orders", [*orders(2, 1, lately, status="shipped"), *orders(9, 1, lately)])
        second = export(NEW_ORDERS, world.stores)
        assert ids(world.frame(second)) == [2, 9]
        # Within the lag they come once more; then nothing is left.
        assert ids(world.frame(export(NEW_ORDERS, world.stores))) == [2, 9]
        assert export(replace(NEW_ORDERS, lag=timedelta(minutes=1)), world.stores).objects == ()

    def test_a_change_that_was_committed_late_is_within_the_lag(self, world: ExtractWorld) -> None:
        export(NEW_ORDERS, world.stores)
        world.database.put("orders", orders(1, 1, datetime.now(UTC) - timedelta(minutes=5)))
        assert ids(world.frame(export(NEW_ORDERS, world.stores))) == [1]

    def test_rows_that_change_while_it_runs_are_not_lost(self, world: ExtractWorld) -> None:
        world.database.put("orders", orders(1, 9))
        changed: list[int] = []
        times: list[datetime] = []

        def meanwhile(_part: Part) -> None:
            # A row that was read already, and a new one that the pages have passed.
            changed.append(len(changed) + 1)
            times.append(now := datetime.now(UTC))
            row = orders(changed[-1], 1, now, status="shipped")
            world.database.put("orders", [*row, *orders(-changed[-1], 1, now)])

        first = export(ALL_ORDERS, world.stores, meanwhile)
        assert ids(world.frame(first)) == list(range(1, 10))
        assert set(world.frame(first)["status"]) == {"x"}
        assert datetime.fromisoformat(first.watermarks["orders"]) <= times[0]
        second = world.frame(export(replace(NEW_ORDERS, lag=timedelta(0)), world.stores))
        assert ids(second) == [-3, -2, -1, 1, 2, 3]

    def test_loads_of_days_do_not_move_the_watermark(self, world: ExtractWorld) -> None:
        export(NEW_ORDERS, world.stores)
        world.database.put("orders", orders(1, 1, datetime.now(UTC)))
        assert export(Request("day", date(2026, 3, 1), datasets=(ORDERS,)), world.stores).watermarks == {}
        assert ids(world.frame(export(NEW_ORDERS, world.stores))) == [1]


class TestDays:
    def test_a_day_is_what_was_last_changed_on_it(self, world: ExtractWorld) -> None:
        midnight = datetime(2026, 3, 2, tzinfo=UTC)
        for number, at in enumerate(
            (midnight - timedelta(microseconds=1), midnight, midnight + timedelta(hours=23.99))
        ):
            world.database.put("orders", orders(number, 1, at))
        world.database.put("orders", orders(3, 1, midnight + timedelta(days=1)))
        manifest = export(Request("day", date(2026, 3, 2), datasets=(ORDERS,)), world.stores)
        assert (ids(world.frame(manifest)), manifest.name.day) == ([1, 2], "2026-03-02")
        assert all("/load=2026-03-02/" in each.key for each in manifest.objects)

    def test_a_day_that_went_on_after_its_load_died_is_looked_at_once_more(self, world: ExtractWorld) -> None:
        today = datetime.now(UTC)
        of_day = Request("day", today.date(), datasets=(ORDERS,), part_rows=3)
        world.database.put("orders", orders(1, 5, today.replace(hour=0, minute=0)))
        with pytest.raises(KeyboardInterrupt):
            export(of_day, world.stores, Dying(1))
        world.database.put("orders", orders(1, 1, today, status="shipped"))
        frame = world.frame(export(of_day, world.stores))
        assert frame.select("order_id", "status").rows() == [(1, "shipped"), *((n, "x") for n in range(2, 6))]
        # Both loads have their end.
        assert len(world.keys("_loads/")) == 4

    @pytest.mark.parametrize(
        ("mode", "day", "keys"),
        [("day", None, False), ("full", date(2026, 3, 1), False), ("day", date(2026, 3, 1), True)],
    )
    def test_what_makes_no_sense_is_refused(self, mode: str, day: date | None, keys: bool) -> None:  # noqa: FBT001
        with pytest.raises(SourceError):
            Request(mode, day, keys=keys)  # type: ignore[arg-type]

    @pytest.mark.parametrize(("mode", "day"), [("incremental", None), ("day", date(2026, 11, 20))])
    def test_many_may_be_gone_only_where_deleted_rows_are_looked_for(self, mode: ExportMode, day: date | None) -> None:
        with pytest.raises(SourceError, match="only where deleted rows are looked for"):
            Request(mode, day, many_deleted=True)

    def test_a_day_to_come_is_refused(self, world: ExtractWorld) -> None:
        with pytest.raises(SourceError, match="has not begun"):
            export(Request("day", date(2999, 1, 1)), world.stores)


@pytest.mark.parametrize("world", ["mariadb"], indirect=True)  # SQLite has no such times
class TestTimesOfNoCalendar:
    @pytest.mark.parametrize("time", ["0000-00-00 00:00:00", "2026-02-00 10:00:00"])
    def test_the_row_reaches_the_rules_as_text(self, world: ExtractWorld, time: str) -> None:
        world.database.put("orders", orders(1, 4))
        world.database.run(
            f"SET SESSION sql_mode = ''; UPDATE `orders` SET `ordered_at` = '{time}' WHERE `order_id` = 2"  # noqa: S608
        )
        manifest = export(ALL_ORDERS, world.stores)
        first, second = (world.read(each.key) for each in manifest.objects)
        assert first["ordered_at"].to_list() == [f"{NOON:%F %T}.000000", f"{time}.000000", f"{NOON:%F %T}.000000"]
        # The other column of times, and the page without one, have their type.
        assert (first["updated_at"].dtype, second["ordered_at"].dtype) == (frame_type("datetime"),) * 2
        assert first["updated_at"].to_list() == [NOON + timedelta(seconds=n) for n in range(3)]

    def test_in_a_column_of_another_type_it_is_text_as_well(self, world: ExtractWorld) -> None:
        world.database.put("orders", orders(1, 1))
        world.database.run("ALTER TABLE `orders` DROP `status`, ADD `status` DATETIME")
        world.database.run("SET SESSION sql_mode = ''; UPDATE `orders` SET `status` = '0000-00-00'")
        assert world.frame(export(ALL_ORDERS, world.stores))["status"].to_list() == ["0000-00-00 00:00:00"]
