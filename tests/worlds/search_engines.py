"""Engines of the search, for the tests that ask them: the one that comes with an instance, and a real Elasticsearch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from deploy.local.board import Board, Part
from deploy.local.engine_environment import install_engines
from deploy.local.instance import Instance
from deploy.local.search import search_child
from deploy.local.supervisor import Supervisor


class SearchEngine(StrEnum):
    """What a test of the search runs on."""

    EMBEDDED = "embedded"
    ELASTICSEARCH = "elasticsearch"


@contextmanager
def running_embedded_search(state: Path, port_base: int) -> Iterator[str]:
    """The address of the engine that comes with an instance, by itself, for as long as the block lasts."""
    instance = Instance.at(state, port_base)
    instance.prepare()
    supervisor = Supervisor(Board.of(instance, [Part("search", "search engine")]))
    try:
        supervisor.start(search_child(instance, install_engines()))
        supervisor.wait_until_ready("search")
        yield instance.search_url
    finally:
        supervisor.stop()
