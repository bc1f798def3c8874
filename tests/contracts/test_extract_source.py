"""Tables that are not what their spec says: other columns, other keys; and what a source says when it fails."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import polars as pl
import pytest

from deploy.samples.shop_database import make_sqlite
from pipeline_assets.datasets.ecommerce import CUSTOMERS, ORDERS, PAYMENTS, QUERY_LOG
from pipeline_assets.errors import TransientError
from pipeline_assets.operations.access import Access
from pipeline_assets.privacy.leaks import scan_bucket
from pipeline_assets.raw.engines import redact_message
from pipeline_assets.raw.extract import Request, export
from pipeline_assets.raw.mysql import MySql
from pipeline_assets.raw.source import SourceDatabase, SourceError
from tests.worlds.extracts import ALL_ORDERS, CANARIES, CARD, CODE, DATABASES, SSN, ExtractWorld, world_of
from tests.worlds.source import MariaDbDatabase, SqliteDatabase, orders


@pytest.fixture(params=DATABASES)
def world(request: pytest.FixtureRequest, tmp_path: Path, bare_cloud: Access) -> ExtractWorld:
    return world_of(request, tmp_path, bare_cloud)


def only(world: ExtractWorld) -> str:
    return "mariadb" if isinstance(world.database, MariaDbDatabase) else "sqlite"


CUSTOMER_ROWS = Request("full", datasets=(CUSTOMERS,))


class TestColumnsThatCame:
    def test_an_evolving_one_has_them_without_numbers(self, world: ExtractWorld) -> None:
        world.database.put("customers", [{"customer_id": 1}, {"customer_id": 2}])
        for column, value in {"Loyalty_Tier": "gold", "note": f"pays with {CARD}", "größe `x`": "XL"}.items():
            quoted = column.replace("`", "``")
            world.database.run(f"ALTER TABLE `customers` ADD COLUMN `{quoted}` VARCHAR(60)")
            world.database.run(f"UPDATE `customers` SET `{quoted}` = '{value}'")  # noqa: S608
        frame = world.frame(export(CUSTOMER_ROWS, world.stores), "customers")
        assert frame.select("loyalty_tier", "note", "größe `x`").row(0) == (
            "gold",
            "pays with [card ending 1111]",
            "XL",
        )
        assert scan_bucket(world.bucket, CANARIES) == []

    @pytest.mark.parametrize("name", ["cvv", "CVC2", "card_security_code_2", "security_code"])
    @pytest.mark.parametrize("dataset", [CUSTOMERS, PAYMENTS, QUERY_LOG], ids=lambda each: each.name)
    def test_a_security_code_is_never_read(
        self, world: ExtractWorld, name: str, dataset: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.database.put(dataset.name, [{dataset.key[0]: 1}])
        world.database.run(f"ALTER TABLE `{dataset.name}` ADD COLUMN `{name}` VARCHAR(20) DEFAULT '{CODE}'")
        read: list[str] = []
        real = pl.read_database_uri

        def heard(said: str, *others: Any, **named: Any) -> Any:
            read.append(said)
            return real(said, *others, **named)

        monkeypatch.setattr(pl, "read_database_uri", heard)
        frame = world.frame(export(Request("full", datasets=(dataset,)), world.stores), dataset.name)
        assert not {name.lower(), name} & set(frame.columns)
        assert name not in str(read)
        assert scan_bucket(world.bucket, CANARIES) == []

    def test_a_discarding_one_says_so(self, world: ExtractWorld) -> None:
        world.database.put("query_log", [{"query_id": 1}])
        world.database.run("ALTER TABLE `query_log` ADD COLUMN `mood` VARCHAR(20) DEFAULT 'fine'")
        manifest = export(Request("full", datasets=(QUERY_LOG,)), world.stores)
        assert "mood" not in world.frame(manifest, "query_log").columns
        (said,) = manifest.warnings
        assert said.startswith("query_log has the column mood, which its spec does not know and its contract discards")

    def test_a_frozen_one_is_refused_and_the_other_tables_go_on(self, world: ExtractWorld) -> None:
        world.database.put("payments", [{"payment_id": 1}])
        world.database.put("query_log", [{"query_id": 1}])
        world.database.run("ALTER TABLE `payments` ADD COLUMN `tip` VARCHAR(20) DEFAULT 'x'")
        both = Request("full", datasets=(PAYMENTS, QUERY_LOG))
        with pytest.raises(
            SourceError, match=r"not complete.*payments has the column tip, which .* freezes: add a line"
        ):
            export(both, world.stores)
        assert len(world.keys("query_log/")) == 1
        assert not [key for key in world.keys("_loads/") if key.endswith(".json")]
        world.database.run("ALTER TABLE `payments` DROP COLUMN `tip`")
        manifest = export(both, world.stores)
        # The same load is gone on with, and nothing is there twice.
        assert sorted(each.dataset for each in manifest.objects) == ["payments", "query_log"]
        assert len(world.keys("query_log/")) == 1


class TestColumnsThatWent:
    def test_one_that_may_be_null_is_told_of(self, world: ExtractWorld) -> None:
        world.database.put("customers", [{"customer_id": 1}])
        world.database.run("ALTER TABLE `customers` DROP COLUMN `income_band`")
        manifest = export(CUSTOMER_ROWS, world.stores)
        assert world.frame(manifest, "customers").height == 1
        assert manifest.warnings[0].startswith("customers has no column income_band any more")

    def test_one_that_may_not_be_null_is_refused(self, world: ExtractWorld) -> None:
        world.database.put("customers", [{"customer_id": 1}])
        world.database.run("ALTER TABLE `customers` RENAME COLUMN `country` TO `land`")
        with pytest.raises(SourceError, match=r"customers has no column country and has the column land, .*aliases"):
            export(CUSTOMER_ROWS, world.stores)

    def test_a_table_that_is_not_there(self, world: ExtractWorld) -> None:
        world.database.run("DROP TABLE `customers`")
        with pytest.raises(SourceError, match="the source has no table customers: make it"):
            export(CUSTOMER_ROWS, world.stores)

    def test_no_time_of_change_at_all(self, world: ExtractWorld) -> None:
        world.database.run(
            "DROP INDEX `customers_updated_at`" + (" ON `customers`" if only(world) == "mariadb" else "")
        )
        world.database.run("ALTER TABLE `customers` DROP COLUMN `updated_at`")
        with pytest.raises(SourceError, match="customers has no column updated_at"):
            export(CUSTOMER_ROWS, world.stores)


class TestKeys:
    """Rows of which the table's key is text, or none: every page begins where the one before ended."""

    def keyed(self, world: ExtractWorld, type_: str, keys: list[object]) -> None:
        world.database.put("orders", orders(1, len(keys)))
        said = ["NULL" if key is None else f"'{key}'" if isinstance(key, str) else key for key in keys]
        world.database.run(
            "CREATE TABLE o AS SELECT * FROM `orders`",
            "DROP TABLE `orders`",
            "ALTER TABLE o RENAME TO `orders`",
            "ALTER TABLE `orders` RENAME COLUMN `order_id` TO n",
            f"ALTER TABLE `orders` ADD COLUMN `order_id` {type_}",
            *(f"UPDATE `orders` SET `order_id` = {key} WHERE n = {n}" for n, key in enumerate(said, 1)),  # noqa: S608
        )

    CASES: ClassVar[dict[str, tuple[str, list[object]]]] = {
        "text": ("VARCHAR(20)", ["9", "10", "11", "100", "2", "20", "3"]),
        "zeros": ("VARCHAR(20)", ["007", "7", "07", "8", "0008", "1"]),
        "blanks": ("VARCHAR(20)", ["7 ", " 7", "7", "8  ", "8"]),
        "letters": ("VARCHAR(20)", ["ab", "AB", "Ab", "äb", "b", "1"]),
        "none": ("BIGINT", [None, 2, None, 1, 3, -4]),
        "twice": ("BIGINT", [1, 2, 2, 3, 3, 3, 4]),
        "decimals": ("DECIMAL(20,3)", [1.5, 1.25, 2, -3.5, 10, 9]),
        "unsigned": ("BIGINT UNSIGNED", [1, 2**63 + 5, 2**64 - 1, 7, 2]),
        "wide": ("VARCHAR(40)", ["9" * 25, "8" * 25, "1", "2", "-5"]),
    }

    @pytest.mark.parametrize("case", CASES)
    @pytest.mark.parametrize("size", [3, 4, 100])
    def test_every_row_is_on_one_page(self, world: ExtractWorld, case: str, size: int) -> None:
        type_, keys = self.CASES[case]
        if case == "letters":
            size = max(size, 5)  # those that are no number have to fit on a page
        if case == "unsigned" and only(world) == "sqlite":
            keys = [1, 2**62, -(2**62), 7, 2]
        self.keyed(world, type_, keys)
        manifest = export(Request("full", datasets=(ORDERS,), part_rows=size), world.stores)
        assert sorted(
            pl.concat((world.read(each.key) for each in manifest.objects), how="diagonal_relaxed")["n"].to_list()
        ) == list(range(1, len(keys) + 1))

    def test_more_rows_of_one_key_than_a_page_has_are_refused(self, world: ExtractWorld) -> None:
        self.keyed(world, "VARCHAR(20)", ["a", "b", "c", "1", "d"])
        with pytest.raises(SourceError, match="orders has more than 3 rows whose key is the same, or no whole number"):
            export(ALL_ORDERS, world.stores)


