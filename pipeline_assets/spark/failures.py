"""What Spark says when a job fails, as one sentence and as an error that decides whether it is tried again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pipeline_assets.errors import TerminalError, TransientError
from pipeline_assets.storage.bucket import GoneError

#: Errors of ours that a task raised, as the end of its traceback has them.
_RAISED: Final = re.compile(
    r"^(?:pipeline_assets\.[\w.]+\.)?(TransientError|TerminalError|GoneError|WithheldError|NoSparkError): (.+)$",
    re.MULTILINE,
)
_LAST: Final = re.compile(r"^(?:[\w.]+\.)?(\w*(?:Error|Exception)): (.+)$", re.MULTILINE)
#: By what Spark says: what is told, and whether it may pass.
_KNOWN: Final[tuple[tuple[tuple[str, ...], type[TransientError | TerminalError], str], ...]] = (
    (
        ("maxResultSize",),
        TerminalError,
        "a job brought more to the driver than it takes, which is given names and sums alone",
    ),
    (
        ("OutOfMemoryError", "MemoryError", "Container killed", "exit code 137"),
        TransientError,
        "a task had not enough memory; give the executors more, or smaller splits",
    ),
    (
        ("ExecutorLostFailure", "Python worker exited unexpectedly", "Python worker failed to connect"),
        TransientError,
        "an executor was lost, and so was its task each time it was tried again",
    ),
    (
        (
            "Py4JNetworkError",
            "ConnectionRefusedError",
            "ConnectionResetError",
            "Answer from Java side is empty",
            "SparkContext was shut down",
        ),
        TransientError,
        "the driver of Spark ended in the middle of it",
    ),
)
_OF_SPARK: Final = ("Job aborted", "PythonException", "Py4JJavaError")


@contextmanager
def spark_failures(doing: str) -> Iterator[None]:
    """Tell in one sentence what Spark failed at.

    Parameters
    ----------
    doing
        What was being done, as the subject of the sentence: "orders of 2026-03-02 on Spark".

    Raises
    ------
    TransientError
        It may pass: a store did not answer, an executor or the driver was lost or had too little memory.
    TerminalError
        It never will as it is: too much for the driver, or what a task says will never be done.
    GoneError
        An object is not there any more.
    """
    try:
        yield
    except (TransientError, TerminalError, GoneError):
        raise
    except Exception as error:
        failure = failure_of(doing, f"{type(error).__name__}: {error}")
        if failure is None:
            raise
        raise failure from error


def failure_of(doing: str, said: str) -> Exception | None:
    """The error for what Spark said; None for what is no word of Spark's.

    Parameters
    ----------
    doing
        What was being done.
    said
        What Spark said, with its traceback.

    Returns
    -------
    Exception or None
        A `TransientError`, `TerminalError` or `GoneError`.
    """
    if raised := _RAISED.findall(said):
        name, message = raised[-1]
        kinds: dict[str, type[Exception]] = {"TransientError": TransientError, "GoneError": GoneError}
        return kinds.get(name, TerminalError)(message)
    for signs, kind, sentence in _KNOWN:
        if any(sign in said for sign in signs):
            return kind(f"{doing}: {sentence}")
    if any(sign in said for sign in _OF_SPARK):
        last = _LAST.findall(said)
        words = f"{last[-1][0]}: {last[-1][1]}" if last else said.splitlines()[0]
        return TransientError(f"{doing}: a task failed each time it was tried: {words}")
    return None
