"""The stock feed's first half: the schedule and the generator fill the bucket, and every file is announced once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline_assets.events.ledger import Ledger
from pipeline_assets.stocks.feed import as_csv, minute_files, write_minute
from tests.worlds.stack import RunningStack
from tests.worlds.waiting import until

#: No price file comes near the graph.
pytestmark = pytest.mark.any_engine
SCHEDULED = {
    "version": "0",
    "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "000000000000",
    "time": "2026-03-02T14:30:41Z",
    "region": "us-east-1",
    "resources": ["arn:aws:events:us-east-1:000000000000:rule/cesta-dev-GeneratorLambda"],
    "detail": {},
}
MINUTE = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)


def invoke(cloud: RunningStack, payload: object) -> dict[str, Any]:
    answer = cloud.access.client("lambda").invoke(
        FunctionName=cloud.outputs["functions"]["generator"], Payload=json.dumps(payload).encode()
    )
    told: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, told
    return told


def versions(cloud: RunningStack, prefix: str) -> Counter[str]:
    """The keys below a prefix, and how many versions each has."""
    pages = cloud.access.s3.get_paginator("list_object_versions").paginate(
        Bucket=cloud.access.bucket("stocks"), Prefix=prefix
    )
    return Counter(version["Key"] for page in pages for version in page.get("Versions", []))


@pytest.fixture
def schedule(cloud: RunningStack) -> Iterator[str]:
    """The schedule's rule, running for as long as a test needs it."""
    events, rule = cloud.access.client("events"), cloud.outputs["rules"]["generator"]
    assert events.describe_rule(Name=rule)["State"] == "DISABLED", "a laptop must not fill"
    events.enable_rule(Name=rule)
    try:
        yield rule
    finally:
        events.disable_rule(Name=rule)


class TestTheGenerator:
    def test_a_scheduled_minute_is_fifty_files_however_often_it_comes(self, cloud: RunningStack) -> None:
        first, again = invoke(cloud, SCHEDULED), invoke(cloud, {**SCHEDULED, "id": "another"})
        assert (first["minute"], first["files"], first["rows"]) == (MINUTE.isoformat(), 50, 300)
        assert (again["files"], again["there"]) == (0, 50)
        assert versions(cloud, "stocks/20260302T1430") == dict.fromkeys(dict(minute_files(MINUTE)), 1)

    def test_the_files_are_those_of_the_market(self, cloud: RunningStack) -> None:
        """Byte for byte what this process makes of the same minute, which `cesta load stocks` does."""
        invoke(cloud, SCHEDULED)
        for key, bars in minute_files(MINUTE):
            stored = cloud.access.s3.get_object(Bucket=cloud.access.bucket("stocks"), Key=key)
            assert stored["Body"].read() == as_csv(bars)

    def test_a_minute_that_was_cut_short_is_completed(self, cloud: RunningStack) -> None:
        minute = MINUTE.replace(minute=31)
        write_minute(cloud.access.open_bucket("stocks"), minute, files=20)
        told = invoke(cloud, {**SCHEDULED, "time": minute.isoformat()})
        assert (told["files"], told["there"]) == (30, 20)
        assert set(versions(cloud, "stocks/20260302T1431").values()) == {1}

    def test_any_payload_runs_it_once_for_this_minute(self, cloud: RunningStack) -> None:
        before = datetime.now(UTC).replace(second=0, microsecond=0)
        told = invoke(cloud, {"key1": "value1"})
        assert before <= datetime.fromisoformat(told["minute"]) <= datetime.now(UTC)
        assert told["files"] + told["there"] == 50

    def test_every_file_is_announced_once_and_nothing_else(self, cloud: RunningStack) -> None:
        ledger, bucket = Ledger(cloud.access.dynamodb, cloud.access.table("ledger")), cloud.access.bucket("stocks")
        minute = MINUTE.replace(minute=32)
        cloud.access.s3.put_object(Bucket=bucket, Key="elsewhere/20260302T1432.csv", Body=b"not below stocks/")
        for _ in range(2):
            write_minute(cloud.access.storage.bucket(bucket), minute)

        def told() -> Counter[str]:
            receipts = [report.receipt for report in ledger.pending("stocks", limit=10_000)]
            return Counter(
                {r.version.key: ledger.deliveries(r.id) for r in receipts if "20260302T1432" in r.version.key}
            )

        until(lambda: len(told()) >= 50, 30)
        assert told() == dict.fromkeys(dict(minute_files(minute)), 1)


def test_the_schedule_fires_every_minute_until_it_is_paused(cloud: RunningStack, schedule: str) -> None:
    fired = datetime.now(UTC)

    def written() -> set[str]:
        keys = versions(cloud, f"stocks/{datetime.now(UTC):%Y%m%d}")
        return {key.rpartition("_")[0] for key in keys if key > f"stocks/{fired:%Y%m%dT%H%M}60"}

    until(lambda: bool(written()), 90)
    until(lambda: all(len(versions(cloud, minute)) == 50 for minute in written()), 10)
    cloud.access.client("events").disable_rule(Name=schedule)
    assert cloud.access.client("events").describe_rule(Name=schedule)["State"] == "DISABLED"
