"""Raw objects become curated days on the real cloud: once, whatever comes twice, late, replaced or broken."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from deploy.cli.deployment import Deployment
from deploy.cli.quarantine import print_documents, print_list, write_rejected_rows
from deploy.cli.replaying import replace_file, replay
from pipeline_assets.curation.completion import complete_open_loads
from pipeline_assets.curation.ingest import CURATION_FLOW, recurate_day
from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.datasets.spec import Between, Rule
from pipeline_assets.errors import TimeBudgetReachedError, TransientError
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.lake.layout import DELETED, LoadName, curated_key, key_snapshot
from pipeline_assets.lake.tables import GlueCatalog
from pipeline_assets.operations.access import Access
from pipeline_assets.operations.rejected import rejected_file, rejected_files
from pipeline_assets.operations.replay import MendError, replay_files
from pipeline_assets.storage.parquet_tail import parquet_tail
from tests.worlds.curation import DAY, MORNING, STORES, CurationWorld, frame, load_id, row
from tests.worlds.frames import parquet
from tests.worlds.ledger_accounts import source_ids
from tests.worlds.withheld import withheld


@pytest.fixture
def world(bare_cloud: Access) -> CurationWorld:
    return CurationWorld.made(bare_cloud)


def test_a_raw_object_becomes_a_curated_day_with_an_account_in_its_footer(world: CurationWorld) -> None:
    rows = [row(STORES, 2), row(STORES, 1), row(STORES, 3, country="usa"), row(STORES, 2, name="Again")]
    version = world.put(STORES, frame(STORES, rows))
    receipt = world.ingest(version)
    assert receipt.counts == Counts(received=4, accepted=2, quarantined=1, duplicate=1)
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
    etag = parquet_tail(world.stores().curated, curated_key("stores", DAY))
    assert [world.ingest(version) for _ in range(3)] == [first] * 3
    assert parquet_tail(world.stores().curated, curated_key("stores", DAY)) == etag
    ledger = world.stores().ledger
    assert ledger.deliveries(version.id) == 4
    assert ledger.totals("ecommerce").counts == first.counts


class TestOrder:
    def test_a_later_load_of_the_day_wins_whichever_is_worked_on_first(self, world: CurationWorld) -> None:
        early = world.put(STORES, frame(STORES, [row(STORES, 1, name="old"), row(STORES, 2)]), load=0)
        late = world.put(STORES, frame(STORES, [row(STORES, 1, name="new"), row(STORES, 3)]), load=1)
        assert world.ingest(late).counts == Counts(received=2, accepted=2)
        assert world.ingest(early).counts == Counts(received=2, accepted=1, superseded=1)
        assert world.day(STORES).select("store_id", "name").rows() == [(1, "new"), (2, "Shop"), (3, "Shop")]

    def test_the_same_object_under_another_key_adds_nothing(self, world: CurationWorld) -> None:
        content = frame(STORES, [row(STORES, 1), row(STORES, 2)])
        world.ingest(world.put(STORES, content, part="0001"))
        assert world.ingest(world.put(STORES, content, part="0002")).counts == Counts(received=2, accepted=2)
        assert world.account(STORES).counts == Counts(received=4, accepted=2, superseded=2)

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
        assert world.ingest(new).counts == Counts(received=2, accepted=2)
        assert world.keys_of(STORES) == [2, 3]
        assert source_ids(world.stores().ledger, "curated/stores", DAY) == (new.id,)

    def test_the_event_of_a_replaced_version_ends_with_its_rows_superseded(self, world: CurationWorld) -> None:
        old = world.put(STORES, frame(STORES, [row(STORES, 1), row(STORES, 2, country="x")]))
        new = world.put(STORES, frame(STORES, [row(STORES, 3)]))
        world.ingest(new)
        receipt = world.ingest(old)
        assert receipt.counts == Counts(received=2, quarantined=1, superseded=1)
        assert world.keys_of(STORES) == [3]
        assert source_ids(world.stores().ledger, "curated/stores", DAY) == (new.id,)

    def test_an_object_that_is_gone_ends_with_a_receipt_that_says_so(self, world: CurationWorld) -> None:
        version = world.put(STORES, frame(STORES, [row(STORES, 1)]))
        world.access.s3.delete_object(Bucket=world.raw, Key=version.key, VersionId=version.version_id)
        receipt = world.ingest(version)
        assert receipt.counts == Counts()
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


class TestWithheld:
    """S3 does not give a raw object out: nobody else's rows are held up by it, and none of its own are lost by it."""

    def test_a_new_object_is_refused_and_the_others_of_its_day_come_in(self, world: CurationWorld) -> None:
        good = world.put(STORES, frame(STORES, [row(STORES, 1)]), part="0001")
        archived = world.put(STORES, frame(STORES, [row(STORES, 2)]), part="0002")
        later = world.put(STORES, frame(STORES, [row(STORES, 3)]), part="0003")
        with withheld(world.access.s3, archived.key, "InvalidObjectState"):
            assert world.ingest(good).counts == Counts(received=1, accepted=1)
            receipt = world.ingest(archived)
            assert receipt.refused.startswith(f"{archived.key}: it is archived: restore it")
            assert receipt.counts == Counts()
            assert world.ingest(later).counts == Counts(received=1, accepted=1)
            assert world.keys_of(STORES) == [1, 3]
        assert world.ingest(archived, redo=True).counts == Counts(received=1, accepted=1)
        assert world.keys_of(STORES) == [1, 2, 3]

    def test_rows_that_are_in_stay_in(self, world: CurationWorld) -> None:
        archived = world.put(STORES, frame(STORES, [row(STORES, 1)]), part="0001")
        world.ingest(archived)
        later = world.put(STORES, frame(STORES, [row(STORES, 2)]), part="0002")
        with withheld(world.access.s3, archived.key, "KMS.DisabledException", 400):
            with pytest.raises(TransientError, match=r"cannot be worked out without s3://.* is disabled: enable it"):
                world.ingest(later)
            assert world.keys_of(STORES) == [1]
        world.ingest(later)
        assert world.keys_of(STORES) == [1, 2]

    @pytest.mark.parametrize("code", ["InternalError", "AccessDenied"])
    def test_what_may_pass_is_tried_again(self, world: CurationWorld, code: str) -> None:
        version = world.put(STORES, frame(STORES, [row(STORES, 1)]))
        with withheld(world.access.s3, version.key, code), pytest.raises(TransientError):
            world.ingest(version)
        assert world.ingest(version).counts == Counts(received=1, accepted=1)


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
        assert world.ingest(good).counts == Counts(received=1, accepted=1)
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
        glue.create_database(DatabaseInput={"Name": "misplaced_rows"})
        tables = GlueCatalog(
            glue, "misplaced_rows", {"curated": world.curated, "quarantine": world.quarantine}, ECOMMERCE
        )
        version = world.put_key("stores.parquet", b"x")
        CURATION_FLOW.ingest(version, replace(world.stores(), tables=tables))
        (found,) = glue.get_partitions(DatabaseName="misplaced_rows", TableName="rejected_rows")["Partitions"]
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
        assert rows.counts == Counts(received=1, accepted=1)
        assert [load.held for load in complete_open_loads(world.stores())] == [("its manifest cannot be read",)]

    def test_too_little_time_changes_nothing(self, world: CurationWorld) -> None:
        version = world.put(STORES, frame(STORES, [row(STORES, 1)]))
        with pytest.raises(TimeBudgetReachedError):
            CURATION_FLOW.ingest(version, world.stores(), seconds_left=lambda: 60)
        assert parquet_tail(world.stores().curated, curated_key("stores", DAY)) is None


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
        assert (done.after.run, done.after.counts) == (2, Counts(received=2, accepted=1, quarantined=1))
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
        assert receipt.counts == Counts(received=3, accepted=2, quarantined=1)
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
        assert parquet_tail(world.stores().curated, curated_key("stores", DAY)) is None
