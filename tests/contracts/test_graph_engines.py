"""The graph of an instance, whichever engine it runs on: the one asked for, for this machine only, and safe on disk."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from neo4j.exceptions import DriverError, Neo4jError

from deploy.local.board import Condition, Part
from deploy.local.instance import GraphEngine

if TYPE_CHECKING:
    from tests.worlds.stack import RunningStack

pytestmark = pytest.mark.every_engine


def graph_part(cloud: RunningStack) -> Part:
    return cloud.board.part("graph")


def pid_of(part: Part) -> int:
    assert part.pid is not None
    return part.pid


def listening_addresses(pid: int) -> set[str]:
    """Addresses, in the kernel's hexadecimal, of the TCP sockets on which a process listens."""
    links = (entry.readlink().name for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink())
    sockets = {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket:")}
    found = set()
    for table in ("tcp", "tcp6"):
        for row in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            _, local, _, state, *_, inode = row.split()[:10]
            if state == "0A" and inode in sockets:
                found.add(local.partition(":")[0])
    return found


def test_it_is_the_engine_that_was_asked_for(cloud: RunningStack) -> None:
    jars = (cloud.instance.state / "graph" / "java-arguments").read_text(encoding="utf-8")
    assert ("org.neo4j.server.Neo4jCommunity" in jars) is (cloud.instance.graph_engine is GraphEngine.NEO4J)
    if cloud.instance.graph_engine is GraphEngine.NEO4J:
        records = cloud.graph.execute_query("CALL dbms.components() YIELD name, edition").records
        assert "community" in {record["edition"] for record in records}


def test_it_listens_on_this_machine_only(cloud: RunningStack) -> None:
    loopback = {"0100007F", "0000000000000000FFFF00000100007F"}
    found = listening_addresses(pid_of(graph_part(cloud)))
    assert found
    assert found <= loopback


def test_neither_arguments_nor_logs_show_its_password(cloud: RunningStack) -> None:
    password = cloud.instance.graph_password()
    arguments = Path(f"/proc/{pid_of(graph_part(cloud))}/cmdline").read_text(encoding="utf-8")
    assert "java" in arguments
    assert password not in arguments
    logs = [*cloud.instance.logs.iterdir(), *(cloud.instance.state / "graph").glob("log*/*")]
    assert not any(password in log.read_text(encoding="utf-8", errors="replace") for log in logs)


def test_killed_it_comes_back_with_what_was_committed(cloud: RunningStack) -> None:
    cloud.graph.execute_query("CREATE (:Kept {mark: 'before the kill'})")
    before = graph_part(cloud)
    os.kill(pid_of(before), signal.SIGKILL)
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and not _is_back(cloud, before):
        time.sleep(0.2)
    found = cloud.graph.execute_query("MATCH (k:Kept) RETURN k.mark AS mark").records
    cloud.graph.execute_query("MATCH (k:Kept) DELETE k")
    assert [record["mark"] for record in found] == ["before the kill"]


def _is_back(cloud: RunningStack, before: Part) -> bool:
    now = graph_part(cloud)
    if now.condition is not Condition.HEALTHY or now.pid == before.pid:
        return False
    try:
        cloud.graph.verify_connectivity()
    except (DriverError, Neo4jError):
        return False
    return True
