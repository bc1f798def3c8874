"""The local graph, spoken to over Bolt with the official Neo4j driver: ArcadeDB from its wheel, or Neo4j itself.

Of ArcadeDB, `txWalFlush=2` is fsync at every commit. Measured: kill -9 right after a commit lost nothing, three times
with it and five times with the default 0, since the log is in the kernel's hands by then; only 2 survives a power cut
as well. It costs little: 4,000 rows in batches of 20 took 1.0 s either way, one-row transactions 2.4 ms instead of 2.1
ms (SSD).
"""

from __future__ import annotations

import os
from http import HTTPStatus

import urllib3

from deploy.local.engine_environment import EngineEnvironment
from deploy.local.instance import GRAPH_USER, HOST, GraphEngine, Instance, port_answers
from deploy.local.neo4j_server import server_arguments
from deploy.local.processes import inherited_environment
from deploy.local.supervisor import Child

#: Java's heap of the graph, such as `4g`; the named queries over a year of purchases like more than the default, 2g.
HEAP_VARIABLE = "CESTA_GRAPH_HEAP"
DATABASE = "neo4j"
_PROBES = {
    GraphEngine.EMBEDDED: (f"/api/v1/query/{DATABASE}", {"language": "sql", "command": "SELECT 1"}),
    GraphEngine.NEO4J: (f"/db/{DATABASE}/query/v2", {"statement": "RETURN 1"}),
}
_ANSWERED = (HTTPStatus.OK, HTTPStatus.ACCEPTED)
_OPENED = ("java.base/java.util.concurrent.atomic", "java.base/java.nio.channels.spi", "java.base/java.lang")


def graph_child(instance: Instance, engines: EngineEnvironment) -> Child:
    """The process of the graph, of the engine that the instance is bound to; downloads Neo4j where that is not there.

    Raises `LocalStackError` when Neo4j cannot be installed.
    """
    directory = instance.state / "graph"
    if instance.graph_engine is GraphEngine.NEO4J:
        arguments = server_arguments(instance, engines)
    else:
        arguments = _embedded_arguments(instance, engines)
    heap = f"-Xmx{os.environ.get(HEAP_VARIABLE, '2g')}"
    return Child(
        name="graph",
        title="purchase graph",
        command=engines.java_command([heap, *arguments], directory / "java-arguments"),
        environment=inherited_environment(),
        directory=directory,
        log=instance.logs / "graph.log",
        tier=0,
        is_ready=lambda: graph_is_ready(instance),
        start_seconds=180,
        stop_seconds=30,
    )


def _embedded_arguments(instance: Instance, engines: EngineEnvironment) -> list[str]:
    directory, password = instance.state / "graph", instance.graph_password()
    settings = {
        "server.rootPath": directory,
        "server.databaseDirectory": directory / "databases",
        "server.mode": "production",
        "server.rootPassword": password,
        "server.httpIncomingHost": HOST,
        "server.httpIncomingPort": instance.port("graph-http"),
        "server.plugins": "Bolt:com.arcadedb.bolt.BoltProtocolPlugin",
        "bolt.host": HOST,
        "bolt.port": instance.port("graph"),
        # Made at the first start, left alone at every later one.
        "server.defaultDatabases": f"{DATABASE}[{GRAPH_USER}:{password}:admin]",
        "txWalFlush": 2,
    }
    opened = [part for module in _OPENED for part in ("--add-opens", f"{module}=ALL-UNNAMED")]
    return [
        *opened,
        "--enable-native-access=ALL-UNNAMED",
        "-cp",
        str(engines.arcadedb / "jars" / "*"),
        *(f"-Darcadedb.{name}={value}" for name, value in settings.items()),
        "com.arcadedb.server.ArcadeDBServer",
    ]


def graph_is_ready(instance: Instance) -> bool:
    """Whether the graph answers a query of its user; asked over HTTP, which needs no driver.

    ArcadeDB listens on Bolt before its database is open, and a login in between hangs for half a minute; it listens on
    HTTP after Bolt, as Neo4j does.
    """
    path, query = _PROBES[instance.graph_engine]
    address = f"http://{HOST}:{instance.port('graph-http')}{path}"
    login = urllib3.make_headers(basic_auth=f"{GRAPH_USER}:{instance.graph_password()}")
    try:
        answer = urllib3.request("POST", address, json=query, headers=login, timeout=2, retries=False)
        return answer.status in _ANSWERED and port_answers(instance.port("graph"))
    except urllib3.exceptions.HTTPError:
        return False
