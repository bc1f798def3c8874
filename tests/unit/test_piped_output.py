"""What a command prints may be cut off by its reader, as in `cesta … | head`: it ends as other programs do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
import typer

from deploy.cli.console import UNREAD, plain_failures

CESTA = "from deploy.cli.main import app; app()"


def ended(code: str, *arguments: str, errors_too: bool = False) -> tuple[int, str]:
    """Exit code and complaints of a program whose reader has gone before it writes."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            stdout=writing,
            stderr=writing if errors_too else subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writing)
    return done.returncode, done.stderr or ""


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["query", "sql"], id="a table"),
        pytest.param(["query", "sql", "--format", "json"], id="a short document, written on the way out"),
        pytest.param(["query", "graph", "--json"], id="another command"),
    ],
)
@pytest.mark.parametrize("errors_too", [False, True], ids=["output", "output and errors"])
def test_a_closed_pipe_ends_a_command_without_a_word(arguments: list[str], *, errors_too: bool) -> None:
    assert ended(CESTA, *arguments, errors_too=errors_too) == (UNREAD, "")
    assert UNREAD == 128 + signal.SIGPIPE


@pytest.mark.parametrize(
    "statement",
    ["print_json(['x' * 100] * 100_000)", "console.print('x\\n' * 100_000)", "sys.stdout.write('x\\n' * 1_000_000)"],
)
def test_a_closed_pipe_is_no_failure_of_an_instance(statement: str) -> None:
    code = f"""
from deploy.cli.console import *
app = typer.Typer(cls=PipedCommands, pretty_exceptions_enable=False)
@app.callback()
def among(): pass
@app.command()
def show():
    with plain_failures():
        {statement}
app()
"""
    assert ended(code, "show") == (UNREAD, "")


def test_a_connection_that_a_store_closed_is_still_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), plain_failures():
        raise BrokenPipeError(32, "Broken pipe")
    assert "the instance did not answer" in " ".join(capsys.readouterr().err.split())
