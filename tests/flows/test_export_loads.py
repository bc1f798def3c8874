"""Loads of a source database into a raw bucket: whole, resumed, racing, and without a card number."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import polars as pl
import pytest
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.compat import HTTPHeaders

from deploy.local.access import Access
from deploy.local.errors import LocalStackError
from deploy.local.mariadb_server import MariaDbServer, mariadb_home, running_mariadb
from pipeline_assets.datasets.ecommerce import ORDER_LINES, ORDERS, PAYMENTS, QUERY_LOG
from pipeline_assets.datasets.stored import stored_columns
from pipeline_assets.events.outcomes import TransientError
from pipeline_assets.export import loads
from pipeline_assets.export.export import Request, export
from pipeline_assets.export.loads import Loads, Part
from pipeline_assets.export.source import SourceDatabase, SourceError
from pipeline_assets.export.stores import ExportStores
from pipeline_assets.lake.frame_types import FRAME_TYPES
from pipeline_assets.lake.layout import RawObject
from pipeline_assets.lake.manifest import Manifest
from pipeline_assets.privacy.leaks import Canaries, scan_bucket
from pipeline_assets.privacy.tokens import TokenKey
from tests.flows.conftest import free_port_base
from tests.flows.source_world import NOON, Database, MariaDbDatabase, SqliteDatabase, orders

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = TokenKey("k1", bytes(range(32)))
CARD, CODE, SSN = "4111111111111111", "K9X7QZ", "666-45-6789"
CANARIES = Canaries((CARD, CODE, SSN))
ALL_ORDERS = Request("full", datasets=(ORDERS,), part_rows=3)
NEW_ORDERS = Request("incremental", datasets=(ORDERS,), part_rows=3)


class World:
    """A shop's database, a raw bucket, and what exports between them."""

    def __init__(self, database: Database, s3: S3Client, bucket: str) -> None:
        self.database, self.s3, self.bucket = database, s3, bucket
        self.stores = ExportStores(SourceDatabase(database.url), Loads(s3, bucket), KEY)

    def frame(self, manifest: Manifest, dataset: str = "orders", *, deleted: bool = False) -> pl.DataFrame:
        """The rows of a load, or its tombstones."""
        keys = [each.key for each in manifest.objects if each.dataset == dataset]
        named = [(raw, key) for key in keys if (raw := RawObject.of(key))]
        return pl.concat([self.read(key) for raw, key in named if raw.deletes is deleted])

    def read(self, key: str) -> pl.DataFrame:
        return pl.read_parquet(io.BytesIO(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()))

    def keys(self, prefix: str = "") -> list[str]:
        return self.stores.loads.keys(prefix)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDbServer]:
    """A real MariaDB; where it cannot be had its tests are skipped, unless `CESTA_REQUIRE_MARIADB` is set."""
    try:
        mariadb_home()
    except LocalStackError as error:
        if os.environ.get("CESTA_REQUIRE_MARIADB"):
            raise
        pytest.skip(f"not run on MariaDB: {error}")
    with running_mariadb(free_port_base()) as server:
        yield server


@pytest.fixture(params=["sqlite", "mariadb"])
def world(request: pytest.FixtureRequest, tmp_path: Path, bare_cloud: Access) -> World:
    bucket = f"raw-{uuid4().hex[:12]}"
    bare_cloud.s3.create_bucket(Bucket=bucket)
    bare_cloud.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    on_mariadb = request.param == "mariadb"
    database = (
        MariaDbDatabase(request.getfixturevalue("mariadb")) if on_mariadb else SqliteDatabase(tmp_path / "shop.db")
    )
    return World(database, bare_cloud.s3, bucket)


def ids(frame: pl.DataFrame, column: str = "order_id") -> list[int]:
    return sorted(frame[column].to_list())


class Dying:
    """Ends an export after some parts, as a kill would between two lines."""

    def __init__(self, parts: int) -> None:
        self.left = parts

    def __call__(self, _part: Part) -> None:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


