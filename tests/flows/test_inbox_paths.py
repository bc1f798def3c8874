"""What the name of a file in the inbox says of its rows."""

from __future__ import annotations

import json

import polars as pl
import pytest

from pipeline_assets.datasets.ecommerce import CUSTOMERS
from pipeline_assets.errors import TransientError
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.operations.access import Access
from pipeline_assets.privacy.leaks import scan_text
from pipeline_assets.raw.inbox import INBOX_FLOW
from pipeline_assets.storage.documents import to_json
from tests.worlds.frames import parquet
from tests.worlds.inbox import CANARIES, CARD, CODE, KEY, InboxWorld, payments, source
from tests.worlds.withheld import withheld


@pytest.fixture
def world(bare_cloud: Access) -> InboxWorld:
    return InboxWorld(bare_cloud)


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
