"""Raw objects become curated days on the real cloud: once, whatever comes twice, late, broken or all at once."""

from __future__ import annotations

import json
import multiprocessing
import random
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import count, islice, takewhile
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from deploy.cli.deployment import Deployment
from deploy.cli.quarantine import print_documents, print_list, write_rejected_rows
from deploy.cli.replaying import replace_file, replay
from deploy.local.access import Access
from pipeline_assets.curation.completion import loads_of, open_loads
from pipeline_assets.curation.ingest import CURATION_FLOW, DATASETS, recurate_day
from pipeline_assets.datasets.spec import Between, Rule
from pipeline_assets.events.object_version import ObjectVersion
from pipeline_assets.events.outcomes import Counts, TimeBudgetReachedError
from pipeline_assets.files.rejected import rejected_file, rejected_files
from pipeline_assets.files.replay import MendError, replay_files
from pipeline_assets.lake.layout import DELETED, LoadName, curated_key, key_snapshot
from pipeline_assets.lake.tables import Catalogue
from tests.flows.curation_world import DAY, MORNING, ORDERS, STORES, CurationWorld, frame, load_id, parquet, row
from tests.flows.mortality import DeadError, Fate


@pytest.fixture
def world(bare_cloud: Access) -> CurationWorld:
    return CurationWorld.made(bare_cloud)


def counts(**rows: int) -> Counts:
    return Counts(**rows)


def test_a_raw_object_becomes_a_curated_day_with_an_account_in_its_footer(world: CurationWorld) -> None:
    rows = [row(STORES, 2), row(STORES, 1), row(STORES, 3, country="usa"), row(STORES, 2, name="Again")]
    version = world.put(STORES, frame(STORES, rows))
    receipt = world.ingest(version)
    assert receipt.counts == counts(received=4, accepted=2, quarantined=1, duplicate=1)
    found = world.day(STORES)
    assert found.select("store_id", "name", "_row", "_source", "_deleted").rows() == [
        (1, "Shop", 2, version.uri, False),
        (2, "Again", 4, version.uri, False),
    ]
    rejected = world.rejected(receipt)
    assert [(each["row"], each["column"], each["rule"]) for each in rejected] == [(3, "country", "country_known")]
    assert rejected[0]["fields"]["country"] == "usa"
    assert world.account(STORES).fingerprint == STORES.fingerprint
    assert [part.asset for part in receipt.partitions] == ["raw/stores", "curated/stores"]
    assert {part.partition for part in receipt.partitions} == {DAY}


def test_a_repeated_delivery_changes_nothing(world: CurationWorld) -> None:
    version = world.put(STORES, frame(STORES, [row(STORES, 1), row(STORES, 2, country="x")]))
    first = world.ingest(version)
    etag = world.stores().curated.standing(curated_key("stores", DAY))
    assert [world.ingest(version) for _ in range(3)] == [first] * 3
    assert world.stores().curated.standing(curated_key("stores", DAY)) == etag
    ledger = world.stores().ledger
    assert ledger.deliveries(version.id) == 4
    assert ledger.totals("ecommerce").counts == first.counts


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
        with ProcessPoolExecutor(4, multiprocessing.get_context("spawn")) as pool:
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


