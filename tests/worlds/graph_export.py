"""Files of an export of the graph, and a neo4j-admin that imports them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import polars as pl

from deploy.local.engine_environment import JAVA_VARIABLE, engine_environment
from deploy.local.instance import Instance
from deploy.local.neo4j_server import neo4j_jars


def rows_of_file(directory: Path, name: str) -> list[list[Any]]:
    """The rows of a file of an export; of loads without the columns that say how the counts came about."""
    header = (directory / f"{name}-header.csv").read_text().strip().split(",")
    file = directory / f"{name}.csv.gz"
    frame = pl.read_csv(file, has_header=False, new_columns=header, infer_schema=False, raise_if_empty=False)
    return [list(one)[: len(header) - 3 * (name == "loads")] for one in frame.iter_rows()]


def neo4j_admin(instance: Instance) -> dict[str, str]:
    """The environment in which the script finds a neo4j-admin for the graph of this instance."""
    home, command = instance.state / "graph", instance.state / "neo4j-admin"
    opened = " ".join(f"--add-opens java.base/{name}=ALL-UNNAMED" for name in ("java.nio", "java.io", "sun.nio.ch"))
    java = f"{engine_environment().java} {os.environ[JAVA_VARIABLE]} {opened}"
    tool = f'{java} -cp "{neo4j_jars()}/*" org.neo4j.cli.AdminTool'
    command.write_text(f'#!/bin/sh\nexec {tool} "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    settings = {"NEO4J_ADMIN": command, "NEO4J_HOME": home, "NEO4J_CONF": home / "conf"}
    return {**os.environ, **{name: str(value) for name, value in settings.items()}}
