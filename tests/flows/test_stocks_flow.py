"""Prices from the bucket to the table, the ledger and the quarantine, through the deployed function."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest
from botocore.client import BaseClient

from deploy.cli.prices import print_prices
from deploy.local.outputs import environment_contract
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.lineage.resources import LedgerResource, QuarantineResource
from pipeline_assets.operations.status import flow_status
from pipeline_assets.stocks.assets import StockStoresResource, stocks, stocks_landed
from pipeline_assets.stocks.checks import STOCK_CHECKS
from pipeline_assets.stocks.feed import as_csv, minute_files, write_minute
from pipeline_assets.stocks.table import StockTable
from tests.worlds.stack import RunningStack
from tests.worlds.stocks import HEADER, bar
from tests.worlds.waiting import until

#: No price file comes near the graph.
pytestmark = pytest.mark.any_engine
MINUTE = datetime(2026, 4, 1, 14, 30, tzinfo=UTC)
PATIENCE = 60.0


def put(cloud: RunningStack, key: str, text: str | bytes) -> Receipt:
    """Put a file below `stocks/`; its receipt, once it is there."""
    ledger, bucket = Ledger(cloud.access.dynamodb, cloud.access.table("ledger")), cloud.access.bucket("stocks")
    version = cloud.access.s3.put_object(Bucket=bucket, Key=f"stocks/{key}", Body=text)["VersionId"]

    def found() -> list[Receipt]:
        reports = [pending.receipt for pending in ledger.pending("stocks", limit=10_000)]
        return [receipt for receipt in reports if receipt.version.version_id == version]

    until(lambda: bool(found()))
    return found()[0]


def prices(cloud: RunningStack, ticker: str) -> list[tuple[str, str]]:
    table = StockTable(cloud.access.dynamodb, cloud.access.table("stocks"))
    return [(price.timestamp[11:19], str(price.close)) for price in table.prices(ticker, "2000", "2100")]


def test_an_uploaded_file_is_items_and_its_correction_replaces_them(cloud: RunningStack) -> None:
    ticker = f"A{uuid4().hex[:8].upper()}"
    first = put(cloud, f"{ticker}.csv", "\n".join([HEADER, bar(ticker, 0, 1), bar(ticker, 10, 2), bar(ticker, 20, -3)]))
    assert first.counts == Counts(received=3, accepted=2, quarantined=1)
    second = put(cloud, f"{ticker}.csv", "\n".join([HEADER, bar(ticker, 10, "2.50"), bar(ticker, 20, 3)]))
    assert second.counts == Counts(received=2, accepted=2)
    assert second.effects["items_overwritten"] == 1
    assert prices(cloud, ticker) == [("14:30:00", "1"), ("14:30:10", "2.5"), ("14:30:20", "3")]


def test_a_bad_row_lies_in_the_quarantine_with_its_reason(cloud: RunningStack) -> None:
    receipt = put(cloud, "bad.csv", "\n".join([HEADER, bar("BADD", 0, -1), bar("BADD", 1, 1)]))
    bucket = cloud.access.bucket("quarantine")
    key = f"stocks/{receipt.id}/0001/000000000001.jsonl"
    (document,) = map(json.loads, cloud.access.s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines())
    assert (document["row"], document["rule"], document["fields"]["close"]) == (1, "price_positive", "-1")
    assert document["reason"].startswith("row 1, column open: found '-1', expected a price above zero")


def test_a_message_that_is_no_notification_is_kept_and_done_with(cloud: RunningStack) -> None:
    said = f"hello {uuid4()}"
    message = cloud.access.sqs.send_message(QueueUrl=cloud.access.queue("stocks"), MessageBody=said)
    bucket, prefix = cloud.access.bucket("quarantine"), f"stocks/messages/{message['MessageId']}"
    until(lambda: cloud.access.s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["KeyCount"] == 1)


def test_a_minute_of_the_market_that_is_written_twice_comes_in_once(cloud: RunningStack) -> None:
    ledger = Ledger(cloud.access.dynamodb, cloud.access.table("ledger"))
    before = ledger.totals("stocks")
    for _ in range(2):
        write_minute(cloud.access.open_bucket("stocks"), MINUTE)
    until(lambda: ledger.totals("stocks").objects >= before.objects + 50)
    files = dict(minute_files(MINUTE))
    (told,) = [bars for key, bars in files.items() if key.endswith("_03.csv")]
    table = StockTable(cloud.access.dynamodb, cloud.access.table("stocks"))
    held = table.prices("CSTA", "2026-04-01T14:30:00.000Z", "2026-04-01T14:30:59.999Z")
    assert [(p.open, p.high, p.low, p.close, p.volume) for p in held] == [tuple(each)[2:] for each in told]
    assert ledger.totals("stocks").counts - before.counts == Counts(received=300, accepted=300)


def test_in_a_burst_nothing_is_lost_and_the_writers_stay_at_their_cap(cloud: RunningStack) -> None:
    """Six minutes of the market at once: the queue fills up, at most two batches of ten are in hand at a time."""
    ledger = Ledger(cloud.access.dynamodb, cloud.access.table("ledger"))
    s3, bucket = cloud.access.s3, cloud.access.bucket("stocks")
    before = ledger.totals("stocks")
    for ahead in range(1, 7):
        for key, bars in minute_files(MINUTE + timedelta(minutes=ahead)):
            s3.put_object(Bucket=bucket, Key=key, Body=as_csv(bars))
    deepest = most = 0

    def through() -> bool:
        nonlocal deepest, most
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = cloud.access.sqs.get_queue_attributes(QueueUrl=cloud.access.queue("stocks"), AttributeNames=names)  # type: ignore[arg-type]
        waiting, in_hand = (int(answer["Attributes"][name]) for name in names)  # type: ignore[index]
        deepest, most = max(deepest, waiting), max(most, in_hand)
        return ledger.totals("stocks").objects >= before.objects + 300

    until(through, 120)
    assert deepest > 20, "the queue has to fill up"
    assert most <= 20
    assert ledger.totals("stocks").counts - before.counts == Counts(received=1_800, accepted=1_800)
    status = flow_status(cloud.access, "stocks")
    assert (status.queued, status.dead_lettered) == (0, 0)


class TestInDagster:
    """A day worked through again from Dagster, and what its checks say of the table."""

    @pytest.fixture(autouse=True)
    def _environment(self, cloud: RunningStack, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in environment_contract(cloud.instance, cloud.outputs).items():
            monkeypatch.setenv(name, value)

    def test_a_day_is_redone_with_the_same_result_and_a_picture(self, cloud: RunningStack) -> None:
        ledger = Ledger(cloud.access.dynamodb, cloud.access.table("ledger"))
        minute, before = MINUTE.replace(month=5), ledger.totals("stocks")
        write_minute(cloud.access.open_bucket("stocks"), minute, files=3)
        until(lambda: ledger.totals("stocks").objects == before.objects + 3)
        held, account = prices(cloud, "CSTA"), ledger.account("stocks", "2026-05-01")
        done, checks = materialized("2026-05-01")
        assert done["rows_accepted"].value == done["dagster/partition_row_count"].value == 18
        assert done["objects"].value == 3
        assert "data:image/png;base64," in str(done["prices"].value)
        assert checks == {
            "conservation": (True, "ERROR"),
            "no_gaps": (True, "WARN"),
            "prices_possible": (True, "ERROR"),
        }
        assert prices(cloud, "CSTA") == held
        assert ledger.account("stocks", "2026-05-01") == account
        assert ledger.totals("stocks").counts - before.counts == Counts(received=18, accepted=18)

    def test_what_is_missing_or_cannot_be_is_told(self, cloud: RunningStack) -> None:
        times = {0: 10, 10: 10, 20: 10, 50: 21}
        rows = [bar("JUMP", second, close).replace("2026-11-19", "2026-06-01") for second, close in times.items()]
        put(cloud, "jump.csv", "\n".join([HEADER, *rows]))
        _, checks = materialized("2026-06-01")
        assert checks == {
            "conservation": (True, "ERROR"),
            "no_gaps": (False, "WARN"),
            "prices_possible": (False, "ERROR"),
        }


def materialized(day: str) -> tuple[Mapping[str, dg.MetadataValue[Any]], dict[str, tuple[bool, str]]]:
    """The metadata of a day of `stocks` that was worked through again, and its checks: passed, and how severe."""
    result = dg.materialize(
        [stocks_landed, stocks, *STOCK_CHECKS],
        selection=dg.AssetSelection.assets(stocks),
        partition_key=day,
        resources={
            "stock_stores": StockStoresResource.of_environment(),
            "ledger": LedgerResource.of_environment(),
            "quarantine": QuarantineResource.of_environment(),
        },
        raise_on_error=False,
    )
    (done,) = result.asset_materializations_for_node("stocks")
    checks = {each.check_name: (each.passed, each.severity.value) for each in result.get_asset_check_evaluations()}
    # Judged by all that is open of the flow, which other tests have left.
    assert "few_rejected" in checks
    return done.metadata, {name: found for name, found in checks.items() if name != "few_rejected"}


def test_the_command_line_asks_the_table_by_its_keys(
    cloud: RunningStack, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(cloud, "asked.csv", "\n".join([HEADER, *(bar("ASKD", second, second + 1) for second in range(0, 60, 10))]))
    calls: list[str] = []
    api = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001 - every call of every client

    def watched(self: Any, operation: str, arguments: Any) -> Any:
        calls.append(operation)
        return api(self, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", watched)
    between = ("2026-11-19T14:30:10Z", "2026-11-19T14:30:30Z")
    print_prices(cloud.instance, "askd", *between, as_json=True, as_csv=False)
    assert [price["close"] for price in json.loads(capsys.readouterr().out)] == ["11", "21", "31"]
    assert calls == ["Query"]

    print_prices(cloud.instance, "ASKD", *between, as_json=False, as_csv=True)
    head, *rows = capsys.readouterr().out.splitlines()
    assert (head, rows[0]) == (HEADER, "ASKD,2026-11-19T14:30:10.000Z,11,11,11,11,5")
    assert "Scan" not in calls

    print_prices(cloud.instance, "ASKU", None, None, as_json=False, as_csv=False)
    assert "No file ever had the ticker ASKU" in capsys.readouterr().out
