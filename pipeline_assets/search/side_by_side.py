"""Requests side by side: while some are on their way the next is made, and never many more."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def side_by_side(tasks: Iterable[Callable[[], T]], at_once: int) -> Iterator[T]:
    """Do tasks, some of them at once; the next one is made meanwhile, in the thread that asks for the results.

    Parameters
    ----------
    tasks
        The tasks, each made when it is its turn.
    at_once
        The most that are being done at any moment.

    Yields
    ------
    T
        What each task returned, in their order. Whoever asks for no more results waits for those that are being done.
    """
    with ThreadPoolExecutor(at_once) as workers:
        doing: deque[Future[T]] = deque()
        for task in tasks:
            if len(doing) == at_once:
                yield doing.popleft().result()
            doing.append(workers.submit(task))
        while doing:
            yield doing.popleft().result()
