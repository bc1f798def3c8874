"""The graph is away for a while as files arrive: nothing is lost, and it catches up by itself."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from pipeline_assets.events.ledger import Ledger
from pipeline_assets.operations.access import Access
from pipeline_assets.operations.status import FlowStatus, flow_status
from tests.worlds.commands import Command
from tests.worlds.graph_picture import Picture, picture
from tests.worlds.ticket_days import COUNTS, body_of, day_of, key_of, picture_of
from tests.worlds.waiting import eventually

FILES_IN_IT = 30
#: What is promised is a minute; a busy machine may take longer.
PATIENCE = 150.0


@contextmanager
def hanging(cesta: Command) -> Iterator[None]:
    """The graph takes connections and says nothing."""
    pid = _graph(cesta)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def refusing(cesta: Command) -> Iterator[None]:
    """The graph is dead, and the one that is started in its place gets no further."""
    dead = _graph(cesta)
    os.kill(dead, signal.SIGKILL)
    assert eventually(lambda: _graph(cesta) not in {0, dead})
    pid = _graph(cesta)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("outage", "seconds", "first"),
    [
        # Below the numbers of other files of the instance. Longer than the driver waits for a connection.
        pytest.param(hanging, 20, -40, id="hanging"),
        pytest.param(refusing, 8, -80, id="refusing"),
        # Until they rest as long as they ever do.
        pytest.param(hanging, 60, -120, id="hanging for a minute", marks=pytest.mark.slow),
        pytest.param(refusing, 20, -160, id="refusing for longer", marks=pytest.mark.slow),
    ],
)
def test_an_outage_of_the_graph_loses_nothing(
    cesta: Command, outage: Callable[[Command], AbstractContextManager[None]], seconds: int, first: int
) -> None:
    access = cesta.access()
    before = flow_status(access, "tickets")
    lines_before = len(_drawn(access)["CONTAINS"])
    _put(access, first)
    assert eventually(lambda: flow_status(access, "tickets").objects == before.objects + 1, PATIENCE)
    with outage(cesta):
        began = time.monotonic()
        for number in range(1, FILES_IN_IT + 1):
            _put(access, first + number)
            time.sleep(max(0.0, began + number * seconds / FILES_IN_IT - time.monotonic()))
        assert flow_status(access, "tickets").objects == before.objects + 1

    ended = time.monotonic()
    assert eventually(lambda: _all_in(access, before), PATIENCE), flow_status(access, "tickets")
    print(f"all in {time.monotonic() - ended:.0f} s after the end")  # noqa: T201 - for -s

    after = flow_status(access, "tickets")
    assert (after.objects, after.dead_lettered) == (before.objects + FILES_IN_IT + 1, 0)
    assert after.accepted == before.accepted + (FILES_IN_IT + 1) * COUNTS.accepted
    assert after.received == after.accepted + after.quarantined + after.duplicate + after.superseded
    ledger = Ledger(access.dynamodb, access.table("ledger"))
    assert all(ledger.account("tickets", day_of(first + n)).counts == COUNTS for n in range(FILES_IN_IT + 1))
    wanted = picture_of(range(first, first + FILES_IN_IT + 1))
    drawn = _drawn(access)
    assert all(set(wanted[kind]) <= set(drawn[kind]) for kind in wanted)
    assert len(drawn["CONTAINS"]) - lines_before == after.accepted - before.accepted


def _put(access: Access, number: int) -> None:
    access.s3.put_object(Bucket=access.bucket("tickets"), Key=key_of(number), Body=body_of(number))


def _drawn(access: Access) -> Picture:
    with access.graph() as driver:
        return picture(driver)


def _all_in(access: Access, before: FlowStatus) -> bool:
    now = flow_status(access, "tickets")
    return now.objects == before.objects + FILES_IN_IT + 1 and now.queued == 0


def _graph(cesta: Command) -> int:
    return next(part.pid or 0 for part in cesta.picture().parts if part.name == "graph")