class TestOrder:
    def test_a_later_load_of_the_day_wins_whichever_is_worked_on_first(self, world: CurationWorld) -> None:
        early = world.put(STORES, frame(STORES, [row(STORES, 1, name="old"), row(STORES, 2)]), load=0)
        late = world.put(STORES, frame(STORES, [row(STORES, 1, name="new"), row(STORES, 3)]), load=1)
        assert world.ingest(late).counts == counts(received=2, accepted=2)
        assert world.ingest(early).counts == counts(received=2, accepted=1, superseded=1)
        assert world.day(STORES).select("store_id", "name").rows() == [(1, "new"), (2, "Shop"), (3, "Shop")]

    def test_the_same_object_under_another_key_adds_nothing(self, world: CurationWorld) -> None:
        content = frame(STORES, [row(STORES, 1), row(STORES, 2)])
        world.ingest(world.put(STORES, content, part="0001"))
        assert world.ingest(world.put(STORES, content, part="0002")).counts == counts(received=2, accepted=2)
        assert world.account(STORES).counts == counts(received=4, accepted=2, superseded=2)

    def test_a_day_that_comes_late_leaves_the_others_alone(self, world: CurationWorld) -> None:
        world.ingest(world.put(STORES, frame(STORES, [row(STORES, 1)])))
        old = row(STORES, 1, name="old", updated_at=MORNING - timedelta(days=1))
        world.ingest(world.put(STORES, frame(STORES, [old]), day="2026-03-01"))
        assert world.day(STORES)["name"].to_list() == ["Shop"]
        assert world.day(STORES, "2026-03-01")["name"].to_list() == ["old"]

    def test_tombstones_take_rows_out_and_a_later_row_comes_back(self, world: CurationWorld) -> None:
        gone = pl.DataFrame(
            {"store_id": [1, 2], "deleted_at": [MORNING + timedelta(hours=1)] * 2},
            schema={"store_id": pl.Int64, "deleted_at": pl.Datetime("us", "UTC")},
        )
        deleted = world.put(STORES, gone, load=1, part=DELETED)
        rows = world.put(STORES, frame(STORES, [row(STORES, 1), row(STORES, 3)]))
        back = world.put(STORES, frame(STORES, [row(STORES, 2, updated_at=MORNING + timedelta(hours=2))]), load=2)
        for version in (deleted, rows, back):
            world.ingest(version)
        assert world.keys_of(STORES) == [2, 3]
        assert world.day(STORES).height == 3


class TestReplacedObjects:
    def test_a_new_version_of_an_object_replaces_its_rows(self, world: CurationWorld) -> None:
        old = world.put(STORES, frame(STORES, [row(STORES, 1), row(STORES, 2)]))
        world.ingest(old)
        new = world.put(STORES, frame(STORES, [row(STORES, 2, name="New"), row(STORES, 3)]))
        assert world.ingest(new).counts == counts(received=2, accepted=2)
        assert world.keys_of(STORES) == [2, 3]
        account = world.stores().ledger.account("curated/stores", DAY)
        assert account.receipt_ids == (new.id,)

    def test_the_event_of_a_replaced_version_ends_with_its_rows_superseded(self, world: CurationWorld) -> None:
        old = world.put(STORES, frame(STORES, [row(STORES, 1), row(STORES, 2, country="x")]))
        new = world.put(STORES, frame(STORES, [row(STORES, 3)]))
        world.ingest(new)
        receipt = world.ingest(old)
        assert receipt.counts == counts(received=2, quarantined=1, superseded=1)
        assert world.keys_of(STORES) == [3]
        assert world.stores().ledger.account("curated/stores", DAY).receipt_ids == (new.id,)

    def test_an_object_that_is_gone_ends_with_a_receipt_that_says_so(self, world: CurationWorld) -> None:
        version = world.put(STORES, frame(STORES, [row(STORES, 1)]))
        world.access.s3.delete_object(Bucket=world.raw, Key=version.key, VersionId=version.version_id)
        receipt = world.ingest(version)
        assert receipt.counts == counts()
        assert "no longer in the bucket" in receipt.refused

    def test_a_replay_of_a_gone_object_leaves_its_receipt_as_it_is(self, world: CurationWorld) -> None:
        version = world.put(STORES, frame(STORES, [row(STORES, 1)]))
        first = world.ingest(version)
        world.access.s3.delete_object(Bucket=world.raw, Key=version.key, VersionId=version.version_id)
        assert "no longer in the bucket" in world.ingest(version, redo=True).refused
        assert world.stores().ledger.receipt(version.id) == first

    def test_a_deleted_object_leaves_the_day_when_that_is_worked_out_anew(self, world: CurationWorld) -> None:
        versions = [world.put(STORES, frame(STORES, [row(STORES, key)]), part=f"{key:04d}") for key in (1, 2)]
        for version in versions:
            world.ingest(version)
        world.access.s3.delete_object(Bucket=world.raw, Key=versions[0].key)
        (receipt,) = recurate_day(STORES, DAY, world.stores())
        assert (receipt.source, receipt.run) == (versions[1], 2)
        assert world.keys_of(STORES) == [2]


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
            monkeypatch.setitem(DATASETS, "stores", replace(STORES, rules=rules))
            world.ingest(world.put(STORES, frame(STORES, [row(STORES, keys[-1])]), part=f"{keys[-1]:04d}"))
            assert world.keys_of(STORES) == keys

    @pytest.mark.parametrize(("call", "keys"), [("update_item", [2, 3]), ("batch_write_item", [5])])
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
        CURATION_FLOW.ingest(slow, world.stores(before_ledger=("update_item", replace_it)))
        assert next(others, None) is None
        assert world.keys_of(STORES) == [1, 3]
        assert len(world.stores().ledger.objects("curated/stores", DAY)) == 2

    def test_it_is_right_once_a_receipt_is_there(self, world: CurationWorld) -> None:
        world.ingest(world.put(STORES, frame(STORES, [row(STORES, 1), row(STORES, 2)])))
        seen: list[int] = []

        def look() -> None:
            seen.append(world.day(STORES).height)

        later = world.put(STORES, frame(STORES, [row(STORES, 1)]), load=1)
        CURATION_FLOW.ingest(later, world.stores(before_ledger=("transact_write_items", look)))
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


