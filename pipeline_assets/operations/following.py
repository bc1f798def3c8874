"""Following of objects until each of them is through: it has its receipt, and Dagster shows it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TypeVar

from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.exceptions import HTTPClientError

from pipeline_assets.errors import TransientError, UserError
from pipeline_assets.events.dead_letters import DeadLetters
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.flows import flow_row
from pipeline_assets.operations.access import Access
from pipeline_assets.operations.backlog import what_waits
from pipeline_assets.operations.status import messages_in

#: Nothing moved for so long: something is wrong. The back-off after a failure is at most a minute, and what an
#: invocation had that crashed before it came to itself comes again after six, the queue's visibility timeout.
PATIENCE_SECONDS = 420.0
_LOOK_SECONDS = 0.5
#: So many objects are asked for in vain at each look, of what may be thousands.
_IN_VAIN = 25

OneT = TypeVar("OneT")
OtherT = TypeVar("OtherT")


class NotThroughError(UserError):
    """Objects that are followed do not come through: one was dead-lettered, or nothing moves."""


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
    """Wait until objects have their receipts, and Dagster shows all of them.

    What else is in the queue, or was dead-lettered, is not waited for.

    Parameters
    ----------
    access
        Clients of the deployed stack.
    wanted
        Receipt ids of the objects.
    flow
        Name of their flow.
    tell
        Called with the progress at every look.
    check
        Called at every look; may raise.
    patience
        Seconds for which nothing may move. A local cloud that does not answer, since it is started again, is one where
        nothing moves.

    Raises
    ------
    NotThroughError
        The event of one of the objects was dead-lettered, or nothing moves.
    """
    ids = tuple(dict.fromkeys(wanted))
    followed = _Followed(access, flow, ids, deque(ids))
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
            raise NotThroughError(
                f"nothing moved for {patience:.0f} s: {now.done} of {len(followed.wanted)} files are in, "
                f"{now.done - now.shown} receipts of them not in Dagster; `cesta doctor` says what is wrong."
            )
        time.sleep(_LOOK_SECONDS)


@dataclass(slots=True)
class _Followed:
    """What is known of the objects by now; what has come to its end is not asked for again."""

    access: Access
    flow: str
    wanted: tuple[str, ...]
    #: Ids without a receipt yet, and receipts that Dagster does not show yet.
    awaited: deque[str]
    recorded: deque[Receipt] = field(default_factory=deque)
    #: How many dead letters there were when they were last looked into.
    letters: int = 0

    def look(self) -> Progress:
        """How far the objects are; raises `NotThroughError` when one was dead-lettered."""
        ledger = Ledger(self.access.dynamodb, self.access.table("ledger"))
        _take_out(self.awaited, ledger.receipt, self.recorded)
        _take_out(self.recorded, lambda receipt: None if ledger.is_pending(receipt) else receipt, deque())
        self._look_into_dead_letters()
        done = len(self.wanted) - len(self.awaited)
        return Progress(done, done - len(self.recorded))

    def _look_into_dead_letters(self) -> None:
        queue = flow_row(self.flow).queue
        there = messages_in(self.access, f"{queue}-dlq")
        if there != self.letters:
            waiting = what_waits(DeadLetters(self.access.sqs, self.access.queue(queue)), self.flow)
            if mine := waiting.announced.keys() & set(self.awaited):
                raise NotThroughError(
                    f"{len(mine)} of {len(self.wanted)} files were dead-lettered and lie in the queue {queue}-dlq: "
                    "the file logs/cloud.log of the state directory says why."
                )
            self.letters = there


def _take_out(queue: deque[OneT], found: Callable[[OneT], OtherT | None], into: deque[OtherT]) -> None:
    """Take out of a queue what is found of it, put that into another; after some in vain leave the rest for later.

    Those in vain go to the end, so that all have their turn. The local cloud has work of its own to do.
    """
    in_vain = 0
    for _ in range(len(queue)):
        other = found(queue[0])
        one = queue.popleft()
        if other is not None:
            into.append(other)
            continue
        queue.append(one)
        in_vain += 1
        if in_vain == _IN_VAIN:
            return