class TestErrors:
    def test_a_store_that_is_not_there_is_tried_again(self) -> None:
        with pytest.raises(TransientError, match="did not answer for the time"):
            SourceDatabase("mysql://shop:x@127.0.0.1:9/shop").now()

    def test_a_wrong_password_is_not(self, world: ExtractWorld) -> None:
        if only(world) == "sqlite":
            return
        wrong = SourceDatabase(world.database.url.replace("shop:", "shop:no", 1))
        with pytest.raises(SourceError, match="ERROR 1045"):
            wrong.now()

    @pytest.mark.parametrize("world", ["mariadb"], indirect=True)
    def test_what_mysql_says_is_sorted_by_its_state_and_code(self, world: ExtractWorld) -> None:
        passing = {
            "42000": [1203, 1226],
            "HY000": [1020, 1114, 1135, 1205, 1637, 3024],
            "40001": [1213],
            "70100": [1317],
        }
        lasting = {"42000": [1044, 1064, 1142], "HY000": [1105, 1366], "42S22": [1054], "42S02": [1146]}
        source = MySql(world.database.url)
        for error, cases in ((TransientError, passing), (SourceError, lasting)):
            for state, code in ((state, code) for state, codes in cases.items() for code in codes):
                world.database.run(
                    "DELIMITER $$\nCREATE OR REPLACE FUNCTION says() RETURNS INT "
                    f"BEGIN SIGNAL SQLSTATE '{state}' SET MYSQL_ERRNO = {code}; RETURN 1; END$$"
                )
                with pytest.raises(error, match=str(code)):
                    source.read("SELECT says() AS said", "it")

    @pytest.mark.parametrize("world", ["sqlite"], indirect=True)
    def test_what_sqlite_says_is_sorted_by_its_code(self, world: ExtractWorld, tmp_path: Path) -> None:
        assert isinstance(world.database, SqliteDatabase)
        path = tmp_path / "other.db"
        path.write_bytes(b"no database, but long enough to be taken for one" * 100)
        with pytest.raises(SourceError, match="not a database"):
            SourceDatabase(f"sqlite://{path}").table(ORDERS)
        source = SourceDatabase(f"sqlite://{path}")
        path.unlink()
        with pytest.raises(TransientError):
            source.table(ORDERS)

    @pytest.mark.parametrize("name", ["shop.db", "a shop?#%41.db", "größe.db"])
    @pytest.mark.parametrize("slashes", ["//", "///", "////"])
    def test_a_file_of_any_name_is_opened(self, tmp_path: Path, name: str, slashes: str) -> None:
        make_sqlite(tmp_path / name, {})
        place = str(tmp_path / name)[1:]
        source = SourceDatabase(f"sqlite:{slashes[:2]}{slashes[2:] or '/'}{quote(place)}")
        assert source.now() <= datetime.now(UTC)

    def test_a_table_that_cannot_be_masked_holds_up_no_other(self, world: ExtractWorld) -> None:
        world.database.put("customers", [{"customer_id": 1, "ssn": SSN}])
        world.database.put("orders", orders(1, 2))
        world.database.run(f"ALTER TABLE `customers` ADD COLUMN `{CARD}` VARCHAR(9)")
        with pytest.raises(SourceError) as raised:
            export(Request("full", datasets=(CUSTOMERS, ORDERS)), world.stores)
        assert "customers: it has a column whose name holds a card" in str(raised.value)
        assert CARD not in str(raised.value)
        assert len(world.keys("orders/")) == 1

    @pytest.mark.parametrize(
        ("said", "wanted"),
        [
            ("Unknown column 'tip' in 'SELECT'", "Unknown column 'tip' in 'SELECT'"),
            ("Table 'shop.orders' doesn't exist", "Table 'shop.orders' doesn't exist"),
            ("Incorrect value: 'Hortensia Roe'", "Incorrect value: '…'"),
            (f'Duplicate entry "{SSN}" for `x`', "Duplicate entry '…' for '…'"),
            (f"overflow at {CARD}", "overflow at [card ending 1111]"),
        ],
    )
    def test_no_value_is_quoted(self, said: str, wanted: str) -> None:
        assert redact_message(said, "SELECT `tip` FROM `orders`") == wanted