BAD: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "text": lambda: b"store_id,name\n1,Shop\n",
    "truncated": lambda: parquet(frame(STORES, [row(STORES, key) for key in range(1, 50)]))[:-100],
    "renamed column": lambda: parquet(frame(STORES, [row(STORES, 1)]).rename({"name": "store_name"})),
    "missing column": lambda: parquet(frame(STORES, [row(STORES, 1)]).drop("region")),
    "list for text": lambda: parquet(frame(STORES, [row(STORES, 1)]).with_columns(pl.Series("name", [["x"]]))),
    "card numbers": lambda: parquet(frame(STORES, [row(STORES, 1)]).with_columns(pl.lit("4111").alias("card_number"))),
}


class TestBadInput:
    @pytest.mark.parametrize("kind", BAD)
    def test_an_object_that_is_refused_leaves_the_others_alone(self, world: CurationWorld, kind: str) -> None:
        good = world.put(STORES, frame(STORES, [row(STORES, 1)]), part="0001")
        bad = world.put(STORES, BAD[kind](), part="0002")
        receipt = world.ingest(bad)
        assert receipt.refused.startswith(f"{bad.key}: ")
        assert receipt.counts.received == receipt.counts.quarantined
        assert world.ingest(good).counts == counts(received=1, accepted=1)
        assert world.keys_of(STORES) == [1]
        (document,) = world.rejected(receipt)
        assert document["reason"] == receipt.refused
        assert "row" not in document

    @pytest.mark.parametrize(
        "key",
        ["foo.txt", "stores/part.parquet", f"shops/load={DAY}/{load_id(0)}-0001.parquet", "stores/load=2026-02-30/x"],
    )
    def test_an_object_that_lies_in_no_place_of_the_lake_is_refused(self, world: CurationWorld, key: str) -> None:
        receipt = world.ingest(world.put_key(key, parquet(frame(STORES, [row(STORES, 1)]))))
        assert "it is no object of the lake" in receipt.refused
        assert receipt.partitions == ()
        assert world.rejected(receipt)[0]["rule"] == "place"
        contents = world.stores().quarantine.contents()
        assert list(contents.receipts) == [receipt.id]

    def test_what_lies_in_no_place_is_found_by_sql(self, world: CurationWorld) -> None:
        glue = world.access.client("glue")
        glue.create_database(DatabaseInput={"Name": "lake"})
        tables = Catalogue(glue, "lake", {"curated": world.curated, "quarantine": world.quarantine})
        version = world.put_key("stores.parquet", b"x")
        CURATION_FLOW.ingest(version, replace(world.stores(), tables=tables))
        (found,) = glue.get_partitions(DatabaseName="lake", TableName="rejected_rows")["Partitions"]
        assert found["Values"] == ["unknown", version.arrival_day]
        place = found["StorageDescriptor"]["Location"].removeprefix(f"s3://{world.quarantine}/")
        assert world.access.s3.list_objects_v2(Bucket=world.quarantine, Prefix=place)["KeyCount"] == 1

    def test_notes_of_exports_are_no_rows(self, world: CurationWorld) -> None:
        for key in (key_snapshot("stores", load_id(0)), LoadName(DAY, load_id(0)).begun_key):
            assert CURATION_FLOW.ingest(world.put_key(key, b"x"), world.stores()) is None

    def test_a_manifest_that_is_none_is_refused(self, world: CurationWorld) -> None:
        receipt = world.ingest(world.put_key(LoadName(DAY, load_id(0)).key, b"{}"))
        assert "manifest" in receipt.refused
        rows = world.ingest(world.put(STORES, frame(STORES, [row(STORES, 1)])))
        assert rows.counts == counts(received=1, accepted=1)
        assert [load.held for load in open_loads(world.stores())] == [("its manifest cannot be read",)]

    def test_too_little_time_changes_nothing(self, world: CurationWorld) -> None:
        version = world.put(STORES, frame(STORES, [row(STORES, 1)]))
        with pytest.raises(TimeBudgetReachedError):
            CURATION_FLOW.ingest(version, world.stores(), seconds_left=lambda: 60)
        assert world.stores().curated.standing(curated_key("stores", DAY)) is None


