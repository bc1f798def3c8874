"""Every process of an instance is killed with SIGKILL while files arrive: nothing is lost, nothing counts twice."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import dagster as dg
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from deploy.local.board import Condition, Picture, holder
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.lineage.shown import RECEIPTS, listed_in, stored_since
from pipeline_assets.operations.access import Access
from pipeline_assets.operations.status import FlowStatus, flow_status
from tests.worlds.commands import Command
from tests.worlds.graph_picture import picture
from tests.worlds.ticket_days import COUNTS, FOLDER, body_of, day_of, key_of, number_of, picture_of
from tests.worlds.waiting import eventually

CHILDREN = ["graph", "cloud", "dagster-code", "dagster-web", "dagster-daemon"]
FILES_PER_KILL = 8
PATIENCE = 180.0


@dataclass
class Arrivals:
    """Files that arrive, each under a key of its own, whatever becomes of the instance meanwhile."""

    access: Access
    acknowledged: set[int] = field(default_factory=set)
    _number: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        # Without a second attempt: one that was taken though nobody heard of it would become two versions.
        settings = Config(retries={"total_max_attempts": 1})
        session = boto3.Session(region_name=self.access.document["region"], **self.access.document["credentials"])
        self._s3 = session.client("s3", endpoint_url=self.access.document["endpoint_url"], config=settings)

    def put_some(self) -> None:
        """Put files until some more are acknowledged, or whoever wants them has had enough."""
        wanted = len(self.acknowledged) + FILES_PER_KILL
        while len(self.acknowledged) < wanted and not self._over.is_set():
            self._number += 1
            with suppress(BotoCoreError, ClientError):
                body = body_of(self._number)
                self._s3.put_object(Bucket=self.access.bucket("tickets"), Key=key_of(self._number), Body=body)
                self.acknowledged.add(self._number)
            # Each number is a day: while nobody answers, they would run on into days that are still to come.
            time.sleep(0.1 if self._number in self.acknowledged else 1.0)

    @contextmanager
    def arriving(self) -> Iterator[None]:
        """Run the block in the middle of some arrivals."""
        wanted = len(self.acknowledged) + FILES_PER_KILL // 2
        thread = threading.Thread(target=self.put_some)
        thread.start()
        try:
            assert eventually(lambda: len(self.acknowledged) >= wanted, PATIENCE)
            yield
        except BaseException:
            self._over.set()
            raise
        finally:
            thread.join()


@pytest.mark.timeout(600)
def test_no_kill_loses_or_doubles_anything(cesta: Command) -> None:
    access = cesta.access()
    arrivals = Arrivals(access)
    ledger = Ledger(access.dynamodb, access.table("ledger"))
    before, receipts = flow_status(access, "tickets"), len(ledger.receipts("tickets"))
    with access.graph() as driver:
        assert not any(picture(driver).values())
    for kill in (_kill_workers, *(_killer_of(name) for name in CHILDREN), _kill_cloud_twice, _kill_supervisor):
        with arrivals.arriving():
            kill(cesta)

    listed = access.s3.list_object_versions(Bucket=access.bucket("tickets"), Prefix=FOLDER)
    assert not listed["IsTruncated"]
    numbers = sorted(number_of(version["Key"]) for version in listed["Versions"])
    assert len(numbers) == len(set(numbers))
    assert arrivals.acknowledged <= set(numbers)

    assert eventually(lambda: _all_in(access, before, len(numbers)), PATIENCE), flow_status(access, "tickets")
    _counts_are_right(access, before, numbers)
    assert len(ledger.receipts("tickets")) == receipts + len(numbers)
    with access.graph() as driver:
        assert picture(driver) == picture_of(numbers)
    _dagster_has_each_receipt_once(cesta, access)


def _all_in(access: Access, before: FlowStatus, files: int) -> bool:
    now = flow_status(access, "tickets")
    return now.objects >= before.objects + files and now.pending == 0


def _counts_are_right(access: Access, before: FlowStatus, numbers: list[int]) -> None:
    now, ledger = flow_status(access, "tickets"), Ledger(access.dynamodb, access.table("ledger"))
    assert (now.objects, now.refused, now.dead_lettered) == (before.objects + len(numbers), before.refused, 0)
    earlier, found = before.as_dict(), now.as_dict()
    assert {name: found[name] - earlier[name] for name in COUNTS.as_dict()} == {
        name: count * len(numbers) for name, count in COUNTS.as_dict().items()
    }
    assert all(ledger.account("tickets", day_of(number)).counts == COUNTS for number in numbers)


def _dagster_has_each_receipt_once(cesta: Command, access: Access) -> None:
    receipts = Ledger(access.dynamodb, access.table("ledger")).receipts("tickets")
    expected = {(part.asset, part.partition, r.report_id) for r in receipts for part in r.partitions}
    shown: Counter[tuple[str, str, str]] = Counter()
    with dg.DagsterInstance.from_config(str(cesta.instance.dagster_home)) as instance:
        for asset in {asset for asset, _, _ in expected}:
            for record in stored_since(instance.fetch_materializations, dg.AssetKey.from_user_string(asset), 0.0):
                ids = listed_in(record.asset_materialization, RECEIPTS)
                shown.update((asset, record.partition_key or "", report_id) for report_id in ids)
    assert shown == Counter(expected)


def _kill_workers(cesta: Command) -> None:
    assert eventually(lambda: bool(_workers(cesta)))
    for pid in _workers(cesta):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _workers(cesta: Command) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            text = (entry / "cmdline").read_bytes()
            if b"ministack-lambda" in text and str(cesta.instance.state).encode() in text:
                found.append(int(entry.name))
    return found


def _killer_of(name: str) -> Callable[[Command], None]:
    def kill(cesta: Command) -> None:
        before, began = cesta.pid(name), time.monotonic()
        os.kill(before, signal.SIGKILL)

        def runs_again() -> bool:
            part = next(part for part in cesta.picture().parts if part.name == name)
            return part.pid not in {None, before} and part.condition is Condition.HEALTHY

        assert eventually(runs_again, 60), name
        print(f"{name}: healthy again after {time.monotonic() - began:.1f} s")  # noqa: T201 - for -s

    return kill


def _kill_cloud_twice(cesta: Command) -> None:
    """The second time in the middle of the repair after the first."""
    _killer_of("cloud")(cesta)
    _killer_of("cloud")(cesta)


def _kill_supervisor(cesta: Command) -> None:
    began, supervisor = time.monotonic(), holder(cesta.instance)
    assert supervisor is not None
    os.kill(supervisor, signal.SIGKILL)
    assert eventually(lambda: holder(cesta.instance) is None)
    outcome = cesta("up", "--detach")
    assert outcome.returncode == 0, outcome.stderr
    picture_now = Picture.read(cesta.instance)
    assert picture_now
    assert any(note.startswith("the instance was killed:") for note in picture_now.notes)
    print(f"supervisor: up again after {time.monotonic() - began:.1f} s")  # noqa: T201 - for -s
