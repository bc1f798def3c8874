"""Files that others deliver: masked on their way into raw, once, and gone from the inbox afterwards."""

from __future__ import annotations

import io
import json
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import polars as pl
import pytest
from msgspec import structs

from pipeline_assets.datasets.ecommerce import CUSTOMERS, ECOMMERCE, PAYMENTS, PRODUCTS, QUERY_LOG
from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.errors import TransientError
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.lake.manifest import Manifest
from pipeline_assets.operations.access import Access
from pipeline_assets.privacy.leaks import Canaries, scan_bucket, scan_text
from pipeline_assets.privacy.masking import mask
from pipeline_assets.privacy.tokens import TokenKey
from pipeline_assets.raw import inbox
from pipeline_assets.raw.inbox import INBOX_FLOW
from pipeline_assets.raw.loads import Loads
from pipeline_assets.raw.stores import INBOX, InboxStores, inbox_quarantine
from pipeline_assets.storage.documents import from_json, to_json
from pipeline_assets.storage.s3 import S3Bucket
from tests.worlds.frames import parquet
from tests.worlds.number_spellings import DIGITS, SEPARATORS, spelled
from tests.worlds.source import frame_of
from tests.worlds.stores import make_bucket, make_table
from tests.worlds.withheld import withheld

KEY = TokenKey("k1", bytes(range(32)))
CARD, CODE, SSN, NAME = "4111111111111111", "K9X7QZ", "666-45-6789", "Hortensia"
CANARIES = Canaries((CARD, CODE, SSN))
PAYMENT = {"card_number": CARD, "card_security_code": CODE, "method": "card"}


class InboxWorld:
    """An inbox, and where its files go."""

    def __init__(self, access: Access) -> None:
        self.s3, name = access.s3, uuid4().hex[:12]
        self.inbox, self.raw, self.kept, table = (f"{kind}-{name}" for kind in ("inbox", "raw", "kept", "ledger"))
        for bucket in (self.inbox, self.raw, self.kept):
            make_bucket(self.s3, bucket)
        make_table(access.dynamodb, table)
        ledger, quarantine = Ledger(access.dynamodb, table), inbox_quarantine(S3Bucket(self.s3, self.kept))
        self.stores = InboxStores(access.storage, ledger, quarantine, Loads(S3Bucket(self.s3, self.raw)), KEY)

    def deliver(self, key: str, content: bytes) -> ObjectVersion:
        """Put a file into the inbox; the version that its event announces."""
        put = self.s3.put_object(Bucket=self.inbox, Key=key, Body=content)
        moment = "2026-03-01T09:30:00.125Z"
        return ObjectVersion(self.inbox, key, put["VersionId"], put["ETag"].strip('"'), len(content), moment, "1")

    def manifests(self) -> list[Manifest]:
        keys = [key for key in self.stores.loads.keys("_loads/") if key.endswith(".json")]
        return [from_json(self.body(self.raw, key), Manifest) for key in keys]

    def frame(self, manifest: Manifest) -> pl.DataFrame:
        return pl.concat([pl.read_parquet(io.BytesIO(self.body(self.raw, each.key))) for each in manifest.objects])

    def columns_of(self, frame: pl.DataFrame) -> list[str]:
        """The columns that a frame of customers has in raw."""
        return mask(frame, CUSTOMERS, KEY).columns

    def body(self, bucket: str, key: str) -> bytes:
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def left(self) -> list[dict[str, Any]]:
        """The versions of all objects in the inbox, deletions included."""
        listed = self.s3.list_object_versions(Bucket=self.inbox)
        return [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]  # type: ignore[list-item]

    def leaks(self) -> list[object]:
        return [
            finding for bucket in (self.raw, self.kept) for finding in scan_bucket(S3Bucket(self.s3, bucket), CANARIES)
        ]


@pytest.fixture
def world(bare_cloud: Access) -> InboxWorld:
    return InboxWorld(bare_cloud)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "PART_ROWS", 2)


def source(dataset: Dataset, *rows: dict[str, object]) -> pl.DataFrame:
    return frame_of(dataset, rows)


def payments(number: int) -> pl.DataFrame:
    return source(PAYMENTS, *({"payment_id": n, **PAYMENT} for n in range(1, number + 1)))


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


#: Names of files below customers/, and what they say of the columns country, age_band and store_ref.
PATHS: dict[str, dict[str, str | None]] = {
    "country=DE/age_band=45-54/part-0.parquet": {"country": "DE", "age_band": "45-54"},
    "Country=DE/part-0.parquet": {"country": "DE"},
    "run1/country=M%C3%A9xico%2FD%3DF/part-0.parquet": {"country": "México/D=F"},
    "country=DE/age_band=__HIVE_DEFAULT_PARTITION__/part-0.parquet": {"country": "DE", "age_band": None},
    "country=DE/store_ref=a=b/part-0.parquet": {"country": "DE", "store_ref": "a=b"},
    "country=DE/store_ref=/part-0.parquet": {"country": "DE", "store_ref": ""},
    "country=DE/=x/part=0.parquet": {"country": "DE"},
    "country=DE/country=DE/part-0.parquet": {"country": "DE"},
}


