"""`cesta rebuild graph`: the purchase graph anew from the ticket files, in place or as files for neo4j-admin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from deploy.cli.commands import Where
from deploy.cli.console import complain, console, number_of, say
from deploy.cli.deployment import Deployment, deployment_of
from deploy.cli.progress import bars
from pipeline_assets.spark.session import open_session
from pipeline_assets.spark.settings import Engine, SparkSettings
from pipeline_assets.tickets.bulk_import import EXPORT, Settle, export_bytes, export_graph, settle_here
from pipeline_assets.tickets.rebuild import ObjectsGoneError, Progress, Rebuild, plan_rebuild
from pipeline_assets.tickets.rebuild import rebuild_graph as rebuild
from pipeline_assets.tickets.spark_export import SparkSettle
from pipeline_assets.tickets.stores import TicketStores

if TYPE_CHECKING:
    from rich.progress import TaskID


def rebuild_graph(
    where: Where,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Even if tickets of deleted files are lost.")] = False,
    export: Annotated[
        Path | None,
        typer.Option("--export", help="Leave the graph alone; write files for neo4j-admin into this new folder."),
    ] = None,
    engine: Annotated[
        Engine, typer.Option("--engine", help="What works out an export; auto leaves it to the settings of Spark.")
    ] = Engine.AUTO,
) -> bool:
    """Empty the purchase graph and bring in every stored version of every ticket file again."""
    with deployment_of("tickets", where) as deployment:
        if export:
            _export(deployment, export, engine)
            return True
        return _rebuild(deployment, yes=yes, force=force)


def _rebuild(deployment: Deployment[TicketStores], *, yes: bool, force: bool) -> bool:
    """Rebuild in place; False where it was not begun."""
    bucket = deployment.require_bucket()
    with console.status("comparing the bucket with the graph …"):
        plan, tickets = plan_rebuild(deployment.stores, bucket), deployment.stores.graph.sizes()["Ticket"]
    if plan.lost and not force:
        complain(f"{ObjectsGoneError(plan.lost_objects)}. --force goes on without them.")
        return False
    gone, again = number_of(tickets, "ticket"), number_of(len(plan.versions), "file version")
    say(f"To be taken out of the graph: {gone}; then to be worked in again: {again}.")
    say("In between the graph answers from what it has; files that arrive meanwhile are worked in as always.")
    if not yes and not typer.confirm("Go on?"):
        return False
    with _bars() as tell:
        done = rebuild(deployment.stores, bucket, force=force, progress=tell)
    _print_rebuild(done)
    return True


def _print_rebuild(done: Rebuild) -> None:
    table = Table("", "before", "after")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, number in done.after.items():
        table.add_row(name, f"{done.before[name]:,}", f"{number:,}")
    console.print(table)
    rows = ", ".join(f"{number:,} {outcome}" for outcome, number in done.counts.as_dict().items())
    say(f"{number_of(done.objects, 'file version')} ({done.refused:,} refused) in {done.seconds:.1f} s; rows: {rows}.")
    if done.same:
        say("The graph says exactly what it said before.", style="green")
    elif done.same is False:
        say("The graph does not say what it said before, although the files are the same.", style="yellow")
    else:
        say("Files arrived, or were missing before: the graph before and after cannot be compared.")
    for uri in done.missing:
        say(f"lost, since no longer in the bucket: {uri}", style="yellow")


def _export(deployment: Deployment[TicketStores], directory: Path, asked: Engine) -> None:
    stores, bucket = deployment.stores, deployment.require_bucket()
    settings = SparkSettings.from_environment()
    size = export_bytes(stores, bucket) if settings.from_bytes else 0
    engine = settings.engine_of(EXPORT, size, asked)
    with _bars() as tell, ExitStack() as opened:
        settle: Settle = settle_here
        if engine is Engine.SPARK:
            # Bars of its own would run through ours.
            session = open_session("cesta rebuild graph", {"spark.ui.showConsoleProgress": "false"})
            settle = SparkSettle(opened.enter_context(session))
            say("The claims are settled by Spark on this machine.")
        done = export_graph(stores, bucket, directory, progress=tell, settle=settle)
    table = Table("file", "nodes or relationships")
    table.columns[1].justify = "right"
    for name, number in done.files.items():
        table.add_row(f"{name}.csv.gz", f"{number:,}")
    console.print(table)
    rows = number_of(done.rows, "row")
    versions = number_of(done.objects, "file version")
    say(f"{versions} ({done.refused:,} refused) with {rows} in {done.seconds:.1f} s.")
    script = done.directory / "import.sh"
    say(f"{script} imports them where neo4j-admin is, with the Neo4j server stopped:")
    say(script.read_text(encoding="utf-8"), style="dim")


@contextmanager
def _bars() -> Iterator[Progress]:
    """A bar for each thing that is done, made when the first of it is."""
    with bars() as progress:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done, total=total)

        yield tell
