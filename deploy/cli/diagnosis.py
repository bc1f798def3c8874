"""`cesta doctor`: checks what an instance needs, one by one, and says how to mend what is wrong."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.table import Column, Table

from deploy.cli.console import console
from deploy.local.board import holder, why_it_ended
from deploy.local.cloud import cloud_is_ready
from deploy.local.dagster_processes import LOCATION
from deploy.local.dagster_web import DagsterUnreachableError, Sensor, location_error, sensors, unhealthy_daemons
from deploy.local.engine_environment import engine_environment, require_supported_python, require_uv
from deploy.local.graph import graph_is_ready
from deploy.local.instance import PORT_NAMES, Instance, LocalStackError, port_answers, port_is_free
from deploy.local.outputs import read_outputs
from deploy.local.page_server import page_is_ready
from deploy.local.search import search_is_ready
from deploy.local.stack import cloud_session
from deploy.stack import stack_outputs
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.flows import FLOWS
from pipeline_assets.graph.store import PurchaseGraph
from pipeline_assets.operations.access import Access
from pipeline_assets.operations.waiting import Waiting, waiting_of

_FREE_BYTES = 2 * 1024**3
#: A receipt is shown within seconds; one of days that a run works on waits for that run.
_LATE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `mend` says what to do, and is None where all is well."""

    name: str
    found: str
    mend: str | None = None


def findings(instance: Instance) -> Iterator[Finding]:
    """Check everything: first what a start needs, then, when an instance runs, each of its parts."""
    yield _sound("Python", require_supported_python, ".".join(map(str, sys.version_info[:3])))
    yield _sound("uv", require_uv)
    yield _engines()
    yield _disk(instance)
    running = holder(instance)
    if running is None:
        yield from _ports(instance)
        yield Finding("instance", f"none runs on {instance.state}.{why_it_ended(instance)}", "`cesta up` starts one")
        return
    yield Finding("instance", f"process {running} on {instance.state}")
    yield from _reachable(instance)
    yield _template(instance)
    yield _complete(instance)
    yield from _lineage(instance)


def doctor(instance: Instance) -> bool:
    """Check everything an instance needs, and say how to mend what is wrong."""
    table = Table("check", "found", Column("what to do", overflow="fold"))
    sound = True
    for finding in findings(instance):
        mark = "[red]✗[/]" if finding.mend else "[green]✓[/]"
        table.add_row(f"{mark} {finding.name}", finding.found, finding.mend or "")
        sound = sound and finding.mend is None
    console.print(table)
    return sound


def _sound(name: str, check: Callable[[], object], found: str = "") -> Finding:
    try:
        answer = check()
    except LocalStackError as error:
        return Finding(name, "not usable", str(error))
    return Finding(name, found or str(answer))


def _engines() -> Finding:
    environment = engine_environment()
    if environment.is_current():
        return Finding("engines", str(environment.directory))
    return Finding("engines", "not installed, or not as locked", "`cesta up` installs them (about 95 MB, once)")


