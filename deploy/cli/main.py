"""The `cesta` command: run a local instance, put tickets into it, ask the purchase graph.

Every command imports what it needs itself: boto3, Polars and the Neo4j driver take three seconds together.
"""

# ruff: noqa: PLC0415 - see above

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from deploy.cli import operating, rebuilding, reconciling
from deploy.cli.console import (
    AnswerFormat,
    FromEnvOption,
    JsonOption,
    PipedCommands,
    PortBaseOption,
    StateOption,
    plain_failures,
    print_json,
)
from deploy.local.instance import GraphEngine, Instance
from deploy.local.processes import AWS_SETTINGS, keep_to_this_machine

app = typer.Typer(
    name="cesta",
    cls=PipedCommands,
    help="Event-driven retail data platform: tickets to purchase graph, lake and search, every step a Dagster asset.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
    pretty_exceptions_enable=False,
)
load_app = typer.Typer(help="Put files into an instance, through its buckets.", no_args_is_help=True)
query_app = typer.Typer(help="Ask the stores of an instance.", no_args_is_help=True)
stocks_app = typer.Typer(help="Pause and resume the market's schedule.", no_args_is_help=True)
app.add_typer(load_app, name="load")
app.add_typer(query_app, name="query")
app.add_typer(stocks_app, name="stocks")
operating.add_to(app)
app.command()(reconciling.reconcile)
app.add_typer(rebuilding.rebuild_app, name="rebuild")

DaysOption = Annotated[int, typer.Option("--days", min=1, max=366, help="Calendar days of the sample.")]
OriginalDatesOption = Annotated[
    bool, typer.Option("--original-dates", help="Keep the sample's dates of 2017 instead of ending yesterday.")
]


@app.callback()
def prepare(context: typer.Context) -> None:
    """Let no proxy and no AWS profile of the person come between a command and the instance."""
    if context.invoked_subcommand not in operating.ANYWHERE:
        keep_to_this_machine()


@app.command()
def up(
    *,
    state_directory: StateOption = None,
    port_base: PortBaseOption = None,
    graph: Annotated[
        GraphEngine | None, typer.Option("--graph", help="Engine of its graph (embedded, or as first started).")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return when all is healthy, leave it running.")] = False,
) -> None:
    """Start the local cloud, the graph and Dagster, and deploy the template."""
    from deploy.cli import running

    with plain_failures():
        instance = Instance.at(state_directory, port_base, graph)
        if detach:
            running.run_in_background(instance)
        else:
            running.run_in_foreground(instance, running.stay)


@app.command()
def down(*, state_directory: StateOption = None, port_base: PortBaseOption = None) -> None:
    """Stop the instance in order; the next `up` goes on where it was."""
    from deploy.cli import running

    with plain_failures():
        running.stop(Instance.at(state_directory, port_base))


@app.command()
def status(
    *, state_directory: StateOption = None, port_base: PortBaseOption = None, as_json: JsonOption = False
) -> None:
    """Show what became of everything received, per flow, and how the processes are."""
    from deploy.cli import state

    with plain_failures():
        instance = Instance.at(state_directory, port_base)
        if as_json:
            print_json(state.flows_document(instance))
        else:
            state.print_status(instance)


@app.command()
def outputs(
    *, state_directory: StateOption = None, port_base: PortBaseOption = None, as_json: JsonOption = False
) -> None:
    """Print addresses, credentials and resource names; they hold the graph's password."""
    from deploy.cli import state
    from deploy.local.outputs import read_outputs

    with plain_failures():
        document = read_outputs(Instance.at(state_directory, port_base))
        if as_json:
            print_json(document)
        else:
            state.print_outputs(document)


@app.command()
def env(*, state_directory: StateOption = None, port_base: PortBaseOption = None) -> None:
    """Print the environment of the instance for a shell: `eval "$(cesta env)"`, then `dg launch` and the like."""
    import shlex

    from deploy.local.outputs import environment_contract, read_outputs

    with plain_failures():
        instance = Instance.at(state_directory, port_base)
        typer.echo(f"unset {' '.join(AWS_SETTINGS)}")
        for name, value in environment_contract(instance, read_outputs(instance)).items():
            typer.echo(f"export {name}={shlex.quote(value)}")


@app.command()
def doctor(*, state_directory: StateOption = None, port_base: PortBaseOption = None) -> None:
    """Check everything an instance needs, and say how to mend what is wrong."""
    from deploy.cli import diagnosis

    with plain_failures():
        if not diagnosis.print_diagnosis(Instance.at(state_directory, port_base)):
            raise typer.Exit(1)


@app.command()
def demo(
    *,
    days: DaysOption = 14,
    original_dates: OriginalDatesOption = False,
    leave: Annotated[bool, typer.Option("--exit", help="Leave after the picture instead of staying up.")] = False,
    state_directory: StateOption = None,
    port_base: PortBaseOption = None,
) -> None:
    """Start everything, load real purchases through S3, and show what came of them."""
    from deploy.cli import demonstration, running

    with plain_failures():
        instance = Instance.at(state_directory, port_base)
        show = demonstration.demonstration(days=days, original_dates=original_dates, leave=leave)
        running.run_in_foreground(instance, show)


@load_app.command("tickets")
def load_tickets(
    path: Annotated[Path | None, typer.Argument(help="A ticket CSV, or a folder of them.", exists=True)] = None,
    *,
    sample: Annotated[bool, typer.Option("--sample", help="Load real grocery purchases, one file per day.")] = False,
    days: DaysOption = 14,
    original_dates: OriginalDatesOption = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Return when these files are in the graph and in Dagster.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the place of files in the bucket that have other content.")
    ] = False,
    state_directory: StateOption = None,
    port_base: PortBaseOption = None,
) -> None:
    """Put ticket files into the ticket bucket, under their paths from here."""
    from deploy.cli import loading

    if (path is None) is not sample:
        raise typer.BadParameter("give a FILE or a DIR, or --sample")
    with plain_failures():
        instance = Instance.at(state_directory, port_base)
        if path is None:
            loading.load_sample(instance, days, original_dates=original_dates, wait=wait, replace=replace)
        else:
            loading.load_tickets(instance, path, wait=wait, replace=replace)


