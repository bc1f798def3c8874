"""What tests of several folders share: running instances, the bare local cloud, a real MariaDB."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache

import pytest

from deploy.local.access import Access
from deploy.local.board import Board, Part
from deploy.local.cloud import CREDENTIALS, REGION, cloud_child
from deploy.local.engine_environment import install_engines
from deploy.local.errors import LocalStackError
from deploy.local.instance import GraphEngine, Instance
from deploy.local.neo4j_jars import neo4j_jars
from deploy.local.supervisor import Supervisor
from tests.engines.mariadb_server import MariaDbServer, mariadb_home, running_mariadb
from tests.worlds.stack import RunningStack, free_port_base, running_stack

#: Where this is set, a Neo4j that cannot be had fails its tests instead of skipping them.
REQUIRED = "CESTA_REQUIRE_NEO4J"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A whole instance: cloud, graph, template, Dagster with its daemon."""
    with running_stack(tmp_path_factory.mktemp("stack"), dagster=True) as running:
        yield running


@pytest.fixture(scope="session", params=GraphEngine)
def cloud(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """An instance without Dagster: cloud, graph and template; receipts stay pending in its ledger.

    Its tests run once with each engine of the graph, those of one engine together; a test for which the engine makes no
    difference says `@pytest.mark.parametrize("cloud", [GraphEngine.EMBEDDED], indirect=True)`.
    """
    engine: GraphEngine = request.param
    if engine is GraphEngine.NEO4J:
        _have_neo4j()
    with running_stack(tmp_path_factory.mktemp("cloud"), dagster=False, graph_engine=engine) as running:
        yield running


@pytest.fixture(scope="session")
def bare_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Access]:
    """The local cloud by itself, in a second: no template, no graph; a test makes what it needs."""
    instance = Instance.at(tmp_path_factory.mktemp("bare"), free_port_base())
    instance.prepare()
    supervisor = Supervisor(Board.of(instance, [Part("cloud", "local cloud")]))
    try:
        supervisor.start(cloud_child(instance, install_engines()))
        supervisor.wait_until_ready("cloud")
        yield Access({"region": REGION, "endpoint_url": instance.endpoint_url, "credentials": CREDENTIALS})
    finally:
        supervisor.stop()


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDbServer]:
    """A real MariaDB; where it cannot be had its tests are skipped, unless `CESTA_REQUIRE_MARIADB` is set."""
    try:
        mariadb_home()
    except LocalStackError as error:
        if os.environ.get("CESTA_REQUIRE_MARIADB"):
            raise
        pytest.skip(f"not run on MariaDB: {error}")
    with running_mariadb(free_port_base()) as server:
        yield server


def _have_neo4j() -> None:
    if error := _neo4j_fault():
        if os.environ.get(REQUIRED):
            raise error
        pytest.skip(f"not run on Neo4j: {error}")


@cache
def _neo4j_fault() -> LocalStackError | None:
    """Why Neo4j cannot be had, tried once; None when it can."""
    try:
        neo4j_jars()
    except LocalStackError as error:
        return error
    return None


def pytest_collection_finish(session: pytest.Session) -> None:
    """Download Neo4j where it is not there yet, before the time of any test runs."""
    parameters = (getattr(item, "callspec").params for item in session.items if hasattr(item, "callspec"))  # noqa: B009
    if session.config.option.collectonly or not any(GraphEngine.NEO4J in each.values() for each in parameters):
        return
    session.config.get_terminal_writer().line("Neo4j for the tests: downloaded (152 MB) unless it is there …")
    _neo4j_fault()