class TestWhole:
    def test_all_tables_arrive_in_the_types_of_the_lake(self, world: World) -> None:
        world.database.put("orders", orders(1, 7, customer_id=None, total=Decimal("12.34")))
        line = {"order_id": 1, "discount": Decimal("0.10"), "is_return": True}
        world.database.put("order_lines", [{**line, "line_number": n} for n in (2, 1)])
        manifest = export(Request("full", part_rows=3), world.stores)
        frame = world.frame(manifest)
        assert frame.schema == {column.name: FRAME_TYPES[column.type] for column in stored_columns(ORDERS)}
        assert (ids(frame), frame["total"][0], frame["ordered_at"][0]) == (list(range(1, 8)), Decimal("12.34"), NOON)
        assert [each.rows for each in manifest.objects if each.dataset == "orders"] == [3, 3, 1]
        lines = world.frame(manifest, "order_lines")
        assert lines.select("line_number", "is_return", "discount").row(0) == (1, True, Decimal("0.10"))
        # Tables without rows were looked at and have no object.
        assert set(manifest.datasets) > {"customers", "payments"}
        assert {each.dataset for each in manifest.objects} == {"orders", "order_lines"}
        assert all(each.version_id for each in manifest.objects)

    def test_the_manifest_lies_in_the_bucket_and_says_the_same(self, world: World) -> None:
        world.database.put("orders", orders(1, 1))
        manifest = export(ALL_ORDERS, world.stores)
        body = world.s3.get_object(Bucket=world.bucket, Key=manifest.name.key)["Body"].read()
        assert Manifest.from_json(body.decode()) == manifest

    def test_what_does_not_fit_its_type_stays_as_it_was(self, world: World) -> None:
        world.database.put("orders", orders(1, 2))
        if isinstance(world.database, MariaDbDatabase):
            world.database.run("ALTER TABLE `orders` MODIFY `total` DECIMAL(18,4)")
        world.database.run("UPDATE `orders` SET `total` = 1.2345 WHERE `order_id` = 1")
        totals = world.frame(export(ALL_ORDERS, world.stores))["total"]
        assert totals.dtype != FRAME_TYPES["decimal"]
        assert [float(total) for total in totals] == [1.2345, 1.25]

    def test_parts_of_a_composite_key_lose_no_row(self, world: World) -> None:
        pairs = [(order, line) for order in range(1, 5) for line in range(1, 6)]
        world.database.put("order_lines", [{"order_id": order, "line_number": line} for order, line in pairs])
        for size in (1, 2, 3, 7, 20, 21):
            manifest = export(Request("full", datasets=(ORDER_LINES,), part_rows=size), world.stores)
            assert world.frame(manifest, "order_lines").select("order_id", "line_number").rows() == pairs

    def test_no_personal_number_gets_into_the_bucket(self, world: World) -> None:
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
        assert scan_bucket(world.s3, world.bucket, CANARIES) == []

    def test_another_key_gives_other_tokens(self, world: World) -> None:
        world.database.put("payments", [{"payment_id": 1, "card_number": CARD}])
        only = Request("full", datasets=(PAYMENTS,))
        before = world.frame(export(only, world.stores), "payments")
        rotated = replace(world.stores, key=TokenKey("k2", bytes(32)))
        after = world.frame(export(only, rotated), "payments")
        assert (before["card_token"][0][:3], after["card_token"][0][:3]) == ("k1:", "k2:")
        assert before["card_token"][0][3:] != after["card_token"][0][3:]
        assert before["card_last_four"][0] == after["card_last_four"][0]

    def test_bytes_that_are_no_text_are_left_to_the_rules(self, world: World) -> None:
        world.database.put("query_log", [{"query_id": 1}, {"query_id": 2, "text": f"card {CARD}"}])
        if isinstance(world.database, MariaDbDatabase):
            world.database.run("ALTER TABLE `query_log` MODIFY `text` BLOB")
            world.database.run("UPDATE `query_log` SET `text` = UNHEX('ff41') WHERE `query_id` = 1")
        manifest = export(Request("full", datasets=(QUERY_LOG,)), world.stores)
        assert world.frame(manifest, "query_log")["text"][1] == "card [card ending 1111]"
        assert scan_bucket(world.s3, world.bucket, CANARIES) == []