class TestCompletion:
    def load(self, world: CurationWorld, *, bad: int = 0) -> list[tuple[ObjectVersion, int]]:
        stores = world.put(STORES, frame(STORES, [row(STORES, key) for key in range(1, 4)]))
        rows = [row(ORDERS, key, status="lost" if key <= bad else "paid") for key in range(1, 21)]
        return [(stores, 3), (world.put(ORDERS, frame(ORDERS, rows)), 20)]

    def test_the_marker_comes_once_all_is_curated_whatever_comes_last(self, world: CurationWorld) -> None:
        objects = self.load(world, bad=1)
        assert [load.manifest for load in open_loads(world.stores())] == [False]
        manifest = world.put_manifest(objects)
        assert CURATION_FLOW.ingest(manifest, world.stores()) is None
        world.ingest(objects[1][0])
        (still,) = open_loads(world.stores())
        assert still.missing == (objects[0][0].key,)
        assert world.marker() is None
        world.ingest(objects[0][0])
        marker = world.marker()
        assert marker
        assert marker["datasets"]["orders"] == {
            "fingerprint": ORDERS.fingerprint,
            **counts(received=20, accepted=19, quarantined=1).as_dict(),
        }
        assert list(open_loads(world.stores())) == []

    def test_an_abandoned_load_is_closed_without_a_marker(self, world: CurationWorld) -> None:
        objects = self.load(world)
        note = world.put_key(LoadName(DAY, load_id(0)).abandoned_key, b"{}")
        assert CURATION_FLOW.ingest(note, world.stores()) is None
        for version, _ in objects:
            world.ingest(version)
        assert (list(open_loads(world.stores())), loads_of(DAY, world.stores())) == ([], [])
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
        (held,) = open_loads(world.stores())
        assert held.held == ("2 of 20 rows of orders were rejected; expected at most 5%",)
        assert world.marker() is None
        lax = replace(ORDERS, rules=tuple(rule for rule in ORDERS.rules if rule.name != "status_known"))
        recurate_day(lax, DAY, world.stores())
        assert world.marker()

    def test_an_object_that_cannot_be_read_counts_with_the_rows_that_its_manifest_promised(
        self, world: CurationWorld
    ) -> None:
        objects = [(world.put(STORES, b""), 3)]
        CURATION_FLOW.ingest(world.put_manifest(objects), world.stores())
        world.ingest(objects[0][0])
        assert [load.held for load in open_loads(world.stores())] == [
            ("3 of 3 rows of stores were rejected; expected at most 5%",)
        ]

    def test_rows_that_the_manifest_does_not_know_hold_the_load(self, world: CurationWorld) -> None:
        version = world.put(STORES, frame(STORES, [row(STORES, 1)]))
        CURATION_FLOW.ingest(world.put_manifest([(version, 2)]), world.stores())
        world.ingest(version)
        assert [load.held for load in open_loads(world.stores())] == [
            (f"{version.key} has 1 rows; the manifest says 2",)
        ]

    def test_a_load_of_nothing_is_complete(self, world: CurationWorld) -> None:
        CURATION_FLOW.ingest(world.put_manifest([]), world.stores())
        assert world.marker()

    def test_days_before_the_one_that_is_asked_for_are_not_looked_at(self, world: CurationWorld) -> None:
        world.put(STORES, frame(STORES, [row(STORES, 1)]), day="2026-03-01")
        world.put(STORES, frame(STORES, [row(STORES, 1)]), day=DAY)
        assert [load.name.day for load in open_loads(world.stores(), DAY)] == [DAY]