@load_app.command("stocks")
def load_stocks(
    *,
    minutes: Annotated[int, typer.Option("--minutes", min=1, max=1440, help="Whole minutes, up to now.")] = 5,
    seed: Annotated[int, typer.Option("--seed", help="Which synthetic market.")] = 1,
    state_directory: StateOption = None,
    port_base: PortBaseOption = None,
) -> None:
    """Write the last minutes of the synthetic market into the stock bucket, as its schedule would."""
    from deploy.cli import stocks

    with plain_failures():
        stocks.load_stocks(Instance.at(state_directory, port_base), minutes, seed=seed)


@load_app.command("ecommerce")
def load_ecommerce(
    *,
    days: DaysOption = 14,
    wait: Annotated[bool, typer.Option("--wait", help="Return when all is curated and in Dagster.")] = False,
    state_directory: StateOption = None,
    port_base: PortBaseOption = None,
) -> None:
    """Make a sample shop's database from real purchases, and export each of its last days."""
    from deploy.cli import export

    with plain_failures():
        export.load_ecommerce(Instance.at(state_directory, port_base), days, wait=wait)


@app.command("export")
def export_source(
    *,
    mode: Annotated[Literal["full", "incremental", "day"], typer.Option("--mode", help="Which rows.")] = "incremental",
    day: Annotated[str | None, typer.Option("--day", help="The UTC day of --mode day.")] = None,
    days: Annotated[str | None, typer.Option("--days", help="Several, as FIRST..LAST, each a load.")] = None,
    keys: Annotated[bool, typer.Option("--keys", help="Find deleted rows too; --mode full always does.")] = False,
    many_deleted: Annotated[
        bool, typer.Option("--many-deleted", help="More than a fifth of a table's rows may be gone.")
    ] = False,
    from_env: FromEnvOption = False,
    state_directory: StateOption = None,
    port_base: PortBaseOption = None,
) -> None:
    """Export the source database into the raw bucket, as one load or one for each day."""
    from deploy.cli import export

    with plain_failures(from_env=from_env):
        wanted = export.requests(mode, day, days, keys=keys, many_deleted=many_deleted)
        export.run_export(None if from_env else Instance.at(state_directory, port_base), wanted)


@stocks_app.command("pause")
def pause_stocks(*, state_directory: StateOption = None, port_base: PortBaseOption = None) -> None:
    """Stop the market's schedule; it is paused when an instance is new."""
    from deploy.cli import stocks

    with plain_failures():
        stocks.pause(Instance.at(state_directory, port_base))


@stocks_app.command("resume")
def resume_stocks(*, state_directory: StateOption = None, port_base: PortBaseOption = None) -> None:
    """Let the market write fifty files a minute."""
    from deploy.cli import stocks

    with plain_failures():
        stocks.resume(Instance.at(state_directory, port_base))


@query_app.callback()
def prepare_query(context: typer.Context) -> None:
    """Keep to this machine, but where a lake beyond it may be meant."""
    if context.invoked_subcommand != "sql":
        keep_to_this_machine()


@query_app.command("sql")
def query_sql(
    name: Annotated[str | None, typer.Argument(help="The query; without it all are listed.")] = None,
    *,
    param: Annotated[list[str] | None, typer.Option("--param", help="A parameter as NAME=VALUE.")] = None,
    form: Annotated[AnswerFormat, typer.Option("--format", help="How to print the answer.")] = AnswerFormat.TABLE,
    from_env: FromEnvOption = False,
    state_directory: StateOption = None,
    port_base: PortBaseOption = None,
) -> None:
    """Ask the lake one of the known queries, in SQL: Athena in a cloud, DuckDB on this machine."""
    from deploy.cli import sql

    with plain_failures(from_env=from_env):
        if name is None:
            sql.print_queries(form)
        else:
            instance = None if from_env else Instance.at(state_directory, port_base)
            sql.print_query(instance, name, param or [], form)


@query_app.command("stocks")
def query_stocks(
    ticker: Annotated[str, typer.Argument(help="The share, such as CSTA.")],
    *,
    begin: Annotated[
        str | None, typer.Option("--from", help="First time or day, in UTC (an hour before --to).")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Last time or day, in UTC (now).")] = None,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, which could be loaded again.")] = False,
    state_directory: StateOption = None,
    port_base: PortBaseOption = None,
) -> None:
    """Show the prices of a ticker between two times."""
    from deploy.cli import prices

    with plain_failures():
        instance = Instance.at(state_directory, port_base)
        prices.print_prices(instance, ticker, begin, end, as_json=as_json, as_csv=as_csv)


@query_app.command("graph")
def query_graph(
    name: Annotated[str | None, typer.Argument(help="The question; without it all are listed.")] = None,
    *,
    param: Annotated[list[str] | None, typer.Option("--param", help="A parameter as NAME=VALUE.")] = None,
    as_json: JsonOption = False,
    state_directory: StateOption = None,
    port_base: PortBaseOption = None,
) -> None:
    """Ask the purchase graph one of the known questions."""
    from deploy.cli import questions

    with plain_failures():
        if name is None:
            questions.print_questions(as_json=as_json)
        else:
            instance = Instance.at(state_directory, port_base)
            questions.print_answer(instance, name, param or [], as_json=as_json)


if __name__ == "__main__":
    app()
