"""Neo4j Community as the graph of an instance: the production engine on one's own machine.

Its jars are locked in `deploy/neo4j/jars.sha256` and downloaded once from Maven Central; the server runs on the Java
that comes with the wheel of the embedded graph.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from deploy.local.engine_environment import EngineEnvironment
from deploy.local.instance import HOST, PROJECT, Instance, LocalStackError, write_private
from deploy.local.maven import locked_jars
from deploy.local.processes import inherited_environment

LOCK = PROJECT / "deploy" / "neo4j" / "jars.sha256"
CACHE = PROJECT / ".tools" / "neo4j"
_OPENED = ("java.base/java.nio", "java.base/java.io", "java.base/sun.nio.ch")


def neo4j_jars(lock: Path = LOCK, cache: Path = CACHE) -> Path:
    """The folder of Neo4j's jars; downloads 152 MB unless they are there. Raises `LocalStackError`."""
    return locked_jars("Neo4j", lock, cache)


def server_arguments(instance: Instance, engines: EngineEnvironment) -> list[str]:
    """Java's arguments of the server; installs Neo4j and sets the password where that was not done before.

    Raises `LocalStackError` when Neo4j cannot be had or does not take the password.
    """
    home, jars = instance.state / "graph", neo4j_jars()
    settings = home / "conf"
    settings.mkdir(exist_ok=True)
    lines = (f"{name}={value}" for name, value in _settings(instance).items())
    write_private(settings / "neo4j.conf", "\n".join(lines) + "\n")
    # It counts until the server has made its own database, so until then it is set again: a start may be cut short.
    if not (home / "data" / "databases" / "system").exists():
        _set_password(instance, engines, jars)
    return [*_java_arguments(jars), "org.neo4j.server.Neo4jCommunity", f"--home-dir={home}", f"--config-dir={settings}"]


def _settings(instance: Instance) -> dict[str, object]:
    bolt = f"{HOST}:{instance.port('graph')}"
    return {
        "server.default_listen_address": HOST,
        "server.bolt.listen_address": bolt,
        "server.bolt.advertised_address": bolt,
        "server.http.listen_address": f"{HOST}:{instance.port('graph-http')}",
        "server.memory.pagecache.size": "256m",
        "db.logs.query.enabled": "OFF",  # it would keep what people asked, with their parameters
        "dbms.usage_report.enabled": "false",
        # After the databases are closed it would listen for ten seconds more whether somebody comes.
        "internal.dbms.bolt.netty_server_shutdown_quiet_period_duration": "0s",
    }


def _java_arguments(jars: Path) -> list[str]:
    opened = [part for module in _OPENED for part in ("--add-opens", f"{module}=ALL-UNNAMED")]
    return [*opened, "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow", "-cp", f"{jars}/*"]


def _set_password(instance: Instance, engines: EngineEnvironment, jars: Path) -> None:
    home = instance.state / "graph"
    file = home / "password-arguments"
    tool = ("org.neo4j.cli.AdminTool", "dbms", "set-initial-password", instance.graph_password())
    command = engines.java_command([*_java_arguments(jars), *tool], file)
    environment = {**inherited_environment(), "NEO4J_HOME": str(home), "NEO4J_CONF": str(home / "conf")}
    try:
        outcome = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    finally:
        file.unlink()
    if outcome.returncode != 0:
        raise LocalStackError(
            f"Neo4j did not take its first password: {' / '.join(outcome.stderr.split(chr(10))[-3:])}"
        )