class TestPaths:
    def put(self, world: InboxWorld, name: str, frame: pl.DataFrame) -> Receipt:
        return INBOX_FLOW.ingest(world.deliver(f"customers/{name}", parquet(frame)), world.stores)

    @pytest.mark.parametrize("name", PATHS)
    def test_what_only_the_name_says_is_a_column(self, world: InboxWorld, name: str) -> None:
        frame = source(CUSTOMERS, {"customer_id": 1}, {"customer_id": 2}).drop("country", "age_band")
        assert self.put(world, name, frame).refused == ""
        found = world.frame(world.manifests()[0])
        for column, value in PATHS[name].items():
            assert found[column].to_list() == [value, value]
        assert set(found.columns) == {*PATHS[name], *world.columns_of(frame)}

    @pytest.mark.parametrize(
        ("name", "column", "values"),
        [
            ("country=DE", "country", ["DE", "DE"]),
            ("household_size=03", "household_size", [3, 3]),
            ("age_band=__HIVE_DEFAULT_PARTITION__", "age_band", [None, None]),
        ],
    )
    def test_what_the_file_says_as_well_may_be_there(
        self, world: InboxWorld, name: str, column: str, values: list[object]
    ) -> None:
        frame = source(CUSTOMERS, {"customer_id": 1}, {"customer_id": 2}).with_columns(pl.Series(column, values))
        assert self.put(world, f"{name}/a.parquet", frame).refused == ""
        assert world.frame(world.manifests()[0])[column].to_list() == values

    @pytest.mark.parametrize(
        ("name", "column", "values"),
        [
            ("country=DE", "country", ["DE", "FR"]),
            ("country=DE", "country", ["DE", None]),
            ("household_size=3", "household_size", [3, 4]),
            ("age_band=__HIVE_DEFAULT_PARTITION__", "age_band", [None, "x"]),
            ("country=DE/country=FR", "age_band", ["x", "x"]),
        ],
    )
    def test_what_contradicts_is_refused_and_stays(
        self, world: InboxWorld, name: str, column: str, values: list[object]
    ) -> None:
        frame = source(CUSTOMERS, {"customer_id": 1}, {"customer_id": 2}).with_columns(pl.Series(column, values))
        receipt = self.put(world, f"{name}/a.parquet", frame)
        assert f"its name says {name.partition('=')[0]}" in receipt.refused
        assert receipt.counts == Counts(received=2, quarantined=2)
        assert len(world.left()) == 1
        assert world.stores.loads.keys("") == []

    def test_a_number_of_a_person_in_it_is_masked_as_in_a_file(self, world: InboxWorld) -> None:
        frame = payments(1).drop("card_number", "card_security_code")
        key = f"payments/card_number={CARD}/card_security_code={CODE}/a.parquet"
        INBOX_FLOW.ingest(world.deliver(key, parquet(frame)), world.stores)
        found = world.frame(world.manifests()[0])
        assert found.select("card_last_four", "card_token").row(0) == ("1111", KEY.token("card_number", CARD))
        assert world.leaks() == []

    NAMES = (
        f"payments/{CARD}.parquet",
        f"payments/card_number={CARD}/a.parquet",
        "payments/4111%201111-1111 1111.parquet",
    )

    @pytest.mark.parametrize("key", NAMES)
    def test_a_number_of_a_person_in_it_is_told_nowhere(self, world: InboxWorld, key: str) -> None:
        version = world.deliver(key, parquet(payments(2).drop("card_number")))
        receipt = INBOX_FLOW.ingest(version, world.stores)
        assert (receipt.refused, receipt.counts) == ("", Counts(2, 2))
        assert "[card ending 1111]" in receipt.version.key
        assert INBOX_FLOW.ingest(version, world.stores) == receipt
        assert world.stores.ledger.receipt(version.id) is None
        assert world.stores.ledger.deliveries(receipt.id) == 2
        assert scan_text("receipt", to_json(receipt).decode(), CANARIES) == []
        assert world.left() == []
        assert world.leaks() == []

    def test_a_refused_file_with_a_number_in_its_name_is_told_without_and_not_found_again(
        self, world: InboxWorld
    ) -> None:
        receipt = INBOX_FLOW.ingest(world.deliver(f"carts/{CARD}.parquet", b"x"), world.stores)
        assert receipt.refused.startswith("carts/[card ending 1111].parquet: it is not where")
        said = to_json(receipt).decode() + json.dumps(list(world.stores.quarantine.documents(receipt)))
        assert scan_text("said", said, CANARIES) == []
        damaged = INBOX_FLOW.ingest(world.deliver(f"payments/{CARD}.parquet", b"x"), world.stores)
        again = INBOX_FLOW.ingest(damaged.version, world.stores, redo=True)
        assert "deliver it again under another name" in again.refused
        assert (again.id, again.run) == (damaged.id, 2)

    def test_a_store_that_does_not_answer_is_told_without_it(self, world: InboxWorld) -> None:
        version = world.deliver(f"payments/{CARD}.parquet", parquet(payments(1)))
        with withheld(world.s3, version.key, "SlowDown", 503), pytest.raises(TransientError) as raised:
            INBOX_FLOW.ingest(version, world.stores)
        assert scan_text("said", f"{raised.value} {raised.value.attributes()}", CANARIES) == []
        assert raised.value.__suppress_context__

    def test_a_file_without_rows_has_none(self, world: InboxWorld) -> None:
        frame = source(CUSTOMERS, {"customer_id": 1}).drop("country").clear()
        assert self.put(world, "country=DE/a.parquet", frame).counts == Counts()


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