class TestIncremental:
    def test_it_takes_what_changed_since_the_load_before_began(self, world: World) -> None:
        world.database.put("orders", orders(1, 5))
        assert ids(world.frame(export(NEW_ORDERS, world.stores))) == [1, 2, 3, 4, 5]
        lately = datetime.now(UTC) - timedelta(minutes=2)
        world.database.put("orders", [*orders(2, 1, lately, status="shipped"), *orders(9, 1, lately)])
        second = export(NEW_ORDERS, world.stores)
        assert ids(world.frame(second)) == [2, 9]
        # Within the lag they come once more; then nothing is left.
        assert ids(world.frame(export(NEW_ORDERS, world.stores))) == [2, 9]
        assert export(replace(NEW_ORDERS, lag=timedelta(minutes=1)), world.stores).objects == ()

    def test_a_change_that_was_committed_late_is_within_the_lag(self, world: World) -> None:
        export(NEW_ORDERS, world.stores)
        world.database.put("orders", orders(1, 1, datetime.now(UTC) - timedelta(minutes=5)))
        assert ids(world.frame(export(NEW_ORDERS, world.stores))) == [1]

    def test_rows_that_change_while_it_runs_are_not_lost(self, world: World) -> None:
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

    def test_loads_of_days_do_not_move_the_watermark(self, world: World) -> None:
        export(NEW_ORDERS, world.stores)
        world.database.put("orders", orders(1, 1, datetime.now(UTC)))
        assert export(Request("day", date(2026, 3, 1), datasets=(ORDERS,)), world.stores).watermarks == {}
        assert ids(world.frame(export(NEW_ORDERS, world.stores))) == [1]


class TestDays:
    def test_a_day_is_what_was_last_changed_on_it(self, world: World) -> None:
        midnight = datetime(2026, 3, 2, tzinfo=UTC)
        for number, at in enumerate(
            (midnight - timedelta(microseconds=1), midnight, midnight + timedelta(hours=23.99))
        ):
            world.database.put("orders", orders(number, 1, at))
        world.database.put("orders", orders(3, 1, midnight + timedelta(days=1)))
        manifest = export(Request("day", date(2026, 3, 2), datasets=(ORDERS,)), world.stores)
        assert (ids(world.frame(manifest)), manifest.name.day) == ([1, 2], "2026-03-02")
        assert all("/load=2026-03-02/" in each.key for each in manifest.objects)

    def test_a_day_that_went_on_after_its_load_died_is_looked_at_once_more(self, world: World) -> None:
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

    def test_a_day_to_come_is_refused(self, world: World) -> None:
        with pytest.raises(SourceError, match="has not begun"):
            export(Request("day", date(2999, 1, 1)), world.stores)


