"""Bad data in Dagster: red within a tick, red until it is mended or acknowledged, whatever comes meanwhile.

Through a whole instance: the functions, the daemon with its sensors, and the result that a page would show.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import dagster as dg
import pytest

from pipeline_assets.events.ledger import Ledger
from pipeline_assets.flows import FLOWS, queued_flows
from pipeline_assets.lake.layout import RawObject
from pipeline_assets.operations.acknowledge import acknowledge_all, problems_named, withdraw_all
from pipeline_assets.operations.versions import version_id_of
from tests.worlds.dagster_command import materialize
from tests.worlds.lake import Lake, load_name, stored
from tests.worlds.shown_checks import is_planned, shown
from tests.worlds.stocks import HEADER as BARS
from tests.worlds.stocks import bar
from tests.worlds.ticket_cloud import HEADER, row
from tests.worlds.waiting import until

if TYPE_CHECKING:
    from tests.worlds.stack import RunningStack

SEEN_WITHIN = 120.0
FEW, NONE_REFUSED = "few_rejected", "no_file_refused"


class Instance:
    """A running instance from outside: what is put into its buckets, and what Dagster shows of it."""

    def __init__(self, stack: RunningStack, dagster: dg.DagsterInstance) -> None:
        self.access = stack.access
        self.dagster = dagster
        self.ledger = Ledger(stack.access.dynamodb, stack.access.table("ledger"))

    def put(self, bucket: str, key: str, body: bytes) -> str:
        """Put an object and wait until Dagster has its receipt; its id."""
        name = self.access.bucket(bucket)
        version = self.access.s3.put_object(Bucket=name, Key=key, Body=body)["VersionId"]
        receipt_id = version_id_of(name, key, version)
        until(lambda: self.is_shown(receipt_id), SEEN_WITHIN, f"{key} is in Dagster")
        return receipt_id

    def is_shown(self, receipt_id: str) -> bool:
        receipt = self.ledger.receipt(receipt_id)
        return receipt is not None and not self.ledger.is_pending(receipt)

    def check(self, asset: str, name: str) -> dg.AssetCheckEvaluation:
        """The check as it is shown; that it is shown is part of what is asked.

        One that a failed run had planned is told again by the watch.
        """
        until(lambda: not is_planned(self.dagster, asset, name), SEEN_WITHIN, f"{asset}: {name} is told again")
        found = shown(self.dagster, asset, name)
        assert found is not None, f"{asset}: {name} is grey"
        return found

    def passes(self, asset: str, name: str) -> bool:
        return self.check(asset, name).passed

    def acknowledge(self, flow: str) -> None:
        acknowledge_all(self.ledger, problems_named(self.ledger, flow), "looked at", "ada", "2026-11-28T10:00:00Z")


@pytest.fixture
def instance(stack: RunningStack) -> Iterator[Instance]:
    """An instance of which everything bad that others left is acknowledged, and so shown as no failure."""
    with dg.DagsterInstance.from_config(str(stack.instance.dagster_home)) as dagster:
        found = Instance(stack, dagster)
        for row_ in queued_flows():
            found.acknowledge(row_.name)
        yield found


def tickets(*rows: str) -> bytes:
    return "\n".join((HEADER, *rows)).encode()


def day_before(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).date().isoformat()


def test_every_check_that_is_judged_by_the_ledger_is_shown_without_any_data(instance: Instance) -> None:
    """The watch evaluates what no event has yet."""
    wanted = [(row_.anchor, "receipts_known") for row_ in FLOWS]
    wanted += [(row_.anchor, name) for row_ in FLOWS if row_.queue for name in (FEW, NONE_REFUSED)]
    until(lambda: all(shown(instance.dagster, *each) for each in wanted), SEEN_WITHIN, "all are shown")


def test_bad_ticket_files_are_red_until_they_are_mended(instance: Instance) -> None:
    name, day = uuid4().hex[:8], day_before(5)
    time = f"{day} 09:30:00"
    broken = [row(f"{name}-{number}", quantity=0, timestamp=time) for number in range(5)]
    bad = instance.put("tickets", f"{name}/bad.csv", tickets(row(f"{name}-9", timestamp=time), *broken))
    assert not instance.passes("tickets/landed", FEW)
    found = instance.check("tickets", FEW)
    assert not found.passed
    assert f"{name}/bad.csv: 5 of 6 rows (83%), rule quantity_positive" in str(found.description)
    assert f"cesta quarantine show {bad[:12]} --flow tickets" in str(found.description)
    assert "docs/guides/mend.md" in str(found.description)
    table = str(found.metadata["rejected"].value)
    assert f"s3://{instance.access.bucket('quarantine')}/tickets/{bad}/0001/" in table
    assert {number: found.metadata[number].value for number in ("rows_rejected", "files_bad")} == {
        "rows_rejected": 5,
        "files_bad": 1,
    }
    assert found.metadata["share_rejected"].value == pytest.approx(5 / 6, abs=0.001)

    assert instance.passes("tickets/landed", NONE_REFUSED)
    headless = instance.put("tickets", f"{name}/headless.csv", row(f"{name}-7", timestamp=time).encode())
    instance.put("tickets", f"{name}/noise.csv", random.Random(5).randbytes(500))
    refused = instance.check("tickets/landed", NONE_REFUSED)
    assert not refused.passed
    assert refused.metadata["files_refused"].value == 2
    assert f"{name}/" in str(refused.description)

    other = day_before(6)
    instance.put(
        "tickets",
        f"{name}/good.csv",
        tickets(*(row(f"{name}-o{number}", timestamp=f"{other} 09:30:00") for number in range(200))),
    )
    assert not instance.passes("tickets/landed", FEW)
    assert not instance.passes("tickets", FEW)
    assert not instance.passes("tickets/landed", NONE_REFUSED)

    good = tickets(*(row(f"{name}-{number}", timestamp=time) for number in range(6)))
    instance.put("tickets", f"{name}/bad.csv", good)
    until(lambda: instance.passes("tickets", FEW), SEEN_WITHIN, "mended rows are green")
    assert instance.passes("tickets/landed", FEW)
    instance.put("tickets", f"{name}/headless.csv", good)
    assert not instance.passes("tickets/landed", NONE_REFUSED)
    assert headless not in str(instance.check("tickets/landed", NONE_REFUSED).description)

    noise = f"{name}/noise.csv"
    acknowledged = problems_named(instance.ledger, "tickets", noise, instance.access.bucket("tickets"), noise)
    acknowledge_all(instance.ledger, acknowledged, "a test of ours", "ada", "2026-11-28T10:00:00Z")
    until(lambda: instance.passes("tickets/landed", NONE_REFUSED), SEEN_WITHIN, "what is acknowledged is no failure")
    assert "a test of ours (ada, 2026-11-28)" in str(instance.check("tickets/landed", NONE_REFUSED).description)
    withdraw_all(instance.ledger, acknowledged)
    until(lambda: not instance.passes("tickets/landed", NONE_REFUSED), SEEN_WITHIN, "what is taken back is a failure")
    acknowledge_all(instance.ledger, acknowledged, "a test of ours", "ada", "2026-11-28T10:00:00Z")
    until(lambda: instance.passes("tickets/landed", NONE_REFUSED), SEEN_WITHIN, "acknowledged again")
    instance.put("tickets", f"{name}/noise.csv", random.Random(6).randbytes(500))
    assert not instance.passes("tickets/landed", NONE_REFUSED), "a new version is a new problem"


def test_bad_objects_of_the_lake_are_red_until_they_are_mended(stack: RunningStack, instance: Instance) -> None:
    lake = Lake(stack)
    bad_day, day, empty = (f"2026-06-{number:02d}" for number in (11, 12, 13))
    bad = RawObject("orders", bad_day, load_name(bad_day).load_id, "0001")
    rows = [{"order_id": number, "channel": "pigeon" if number <= 10 else "store"} for number in range(1, 138)]
    instance.put("raw", bad.key, stored("orders", rows))
    found = instance.check("curated/orders", FEW)
    assert not found.passed
    assert "10 of 137 rows (7%)" in str(found.description)
    assert found.metadata["days_bad"].value == 1
    assert not instance.passes("raw/orders", FEW)

    torn = RawObject("orders", day, load_name(day).load_id, "0001")
    instance.put("raw", torn.key, b"26 bytes of something else")
    assert not instance.passes("raw/orders", NONE_REFUSED)
    assert not instance.passes("curated/orders", NONE_REFUSED)

    again = RawObject("orders", bad_day, load_name(bad_day).load_id, "0001")
    instance.put("raw", again.key, stored("orders", rows))
    assert "10 of 137 rows (7%)" in str(instance.check("curated/orders", FEW).description), "as it was, exported again"
    answer = materialize(stack, "curated/orders", f"{empty}...{empty}")
    assert answer.exit_code == 1
    assert f"no load is known for {empty}: nothing was done." in answer.output
    assert not instance.passes("curated/orders", FEW), "judged is all that is open, not the day of the run"
    assert not instance.passes("curated/orders", NONE_REFUSED)
    good = RawObject("orders", day, load_name(day).load_id, "0002")
    instance.put("raw", good.key, stored("orders", [{"order_id": 900}]))
    assert not instance.passes("curated/orders", FEW)

    mended = stored("orders", [{**each, "channel": "store"} for each in rows])
    instance.put("raw", bad.key, mended)
    assert not instance.passes("curated/orders", FEW)
    instance.put("raw", again.key, mended)
    assert instance.passes("curated/orders", FEW)
    assert not instance.passes("raw/orders", NONE_REFUSED)
    instance.put("raw", torn.key, mended)
    assert instance.passes("raw/orders", NONE_REFUSED)
    assert instance.passes("curated/orders", NONE_REFUSED)
    assert lake.day("orders", bad_day).height == 137


def test_an_object_in_no_place_of_the_lake_is_told_of_by_name_and_acknowledged(instance: Instance) -> None:
    key = f"orders/{uuid4().hex[:8]}.parquet"
    receipt_id = instance.put("raw", key, b"PAR1")
    found = instance.check("raw/orders", "receipts_known")
    assert not found.passed
    assert f"{key}: it is no object of the lake; expected <dataset>/load=<day>/" in str(found.description)
    assert f"cesta acknowledge {receipt_id[:12]} --flow ecommerce" in str(found.description)
    instance.acknowledge("ecommerce")
    until(lambda: instance.passes("raw/orders", "receipts_known"), SEEN_WITHIN, "it is acknowledged")
    assert instance.passes("raw/orders", NONE_REFUSED)


def test_bad_price_files_are_red(instance: Instance) -> None:
    name = uuid4().hex[:8]
    rows = [bar(second=number, close=-1) for number in range(5)]
    bad = instance.put("stocks", f"stocks/{name}.csv", "\n".join((BARS, bar(second=50), *rows)).encode())
    for asset in ("stocks/landed", "stocks"):
        found = instance.check(asset, FEW)
        assert not found.passed
        assert f"{name}.csv: 5 of 6 rows (83%)" in str(found.description)
    instance.put("stocks", f"stocks/{name}-noise.csv", random.Random(5).randbytes(500))
    assert not instance.passes("stocks/landed", NONE_REFUSED)
    instance.put("stocks", f"stocks/{name}-good.csv", "\n".join((BARS, bar(second=90))).encode())
    assert bad[:12] in str(instance.check("stocks", FEW).description)
    assert not instance.passes("stocks/landed", NONE_REFUSED)
    instance.acknowledge("stocks")
    until(lambda: instance.passes("stocks", FEW), SEEN_WITHIN, "acknowledged")
    until(lambda: instance.passes("stocks/landed", NONE_REFUSED), SEEN_WITHIN, "acknowledged")


def test_a_refused_file_of_the_inbox_is_red(instance: Instance) -> None:
    name = uuid4().hex[:8]
    instance.put("inbox", f"orders/{name}.parquet", b"26 bytes of something else")
    found = instance.check("inbox/landed", NONE_REFUSED)
    assert not found.passed
    assert f"{name}.parquet, rule readable" in str(found.description)


def test_a_check_of_a_run_is_shown_for_the_events_after_it(instance: Instance) -> None:
    """And one that never ran is run by Dagster itself."""
    until(lambda: shown(instance.dagster, "purchase_graph", "keys_unique"), 300.0, "the automation has run it")
    name = uuid4().hex[:8]
    instance.put("tickets", f"{name}/a.csv", tickets(row(f"{name}-1", timestamp=f"{day_before(4)} 09:30:00")))
    found = instance.check("purchase_graph", "keys_unique")
    assert found.passed
    assert "(as last judged " in str(found.description)
