"""What tests of several folders share: running instances, and how the tests are chosen and handed to workers.

`--engines` says on which engines the tests of the graph run, `--slow` takes in those that wait at full length. With
`-n 2 --dist loadgroup` the tests of one instance stay on one worker (see `_group_of`); tests that measure time on the
clock are marked `alone` and run by themselves afterwards. `make test` does all of it.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from deploy.local.board import Board, Part, holder
from deploy.local.cloud import CREDENTIALS, REGION, cloud_child
from deploy.local.engine_environment import JAVA_VARIABLE, install_engines
from deploy.local.instance import GraphEngine, Instance, LocalStackError
from deploy.local.neo4j_server import neo4j_jars
from deploy.local.supervisor import Supervisor
from pipeline_assets.operations.access import Access
from pipeline_assets.spark.session import NoSparkError, check_spark
from tests.engines.elasticsearch_server import ElasticsearchServer, elasticsearch_home, running_elasticsearch
from tests.engines.mariadb_server import MariaDbServer, mariadb_home, running_mariadb
from tests.worlds.commands import Command
from tests.worlds.examples import ALL_EXAMPLES
from tests.worlds.search_engines import SearchEngine, running_embedded_search
from tests.worlds.spark import cloud_environment, running_spark
from tests.worlds.stack import RunningStack, built_packages, free_port_base, running_stack

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

#: Where this is set, a Neo4j that cannot be had fails its tests instead of skipping them.
REQUIRED = "CESTA_REQUIRE_NEO4J"
#: The groups that take longest, the longest first; a worker that is free takes the next one.
_LONGEST = ("dagster", "graph-neo4j", "command", "graph-embedded", "elasticsearch", "spark", "browser")

# How long an example takes on a busy machine says nothing about the property.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# What is imported and collected stays to the end: looking for garbage among it again and again is for nothing.
gc.disable()

#: A test's Java lives for minutes: what it compiles best it would never get back.
_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


def pytest_configure(config: pytest.Config) -> None:
    """Start engines quickly, here and in the commands that tests run; say how many examples are tried."""
    os.environ.setdefault(JAVA_VARIABLE, _JAVA)
    if config.getoption("--slow"):
        os.environ[ALL_EXAMPLES] = "1"


def pytest_collection_finish() -> None:
    """Look for garbage again, but only among what comes from now on."""
    gc.freeze()
    gc.enable()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the choice of engines and of slow tests."""
    group = parser.getgroup("cesta")
    group.addoption(
        "--engines",
        choices=["contract", "embedded", "neo4j", "every"],
        default="contract",
        help="of the graph; contract (default): all on Neo4j, the contract suites on the embedded engine as well",
    )
    group.addoption("--slow", action="store_true", help="take in the tests that wait as long as production does")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of an instance on the engines that `--engines` and their marks ask for."""
    marks = {mark.name for mark in metafunc.definition.iter_markers()}
    if "cloud" not in metafunc.fixturenames or hasattr(metafunc.module, "cloud"):
        return
    if any(mark.args[0] == "cloud" for mark in metafunc.definition.iter_markers("parametrize")):
        return
    engines = _engines(metafunc.config.getoption("--engines"), marks)
    metafunc.parametrize("cloud", engines, indirect=True, scope="session")


def _engines(asked: str, marks: set[str]) -> list[GraphEngine]:
    if "any_engine" in marks:
        # Those that run by themselves share one instance.
        return [GraphEngine.NEO4J if "alone" in marks else GraphEngine.EMBEDDED]
    if asked == "every" or (asked == "contract" and "every_engine" in marks):
        return list(GraphEngine)
    return [GraphEngine.EMBEDDED if asked == "embedded" else GraphEngine.NEO4J]


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None, None, None]:
    """Leave out what is slow, and tell workers which tests stay together."""
    if not config.getoption("--slow") and (slow := [item for item in items if item.get_closest_marker("slow")]):
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if not item.get_closest_marker("slow")]
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group_of(item)))
    yield
    if hasattr(config, "workerinput"):
        if getattr(config.option, "loadgroup", False) and not all("@" in item.nodeid for item in items):
            raise pytest.UsageError("pytest-xdist does not keep the tests of a group together with this pytest")
        places = {group: place for place, group in enumerate(_LONGEST)}
        items.sort(key=lambda item: places.get(_group_of(item), len(places)))


def _group_of(item: pytest.Item) -> str:
    """What a test shares with others: an instance, or what its module sets up."""
    names = getattr(item, "fixturenames", ())
    if "cesta" in names:
        return "command"
    if "stack" in names:
        # An instance each: together they would take longer than everything else.
        return "browser" if item.nodeid.startswith("tests/browser/") else "dagster"
    given = getattr(item, "callspec").params if hasattr(item, "callspec") else {}  # noqa: B009
    if "elasticsearch" in names or any(each is SearchEngine.ELASTICSEARCH for each in given.values()):
        return "elasticsearch"
    if "spark" in names or any(isinstance(each, str) and each == "spark" for each in given.values()):
        return "spark"
    engine = given.get("cloud")
    return f"graph-{engine}" if isinstance(engine, GraphEngine) else item.nodeid.partition("::")[0]


class DagsterStack:
    """The whole instance of the tests of a worker: started for the first that asks, stopped when no other follows."""

    def __init__(self, directories: pytest.TempPathFactory) -> None:
        self._directories, self._exits = directories, ExitStack()
        self._running: RunningStack | None = None

    def running(self) -> RunningStack:
        """The instance, started unless it runs."""
        if self._running is None:
            state = self._directories.mktemp("stack")
            self._running = self._exits.enter_context(running_stack(state, dagster=True, outlives_kills=False))
        return self._running

    def stop(self) -> None:
        """Stop it, if it runs."""
        self._running = None
        self._exits.close()


@pytest.fixture(scope="session")
def dagster_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterStack]:
    """The instance with Dagster, before it is started."""
    one = DagsterStack(tmp_path_factory)
    yield one
    one.stop()


@pytest.fixture
def stack(dagster_stack: DagsterStack) -> RunningStack:
    """A whole instance, one for all tests: cloud, graph, template, Dagster with its daemon."""
    return dagster_stack.running()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, None, None]:
    """Stop an instance with Dagster after the last test of its group: idle, it takes a tenth of a core to the end."""
    yield
    if not hasattr(item.config, "workerinput"):  # the order is not that of the groups
        return
    values: dict[str, object] = getattr(item, "funcargs", {})
    following = getattr(nextitem, "fixturenames", ())
    if "stack" not in following and isinstance(found := values.get("dagster_stack"), DagsterStack):
        found.stop()
    if "cesta" not in following and isinstance(command := values.get("started_by_command"), Command):
        _end(command)


@pytest.fixture(scope="session")
def cloud(request: pytest.FixtureRequest) -> RunningStack:
    """An instance without Dagster: cloud, graph and template; receipts stay pending in its ledger.

    Its graph is Neo4j, as in production. A test marked `every_engine` runs on the embedded one as well; one marked
    `any_engine`, to which the engine makes no difference, on the embedded one alone.
    """
    found: RunningStack = request.getfixturevalue(f"{request.param}_cloud")
    return found


@pytest.fixture(scope="session")
def embedded_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """An instance with the graph that comes with the engines."""
    with running_stack(tmp_path_factory.mktemp("embedded"), dagster=False, outlives_kills=False) as running:
        yield running


@pytest.fixture(scope="session")
def neo4j_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """An instance with a real Neo4j; where that cannot be had its tests are skipped, unless `REQUIRED` is set."""
    try:
        neo4j_jars()
    except LocalStackError as error:
        if os.environ.get(REQUIRED):
            raise
        pytest.skip(f"not run on Neo4j: {error} (--engines embedded runs it on the embedded graph)")
    state = tmp_path_factory.mktemp("neo4j")
    with running_stack(state, dagster=False, graph_engine=GraphEngine.NEO4J, outlives_kills=False) as running:
        yield running


@pytest.fixture(scope="session")
def started_by_command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """An instance that is started by the command, stopped at the end however its tests went."""
    built_packages()
    command = Command(tmp_path_factory.mktemp("instance"), free_port_base())
    yield command
    _end(command)


def _end(command: Command) -> None:
    if holder(command.instance) is not None:
        command("down")


@pytest.fixture
def cesta(started_by_command: Command) -> Command:
    """The command on an instance with Dagster, which runs in the background and is one for all tests."""
    if holder(started_by_command.instance) is None:
        outcome = started_by_command("up", "--detach")
        assert outcome.returncode == 0, outcome.stderr
    return started_by_command


@pytest.fixture(scope="session")
def bare_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Access]:
    """The local cloud by itself, in a second: no template, no graph; a test makes what it needs."""
    instance = Instance.at(tmp_path_factory.mktemp("bare"), free_port_base())
    instance.prepare()
    supervisor = Supervisor(Board.of(instance, [Part("cloud", "local cloud")]))
    try:
        supervisor.start(cloud_child(instance, install_engines(), outlives_kills=False))
        supervisor.wait_until_ready("cloud")
        yield Access({"region": REGION, "endpoint_url": instance.endpoint_url, "credentials": CREDENTIALS})
    finally:
        supervisor.stop()


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """A Spark session on this machine alone, one for all tests; needs pyspark and Java 17 or later."""
    try:
        check_spark()
    except NoSparkError as error:
        if os.environ.get("CESTA_REQUIRE_SPARK"):
            raise
        pytest.skip(f"not run on Spark: {error}")
    with running_spark() as session:
        yield session


@pytest.fixture(scope="session")
def spark_on_cloud(spark: SparkSession, bare_cloud: Access) -> SparkSession:
    """The Spark session whose tasks reach the local cloud `bare_cloud`."""
    spark.sparkContext.environment.update(cloud_environment(bare_cloud))
    return spark


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


@pytest.fixture(scope="session")
def elasticsearch() -> Iterator[ElasticsearchServer]:
    """A real Elasticsearch; without it its tests are skipped, unless `CESTA_REQUIRE_ELASTICSEARCH` is set."""
    try:
        elasticsearch_home()
    except LocalStackError as error:
        if os.environ.get("CESTA_REQUIRE_ELASTICSEARCH"):
            raise
        pytest.skip(f"not run on Elasticsearch: {error}")
    with running_elasticsearch(free_port_base(), java_options=_JAVA) as server:
        yield server


@pytest.fixture(scope="session")
def embedded_search(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the search engine that comes with an instance, by itself."""
    with running_embedded_search(tmp_path_factory.mktemp("search"), free_port_base()) as url:
        yield url


@pytest.fixture(scope="session", params=list(SearchEngine))
def search_url(request: pytest.FixtureRequest) -> str:
    """The address of a search engine; a test that asks for it runs on each, among the tenants of other tests."""
    if request.param is SearchEngine.EMBEDDED:
        return str(request.getfixturevalue("embedded_search"))
    server: ElasticsearchServer = request.getfixturevalue("elasticsearch")
    return server.url
