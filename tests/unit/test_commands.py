"""How a function becomes a command: what it is asked for, and what is not imported for a list of commands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from deploy.cli.commands import FlowOption, Where, command
from deploy.cli.main import app
from deploy.local.instance import Instance
from pipeline_assets.errors import UserError
from pipeline_assets.flow_rows import FlowRow
from pipeline_assets.flows import FLOWS


def run(function: object, *arguments: str) -> tuple[int, str]:
    alone = typer.Typer()
    alone.command()(command(function))  # type: ignore[arg-type]
    outcome = CliRunner().invoke(alone, list(arguments))
    return outcome.exit_code, " ".join(outcome.output.split())


def show_instance(instance: Instance) -> None:
    typer.echo(f"{instance.state.name} {instance.port_base}")


def show_place(where: Where, name: Annotated[str, typer.Argument()] = "all", *, flow: FlowOption = "tickets") -> bool:
    if name == "nothing":
        raise UserError("there is nothing")
    typer.echo(f"{flow} {name} {where.from_env} {where.state}")
    return name != "unsound"


def test_an_instance_is_told_by_state_and_ports(tmp_path: Path) -> None:
    assert run(show_instance, "--state", str(tmp_path / "s"), "--port-base", "25000") == (0, "s 25000")
    code, said = run(show_instance, "--port-base", "80")
    assert (code, said.startswith("cesta: --port-base 80 would use the ports 80 to 86")) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param([], (0, "tickets all False None"), id="defaults"),
        pytest.param(["--from-env", "x", "--flow", "stocks"], (0, "stocks x True None"), id="options around a name"),
        pytest.param(["--state", "s"], (0, "tickets all False s"), id="state"),
        pytest.param(["unsound"], (1, "tickets unsound False None"), id="false is exit code 1"),
        pytest.param(["nothing"], (1, "cesta: there is nothing"), id="an error is a sentence"),
    ],
)
def test_a_deployment_is_told_by_options_and_a_failure_is_an_exit_code(
    arguments: list[str], expected: tuple[int, str]
) -> None:
    assert run(show_place, *arguments) == expected


def test_a_row_of_the_registry_is_a_flow_of_every_command(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(show_place, "--flow", "weather")[0] == 2
    monkeypatch.setattr("pipeline_assets.flows.FLOWS", (*FLOWS, FlowRow("weather", "weather/landed", queue="weather")))
    assert run(show_place, "--flow", "weather") == (0, "weather all False None")
    for name in ("redrive", "reconcile", "quarantine list", "quarantine show", "quarantine replay", "acknowledge"):
        said = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "400"}).output
        assert "weather" in said


@pytest.mark.parametrize("arguments", ["", "load --help", "query --help", "quarantine --help"])
def test_a_list_of_commands_imports_none_of_them(arguments: str) -> None:
    code = (
        "import sys\nfrom deploy.cli.main import app\ntry: app()\n"
        "except SystemExit: print({'boto3', 'neo4j', 'polars', 'deploy.cli.deployment'} & set(sys.modules))"
    )
    command_line = [sys.executable, "-c", code, *arguments.split()]
    done = subprocess.run(command_line, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("set()\n")
    assert "Put " in done.stdout or "Ask " in done.stdout or "rejected" in done.stdout