def _disk(instance: Instance) -> Finding:
    place = next(folder for folder in (instance.state, *instance.state.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    mend = None if free > _FREE_BYTES else "free some space, or choose another --state directory"
    return Finding("disk", f"{free / 1024**3:.0f} GB free at {place}", mend)


def _ports(instance: Instance) -> Iterator[Finding]:
    for name in PORT_NAMES:
        port = instance.port(name)
        if port_is_free(port):
            yield Finding(f"port {port}", f"free for {name}")
        else:
            yield Finding(f"port {port}", "taken", f"stop what listens there, or choose another --port-base ({name})")


def _reachable(instance: Instance) -> Iterator[Finding]:
    mend = "see {log}; `cesta down`, then `cesta up`, starts it afresh"
    probes: tuple[tuple[str, str, Callable[[], bool]], ...] = (
        ("cloud", instance.endpoint_url, lambda: cloud_is_ready(instance)),
        ("graph", instance.graph_uri, lambda: _graph_lets_in(instance)),
        ("search", instance.search_url, lambda: search_is_ready(instance)),
        ("page", instance.page_url, lambda: page_is_ready(instance)),
        ("dagster-code", f"port {instance.port('dagster-code')}", lambda: port_answers(instance.port("dagster-code"))),
    )
    for name, address, probe in probes:
        log = instance.logs / f"{name}.log"
        yield Finding(name, address) if probe() else Finding(name, "does not answer", mend.format(log=log))
    log = instance.logs / "dagster-web.log"
    try:
        problem = location_error(instance)
        yield Finding("dagster-web", problem or instance.dagster_url, mend.format(log=log) if problem else None)
        asleep = unhealthy_daemons(instance)
        log = instance.logs / "dagster-daemon.log"
        found = f"no sign of life: {', '.join(asleep)}" if asleep else "all daemons live"
        yield Finding("dagster-daemon", found, mend.format(log=log) if asleep else None)
    except DagsterUnreachableError:
        yield Finding("dagster-web", "does not answer", mend.format(log=log))


def _graph_lets_in(instance: Instance) -> bool:
    if not graph_is_ready(instance):
        return False
    with Access(read_outputs(instance)).graph() as driver:
        driver.verify_connectivity()
    return True


def _template(instance: Instance) -> Finding:
    name = "template"
    try:
        deployed = stack_outputs(cloud_session(), endpoint_url=instance.endpoint_url)
        read_outputs(instance)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
        return Finding(name, f"not deployed: {error}", "`cesta down`, then `cesta up`, deploys it")
    return Finding(name, f"deployed, {len(deployed)} outputs")


def _complete(instance: Instance) -> Finding:
    """Whether the graph holds every ticket file that the ledger says was taken; a rebuild may have broken off."""
    name = "purchases"
    try:
        access = Access(read_outputs(instance))
        totals = Ledger(access.dynamodb, access.table("ledger")).totals("tickets")
        with access.graph() as driver:
            lacking = totals.objects - totals.refused - PurchaseGraph(driver).finished_ingestions()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
        return Finding(name, f"not to be told: {error}", "see the parts above")
    if lacking > 0:
        return Finding(name, f"the graph lacks {lacking:,} ticket files", "materialize purchase_graph in Dagster")
    return Finding(name, "every ticket file that was taken is in the graph")


def _lineage(instance: Instance) -> Iterator[Finding]:
    """Whether all sensors are on and get on, and whether receipts are shown in time."""
    try:
        found = sensors(instance)
        waiting = _waiting(instance)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
        yield Finding("sensors", f"not to be told: {error}", "see the parts above")
        return
    troubled = [sensor for sensor in found if sensor.failure or not sensor.is_running]
    yield from (_troubled(instance, sensor, waiting) for sensor in troubled)
    if not troubled:
        yield Finding("sensors", f"all {len(found)} are on")
    now = datetime.now(UTC)
    late = {flow: each for flow, each in waiting.items() if each.seconds(now) > _LATE_SECONDS}
    for flow, each in late.items():
        bridge = _bridge_of(flow)
        mend = f"see the ticks of {bridge}: {instance.dagster_url}/locations/{LOCATION}/sensors/{bridge}"
        off = next((sensor for sensor in found if sensor.name == bridge and not sensor.is_running), None)
        yield Finding(f"receipts of {flow}", each.sentence, "start that sensor" if off else mend)
    if not late:
        yield Finding("receipts", "none waits for Dagster longer than it should")


def _troubled(instance: Instance, sensor: Sensor, waiting: Mapping[str, Waiting]) -> Finding:
    name = f"sensor {sensor.name}"
    if sensor.is_running:
        return Finding(name, f"its last ticks failed: {sensor.failure}", f"see {instance.logs / 'dagster-daemon.log'}")
    waits = next((each for flow, each in waiting.items() if _bridge_of(flow) == sensor.name), None)
    command = f"dagster sensor start {sensor.name} -w $DAGSTER_HOME/workspace.yaml"
    return Finding(
        name,
        f"stopped; {waits.sentence}" if waits else "stopped",
        f'start it on {instance.dagster_url}/automation, or: eval "$(cesta env)"; {command}',
    )


def _bridge_of(flow: str) -> str:
    """The name in Dagster of the bridge of a flow."""
    return f"{flow.replace('-', '_')}_bridge"


def _waiting(instance: Instance) -> dict[str, Waiting]:
    access = Access(read_outputs(instance))
    ledger = Ledger(access.dynamodb, access.table("ledger"))
    return {row.name: waiting_of(ledger, row.name) for row in FLOWS}
