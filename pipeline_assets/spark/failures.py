"""What Spark says when a job fails, as one sentence and as an error that decides whether it is tried again."""

from __future__ import annotations

import builtins
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
#: Errors of any code that a task raised, with their words if they have any.
_LAST: Final = re.compile(r"^(?:[\w.]+\.)?(\w*(?:Error|Exception|Invalid))(?:: (.+)|:? *)$", re.MULTILINE)
#: Their names where a connection or a disk failed, beside those that Python itself has for it: these may pass.
_PASSING: Final = re.compile("Connect|Timeout|Protocol|Stream|Incomplete|HTTP|ClientError|ComputeError|IOError")
#: What stands where Python in a task raised an error.
_OF_PYTHON: Final = "PythonException"
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
_OF_SPARK: Final = ("Job aborted", _OF_PYTHON, "Py4JJavaError")


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
        It never will as it is: too much for the driver, an error in what a task does, or what it says cannot be done.
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
        raised = _LAST.findall(said)
        words = ": ".join(filter(None, raised[-1])) if raised else said.splitlines()[0]
        if _OF_PYTHON in said and raised and not any(_may_pass(name) for name, _ in raised):
            return TerminalError(f"{doing}: a task failed, and will each time it is tried: {words}")
        return TransientError(f"{doing}: a task failed each time it was tried: {words}")
    return None


def _may_pass(name: str) -> bool:
    """Whether an error of this name is of a connection or a disk, and not of code."""
    kind = getattr(builtins, name, None)
    of_python = isinstance(kind, type) and issubclass(kind, (OSError, EOFError))
    return of_python or bool(_PASSING.search(name))
