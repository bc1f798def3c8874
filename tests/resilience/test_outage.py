"""The graph is away for a while as files arrive, once for a minute: nothing is lost, and it catches up by itself."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from pipeline_assets.events.ledger import Ledger
from pipeline_assets.operations.status import FlowStatus, flow_status
from tests.worlds.graph_picture import picture
from tests.worlds.stack import RunningStack, running_stack
from tests.worlds.ticket_days import COUNTS, body_of, day_of, key_of, picture_of
from tests.worlds.waiting import eventually

FILES_IN_IT = 30
#: What is promised is a minute; a busy machine may take longer.
PATIENCE = 150.0


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """An instance of its own, without Dagster."""
    with running_stack(tmp_path_factory.mktemp("outage"), dagster=False) as running:
        yield running


@contextmanager
def hanging(instance: RunningStack) -> Iterator[None]:
    """The graph takes connections and says nothing."""
    pid = _graph(instance)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def refusing(instance: RunningStack) -> Iterator[None]:
    """The graph is dead, and the one that is started in its place gets no further."""
    dead = _graph(instance)
    os.kill(dead, signal.SIGKILL)
    assert eventually(lambda: _graph(instance) not in {0, dead})
    pid = _graph(instance)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("outage", "seconds", "first"), [(hanging, 60, 0), (refusing, 20, 100)])
def test_an_outage_of_the_graph_loses_nothing(
    instance: RunningStack, outage: Callable[[RunningStack], AbstractContextManager[None]], seconds: int, first: int
) -> None:
    before = flow_status(instance.access, "tickets")
    _put(instance, first)
    assert eventually(lambda: flow_status(instance.access, "tickets").objects == before.objects + 1, PATIENCE)
    with outage(instance):
        began = time.monotonic()
        for number in range(1, FILES_IN_IT + 1):
            _put(instance, first + number)
            time.sleep(max(0.0, began + number * seconds / FILES_IN_IT - time.monotonic()))
        assert flow_status(instance.access, "tickets").objects == before.objects + 1

    ended = time.monotonic()
    assert eventually(lambda: _all_in(instance, before), PATIENCE), flow_status(instance.access, "tickets")
    print(f"all in {time.monotonic() - ended:.0f} s after the end")  # noqa: T201 - for -s

    after = flow_status(instance.access, "tickets")
    assert (after.objects, after.dead_lettered) == (before.objects + FILES_IN_IT + 1, 0)
    assert after.accepted == before.accepted + (FILES_IN_IT + 1) * COUNTS.accepted
    assert after.received == after.accepted + after.quarantined + after.duplicate + after.superseded
    ledger = Ledger(instance.access.dynamodb, instance.access.table("ledger"))
    assert all(ledger.account("tickets", day_of(first + n)).counts == COUNTS for n in range(FILES_IN_IT + 1))
    wanted = picture_of(range(first, first + FILES_IN_IT + 1))
    drawn = picture(instance.graph)
    assert all(set(wanted[kind]) <= set(drawn[kind]) for kind in wanted)
    assert len(drawn["CONTAINS"]) == after.accepted


def _put(instance: RunningStack, number: int) -> None:
    instance.access.s3.put_object(Bucket=instance.access.bucket("tickets"), Key=key_of(number), Body=body_of(number))


def _all_in(instance: RunningStack, before: FlowStatus) -> bool:
    now = flow_status(instance.access, "tickets")
    return now.objects == before.objects + FILES_IN_IT + 1 and now.queued == 0


def _graph(instance: RunningStack) -> int:
    return next(part.pid or 0 for part in instance.board.picture.parts if part.name == "graph")
