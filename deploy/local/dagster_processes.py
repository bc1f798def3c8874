"""Dagster's three processes: the code server, and the webserver and the daemon that both ask it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path

from deploy.local.dagster_web import DagsterUnreachableError, location_error, unhealthy_daemons
from deploy.local.instance import HOST, PROJECT, Instance, LocalStackError, port_answers, write_private
from deploy.local.outputs import environment_contract, read_outputs
from deploy.local.processes import inherited_environment, last_lines, start
from deploy.local.supervisor import Child

LOCATION = "cesta"
_STORAGE_SECONDS = 300.0
_WORKSPACE = """\
load_from:
  - grpc_server:
      host: {host}
      port: {port}
      location_name: {location}
"""
#: The settings of Dagster know of no folder that they lie in.
_STORAGE = """
storage:
  custom:
    module: deploy.local.dagster_storage
    class: OneMachineStorage
    config:
      base_dir: {home}
"""


def project_environment(instance: Instance) -> dict[str, str]:
    """The environment of a process of this instance; the template has to be deployed."""
    contract = environment_contract(instance, read_outputs(instance))
    return {**inherited_environment(), **contract, "PYTHONUNBUFFERED": "1"}


def begin_storage(instance: Instance) -> subprocess.Popen[bytes] | None:
    """Put Dagster's settings into `DAGSTER_HOME` and begin to make or migrate its tables; None when they are as needed.

    It has to be over before Dagster's processes start: two that make the tables of a fresh home at the same time leave
    them with two versions, and no process starts any more.
    """
    settle_dagster(instance.dagster_home)
    workspace = _WORKSPACE.format(host=HOST, port=instance.port("dagster-code"), location=LOCATION)
    write_private(instance.dagster_home / "workspace.yaml", workspace)
    if _storage_mark(instance).exists():
        return None
    environment = {**inherited_environment(), "DAGSTER_HOME": str(instance.dagster_home)}
    return start((*_program("dagster"), "instance", "migrate"), environment, _storage_log(instance), PROJECT)


def settle_dagster(home: Path) -> None:
    """Put Dagster's settings for one machine into a `DAGSTER_HOME`."""
    settings = (PROJECT / "deploy" / "dagster" / "dagster.yaml").read_text()
    (home / "dagster.yaml").write_text(settings + _STORAGE.format(home=json.dumps(str(home))))


def finish_storage(instance: Instance, migration: subprocess.Popen[bytes] | None) -> None:
    """Wait until Dagster's tables are there; raises `LocalStackError` when they cannot be made."""
    if migration is None:
        return
    try:
        code = migration.wait(_STORAGE_SECONDS)
    except subprocess.TimeoutExpired:
        migration.kill()
        code = migration.wait()
    if code != 0:
        said = last_lines(_storage_log(instance))
        raise LocalStackError(f"Dagster's tables could not be made (log: {_storage_log(instance)}): {said}")
    _storage_mark(instance).touch()


def _storage_log(instance: Instance) -> Path:
    return instance.logs / "dagster-storage.log"


def _storage_mark(instance: Instance) -> Path:
    return instance.dagster_home / f"tables-of-dagster-{metadata.version('dagster')}"


def code_server_child(instance: Instance, environment: Mapping[str, str]) -> Child:
    """The process that holds the definitions; it listens once they are loaded, and starts the runs."""
    port = instance.port("dagster-code")
    module = ("--module-name", "pipeline_assets.definitions", "--location-name", LOCATION)
    command = (*_program("dagster"), "api", "grpc", "--host", HOST, "--port", str(port), *module)
    return _child(instance, ("dagster-code", "Dagster code server"), command, environment, lambda: port_answers(port))


def web_child(instance: Instance, environment: Mapping[str, str]) -> Child:
    """The process that serves Dagster's pages."""
    listen = ("--host", HOST, "--port", str(instance.port("dagster-web")))
    command = (*_program("dagster-webserver"), *_workspace(instance), *listen)

    def is_ready() -> bool:
        try:
            return location_error(instance) is None
        except DagsterUnreachableError:
            return False

    return _child(instance, ("dagster-web", "Dagster webserver"), command, environment, is_ready)


def daemon_child(instance: Instance, environment: Mapping[str, str]) -> Child:
    """The process that ticks the sensors and starts queued runs."""
    command = (*_program("dagster-daemon"), "run", *_workspace(instance))

    def is_ready() -> bool:
        try:
            return not unhealthy_daemons(instance)
        except DagsterUnreachableError:
            return False

    return _child(instance, ("dagster-daemon", "Dagster daemon"), command, environment, is_ready)


def _program(name: str) -> tuple[str, ...]:
    return (sys.executable, str(Path(sys.executable).with_name(name)))


def _workspace(instance: Instance) -> tuple[str, str]:
    return ("--workspace", str(instance.dagster_home / "workspace.yaml"))


def _child(
    instance: Instance,
    names: tuple[str, str],
    command: tuple[str, ...],
    environment: Mapping[str, str],
    is_ready: Callable[[], bool],
) -> Child:
    name, title = names
    return Child(
        name=name,
        title=title,
        command=command,
        environment=environment,
        directory=PROJECT,
        log=instance.logs / f"{name}.log",
        tier=2,
        is_ready=is_ready,
        start_seconds=180,
        stop_seconds=30,
    )
