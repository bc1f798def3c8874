"""Starting and stopping an instance, in the foreground or in the background."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Annotated

import typer

from deploy.cli.console import console, ending_on_signal, say
from deploy.cli.progress import notes_shown, shown
from deploy.local.board import Condition, Picture, already_held, holder
from deploy.local.dagster_web import START_PAGE
from deploy.local.instance import PROJECT, GraphEngine, Instance, LocalStackError
from deploy.local.processes import last_lines, started_at
from deploy.local.stack import LocalStack, local_stack
from deploy.local.supervisor import end_leftovers

#: The first start downloads the engines.
_LONGEST_START_SECONDS = 900.0
#: At most 30 s for each of Dagster's three, 60 for the cloud and 30 for the graph.
_LONGEST_STOP_SECONDS = 300.0


def up(
    instance: Instance,
    *,
    graph: Annotated[
        GraphEngine | None, typer.Option("--graph", help="Engine of its graph (embedded, or as first started).")
    ] = None,
    search: Annotated[
        str | None, typer.Option("--search", help="Address of an Elasticsearch (embedded, or as last started).")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return when all is healthy, leave it running.")] = False,
) -> None:
    """Start the local cloud, the graph, the search and Dagster, and deploy the template."""
    instance = Instance.at(instance.state, instance.port_base, graph, search)
    if detach:
        run_in_background(instance)
    else:
        run_in_foreground(instance, stay)


def run_in_foreground(instance: Instance, work: Callable[[LocalStack], None]) -> None:
    """Bring an instance up, do some work with it, then stop it; Ctrl-C and SIGTERM end it in order.

    Raises `LocalStackError` when it cannot be brought up or cannot go on.
    """
    with ending_on_signal(), local_stack(instance) as stack:
        try:
            with shown(lambda: stack.board.picture):
                stack.start()
            with notes_shown(lambda: stack.board.picture):
                work(stack)
        except KeyboardInterrupt:
            pass
        say("stopping: the local cloud saves its state …", style="dim")
    say(f"stopped; `cesta up` goes on from {instance.state}.")


def stay(stack: LocalStack) -> None:
    """Say where everything is and stay until somebody ends it."""
    print_addresses(stack.instance)
    say("Ctrl-C stops it, or `cesta down` from anywhere.", style="dim")
    stack.wait()


def run_in_background(instance: Instance) -> None:
    """Start the supervisor as a process of its own, and wait until all is healthy.

    Raises `LocalStackError` when the state is held already, or when the supervisor ended; with its reason.
    """
    instance.prepare()
    if holder(instance) is not None:
        raise already_held(instance)
    log = instance.logs / "supervisor.log"
    where = ["--state", str(instance.state), "--port-base", str(instance.port_base)]
    where += ["--graph", instance.graph_engine, "--search", instance.search_engine]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.cli.main", "up", *where],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, "COLUMNS": "1000"},
        )

    def read() -> Picture | None:
        picture = Picture.read(instance)
        return picture if picture and picture.pid == process.pid else None

    with shown(read):
        try:
            _await_health(process, read, instance)
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
            raise
    print_addresses(instance)
    say("`cesta down` stops it.", style="dim")


def down(instance: Instance) -> None:
    """Stop the instance in order; the next `up` goes on where it was."""
    pid = holder(instance)
    if pid is None:
        leftovers = end_leftovers(Picture.read(instance))
        ended = f"ended what a killed one had left running: {', '.join(leftovers)}." if leftovers else ""
        say(f"no instance runs on {instance.state}. {ended}".strip())
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _LONGEST_STOP_SECONDS
    with console.status("stopping: the local cloud saves its state …"):
        while holder(instance) is not None or started_at(pid) is not None:
            if time.monotonic() > deadline:
                raise LocalStackError(
                    f"the instance (process {pid}) did not stop within {_LONGEST_STOP_SECONDS:.0f} s: "
                    f"see {instance.logs}; `kill -9 {pid}` ends it without order."
                )
            time.sleep(0.1)
    say(f"stopped; `cesta up` goes on from {instance.state}.")


def print_addresses(instance: Instance) -> None:
    """Print the addresses that a person may open or connect to."""
    say(f"Dagster      {instance.dagster_url}{START_PAGE}  (its asset graph: begin here)")
    say(f"web page     {instance.page_url}  (search and analytics of a tenant: `cesta token --tenant NAME` opens it)")
    say(f"local cloud  {instance.endpoint_url}")
    say(f"graph        {instance.graph_uri}  (user and password: `cesta outputs`)")


def _await_health(process: subprocess.Popen[bytes], read: Callable[[], Picture | None], instance: Instance) -> None:
    deadline = time.monotonic() + _LONGEST_START_SECONDS
    while time.monotonic() < deadline:
        picture = read()
        if picture and picture.phase is Condition.HEALTHY:
            return
        if process.poll() is not None:
            picture = read()
            reason = picture.failure if picture else None
            said = last_lines(instance.logs / "supervisor.log").removeprefix("cesta: ")
            raise LocalStackError(reason or said or f"the supervisor ended with exit code {process.returncode}.")
        time.sleep(0.1)
    process.terminate()
    process.wait()
    raise LocalStackError(f"the instance was not healthy within {_LONGEST_START_SECONDS:.0f} s: see {instance.logs}.")
