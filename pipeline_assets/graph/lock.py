"""Lock of the graph's writers: one write transaction at a time, and an advisory lease before it.

What makes it right: every write transaction changes the one node that all writers share, so that of two that overlap,
the later one waits (Neo4j locks the node) or is refused and repeated (the embedded graph notices at the commit).

What makes it quick: before the transaction a writer reserves the turn in that node for a while. A refused transaction
is lost work, and a writer of large batches would lose again and again to writers of small ones. The reservation is only
a courtesy: it ends by the server's own clock, and a writer whose reservation ran out is stopped by the first rule.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from pipeline_assets.graph import statements

if TYPE_CHECKING:
    from neo4j import Driver, ManagedTransaction, Session

T = TypeVar("T")
#: Longer than the slowest batch that was seen, short enough to wait for after a crash.
RESERVED_MILLISECONDS = 10_000
_PATIENCE_SECONDS = 12.0
_LOOK_SECONDS = (0.01, 0.05)


class NoLockError(Exception):
    """The node that writers share is missing: the schema was never made, or the graph was emptied."""


class LockTimeoutError(Exception):
    """The lock was not to be had in time: other writers keep it, or one of them crashes all the time."""


def in_turn(driver: Driver, work: Callable[[ManagedTransaction], T]) -> T:
    """Run a write transaction under the writers' lock.

    Parameters
    ----------
    driver
        Driver of the graph.
    work
        What is done within the transaction; the driver may call it again.

    Returns
    -------
    T
        What `work` returned.

    Raises
    ------
    NoLockError
        The graph has no lock; nothing was changed.
    LockTimeoutError
        Other writers kept it for twelve seconds; nothing was changed.
    DriverError
        The graph cannot be reached.
    Neo4jError
        The graph refused the work.
    """
    from neo4j.exceptions import DriverError, Neo4jError  # noqa: PLC0415 - see `store`

    def transaction(tx: ManagedTransaction) -> T:
        if tx.run(statements.TAKE_TURN).single() is None:
            raise NoLockError
        return work(tx)

    holder = uuid.uuid4().hex
    with driver.session() as session:
        _reserve(session, holder)
        try:
            return session.execute_write(transaction)
        except (DriverError, Neo4jError):
            raise  # the graph does not answer, or will let the reservation run out
        except BaseException:
            session.execute_write(lambda tx: tx.run(statements.RELEASE_TURN, holder=holder).consume())
            raise


def _reserve(session: Session, holder: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not (session.execute_read(_is_free, holder) and session.execute_write(_try_to_reserve, holder)):
        if time.monotonic() > deadline:
            raise LockTimeoutError(f"other writers of the purchase graph kept the turn for {_PATIENCE_SECONDS:.0f} s")
        time.sleep(random.uniform(*_LOOK_SECONDS))  # noqa: S311 - spreads the writers, keeps no secret


def _is_free(tx: ManagedTransaction, holder: str) -> bool:
    """Look before reserving: even a write that changes nothing would get in the way of who has the turn."""
    answer = tx.run(statements.SEE_TURN, holder=holder).single()
    if answer is None:
        raise NoLockError
    return bool(answer["free"])


def _try_to_reserve(tx: ManagedTransaction, holder: str) -> bool:
    return tx.run(statements.RESERVE_TURN, holder=holder, milliseconds=RESERVED_MILLISECONDS).single() is not None