class TestCrashes:
    def test_a_death_at_any_call_loses_and_doubles_nothing(self, bare_cloud: Access) -> None:
        fates = (Fate(at, after) for at in count(1) for after in (False, True))
        calls = [fate.calls for fate in takewhile(lambda fate: self._is_survived(bare_cloud, fate), fates)]
        # The receipts of two objects and a marker cannot be had with fewer.
        assert max(calls) > 15

    @staticmethod
    def _is_survived(access: Access, fate: Fate) -> bool:
        """Let the next process finish what one left when it died; False where all was done before that call."""
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
        return fate.calls >= fate.at


class TestReplay:
    def test_what_is_rejected_is_listed_and_replayed_with_todays_rules(self, world: CurationWorld) -> None:
        good = world.put(STORES, frame(STORES, [row(STORES, 1)]), part="0001")
        bad = world.put(STORES, frame(STORES, [row(STORES, 2, country="x"), row(STORES, 3)]), part="0002")
        for version in (good, bad):
            world.ingest(version)
        stores = world.stores()
        (listed,) = rejected_files(stores, stores.quarantine.contents())
        assert (listed.receipt.id, listed.standing, listed.rules) == (bad.id, "open", {"country_known": 1})
        (done,) = replay_files([listed], CURATION_FLOW, stores)
        assert done.after
        assert (done.after.run, done.after.counts) == (2, counts(received=2, accepted=1, quarantined=1))
        lax = replace(STORES, rules=tuple(rule for rule in STORES.rules if rule.name != "country_known"))
        recurate_day(lax, DAY, stores)
        assert world.keys_of(lax) == [1, 2, 3]
        mended = rejected_file(bad.id, stores, stores.quarantine.contents())
        assert mended
        assert mended.standing == "mended"
        assert stores.quarantine.contents().receipts == {}

    def test_a_stricter_rule_takes_rows_out_again(self, world: CurationWorld) -> None:
        version = world.put(STORES, frame(STORES, [row(STORES, key) for key in (1, 2, 3)]))
        world.ingest(version)
        strict = replace(
            STORES, rules=(*STORES.rules, Rule("few", "quarantine", "a small id", Between("store_id", 1, 2)))
        )
        (receipt,) = recurate_day(strict, DAY, world.stores())
        assert receipt.counts == counts(received=3, accepted=2, quarantined=1)
        assert receipt.run == 2
        assert world.keys_of(strict) == [1, 2]
        assert [each["rule"] for each in world.rejected(receipt)] == ["few"]
        assert world.stores().ledger.totals("ecommerce").counts == receipt.counts

    def test_the_commands_of_the_quarantine_know_the_lake(
        self, world: CurationWorld, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        version = world.put(STORES, frame(STORES, [row(STORES, 1, country="x"), row(STORES, 2)]))
        world.ingest(version)
        there = Deployment(CURATION_FLOW, world.stores(), world.access.sqs, "", world.raw)
        print_list(there, settled=False, rule="country_known", key="", limit=50, as_json=True)
        (listed,) = json.loads(capsys.readouterr().out)["files"]
        assert (listed["key"], listed["quarantined"]) == (version.key, 1)
        print_documents(there, version.key, rule=None, limit=50, as_json=False)
        assert "country_known" in capsys.readouterr().out
        write_rejected_rows(there, version.id, rule=None, path=tmp_path / "rows.csv")
        assert pl.read_csv(tmp_path / "rows.csv")["country"].to_list() == ["x"]
        assert replay(there, [version.key], rule=None, as_json=True)
        assert '"quarantined": 1' in capsys.readouterr().out
        with pytest.raises(MendError, match="where they come from"):
            replace_file(there, version.key, tmp_path / "rows.csv", fewer_rows=False, as_json=True)

    def test_a_day_of_nothing_stays_nothing(self, world: CurationWorld) -> None:
        assert recurate_day(STORES, DAY, world.stores()) == []
        assert world.stores().curated.standing(curated_key("stores", DAY)) is None
