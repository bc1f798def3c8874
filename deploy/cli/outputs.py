"""`cesta outputs` and `cesta env`: what another program needs to use an instance."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import typer
from rich.table import Table

from deploy.cli.commands import JsonOption
from deploy.cli.console import console, print_json
from deploy.local.instance import Instance
from deploy.local.outputs import environment_contract, read_outputs
from deploy.local.processes import AWS_SETTINGS


def outputs(instance: Instance, *, as_json: JsonOption = False) -> None:
    """Print addresses, credentials and resource names; they hold the graph's password."""
    document = read_outputs(instance)
    if as_json:
        print_json(document)
    else:
        print_outputs(document)


def env(instance: Instance) -> None:
    """Print the environment of the instance for a shell: `eval "$(cesta env)"`, then `dg launch` and the like."""
    typer.echo(f"unset {' '.join(AWS_SETTINGS)}")
    for name, value in environment_contract(instance, read_outputs(instance)).items():
        typer.echo(f"export {name}={shlex.quote(value)}")


def print_outputs(document: Mapping[str, Any]) -> None:
    """Print the outputs as a table, the password left out."""
    table = Table("name")
    table.add_column("value", overflow="fold")
    for name, value in _flattened(document):
        table.add_row(name, "(see --json)" if name.endswith(("password", "secret_access_key")) else str(value))
    console.print(table)


def _flattened(document: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in document.items():
        rows += _flattened(value, f"{prefix}{name}.") if isinstance(value, Mapping) else [(f"{prefix}{name}", value)]
    return rows
