"""A busy store is asked again a few times, after rests of their own; what is wrong otherwise is raised at once."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pipeline_assets.datasets.stocks import STOCKS
from pipeline_assets.errors import TransientError
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.events.table import Table
from pipeline_assets.storage.retries import ATTEMPTS, retries

SOURCE = ObjectVersion("b", "a.csv", "v1", "e", 10, "2026-11-20T10:00:00.000Z", "A")
ONE = Counts(received=1, accepted=1)
PART = PartitionCounts("stocks", "2026-11-20", ONE, of_arrival=True)
RECEIPT = Receipt(STOCKS.name, SOURCE, 1, ONE, (PART,), 10, 0.1, "1", "2026-11-20T10:00:01.000Z", refused="whole")


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", taken.append)
    return taken


@pytest.fixture
def client() -> Any:
    return boto3.client("dynamodb", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")


def refused(stub: Stubber, *codes: str) -> None:
    """A transaction is refused, each of its actions with a code."""
    stub.add_client_error(
        "transact_write_items",
        "TransactionCanceledException",
        modeled_fields={"CancellationReasons": [{"Code": code} for code in codes]},
    )


def test_rests_are_drawn_below_a_bound_that_doubles(rests: list[float]) -> None:
    def busy() -> None:
        raise TransientError("busy")

    for _ in range(50):
        with pytest.raises(TransientError, match="busy"):
            retries(TransientError, first=1, longest=3)(busy)
    by_attempt = [rests[number :: ATTEMPTS - 1] for number in range(ATTEMPTS - 1)]
    for bound, drawn_at in zip((1, 2, 3, 3, 3), by_attempt, strict=True):
        assert 0 <= min(drawn_at) < bound / 2 < max(drawn_at) <= bound


def test_what_is_no_such_error_is_raised_at_once(rests: list[float]) -> None:
    def wrong() -> None:
        raise KeyError("wrong")

    with pytest.raises(KeyError):
        retries(TransientError)(wrong)
    assert rests == []


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_receipt_whose_sums_others_have_in_hand_is_put_again(client: Any, rests: list[float], code: str) -> None:
    with Stubber(client) as stub:
        stub.add_response("get_item", {})
        stub.add_response("transact_write_items", {})  # its share of the partition
        stub.add_response("batch_write_item", {})  # it was refused, and is not the newest version
        # The receipt, its place in the list, the sums, the open problem and what waits for Dagster.
        refused(stub, "None", "None", code, "None", "None")
        refused(stub, "None", "None", code, "None", "None")
        stub.add_response("transact_write_items", {})
        assert Ledger(client, "ledger").record(RECEIPT) == "recorded"
        stub.assert_no_pending_responses()
    assert len(rests) == 2


def test_after_some_attempts_the_event_is_delivered_again(client: Any, rests: list[float]) -> None:
    with Stubber(client) as stub:
        stub.add_response("get_item", {})
        for _ in range(ATTEMPTS):
            refused(stub, "TransactionConflict", "None")
        with pytest.raises(TransientError, match="TransactionConflict"):
            Ledger(client, "ledger").record(RECEIPT)
        stub.assert_no_pending_responses()
    assert len(rests) == ATTEMPTS - 1


def test_a_delivery_is_counted_though_a_transaction_has_its_receipt_in_hand(client: Any, rests: list[float]) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("update_item", "TransactionConflictException")
        stub.add_response("update_item", {})
        Table(client, "ledger").add("receipt#1", "receipt", "deliveries")
        stub.assert_no_pending_responses()
    assert len(rests) == 1


def test_a_refusal_for_another_reason_is_not_sent_again(client: Any, rests: list[float]) -> None:
    with Stubber(client) as stub:
        refused(stub, "ValidationError")
        with pytest.raises(TransientError, match="ValidationError"):
            Table(client, "ledger").transact([{"Put": {"TableName": "t", "Item": {"pk": {"S": "a"}}}}])
    assert rests == []


def test_what_a_batch_left_is_written_on_without_a_rest_as_long_as_it_gets_less(
    client: Any, rests: list[float]
) -> None:
    items = [{"pk": {"S": str(number)}} for number in range(3)]
    left = [{"PutRequest": {"Item": item}} for item in items]
    with Stubber(client) as stub:
        stub.add_response("batch_write_item", {"UnprocessedItems": {"ledger": left[1:]}})
        stub.add_response("batch_write_item", {"UnprocessedItems": {"ledger": left[1:]}})
        stub.add_response("batch_write_item", {})
        Table(client, "ledger").put_all(items)
        stub.assert_no_pending_responses()
    assert len(rests) == 1
