"""One local instance: its state directory, its seven ports and the engines of its graph and its search.

Two instances run side by side when state and ports differ. The ports belong to the state: queue addresses and function
settings that are saved there contain them. So does the engine of the graph: no other can read what it wrote. The search
may move to another engine, since indexes can be made again.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from pipeline_assets.errors import UserError

PROJECT = Path(__file__).resolve().parents[2]
DEFAULT_STATE = PROJECT / ".cesta"
DEFAULT_PORT_BASE = 24_500
#: Linux hands out ports from 32768 on to outgoing connections: a readiness loop on such a port can connect to itself
#: and so block the server that it waits for.
FIRST_EPHEMERAL_PORT = 32_768
LOWEST_PORT = 1_024
PORT_NAMES = ("cloud", "graph", "graph-http", "dagster-web", "dagster-code", "search", "page")
HOST = "127.0.0.1"
GRAPH_USER = "neo4j"
_DIRECTORIES = ("cloud", "graph", "search", "source")
#: In the place of the address of an Elasticsearch: the engine that comes with the instance.
EMBEDDED_SEARCH = "embedded"
_NEEDED_BYTES = 500 * 1024 * 1024


class LocalStackError(UserError):
    """An instance cannot do what was asked; the message is one sentence that says what to do about it."""


class GraphEngine(StrEnum):
    """What the graph of an instance runs on: ArcadeDB, which comes with the engines, or Neo4j Community."""

    EMBEDDED = "embedded"
    NEO4J = "neo4j"


@dataclass(frozen=True, slots=True)
class Instance:
    """Where one local instance keeps its state and which ports it listens on (all on 127.0.0.1)."""

    state: Path
    port_base: int
    graph_engine: GraphEngine = GraphEngine.EMBEDDED
    #: The address of an Elasticsearch that is not the instance's own, or `EMBEDDED_SEARCH`.
    search_engine: str = EMBEDDED_SEARCH

    @classmethod
    def at(
        cls,
        state: Path | None = None,
        port_base: int | None = None,
        graph_engine: GraphEngine | None = None,
        search_engine: str | None = None,
    ) -> Instance:
        """The instance of a state directory; what is not given is as it was first started, the search as it was last.

        Raises `LocalStackError` when the ports are out of range, or when ports or the graph's engine are not those that
        the state was made with, or when the address of the search is none.
        """
        place = (state or DEFAULT_STATE).expanduser().resolve()
        saved, saved_engine, saved_search = _saved(place)
        base = port_base or saved or DEFAULT_PORT_BASE
        last = base + len(PORT_NAMES) - 1
        if base < LOWEST_PORT or last >= FIRST_EPHEMERAL_PORT:
            raise LocalStackError(
                f"--port-base {base} would use the ports {base} to {last}: "
                f"choose a base from {LOWEST_PORT} to {FIRST_EPHEMERAL_PORT - len(PORT_NAMES)}."
            )
        if saved is not None and base != saved:
            raise LocalStackError(
                f"{place} was made with --port-base {saved} and holds addresses with these ports: "
                f"use that base, or another --state directory for base {base}."
            )
        engine = graph_engine or saved_engine or GraphEngine.EMBEDDED
        if saved_engine not in {None, engine}:
            raise LocalStackError(
                f"{place} was made with --graph {saved_engine}, whose graph no other engine can read: "
                f"use that engine, or another --state directory for {engine}."
            )
        search = search_engine or saved_search
        if search != EMBEDDED_SEARCH and not search.startswith(("http://", "https://")):
            raise LocalStackError(
                f"--search {search} is no address of an Elasticsearch: give one as http://127.0.0.1:9200, "
                f"or {EMBEDDED_SEARCH} for the engine that comes with the instance."
            )
        return cls(place, base, engine, search)

    def port(self, name: str) -> int:
        """The port of one of `PORT_NAMES`."""
        return self.port_base + PORT_NAMES.index(name)

    @property
    def endpoint_url(self) -> str:
        """Address of the local cloud, for boto3's `endpoint_url`."""
        return f"http://{HOST}:{self.port('cloud')}"

    @property
    def graph_uri(self) -> str:
        """Bolt address of the purchase graph."""
        return f"bolt://{HOST}:{self.port('graph')}"

    @property
    def search_url(self) -> str:
        """Address of the search engine, the instance's own or another."""
        embedded = self.search_engine == EMBEDDED_SEARCH
        return f"http://{HOST}:{self.port('search')}" if embedded else self.search_engine

    @property
    def dagster_url(self) -> str:
        """Address of Dagster's web pages."""
        return f"http://{HOST}:{self.port('dagster-web')}"

    @property
    def page_url(self) -> str:
        """Address of the web page of tenants."""
        return f"http://{HOST}:{self.port('page')}/page/index.html"

    @property
    def dagster_home(self) -> Path:
        """`DAGSTER_HOME` of this instance."""
        return self.state / "dagster"

    @property
    def logs(self) -> Path:
        """Directory of one log file per child process."""
        return self.state / "logs"

    @property
    def source_database(self) -> Path:
        """The e-commerce database that is exported from, an SQLite file; it is made by `cesta load ecommerce`."""
        return self.state / "source" / "ecommerce.sqlite"

    @property
    def compras_feed_file(self) -> Path:
        """It is there while purchases may change by themselves."""
        return self.state / "compras-feed"

    @property
    def outputs_file(self) -> Path:
        """The document that `cesta outputs` prints; mode 0600, for it holds the graph's password."""
        return self.state / "outputs.json"

    @property
    def issuer_key_file(self) -> Path:
        """The private key of the tokens for the HTTP API; mode 0600."""
        return self.state / "issuer-key.pem"

    @property
    def board_file(self) -> Path:
        """What the supervisor says about itself and its children."""
        return self.state / "supervisor.json"

    @property
    def lock_file(self) -> Path:
        """Locked for as long as a supervisor runs on this state."""
        return self.state / "supervisor.lock"

    def prepare(self) -> None:
        """Make the state directory, readable by its owner alone; raises `LocalStackError` when it cannot be written."""
        try:
            for directory in (self.state, self.logs, self.dagster_home, *(self.state / name for name in _DIRECTORIES)):
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            free = shutil.disk_usage(self.state).free
        except OSError as error:
            raise LocalStackError(
                f"the state directory {self.state} cannot be written ({error.strerror}): choose another with --state."
            ) from error
        if free < _NEEDED_BYTES:
            raise LocalStackError(
                f"only {free // 1024**2} MB are free at {self.state} and {_NEEDED_BYTES // 1024**2} MB are needed: "
                "free some space or choose another --state directory."
            )

    def graph_password(self) -> str:
        """The graph's password: letters and digits, made once and kept in a file of mode 0600."""
        path = self.state / "graph-password"
        if not path.exists():
            write_private(path, secrets.token_hex(20))
        return path.read_text(encoding="utf-8").strip()

    def token_key(self) -> dict[str, str]:
        """The key of card and social security tokens, made once and kept in a file of mode 0600.

        `key_id` names it, `key` is 32 bytes in hexadecimal.
        """
        path = self.state / "token-key.json"
        if not path.exists():
            write_private(path, json.dumps({"key_id": "local-1", "key": secrets.token_hex(32)}))
        key: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        return key

    def take_ports(self, patience: float = 0.0) -> None:
        """Bind the state to its ports and engines, waiting `patience` seconds for each that is not free.

        Raises `LocalStackError` naming the first port that another program holds.
        """
        for name in PORT_NAMES:
            deadline = time.monotonic() + patience
            while not (free := port_is_free(self.port(name))) and time.monotonic() < deadline:
                time.sleep(0.1)
            if not free:
                raise LocalStackError(
                    f"port {self.port(name)} ({name}) is taken by another program: stop it, "
                    "or choose other ports with --port-base and another --state."
                )
        bound = {"port_base": self.port_base, "graph": self.graph_engine, "search": self.search_engine}
        write_private(self.state / "instance.json", json.dumps(bound))


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def port_answers(port: int, seconds: float = 1.0) -> bool:
    """Whether something accepts connections on this port of 127.0.0.1."""
    try:
        socket.create_connection((HOST, port), timeout=seconds).close()
    except OSError:
        return False
    return True


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def _saved(state: Path) -> tuple[int | None, GraphEngine | None, str]:
    try:
        document: dict[str, Any] = json.loads((state / "instance.json").read_text(encoding="utf-8"))
        engine = GraphEngine(document.get("graph", GraphEngine.EMBEDDED))
        return int(document["port_base"]), engine, str(document.get("search", EMBEDDED_SEARCH))
    except (OSError, ValueError, KeyError, TypeError):
        return None, None, EMBEDDED_SEARCH