class TestResuming:
    @pytest.mark.parametrize("parts", [1, 2, 3])
    def test_a_load_that_died_goes_on_under_its_id(self, world: World, parts: int) -> None:
        world.database.put("orders", orders(1, 8))
        with pytest.raises(KeyboardInterrupt):
            export(ALL_ORDERS, world.stores, Dying(parts))
        put = {key: world.s3.head_object(Bucket=world.bucket, Key=key)["VersionId"] for key in world.keys("orders/")}
        assert len(put) == parts
        # What changed meanwhile neither makes a gap nor moves what is there.
        world.database.put("orders", orders(1, 1, datetime.now(UTC), status="shipped"))
        world.database.run("DELETE FROM `orders` WHERE `order_id` = 3")
        manifest = export(ALL_ORDERS, world.stores)
        assert len(world.keys("_loads/")) == 2
        assert {each.key: each.version_id for each in manifest.objects}.items() >= put.items()
        assert ids(world.frame(manifest)) == list(range(1, 9))
        assert ids(world.frame(export(replace(NEW_ORDERS, lag=timedelta(0)), world.stores))) == [1]

    def test_a_load_is_gone_on_with_only_by_one_of_its_kind(self, world: World) -> None:
        world.database.put("orders", orders(1, 4))
        with pytest.raises(KeyboardInterrupt):
            export(ALL_ORDERS, world.stores, Dying(1))
        other = export(NEW_ORDERS, world.stores)
        assert ids(world.frame(other)) == [1, 2, 3, 4]
        died = export(ALL_ORDERS, world.stores)
        assert died.name.load_id < other.name.load_id
        assert ids(world.frame(died)) == [1, 2, 3, 4]

    def test_a_shorter_page_of_another_that_ends_at_the_same_key_is_not_the_end(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.database.put("orders", [*orders(1, 1), *orders(3, 4)])
        read = world.stores.source.rows

        def while_another_is_quicker(*arguments: Any, **named: Any) -> pl.DataFrame:
            monkeypatch.undo()
            with pytest.raises(KeyboardInterrupt):
                export(replace(ALL_ORDERS, part_rows=2), world.stores, Dying(1))
            world.database.put("orders", orders(2, 1))
            return read(*arguments, **named)

        monkeypatch.setattr(
            SourceDatabase, "rows", lambda _self, *args, **named: while_another_is_quicker(*args, **named)
        )
        manifest = export(ALL_ORDERS, world.stores)
        assert ids(world.frame(manifest)) == [1, 3, 4, 5, 6]

    def test_many_exports_at_once_make_whole_loads(self, world: World) -> None:
        world.database.put("orders", orders(1, 40))
        with ThreadPoolExecutor(6) as threads:
            manifests = list(
                threads.map(lambda size: export(replace(ALL_ORDERS, part_rows=size), world.stores), range(3, 9))
            )
        for manifest in manifests:
            assert world.frame(manifest)["order_id"].to_list() == list(range(1, 41))
        versions = world.s3.list_object_versions(Bucket=world.bucket)["Versions"]
        assert len({each["Key"] for each in versions}) == len(versions)  # nothing was ever replaced

    def test_what_the_database_says_is_told_without_its_password(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(_statement: str, url: str, **_options: object) -> None:
            raise RuntimeError(f"no connection to {url} for 4111111111111111")

        monkeypatch.setattr(pl, "read_database_uri", fail)
        with pytest.raises(TransientError) as raised:
            SourceDatabase("mysql://shop:hunter2secret@127.0.0.1:1/shop").now()
        assert "hunter2secret" not in str(raised.value)
        assert "4111" not in str(raised.value)

    def test_a_password_that_the_url_writes_otherwise_is_not_told_either(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_arguments: object, **_options: object) -> None:
            raise RuntimeError("access denied, using hunter@2/secret")

        monkeypatch.setattr(pl, "read_database_uri", fail)
        with pytest.raises(TransientError, match=r"for the keys of orders .* using \*\*\*"):
            SourceDatabase("mysql://shop:hunter%402%2Fsecret@127.0.0.1:1/shop").keys(ORDERS)

    def test_what_is_put_at_the_same_time_is_put_again(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(loads, "_PAUSE", 0)
        answers = ["ConditionalRequestConflict"] * 2

        def answer(request: AWSRequest, **_: object) -> Any:
            if not answers:
                return None
            body = io.BytesIO(f"<Error><Code>{answers.pop()}</Code></Error>".encode())
            body.stream = lambda: iter([body.read()])  # type: ignore[attr-defined]
            return AWSResponse(str(request.url), 409, HTTPHeaders(), body)

        world.s3.meta.events.register("before-send.s3.PutObject", answer)
        try:
            world.database.put("orders", orders(1, 2))
            assert ids(world.frame(export(ALL_ORDERS, world.stores))) == [1, 2]
        finally:
            world.s3.meta.events.unregister("before-send.s3.PutObject", answer)
        assert answers == []

    def test_a_claim_that_was_answered_too_late_is_not_given_up(self, world: World) -> None:
        world.database.put("orders", orders(1, 2))
        again = [0]

        def put_again(**_: object) -> Any:
            return again.pop() if again else None

        world.s3.meta.events.register_first("needs-retry.s3.PutObject", put_again)
        try:
            export(ALL_ORDERS, world.stores)
        finally:
            world.s3.meta.events.unregister("needs-retry.s3.PutObject", put_again)
        assert [len(again), len(world.keys("_loads/"))] == [0, 2]


class TestAbandoned:
    @pytest.fixture
    def ago(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
        """Sets the clock of the source back, for the loads that are begun until it is set again."""
        real = SourceDatabase.now
        return lambda by: monkeypatch.setattr(SourceDatabase, "now", lambda self: real(self) - by)

    @pytest.mark.parametrize("request_", [ALL_ORDERS, NEW_ORDERS])
    def test_a_load_of_an_earlier_day_is_closed_and_another_takes_its_place(
        self, world: World, ago: Callable[[timedelta], None], request_: Request
    ) -> None:
        world.database.put("orders", orders(1, 5))
        ago(timedelta(days=3))
        with pytest.raises(KeyboardInterrupt):
            export(request_, world.stores, Dying(1))
        ago(timedelta(0))
        today = datetime.now(UTC)
        world.database.put("orders", orders(4, 1, today, status="shipped"))
        manifest = export(request_, world.stores)
        assert manifest.name.day == f"{today:%Y-%m-%d}"
        assert ids(world.frame(manifest)) == [1, 2, 3, 4, 5]
        assert all(f"load={manifest.name.day}/" in each.key for each in manifest.objects)
        ends = [key.rpartition(".")[2] for key in world.keys("_loads/")]
        assert ends == ["abandoned", "begun", "begun", "json"]
        # The note is kept, and the old one is not looked at again.
        assert export(request_, world.stores).name.load_id > manifest.name.load_id
        assert len([key for key in world.keys("_loads/") if key.endswith(".abandoned")]) == 1

    def test_what_an_abandoned_load_left_is_found_since_the_last_that_was_finished(
        self, world: World, ago: Callable[[timedelta], None]
    ) -> None:
        ago(timedelta(days=4))
        export(NEW_ORDERS, world.stores)
        world.database.put("orders", orders(1, 5, datetime.now(UTC) - timedelta(days=3)))
        ago(timedelta(days=2))
        with pytest.raises(KeyboardInterrupt):
            export(NEW_ORDERS, world.stores, Dying(1))
        ago(timedelta(0))
        assert ids(world.frame(export(NEW_ORDERS, world.stores))) == [1, 2, 3, 4, 5]

    def test_nothing_relies_on_it_where_somebody_finishes_it_after_all(
        self, world: World, ago: Callable[[timedelta], None]
    ) -> None:
        world.database.put("orders", orders(1, 5))

        def given_up(_part: Part) -> None:
            ago(timedelta(0))
            with pytest.raises(KeyboardInterrupt):
                export(NEW_ORDERS, world.stores, Dying(1))

        ago(timedelta(days=2))
        late = export(NEW_ORDERS, world.stores, given_up)
        assert late.watermarks
        assert ids(world.frame(export(replace(NEW_ORDERS, keys=True), world.stores))) == [1, 2, 3, 4, 5]

    def test_a_load_has_tokens_of_one_key(self, world: World) -> None:
        world.database.put("payments", [{"payment_id": number, "card_number": CARD} for number in range(1, 6)])
        only = Request("full", datasets=(PAYMENTS,), part_rows=2)
        with pytest.raises(KeyboardInterrupt):
            export(only, world.stores, Dying(1))
        rotated = replace(world.stores, key=TokenKey("k2", bytes(32)))
        tokens = world.frame(export(only, rotated), "payments")["card_token"]
        assert [token[:3] for token in tokens] == ["k2:"] * 5


class TestTimesOfNoCalendar:
    @pytest.mark.parametrize("time", ["0000-00-00 00:00:00", "2026-02-00 10:00:00"])
    def test_the_row_reaches_the_rules_as_text(self, world: World, time: str) -> None:
        if not isinstance(world.database, MariaDbDatabase):
            pytest.skip("SQLite has no such times")
        world.database.put("orders", orders(1, 4))
        world.database.run(
            f"SET SESSION sql_mode = ''; UPDATE `orders` SET `ordered_at` = '{time}' WHERE `order_id` = 2"  # noqa: S608
        )
        manifest = export(ALL_ORDERS, world.stores)
        first, second = (world.read(each.key) for each in manifest.objects)
        assert first["ordered_at"].to_list() == [f"{NOON:%F %T}.000000", f"{time}.000000", f"{NOON:%F %T}.000000"]
        # The other column of times, and the page without one, have their type.
        assert (first["updated_at"].dtype, second["ordered_at"].dtype) == (FRAME_TYPES["datetime"],) * 2
        assert first["updated_at"].to_list() == [NOON + timedelta(seconds=n) for n in range(3)]

    def test_in_a_column_of_another_type_it_is_the_end_and_says_of_which_table(self, world: World) -> None:
        if not isinstance(world.database, MariaDbDatabase):
            pytest.skip("SQLite has no such times")
        world.database.put("orders", orders(1, 1))
        world.database.run("ALTER TABLE `orders` DROP `status`, ADD `status` DATETIME")
        world.database.run("SET SESSION sql_mode = ''; UPDATE `orders` SET `status` = '0000-00-00'")
        with pytest.raises(SourceError, match="orders has a value that cannot be read"):
            export(ALL_ORDERS, world.stores)


class TestDeletions:
    def both(self, world: World) -> Manifest:
        return export(replace(NEW_ORDERS, keys=True), world.stores)

    def test_a_row_that_is_gone_gets_a_tombstone(self, world: World) -> None:
        world.database.put("orders", orders(1, 5))
        assert "deleted" not in str(self.both(world).objects)
        world.database.run("DELETE FROM `orders` WHERE `order_id` IN (2, 5)")
        before = datetime.now(UTC)
        tombstones = world.frame(self.both(world), deleted=True)
        assert tombstones.columns == ["order_id", "deleted_at"]
        assert ids(tombstones) == [2, 5]
        assert tombstones["deleted_at"].is_between(before - timedelta(seconds=1), datetime.now(UTC)).all()

    def test_it_is_buried_twice_and_then_left_in_peace(self, world: World) -> None:
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

    def test_a_row_that_is_put_back_is_later_than_its_tombstone(self, world: World) -> None:
        world.database.put("orders", orders(1, 2))
        self.both(world)
        world.database.run("DELETE FROM `orders` WHERE `order_id` = 2")

        def put_back(part: Part) -> None:
            if part.stored.key.endswith("-deleted.parquet"):
                world.database.put("orders", orders(2, 1, datetime.now(UTC)))

        manifest = export(replace(NEW_ORDERS, keys=True), world.stores, put_back)
        tombstone, row = world.frame(manifest, deleted=True), world.frame(manifest).filter(pl.col("order_id") == 2)
        assert row["updated_at"][0] > tombstone["deleted_at"][0]

    def test_so_it_is_where_times_have_no_fractions(self, world: World) -> None:
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

    def test_a_table_that_is_empty_by_mistake_is_not_buried(self, world: World) -> None:
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
    def test_a_hundred_or_a_fifth_may_be_gone(self, world: World, rows: int, gone: int) -> None:
        world.database.put("orders", orders(1, rows))
        self.both(world)
        world.database.run(f"DELETE FROM `orders` WHERE `order_id` <= {gone}")  # noqa: S608
        assert world.frame(self.both(world), deleted=True).height == gone

    def test_a_load_that_dies_after_its_tombstones_has_them_once(self, world: World) -> None:
        world.database.put("orders", orders(1, 2))
        self.both(world)
        world.database.run("DELETE FROM `orders` WHERE `order_id` = 1")
        with pytest.raises(KeyboardInterrupt):
            export(replace(NEW_ORDERS, keys=True), world.stores, Dying(1))
        manifest = self.both(world)
        assert [each.key.endswith("-deleted.parquet") for each in manifest.objects] == [True]
