"""A limit of the time that a query may take, after which its engine is told to stop it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

from pipeline_assets.queries.errors import QueryError

#: A stop that came before the query had begun, or got lost, is said again.
_AGAIN_SECONDS = 0.5


@contextmanager
def stopped_after(seconds: float | None, stop: Callable[[], object], name: str) -> Iterator[None]:
    """Let a query run for so many seconds, then stop it.

    Parameters
    ----------
    seconds
        How long it may take; as long as it takes where it is None.
    stop
        Stops it from another thread, so that it fails; what it raises is not told.
    name
        Name of the query.

    Raises
    ------
    QueryError
        The query was stopped, with the code ``timed_out``.
    """
    if seconds is None:
        yield
        return
    ended, late = Event(), Event()

    def watch() -> None:
        pause = max(seconds, 0)
        while not ended.wait(pause):
            late.set()
            pause = _AGAIN_SECONDS
            with suppress(Exception):
                stop()

    watching = Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    except Exception as error:
        if late.is_set():
            told = f"`{name}` took longer than the {max(seconds, 0):.0f} seconds that it had, and was stopped."
            raise QueryError(told, code="timed_out") from error
        raise
    finally:
        ended.set()
        watching.join()
