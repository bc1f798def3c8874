"""The `cesta` command: run a local instance, put tickets into it, ask the purchase graph.

A module is imported when one of its commands is run: boto3, Polars and the Neo4j driver take two seconds together.
"""

from __future__ import annotations

import typer

from deploy.cli.commands import deferred

app = typer.Typer(
    name="cesta",
    cls=deferred(
        up="running:up",
        down="running:down",
        status="state:status",
        outputs="outputs:outputs",
        env="outputs:env",
        doctor="diagnosis:doctor",
        demo="demonstration:demo",
        export="export:export_source",
        redrive="redrive:redrive",
        acknowledge="acknowledging:acknowledge",
        trace="trace:trace",
        reconcile="reconciling:reconcile",
        invoke="invoking:invoke",
        token="tokens:token",  # noqa: S106 - the address of a command
    ),
    help="Event-driven retail data platform: tickets to purchase graph, lake and search, every step a Dagster asset.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _add_group(name: str, sentence: str, **addresses: str) -> None:
    app.add_typer(typer.Typer(cls=deferred(**addresses), help=sentence, no_args_is_help=True), name=name)


_add_group(
    "load",
    "Put files into an instance, through its buckets.",
    tickets="loading:load",
    stocks="stocks:load_stocks",
    ecommerce="export:load_ecommerce",
    compras="compras:load_compras",
    products="products:load_products",
)
_add_group(
    "query",
    "Ask the stores of an instance.",
    sql="sql:ask_lake",
    stocks="prices:print_prices",
    graph="queries:ask_graph",
)
_add_group("report", "Report on what the stores of an instance hold.", compras="reports:report_compras")
_add_group("stocks", "Pause and resume the market's schedule.", pause="stocks:pause", resume="stocks:resume")
_add_group(
    "compras", "Pause and resume the feed of purchases and products.", pause="compras:pause", resume="compras:resume"
)
_add_group(
    "quarantine",
    "See what was rejected, and work it through again.",
    list="quarantine:list_quarantine",
    show="quarantine:show_quarantine",
    replay="replaying:replay_quarantine",
)
_add_group("make", "Work something out of the lake by hand.", sets="making:make_sets")
_add_group(
    "tenants",
    "Who is served by the HTTP API.",
    list="tenants:list_tenants",
    add="tenants:add",
    remove="tenants:remove",
)
_add_group("verify", "Verify what a deployment consists of.", datacatalog="verifying:verify_datacatalog")
_add_group("rebuild", "Build a store anew from what it was made of.", graph="rebuilding:rebuild_graph")

if __name__ == "__main__":
    app()
