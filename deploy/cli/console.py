"""What every command prints with, and how a failure becomes one sentence."""

# ruff: noqa: PLC0415 - the clients' exceptions are imported once one of them may have been raised

from __future__ import annotations

import json
import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from types import FrameType
from typing import Any, Final, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

from pipeline_assets.errors import UserError

#: What a shell says of a program that wrote into a pipe whose reader had gone, as in `cesta … | head`.
UNREAD: Final = 128 + signal.SIGPIPE


class _PipedConsole(Console):
    def on_broken_pipe(self) -> None:
        end_unread()


console = _PipedConsole(highlight=False)
complaints = _PipedConsole(stderr=True, highlight=False)


class AnswerFormat(StrEnum):
    """What an answer is printed as."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


class PipedCommands(TyperGroup):
    """Commands whose output may be cut off by its reader: that ends them, and is no failure to tell anybody of."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - as the library has it
        """Run a command and write out what it printed."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            if not _nobody_reads():
                raise
            end_unread()
        return result


def end_unread() -> NoReturn:
    """End the program without a word, as a closed pipe ends others."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in _piped():
        # What is still to be written must not fail once more on the way out.
        os.dup2(nowhere, stream)
    raise SystemExit(UNREAD)


def _nobody_reads() -> bool:
    """Whether it is our own output that is not read any more; a store may close a connection, too."""
    poll = select.poll()
    for stream in _piped():
        poll.register(stream, select.POLLOUT)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def _piped() -> Iterator[int]:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            yield stream.fileno()


@contextmanager
def plain_failures(*, from_env: bool = False) -> Iterator[None]:
    """Turn what can go wrong into one sentence on standard error and exit code 1.

    `from_env` says that no local instance is meant: `cesta doctor` knows nothing of other stores.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads():
            raise
        sentence = str(error) if isinstance(error, UserError) else _sentence(error, from_env=from_env)
        if sentence is None:
            raise
        complain(sentence)
        raise typer.Exit(1) from error


def complain(sentence: str) -> None:
    """Print a failure on standard error."""
    complaints.print(f"[bold red]cesta:[/] {escape(sentence)}", soft_wrap=True)


def _sentence(error: Exception, *, from_env: bool) -> str | None:
    """The sentence for a failure of a store or of a file; None for what nobody foresaw."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
    from neo4j.exceptions import DriverError, Neo4jError

    from pipeline_assets.errors import TransientError

    silent = Boto3Error | BotoCoreError | ClientError | DriverError | Neo4jError | TransientError | ConnectionError
    cause = error.__cause__ if isinstance(error, TransientError) else error
    misnamed = isinstance(cause, ClientError) and cause.response["Error"].get("Code") == "NoSuchBucket"
    if misnamed or isinstance(cause, ParamValidationError):
        return " ".join(str(error).split())
    if isinstance(error, silent) and from_env:
        return f"a store did not answer as it should: {error}"
    if isinstance(error, silent):
        return f"the instance did not answer ({error}): `cesta doctor` says what is wrong."
    if isinstance(error, OSError):
        return f"a file or a port could not be used: {error}"
    return None


def say(sentence: str, style: str = "") -> None:
    """Print a sentence as it is, without markup."""
    console.print(escape(sentence), style=style, soft_wrap=True)


def number_of(count: int, noun: str) -> str:
    """A number of things, as in `1 row` and `1,200 rows`."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def print_json(document: object) -> None:
    """Print a document as JSON, never in colours: whoever asks for it reads it with a program."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n")


@contextmanager
def ending_on_signal() -> Iterator[None]:
    """Treat SIGTERM and a closed terminal like Ctrl-C, once: a second signal does not disturb an orderly stop.

    A signal that is ignored, as SIGHUP is under nohup, stays ignored.
    """
    asked = False

    def ask_to_end(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if not asked:
            asked = True
            raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    heard = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, ask_to_end) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
