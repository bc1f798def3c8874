"""Questions to the Dagster webserver of an instance, over its GraphQL interface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import urllib3

from deploy.local.instance import Instance

#: The asset graph. Dagster's own first page shows runs, and what functions did is none.
START_PAGE = "/asset-groups"
_LOCATIONS = """
{ workspaceOrError { ... on Workspace { locationEntries {
    name loadStatus locationOrLoadError { __typename ... on PythonError { message } } } } } }
"""
_SENSORS = """
{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { ... on RepositoryLocation {
    repositories { sensors { name sensorState { status
        ticks(limit: 2) { status error { message causes { message } } } } } } } } } } } }
"""
_DAEMONS = "{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"
_ASSETS = """
{ assetNodes { assetKey { path } assetMaterializations { timestamp }
    assetChecksOrError { ... on AssetChecks { checks { name } } } } }
"""
_CHECK = """
query Check($path: [String!]!, $name: String!) {
  assetCheckExecutions(assetKey: {path: $path}, checkName: $name, limit: 100000) { status } }
"""


class DagsterUnreachableError(ConnectionError):
    """The webserver does not answer, or refuses the question."""


@dataclass(frozen=True, slots=True)
class LineageEvents:
    """How many events Dagster holds, over all assets of the code location."""

    materializations: int
    checks: int


@dataclass(frozen=True, slots=True)
class Sensor:
    """A sensor of the code location: whether it is switched on, and why its last two ticks failed, if they did."""

    name: str
    is_running: bool
    failure: str = ""


def ask_dagster(instance: Instance, query: str, variables: dict[str, Any] | None = None, seconds: float = 10) -> Any:  # noqa: ANN401
    """The data that answer a GraphQL query; raises `DagsterUnreachableError` when there is no answer."""
    address, body = f"{instance.dagster_url}/graphql", {"query": query, "variables": variables or {}}
    try:
        answer = urllib3.request("POST", address, json=body, timeout=seconds, retries=False).json()
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise DagsterUnreachableError(f"{instance.dagster_url} does not answer: {error}") from error
    if answer.get("errors"):
        raise DagsterUnreachableError(f"{instance.dagster_url} refuses the question: {answer['errors'][0]['message']}")
    return answer["data"]


def location_error(instance: Instance) -> str | None:
    """Why the webserver has no definitions, or None when it has them."""
    entries = ask_dagster(instance, _LOCATIONS)["workspaceOrError"]["locationEntries"]
    for entry in entries:
        loaded = entry["locationOrLoadError"] or {}
        if entry["loadStatus"] != "LOADED" or loaded.get("__typename") != "RepositoryLocation":
            return f"{entry['name']}: {loaded.get('message', 'still loading').strip()}"
    return None if entries else "no code location"


def unhealthy_daemons(instance: Instance) -> list[str]:
    """The kinds of daemon that Dagster needs and that give no sign of life."""
    statuses = ask_dagster(instance, _DAEMONS)["instance"]["daemonHealth"]["allDaemonStatuses"]
    return [status["daemonType"] for status in statuses if status["required"] and not status["healthy"]]


def sensors(instance: Instance) -> list[Sensor]:
    """The sensors of the code location, in the order of their names."""
    entries = ask_dagster(instance, _SENSORS)["workspaceOrError"]["locationEntries"]
    found = (
        sensor
        for entry in entries
        for repository in (entry["locationOrLoadError"] or {}).get("repositories", ())
        for sensor in repository["sensors"]
    )
    return sorted((_sensor(each["name"], each["sensorState"]) for each in found), key=lambda each: each.name)


def _sensor(name: str, state: dict[str, Any]) -> Sensor:
    # One that failed may have met a store that was busy; the next tick goes on.
    errors = [tick["error"] for tick in state["ticks"] if tick["status"] == "FAILURE"]
    reasons = [*errors[0]["causes"], errors[0]] if errors and len(errors) == len(state["ticks"]) else []
    return Sensor(name, state["status"] == "RUNNING", reasons[0]["message"].strip() if reasons else "")


def lineage_events(instance: Instance) -> LineageEvents:
    """Count materializations and check evaluations of all assets."""
    nodes = ask_dagster(instance, _ASSETS, seconds=60)["assetNodes"]
    checks = 0
    for node in nodes:
        for check in node["assetChecksOrError"].get("checks", []):
            variables = {"path": node["assetKey"]["path"], "name": check["name"]}
            checks += len(ask_dagster(instance, _CHECK, variables, seconds=60)["assetCheckExecutions"])
    return LineageEvents(sum(len(node["assetMaterializations"]) for node in nodes), checks)
