"""Exports that die, race or come late: each load is whole, or known to have been given up."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.compat import HTTPHeaders

from pipeline_assets.datasets.ecommerce import ORDERS, PAYMENTS
from pipeline_assets.errors import TransientError
from pipeline_assets.operations.access import Access
from pipeline_assets.privacy.tokens import TokenKey
from pipeline_assets.raw.extract import Request, export
from pipeline_assets.raw.loads import Part
from pipeline_assets.raw.source import Page, SourceDatabase
from pipeline_assets.storage import s3 as s3_bucket
from tests.worlds.extracts import (
    ALL_ORDERS,
    CARD,
    DATABASES,
    NEW_ORDERS,
    Dying,
    ExtractWorld,
    ids,
    world_of,
)
from tests.worlds.source import orders


@pytest.fixture(params=DATABASES)
def world(request: pytest.FixtureRequest, tmp_path: Path, bare_cloud: Access) -> ExtractWorld:
    return world_of(request, tmp_path, bare_cloud)


class TestResuming:
    @pytest.mark.parametrize("parts", [1, 2, 3])
    def test_a_load_that_died_goes_on_under_its_id(self, world: ExtractWorld, parts: int) -> None:
        world.database.put("orders", orders(1, 8))
        with pytest.raises(KeyboardInterrupt):
            export(ALL_ORDERS, world.stores, Dying(parts))
        put = {
            key: world.s3.head_object(Bucket=world.bucket.name, Key=key)["VersionId"] for key in world.keys("orders/")
        }
        assert len(put) == parts
        # What changed meanwhile neither makes a gap nor moves what is there.
        world.database.put("orders", orders(1, 1, datetime.now(UTC), status="shipped"))
        world.database.run("DELETE FROM `orders` WHERE `order_id` = 3")
        manifest = export(ALL_ORDERS, world.stores)
        assert len(world.keys("_loads/")) == 2
        assert {each.key: each.version_id for each in manifest.objects}.items() >= put.items()
        assert ids(world.frame(manifest)) == list(range(1, 9))
        assert ids(world.frame(export(replace(NEW_ORDERS, lag=timedelta(0)), world.stores))) == [1]

    def test_a_load_is_gone_on_with_only_by_one_of_its_kind(self, world: ExtractWorld) -> None:
        world.database.put("orders", orders(1, 4))
        with pytest.raises(KeyboardInterrupt):
            export(ALL_ORDERS, world.stores, Dying(1))
        other = export(NEW_ORDERS, world.stores)
        assert ids(world.frame(other)) == [1, 2, 3, 4]
        died = export(ALL_ORDERS, world.stores)
        assert died.name.load_id < other.name.load_id
        assert ids(world.frame(died)) == [1, 2, 3, 4]

    def test_a_shorter_page_of_another_that_ends_at_the_same_key_is_not_the_end(
        self, world: ExtractWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.database.put("orders", [*orders(1, 1), *orders(3, 4)])
        read = world.stores.source.rows

        def while_another_is_quicker(*arguments: Any, **named: Any) -> Page:
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

    def test_many_exports_at_once_make_whole_loads(self, world: ExtractWorld) -> None:
        world.database.put("orders", orders(1, 40))
        with ThreadPoolExecutor(6) as threads:
            manifests = list(
                threads.map(lambda size: export(replace(ALL_ORDERS, part_rows=size), world.stores), range(3, 9))
            )
        for manifest in manifests:
            assert world.frame(manifest)["order_id"].to_list() == list(range(1, 41))
        versions = world.s3.list_object_versions(Bucket=world.bucket.name)["Versions"]
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
        with pytest.raises(TransientError, match=r"for the columns of orders .* using \*\*\*"):
            SourceDatabase("mysql://shop:hunter%402%2Fsecret@127.0.0.1:1/shop").versions(ORDERS)

    def test_what_is_put_at_the_same_time_is_put_again(
        self, world: ExtractWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(s3_bucket, "_REST", 0)
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

    def test_a_claim_that_was_answered_too_late_is_not_given_up(self, world: ExtractWorld) -> None:
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
        self, world: ExtractWorld, ago: Callable[[timedelta], None], request_: Request
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
        self, world: ExtractWorld, ago: Callable[[timedelta], None]
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
        self, world: ExtractWorld, ago: Callable[[timedelta], None]
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

    def test_a_load_has_tokens_of_one_key(self, world: ExtractWorld) -> None:
        world.database.put("payments", [{"payment_id": number, "card_number": CARD} for number in range(1, 6)])
        only = Request("full", datasets=(PAYMENTS,), part_rows=2)
        with pytest.raises(KeyboardInterrupt):
            export(only, world.stores, Dying(1))
        rotated = replace(world.stores, key=TokenKey("k2", bytes(32)))
        tokens = world.frame(export(only, rotated), "payments")["card_token"]
        assert [token[:3] for token in tokens] == ["k2:"] * 5
