"""Following objects that somebody put until each of them is through, whatever else a flow has to do."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.exceptions import HTTPClientError

from deploy.local.access import Access
from deploy.local.errors import LocalStackError
from deploy.local.flows import FLOWS, messages_in
from pipeline_assets.events.dead_letters import DeadLetters
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.outcomes import TransientError
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.files.waiting import what_waits

#: Nothing moved for so long: something is wrong. The back-off after a failure is at most a minute, and what an
#: invocation had that crashed before it came to itself comes again after six, the queue's visibility timeout.
PATIENCE_SECONDS = 420.0
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Progress:
    """Of the objects followed: how many have a receipt, and how many of these Dagster shows."""

    done: int = 0
    shown: int = 0


def follow(
    access: Access,
    wanted: Collection[str],
    flow: str,
    *,
    tell: Callable[[Progress], None],
    check: Callable[[], None] = lambda: None,
    patience: float = PATIENCE_SECONDS,
) -> None:
    """Wait until every object with one of these receipt ids has its receipt, and Dagster has all of them.

    What else is in the queue, or was given up, is not waited for. `tell` is called with every look, `check` too and may
    raise. Raises `LocalStackError` when the event of one of the objects is given up, or when nothing moves for
    `patience` seconds; a local cloud that does not answer, since it is started again, is one in which nothing moves.
    """
    followed = _Followed(access, flow, set(wanted))
    last, moved = Progress(), time.monotonic()
    while True:
        check()
        try:
            now = followed.look()
        except (NoConnectionError, HTTPClientError, TransientError):
            now = last
        tell(now)
        if now.shown == len(followed.wanted):
            return
        if now != last:
            last, moved = now, time.monotonic()
        elif time.monotonic() - moved > patience:
            raise LocalStackError(
                f"nothing moved for {patience:.0f} s: {now.done} of {len(followed.wanted)} files are in, "
                f"{now.done - now.shown} receipts of them not in Dagster; `cesta doctor` says what is wrong."
            )
        time.sleep(_LOOK_SECONDS)


@dataclass(slots=True)
class _Followed:
    """What is known of the objects by now; what has come to its end is not asked for again."""

    access: Access
    flow: str
    wanted: set[str]
    #: Receipts that Dagster does not show yet, and ids of those that it does.
    recorded: dict[str, Receipt] = field(default_factory=dict)
    shown: set[str] = field(default_factory=set)
    #: How many dead letters there were when they were last looked into.
    letters: int = 0

    def look(self) -> Progress:
        """How far the objects are; raises `LocalStackError` when one was given up."""
        ledger = Ledger(self.access.dynamodb, self.access.table("ledger"))
        for receipt_id in self.wanted - self.recorded.keys() - self.shown:
            if receipt := ledger.receipt(receipt_id):
                self.recorded[receipt_id] = receipt
        for receipt_id, receipt in list(self.recorded.items()):
            if not ledger.is_pending(receipt):
                self.shown.add(receipt_id)
                del self.recorded[receipt_id]
        self._look_into_dead_letters()
        return Progress(len(self.recorded) + len(self.shown), len(self.shown))

    def _look_into_dead_letters(self) -> None:
        there = messages_in(self.access, f"{FLOWS[self.flow]}-dlq")
        if there != self.letters:
            letters = DeadLetters(self.access.sqs, self.access.queue(FLOWS[self.flow]))
            mine = what_waits(letters, self.flow).announced.keys() & (self.wanted - self.recorded.keys() - self.shown)
            if mine:
                raise LocalStackError(
                    f"{len(mine)} of {len(self.wanted)} files were given up and lie in the queue "
                    f"{FLOWS[self.flow]}-dlq: the file logs/cloud.log of the state directory says why."
                )
            self.letters = there
