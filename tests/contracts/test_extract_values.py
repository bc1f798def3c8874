"""Values of a source that nobody expects: each is read as it is, fits the lake, or rejects its row."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline_assets.datasets.ecommerce import CUSTOMERS, ORDER_LINES, ORDERS, PAYMENTS
from pipeline_assets.datasets.types import frame_type
from pipeline_assets.operations.access import Access
from pipeline_assets.raw.extract import Request, export
from pipeline_assets.raw.source import Window
from tests.worlds.extracts import DATABASES, ExtractWorld, ids, world_of
from tests.worlds.source import MariaDbDatabase, orders


@pytest.fixture(params=DATABASES)
def world(request: pytest.FixtureRequest, tmp_path: Path, bare_cloud: Access) -> ExtractWorld:
    return world_of(request, tmp_path, bare_cloud)


def only(world: ExtractWorld) -> str:
    return "mariadb" if isinstance(world.database, MariaDbDatabase) else "sqlite"


CUSTOMER_ROWS = Request("full", datasets=(CUSTOMERS,))


#: A type of MySQL, a value as SQL, and what becomes of it in a column that the spec does not know.
TYPES = {
    "BIT(1)": ("b'1'", 1),
    "BIT(8)": ("b'101'", 5),
    "BIT(64)": (f"{2**64 - 1}", 2**64 - 1),
    "YEAR": ("2026", 2026),
    "TIME(6)": ("'-120:30:01.5'", "-120:30:01.500000"),
    "ENUM('a','b')": ("'b'", "b"),
    "SET('x','y')": ("'x,y'", "x,y"),
    "JSON": ("'{\"a\": 1}'", '{"a": 1}'),
    "BIGINT UNSIGNED": (f"{2**64 - 1}", 2**64 - 1),
    "MEDIUMINT": ("-5", -5),
    "TINYINT(1)": ("1", 1),
    "SMALLINT UNSIGNED": ("65535", 65535),
    "BINARY(16)": ("UNHEX('00112233445566778899AABBCCDDEEFF')", bytes.fromhex("00112233445566778899aabbccddeeff")),
    "UUID": ("'7e24a3ec-eace-11f1-b242-02fc00000001'", "7e24a3ec-eace-11f1-b242-02fc00000001"),
    "INET6": ("'::1'", "::1"),
    "DECIMAL(65,30)": ("12345678901234567890.123", "12345678901234567890.123000000000000000000000000000"),
    "DATE": ("'0000-00-00'", "0000-00-00"),
    "DATETIME(6)": ("'2026-02-00 10:00:00.5'", "2026-02-00 10:00:00.500000"),
    "TIMESTAMP(6) NULL": ("'2026-03-01 10:00:00.5'", "2026-03-01 10:00:00.500000"),
    "LONGTEXT": ("'hü'", "hü"),
    "LONGBLOB": ("X'FF00'", b"\xff\x00"),
    "POINT": ("POINT(1, 2)", "POINT(1 2)"),
    "GEOMETRY": ("ST_GeomFromText('POINT(1 2)')", "POINT(1 2)"),
    "FLOAT": ("1.5", 1.5),
    "DOUBLE": ("2.5e300", 2.5e300),
    "VARCHAR(10) CHARACTER SET latin1": ("'é'", "é"),
}


@pytest.mark.parametrize("world", ["mariadb"], indirect=True)
class TestTypesOfMySql:
    def test_each_is_read_and_so_is_none_of_it(self, world: ExtractWorld, capfd: pytest.CaptureFixture[str]) -> None:
        world.database.put("customers", [{"customer_id": 1}, {"customer_id": 2}])
        added = ", ".join(f"ADD `c{n}` {each}" for n, each in enumerate(TYPES))
        given = ", ".join(f"`c{n}` = {value}" for n, (value, _) in enumerate(TYPES.values()))
        world.database.run(
            f"ALTER TABLE `customers` {added}; SET SESSION sql_mode = '', time_zone = '+00:00'; "  # noqa: S608
            f"UPDATE `customers` SET {given} WHERE `customer_id` = 1"
        )
        page = world.stores.source.rows(CUSTOMERS, Window(), limit=10)
        found = {each: page.frame[f"c{n}"].to_list() for n, each in enumerate(TYPES)}
        assert found == {each: [value, None] for each, (_, value) in TYPES.items()}
        assert export(CUSTOMER_ROWS, world.stores).warnings == ()
        assert "panicked" not in capfd.readouterr().err

    @pytest.mark.parametrize(
        ("column", "type_", "value", "wanted"),
        [
            ("is_return", "BIT(1)", "b'1'", True),
            ("is_return", "TINYINT(1)", "0", False),
            ("is_return", "TINYINT UNSIGNED", "1", True),
            ("quantity", "MEDIUMINT", "7", 7),
            ("quantity", "BIGINT UNSIGNED", "7", 7),
            ("quantity", "DECIMAL(20,0)", "7", 7),
            ("quantity", "VARCHAR(9)", "'7'", 7),
            ("amount", "DECIMAL(65,30)", "12.34", Decimal("12.34")),
            ("amount", "FLOAT", "12345.67", Decimal("12345.67")),
            ("amount", "DOUBLE", "12.34", Decimal("12.34")),
            ("amount", "VARCHAR(20)", "'12.34'", Decimal("12.34")),
            ("currency", "ENUM('EUR','USD')", "'EUR'", "EUR"),
            ("currency", "BINARY(3)", "'EUR'", "EUR"),
            ("currency", "BLOB", "'EUR'", "EUR"),
            ("updated_at", "TIMESTAMP(3)", "'2026-03-01 10:00:00.125'", datetime(2026, 3, 1, 10, 0, 0, 125000, UTC)),
            ("updated_at", "DATETIME", "'2026-03-01 10:00:00'", datetime(2026, 3, 1, 10, tzinfo=UTC)),
            ("updated_at", "VARCHAR(30)", "'2026-03-01 10:00:00'", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ],
    )
    def test_one_that_holds_what_is_wanted_is_of_the_type_of_the_lake(
        self, world: ExtractWorld, column: str, type_: str, value: str, wanted: object
    ) -> None:
        world.database.put("order_lines", [{"order_id": 1, "line_number": 1}])
        index = ", DROP INDEX `order_lines_updated_at`" * (column == "updated_at")
        world.database.run(
            f"ALTER TABLE `order_lines` DROP `{column}`{index}; ALTER TABLE `order_lines` ADD `{column}` {type_}; "  # noqa: S608
            f"SET SESSION time_zone = '+00:00'; UPDATE `order_lines` SET `{column}` = {value}"
        )
        found = world.frame(export(Request("full", datasets=(ORDER_LINES,)), world.stores), "order_lines")[column]
        assert (found.to_list(), found.dtype) == ([wanted], frame_type(ORDER_LINES.column(column).type))


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
class TestValuesOfSqlite:
    """A column has no type there: whatever its table says, each value has one of its own."""

    @pytest.mark.parametrize(
        "value",
        [
            "'2026-11-27T20:00:00Z'",
            "'2026-11-27 20:00:00+00:00'",
            "'0000-00-00 00:00:00'",
            "'2026-11-27'",
            "'soon'",
            "''",
            "1772366400",
            "1772366400.5",
            "x'ff'",
        ],
    )
    def test_a_time_of_any_kind_goes_on_to_the_rules(self, world: ExtractWorld, value: str) -> None:
        world.database.put("orders", orders(1, 3))
        world.database.run(f"UPDATE `orders` SET `ordered_at` = {value} WHERE `order_id` = 2")  # noqa: S608
        manifest = export(Request("full", datasets=(ORDERS,)), world.stores)
        frame = world.frame(manifest)
        assert ids(frame) == [1, 2, 3]
        kept = frame["ordered_at"].cast(pl.Binary)[1]
        assert kept == bytes.fromhex("ff") if value.startswith("x") else kept.decode() == value.strip("'")

    @pytest.mark.parametrize(
        ("values", "wanted"),
        [
            ((10, 10.5, 0), [Decimal(10), Decimal("10.5"), Decimal(0)]),
            ((10, 10.125, 0), [10.0, 10.125, 0.0]),
            ((10, "'x'", 0.5), ["10", "x", "0.5"]),
            ((2**60 + 1, 0.5, 1), [str(2**60 + 1), "0.5", "1"]),
        ],
    )
    def test_numbers_of_several_kinds(self, world: ExtractWorld, values: tuple[Any, ...], wanted: list[Any]) -> None:
        world.database.put("orders", orders(1, 3))
        world.database.run("ALTER TABLE `orders` DROP COLUMN `total`")
        world.database.run("ALTER TABLE `orders` ADD COLUMN `total`")
        for number, value in enumerate(values, 1):
            world.database.run(f"UPDATE `orders` SET `total` = {value} WHERE `order_id` = {number}")  # noqa: S608
        assert world.frame(export(Request("full", datasets=(ORDERS,)), world.stores))["total"].to_list() == wanted

    def test_numbers_are_no_times(self, world: ExtractWorld) -> None:
        world.database.put("orders", orders(1, 2))
        world.database.run("UPDATE `orders` SET `ordered_at` = 1772366400")
        frame = world.frame(export(Request("full", datasets=(ORDERS,)), world.stores))
        assert frame["ordered_at"].to_list() == [1772366400] * 2

    def test_a_truth_that_is_none_is_not_taken_for_one(self, world: ExtractWorld) -> None:
        world.database.put("order_lines", [{"order_id": 1, "line_number": n} for n in (1, 2)])
        world.database.run("UPDATE `order_lines` SET `is_return` = 2 WHERE `line_number` = 2")
        manifest = export(Request("full", datasets=(ORDER_LINES,)), world.stores)
        assert world.frame(manifest, "order_lines")["is_return"].to_list() == [0, 2]


PAID = {"method": "cash", "currency": "EUR", "status": "captured"}
BAD = {"paid_at": "'0000-00-00 00:00:00'", "amount": "12.345", "currency": "'x'", "payment_id": "-3"}


@pytest.mark.parametrize("column", BAD)
def test_a_bad_value_of_a_frozen_table_rejects_its_row(world: ExtractWorld, column: str, tmp_path: Path) -> None:
    world.database.put("payments", [{"payment_id": n, **PAID} for n in (1, 2, 3)])
    if only(world) == "mariadb":
        world.database.run("ALTER TABLE `payments` MODIFY `amount` DECIMAL(18,4)")
    mode = "SET SESSION sql_mode = '';" * (only(world) == "mariadb")
    world.database.run(f"{mode} UPDATE `payments` SET `{column}` = {BAD[column]} WHERE `payment_id` = 3")  # noqa: S608
    manifest = export(Request("full", datasets=(PAYMENTS,)), world.stores)
    (day,) = world.curated(PAYMENTS, [manifest], tmp_path).values()
    assert day.rows.collect()["payment_id"].to_list() == [1, 2]
    (rejected,) = day.rejected.values()
    assert rejected["column"].to_list() == [column]
    assert BAD[column].strip("'").removesuffix("5") in rejected["reason"][0]


def test_a_column_that_came_is_kept_aside(world: ExtractWorld, tmp_path: Path) -> None:
    world.database.put("customers", [{"customer_id": 1, "country": "DE"}])
    world.database.run("ALTER TABLE `customers` ADD COLUMN `loyalty_tier` VARCHAR(20) DEFAULT 'gold'")
    (day,) = world.curated(CUSTOMERS, [export(CUSTOMER_ROWS, world.stores)], tmp_path).values()
    assert day.rows.collect()["other_columns"].to_list() == ['{"loyalty_tier":"gold"}']
