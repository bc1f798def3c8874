"""`cesta verify datacatalog`: whether the catalog of purchases is complete, and how to mend what is not."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Annotated

import boto3
import typer
from rich.markup import escape
from rich.table import Column, Table

from deploy.cli.commands import JsonOption, Where
from deploy.cli.console import console, number_of, print_json, say
from deploy.cli.deployment import enter
from deploy.datacatalog import DataCatalog
from pipeline_assets.events.environment import required
from pipeline_assets.queries.open_engine import QuerySettings, open_engine
from pipeline_assets.queries.sql import query
from pipeline_assets.queries.views import COMPRAS_VIEWS
from pipeline_assets.storage.s3 import open_storage

_ASKED = "compras_changes_per_day"


def verify_datacatalog(
    where: Where,
    *,
    mend: Annotated[bool, typer.Option("--mend", help="Register the folders that SQL does not see first.")] = False,
    as_json: JsonOption = False,
) -> bool:
    """Verify the catalog of purchases, from its bucket to a query; ends with 1 where something is amiss."""
    if not where.from_env:
        enter(where.instance())
    catalog = data_catalog()
    if mend:
        say(f"{number_of(catalog.register_missing(), 'folder')} registered.")
    checks = list(catalog.checks())
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        table = Table("", "checked", *(Column(name, overflow="fold") for name in ("found", "to mend it")))
        for check in checks:
            told = "[green]pass[/]" if check.passed else "[red]fail[/]"
            table.add_row(told, check.name, escape(check.found), escape(check.mend))
        console.print(table)
    return all(check.passed for check in checks)


def data_catalog() -> DataCatalog:
    """The catalog that the environment names."""
    return DataCatalog(
        open_storage().bucket(required(os.environ, "COMPRAS_BUCKET", "the name of the bucket of purchase documents")),
        required(os.environ, "COMPRAS_TABLE", "the name of the DynamoDB table of purchases"),
        required(os.environ, "COMPRAS_DATABASE", "the name of the Glue database of purchases"),
        boto3.client("dynamodb"),
        boto3.client("glue"),
        _ask,
        tuple(view.name for view in COMPRAS_VIEWS),
    )


def _ask() -> str:
    answer = open_engine(QuerySettings.from_environment()).run(query(_ASKED), {})
    return f"`{_ASKED}` answered {number_of(len(answer.rows), 'row')} in {answer.seconds:.2f} s"
