"""Files that others deliver: masked on their way into raw, once, and gone from the inbox afterwards."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest
from msgspec import structs

from pipeline_assets.datasets.ecommerce import CUSTOMERS, ECOMMERCE, PAYMENTS, PRODUCTS, QUERY_LOG
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.operations.access import Access
from pipeline_assets.privacy.leaks import scan_text
from pipeline_assets.raw import inbox
from pipeline_assets.raw.inbox import INBOX_FLOW
from pipeline_assets.raw.stores import INBOX
from pipeline_assets.storage.documents import to_json
from pipeline_assets.storage.s3 import S3Bucket
from tests.worlds.frames import parquet
from tests.worlds.inbox import CANARIES, CARD, CODE, KEY, NAME, SSN, InboxWorld, payments, source
from tests.worlds.number_spellings import DIGITS, SEPARATORS, spelled
from tests.worlds.withheld import withheld


@pytest.fixture
def world(bare_cloud: Access) -> InboxWorld:
    return InboxWorld(bare_cloud)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "PART_ROWS", 2)


class TestPassedOn:
    @pytest.mark.usefixtures("small_parts")
    def test_rows_arrive_without_numbers_as_a_load_of_the_day(self, world: InboxWorld) -> None:
        receipt = INBOX_FLOW.ingest(world.deliver("payments/a.parquet", parquet(payments(5))), world.stores)
        assert (receipt.counts, receipt.refused, receipt.partitions[0].partition) == (Counts(5, 5), "", "2026-03-01")
        (manifest,) = world.manifests()
        assert (manifest.name.day, manifest.mode, manifest.datasets) == ("2026-03-01", "inbox", ("payments",))
        assert [each.rows for each in manifest.objects] == [2, 2, 1]
        frame = world.frame(manifest)
        assert frame["payment_id"].to_list() == [1, 2, 3, 4, 5]
        assert set(frame["card_token"]) == {KEY.token("card_number", CARD)}
        assert not {"card_number", "card_security_code"} & set(frame.columns)
        assert world.left() == []
        assert world.leaks() == []

    def test_a_file_without_rows_is_a_load_without_objects(self, world: InboxWorld) -> None:
        receipt = INBOX_FLOW.ingest(world.deliver("payments/a.parquet", parquet(payments(0))), world.stores)
        assert (receipt.counts, receipt.refused) == (Counts(), "")
        assert [manifest.objects for manifest in world.manifests()] == [()]

    def test_columns_under_other_names_lose_their_numbers_too(self, world: InboxWorld) -> None:
        frame = payments(2).rename({"card_number": "Card_Number", "card_security_code": " CARD_SECURITY_CODE"})
        frame = frame.with_columns(
            pan=pl.lit(int(CARD)),
            note=pl.lit("paid with 4111-1111-1111-1111"),
            CVV2=pl.lit(CODE),
            persons=pl.lit([{"ssn": SSN}], pl.List(pl.Struct({"ssn": pl.String}))),
            amount_due=pl.lit(float(CARD)),
        )
        INBOX_FLOW.ingest(world.deliver("payments/a.parquet", parquet(frame)), world.stores)
        found = world.frame(world.manifests()[0])
        assert set(found["card_last_four"]) == {"1111"}
        assert found.row(0, named=True)["note"] == "paid with [card ending 1111]"
        assert "cvv2" not in found.columns
        assert world.leaks() == []

    def test_numbers_that_are_no_text_are_read_as_well(self, world: InboxWorld) -> None:
        frame = payments(1).with_columns(card_number=pl.lit(int(CARD)))
        INBOX_FLOW.ingest(world.deliver("payments/a.parquet", parquet(frame)), world.stores)
        assert world.frame(world.manifests()[0])["card_token"][0] == KEY.token("card_number", CARD)

    def test_no_spelling_of_a_number_arrives(self, world: InboxWorld) -> None:
        spellings = [spelled(CARD, (4, 4, 4, 4), separator, "{}") for separator in SEPARATORS.values()]
        spellings += [spelled(CARD, (4, 4, 4, 4), " ", digit) for digit in DIGITS.values()]
        spellings += [
            spelled("666456789", (3, 2, 4), separator, "{}") for separator in SEPARATORS.values() if separator
        ]
        texts = [f"my number is {each}" for each in [*spellings, "ssn 666456789"]]
        frame = source(QUERY_LOG, *({"query_id": n, "text": text} for n, text in enumerate(texts, 1)))
        INBOX_FLOW.ingest(world.deliver("query_log/a.parquet", parquet(frame)), world.stores)
        found = world.frame(world.manifests()[0])["text"]
        assert [text for text in found if " ending " not in text] == []
        assert world.leaks() == []

    def test_security_codes_arrive_under_no_name_and_identifiers_as_they_are(self, world: InboxWorld) -> None:
        codes = ["card_verification_number", "card validation code", "CVD", "cid", "secCode", "pin"]
        frame = source(PRODUCTS, {"product_id": 1, "package_size": "4684847513501"}).with_columns(
            *(pl.lit(CODE).alias(name) for name in codes),
            ean=pl.lit(4305615418711),
            erp_ref=pl.lit("20261121191500123456"),
        )
        receipt = INBOX_FLOW.ingest(world.deliver("products/a.parquet", parquet(frame)), world.stores)
        assert receipt.refused == ""
        row = world.frame(world.manifests()[0]).row(0, named=True)
        assert (row["ean"], row["erp_ref"]) == (4305615418711, "20261121191500123456")
        assert row["package_size"] == "4684847513501"
        assert set(row) == {*PRODUCTS.column_names, "ean", "erp_ref"}
        assert world.leaks() == []

    def test_what_curation_will_reject_is_passed_on(self, world: InboxWorld) -> None:
        frame = source(CUSTOMERS, {"customer_id": -1, "ssn": SSN}).drop("country")
        receipt = INBOX_FLOW.ingest(world.deliver("customers/a.parquet", parquet(frame)), world.stores)
        assert (receipt.refused, world.frame(world.manifests()[0])["customer_id"].to_list()) == ("", [-1])


def test_a_column_that_a_file_has_twice_is_named(world: InboxWorld) -> None:
    whole = parquet(source(CUSTOMERS, {"customer_id": 1}).select("customer_id", emaix="country", email="country"))
    twice = whole.replace(b"emaix", b"email")
    receipt = INBOX_FLOW.ingest(world.deliver("customers/a.parquet", twice), world.stores)
    assert receipt.refused.endswith("it has the column email more than once")


class TestAgain:
    def test_a_second_delivery_changes_nothing(self, world: InboxWorld) -> None:
        version = world.deliver("payments/a.parquet", parquet(payments(1)))
        first = INBOX_FLOW.ingest(version, world.stores)
        before = self.stored(world)
        assert INBOX_FLOW.ingest(version, world.stores) == first
        assert self.stored(world) == before
        assert world.stores.ledger.deliveries(version.id) == 2

    @pytest.mark.usefixtures("small_parts")
    def test_deliveries_at_once_make_one_load(self, world: InboxWorld) -> None:
        version = world.deliver("payments/a.parquet", parquet(payments(7)))
        with ThreadPoolExecutor(6) as threads:
            receipts = list(threads.map(lambda _: INBOX_FLOW.ingest(version, world.stores), range(6)))
        assert {receipt.counts for receipt in receipts} == {Counts(7, 7)}
        (manifest,) = world.manifests()
        assert world.frame(manifest)["payment_id"].to_list() == list(range(1, 8))
        assert world.stores.ledger.totals(INBOX).counts == Counts(7, 7)

    def test_files_that_claim_the_same_load_get_loads_of_their_own(
        self, world: InboxWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(inbox, "_MICROSECONDS", 1)
        versions = [world.deliver(f"payments/{n}.parquet", parquet(payments(n))) for n in range(1, 11)]
        for version in versions:
            INBOX_FLOW.ingest(version, world.stores)
        assert sorted(each.objects[0].rows for each in world.manifests()) == list(range(1, 11))

    @pytest.mark.parametrize("step", ["begin", "put_part", "finish", "record", "delete_object"])
    def test_whatever_it_dies_after_the_next_delivery_ends_it(
        self, world: InboxWorld, monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        version = world.deliver("payments/a.parquet", parquet(payments(3)))
        dying = {"record": world.stores.ledger, "delete_object": world.s3}.get(step, world.stores.loads)
        done = getattr(dying, step)

        def die_after(*arguments: object, **named: object) -> None:
            done(*arguments, **named)
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(dying, step, die_after)
            with pytest.raises(KeyboardInterrupt):
                INBOX_FLOW.ingest(version, world.stores)
        receipt = INBOX_FLOW.ingest(version, world.stores)
        assert (receipt.counts, receipt.refused) == (Counts(3, 3), "")
        (manifest,) = world.manifests()
        assert world.frame(manifest).height == 3
        versions = world.s3.list_object_versions(Bucket=world.raw)["Versions"]
        assert len({each["Key"] for each in versions}) == len(versions) == 3
        assert world.left() == []

    def test_a_newer_file_of_the_name_is_not_deleted_with_the_older(self, world: InboxWorld) -> None:
        older = world.deliver("payments/a.parquet", parquet(payments(1)))
        newer = world.deliver("payments/a.parquet", parquet(payments(2)))
        INBOX_FLOW.ingest(older, world.stores)
        assert [each["VersionId"] for each in world.left()] == [newer.version_id]
        assert INBOX_FLOW.ingest(newer, world.stores).counts == Counts(2, 2)
        assert len(world.manifests()) == 2

    @staticmethod
    def stored(world: InboxWorld) -> list[tuple[str, str]]:
        versions = world.s3.list_object_versions(Bucket=world.raw)["Versions"]
        return sorted((each["Key"], each["VersionId"]) for each in versions)


BAD = {
    "readable": ("payments/a.parquet", f"PAR1 {CARD} {NAME} PAR1".encode()),
    "empty": ("payments/a.parquet", b""),
    "truncated": ("payments/a.parquet", parquet(payments(2))[:-20]),
    "damaged": ("payments/a.parquet", parquet(payments(200))[:40] + bytes(60) + parquet(payments(200))[100:]),
    "unknown": ("carts/a.parquet", parquet(payments(2))),
    "csv": ("payments/a.csv", f"card_number\n{CARD}\n".encode()),
    "unmaskable": (
        "payments/a.parquet",
        parquet(payments(2).with_columns(card_number=pl.concat_list("card_number", "card_number"))),
    ),
    "named": ("payments/a.parquet", parquet(payments(2).with_columns(pl.lit(1).alias(CARD)))),
    "replaced": ("payments/a.parquet", parquet(payments(2).with_columns(card_token=pl.lit("k1:0")))),
    "twice": ("payments/a.parquet", parquet(payments(2).with_columns(CARD_NUMBER=pl.lit(CARD)))),
}


class TestRefused:
    @pytest.mark.parametrize("name", BAD)
    def test_it_goes_nowhere_and_is_said_without_a_value(self, world: InboxWorld, name: str) -> None:
        version = world.deliver(*BAD[name])
        receipt = INBOX_FLOW.ingest(version, world.stores)
        assert receipt.refused.startswith(f"{version.key}: it ")
        assert receipt.counts.conserved
        assert world.stores.loads.keys("") == []
        assert [each["VersionId"] for each in world.left()] == [version.version_id]
        (document,) = world.stores.quarantine.documents(receipt)
        assert document["reason"] == receipt.refused
        said = to_json(receipt).decode() + json.dumps(document)
        assert scan_text("said", said, CANARIES) == []
        assert NAME not in said

    @pytest.mark.parametrize("seed", [1, 2, 3, 176, 434, 486])  # over the last three the reader panicked
    def test_a_damaged_file_has_an_end(self, world: InboxWorld, seed: int) -> None:
        told = random.Random(seed)
        damaged = bytearray(parquet(payments(50).with_columns(more=pl.lit([1, 2], pl.List(pl.Int64)))))
        for _ in range(5):
            damaged[told.randrange(len(damaged))] = told.randrange(256)
        receipt = INBOX_FLOW.ingest(world.deliver("payments/a.parquet", bytes(damaged)), world.stores)
        assert receipt.counts.conserved
        assert receipt.refused or receipt.counts == Counts(50, 50)

    def test_it_is_tried_again_while_it_is_there(self, world: InboxWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        version = world.deliver("carts/a.parquet", parquet(payments(2)))
        assert INBOX_FLOW.ingest(version, world.stores).refused
        assert INBOX_FLOW.ingest(version, world.stores).run == 1
        carts = replace(PAYMENTS, name="carts")
        monkeypatch.setattr(inbox, "ECOMMERCE", ECOMMERCE.having(carts))  # a spec is added
        again = INBOX_FLOW.ingest(version, world.stores, redo=True)
        assert (again.run, again.refused, again.counts) == (2, "", Counts(2, 2))
        assert world.left() == []
        assert list(world.stores.quarantine.documents(replace(again, run=1))) == []

    def test_a_delivery_after_it_was_tried_again_leaves_the_quarantine_alone(
        self, world: InboxWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        version = world.deliver("carts/a.parquet", parquet(payments(2)))
        INBOX_FLOW.ingest(version, world.stores)
        again = INBOX_FLOW.ingest(version, world.stores, redo=True)
        # The role of the function may put there and nothing else.
        monkeypatch.setattr(S3Bucket, "objects", None)
        assert INBOX_FLOW.ingest(version, world.stores) == again

    def test_one_that_expired_has_an_end(self, world: InboxWorld) -> None:
        version = world.deliver("payments/a.parquet", parquet(payments(1)))
        world.s3.delete_object(Bucket=world.inbox, Key=version.key, VersionId=version.version_id)
        assert "no longer in the bucket" in INBOX_FLOW.ingest(version, world.stores).refused

    @pytest.mark.parametrize(
        ("code", "why"),
        [
            pytest.param("InvalidObjectState", "archived: restore it", id="archived"),
            pytest.param("KMS.DisabledException", "is disabled: enable it", id="key disabled"),
            pytest.param("NoSuchBucket", "its bucket is not there", id="no bucket"),
        ],
    )
    def test_one_that_is_withheld_is_refused_and_stays(self, world: InboxWorld, code: str, why: str) -> None:
        version = world.deliver("payments/a.parquet", parquet(payments(1)))
        with withheld(world.s3, version.key, code, 400):
            assert why in INBOX_FLOW.ingest(version, world.stores).refused
        assert [each["VersionId"] for each in world.left()] == [version.version_id]
        assert INBOX_FLOW.ingest(version, world.stores, redo=True).counts == Counts(received=1, accepted=1)

    def test_a_foreign_message_is_kept_without_numbers(self, world: InboxWorld) -> None:
        world.stores.quarantine.messages.keep("m-1", f"card {CARD}", "s3_event", f"not JSON: {CARD}")
        assert world.stores.quarantine.messages.read("m-1") is not None
        assert world.leaks() == []


def test_the_time_of_the_event_names_the_load(world: InboxWorld) -> None:
    version = structs.replace(
        world.deliver("payments/a.parquet", parquet(payments(1))), event_time="2026-03-01T23:59:59.999Z"
    )
    INBOX_FLOW.ingest(version, world.stores)
    (manifest,) = world.manifests()
    assert manifest.name.load_id.startswith("20260301T235959999")
    assert datetime.strptime(manifest.name.load_id, "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC) < datetime.now(UTC)
