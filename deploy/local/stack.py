"""A running local instance: engines, cloud, graph, search, the deployed template and Dagster, brought up together."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from deploy.local import dagster_processes
from deploy.local.board import Board, Condition, Part, Picture, held
from deploy.local.cloud import CREDENTIALS, REGION, cloud_child
from deploy.local.compras_feed import feed_child
from deploy.local.engine_environment import EngineEnvironment, install_engines
from deploy.local.graph import graph_child
from deploy.local.instance import EMBEDDED_SEARCH, GRAPH_USER, GraphEngine, Instance, LocalStackError
from deploy.local.instance_days import settle_days
from deploy.local.issuer import AUDIENCE, issuer_of, publish_issuer
from deploy.local.outputs import environment_contract, read_outputs, save_outputs
from deploy.local.page_server import page_child
from deploy.local.search import search_child, search_is_ready
from deploy.local.supervisor import Supervisor, end_leftovers
from deploy.packaging import OUT, PackagingError, build_packages
from deploy.stack import DeployError, deploy_stack
from pipeline_assets.aws_sessions import new_session
from pipeline_assets.errors import UserError
from pipeline_assets.flow_rows import FlowRow
from pipeline_assets.flows import FLOWS, queued_flows
from pipeline_assets.operations.access import Access
from pipeline_assets.operations.reconcile import announce_lost

if TYPE_CHECKING:
    import boto3

GRAPH_SECRET = "cesta/graph"  # noqa: S105 - its name
TOKEN_SECRET = "cesta/card-token"  # noqa: S105 - its name
#: What a kill takes from the local cloud; follows on the sentence that says what was killed.
_LOST = "its queues and tables may have lost their last moments; files without a receipt are announced again"
#: By the first start with an engine, in MB.
_DOWNLOADED = {GraphEngine.EMBEDDED: 95, GraphEngine.NEO4J: 245}
_STEPS = (
    Part("engines", "engines installed"),
    Part("packages", "function packages built"),
    Part("graph", "purchase graph"),
    Part("search", "search engine"),
    Part("cloud", "local cloud"),
    Part("template", "template deployed"),
    Part("compras-feed", "feed of purchases"),
    Part("page", "web page"),
)
_DAGSTER_STEPS = (
    Part("dagster-storage", "Dagster tables"),
    Part("dagster-code", "Dagster code server"),
    Part("dagster-web", "Dagster webserver"),
    Part("dagster-daemon", "Dagster daemon"),
)


@dataclass(slots=True)
class LocalStack:
    """An instance that this process supervises."""

    instance: Instance
    board: Board
    supervisor: Supervisor
    #: The instance before this one did not end in order.
    unclean: bool = False
    #: There was one: the local cloud keeps no records of streams beyond its own end.
    returning: bool = False
    #: The local cloud's state is written while it runs, not at its end only.
    outlives_kills: bool = True

    def check(self) -> None:
        """Raise `LocalStackError` when the instance cannot go on."""
        if self.supervisor.failed.is_set():
            raise LocalStackError(self.supervisor.failure)

    def wait(self, seconds: float | None = None) -> None:
        """Stay until the instance cannot go on, then raise `LocalStackError`; or return after `seconds`."""
        self.supervisor.failed.wait(seconds)
        self.check()

    def start(self, *, dagster: bool = True) -> None:
        """Bring everything up; returns when all is healthy, raises `LocalStackError` when it cannot be."""
        board, supervisor = self.board, self.supervisor
        with board.step("engines", f"the first time this downloads about {_DOWNLOADED[self.instance.graph_engine]} MB"):
            engines = install_engines()
            graph = graph_child(self.instance, engines)
        supervisor.start(graph)
        own = [graph.name, *self._start_search(engines)]
        migration = dagster_processes.begin_storage(self.instance) if dagster else None
        with board.step("packages"):
            _build_packages()
        # Its functions go on at once with what is in their queues: the graph and the search have to be there.
        supervisor.wait_until_ready(*own)
        cloud = cloud_child(self.instance, engines, outlives_kills=self.outlives_kills)
        supervisor.start(cloud, after_restart=self._restore_cloud)
        supervisor.wait_until_ready("cloud")
        with board.step("template"):
            deploy_template(self.instance)
            if self.unclean:
                self._announce_lost()
            if self.returning:
                self._recover_lost()
            deliver_events(self.instance)
            end_crawls(self.instance.endpoint_url)
        supervisor.start(feed_child(self.instance))
        supervisor.start(page_child(self.instance))
        supervisor.wait_until_ready("page")
        if dagster:
            with board.step("dagster-storage"):
                dagster_processes.finish_storage(self.instance, migration)
            self._start_dagster()
        board.turn(Condition.HEALTHY)

    def _start_search(self, engines: EngineEnvironment) -> list[str]:
        """Start the search engine of the instance, or look whether another is there; returns the child's name."""
        if self.instance.search_engine == EMBEDDED_SEARCH:
            child = search_child(self.instance, engines)
            self.supervisor.start(child)
            return [child.name]
        with self.board.step("search", self.instance.search_url):
            if not search_is_ready(self.instance):
                raise LocalStackError(
                    f"no Elasticsearch answers at {self.instance.search_url}: start it, "
                    f"or use the engine of the instance with --search {EMBEDDED_SEARCH}."
                )
        return []

    def _start_dagster(self) -> None:
        environment = dagster_processes.project_environment(self.instance)
        supervisor = self.supervisor
        children = [
            dagster_processes.code_server_child(self.instance, environment),
            dagster_processes.web_child(self.instance, environment),
            dagster_processes.daemon_child(self.instance, environment),
        ]
        for child in children:
            supervisor.start(child)
        supervisor.wait_until_ready(*(child.name for child in children))

    def _restore_cloud(self) -> None:
        """Deploy the template again after the local cloud died, should it have forgotten it; announce what it lost."""
        self.board.note(f"the local cloud was killed: {_LOST}.")
        with self.board.step("template", "deploying it again"):
            deploy_template(self.instance)
            self._announce_lost()
            self._recover_lost()
            deliver_events(self.instance)
            end_crawls(self.instance.endpoint_url)

    def _announce_lost(self) -> None:
        access = Access(read_outputs(self.instance))
        for flow in queued_flows():
            if lost := announce_lost(access, flow).announced:
                self.board.note(f"objects of {flow.name} announced again: {lost}.")

    def _recover_lost(self) -> None:
        for flow in FLOWS:
            if flow.recover and (found := self._recover(flow)):
                self.board.note(f"changes of {flow.name} found in their table: {found}.")

    def _recover(self, flow: FlowRow) -> int:
        """Find the changes that a stream lost, in a process of its own: its stores are those of the environment."""
        environment = {**os.environ, **environment_contract(self.instance, read_outputs(self.instance))}
        command = [sys.executable, "-m", "deploy.cli.main", "reconcile", flow.name, "--from-env", "--json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            self.board.note(f"changes of {flow.name} were not looked for: {done.stderr.strip()[-200:]}")
            return 0
        return int(json.loads(done.stdout)["changes"])

    def stop(self) -> None:
        """Stop Dagster, the cloud, which saves its state, the graph and the search engine.

        What a function has in hands is not waited for: it is delivered again at the next start.
        """
        failure = self.supervisor.failure or None
        self.board.turn(Condition.STOPPING, failure)
        self.supervisor.stop()
        self.board.turn(Condition.FAILED if failure else Condition.STOPPED, failure)


#: How long the ports of what was ended may still be taken.
_DYING_SECONDS = 10.0


@contextmanager
def local_stack(instance: Instance, *, dagster: bool = True, outlives_kills: bool = True) -> Iterator[LocalStack]:
    """An instance held by this process and stopped in order at the end; the caller starts it.

    Raises `LocalStackError` when the state is in use or a port is taken.
    """
    instance.prepare()
    with held(instance):
        before = Picture.read(instance)
        leftovers = end_leftovers(before)
        # A killed process of many threads counts as dead a moment before the kernel gives its ports back.
        instance.take_ports(_DYING_SECONDS if leftovers else 0.0)
        settle_days(instance)
        board = Board.of(instance, [*_STEPS, *(_DAGSTER_STEPS if dagster else ())])
        if leftovers:
            board.note(f"ended what a killed instance had left running: {', '.join(leftovers)}.")
        if before is not None and before.phase not in {Condition.STOPPED, Condition.FAILED}:
            board.note(f"the instance was killed: {_LOST}.")
        unclean = before is not None and before.phase is not Condition.STOPPED
        stack = LocalStack(instance, board, Supervisor(board), unclean, before is not None, outlives_kills)
        try:
            yield stack
        except UserError as error:
            stack.supervisor.give_up(str(error))
            raise
        finally:
            stack.stop()


def cloud_session() -> boto3.Session:
    """A boto3 session with the local cloud's region and credentials, whatever the person's own settings are."""
    return new_session(region_name=REGION, **CREDENTIALS)


def deploy_template(instance: Instance) -> None:
    """Deploy the template to the local cloud, save the instance's outputs; without a change it does nothing.

    Raises `LocalStackError` with the failed resource and its reason.
    """
    session = cloud_session()
    try:
        _keep_secret(session, instance, GRAPH_SECRET, {"password": instance.graph_password()})
        _keep_secret(session, instance, TOKEN_SECRET, instance.token_key())
        publish_issuer(session, instance)
        parameters = {
            "TokenIssuer": issuer_of(instance),
            "TokenAudience": AUDIENCE,
            "Neo4jUri": instance.graph_uri,
            "Neo4jUser": GRAPH_USER,
            "Neo4jSecretId": GRAPH_SECRET,
            "CardTokenSecretId": TOKEN_SECRET,
            "ElasticsearchUrl": instance.search_url,
            # Each is a process that holds its own copy of a large package.
            "CurationConcurrency": "2",
            # The local cloud's own Athena reads neither partitions nor Athena's dialect.
            "SqlEngine": "duckdb",
            # A laptop would fill with files: `cesta stocks resume` lets them come.
            "StockSchedule": "DISABLED",
            # Of what the local cloud does not deliver again it is told by an error.
            "StreamResponses": "WHOLE",
            **_setting("TicketsDayBegins", "TICKETS_DAY_BEGINS"),
        }
        outputs = deploy_stack(session, parameters, OUT, endpoint_url=instance.endpoint_url)
    except (DeployError, BotoCoreError, ClientError) as error:
        raise LocalStackError(
            f"the template could not be deployed: {error} (log: {instance.logs / 'cloud.log'})"
        ) from error
    save_outputs(instance, outputs)


def deliver_events(instance: Instance) -> None:
    """Enable the event source mappings, which are disabled in a local cloud that went on from a written state."""
    functions = cloud_session().client("lambda", endpoint_url=instance.endpoint_url)
    for page in functions.get_paginator("list_event_source_mappings").paginate():
        for mapping in page["EventSourceMappings"]:
            if mapping["State"] == "Disabled":
                functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


def end_crawls(endpoint_url: str) -> None:
    """End the crawls that a local cloud which goes on from a written state says are running: nobody runs them."""
    glue = cloud_session().client("glue", endpoint_url=endpoint_url)
    for page in glue.get_paginator("get_crawlers").paginate():
        for crawler in page["Crawlers"]:
            if crawler.get("State") == "RUNNING":
                with suppress(glue.exceptions.CrawlerNotRunningException):
                    glue.stop_crawler(Name=crawler["Name"])


def _setting(parameter: str, variable: str) -> dict[str, str]:
    """A parameter that a person may set in the environment of `cesta up`; else it stays what it was."""
    value = os.environ.get(variable, "")
    return {parameter: value} if value else {}


def _keep_secret(session: boto3.Session, instance: Instance, name: str, value: dict[str, str]) -> None:
    """Put a secret of the instance where the template looks for it; the template's functions get it from there."""
    client = session.client("secretsmanager", endpoint_url=instance.endpoint_url)
    wanted = json.dumps(value)
    try:
        held_now: dict[str, Any] = dict(client.get_secret_value(SecretId=name))
    except client.exceptions.ResourceNotFoundException:
        client.create_secret(Name=name, SecretString=wanted)
        return
    if held_now.get("SecretString") != wanted:
        client.put_secret_value(SecretId=name, SecretString=wanted)


def _build_packages() -> None:
    try:
        build_packages(OUT)
    except PackagingError as error:
        raise LocalStackError(f"the function packages could not be built: {error}") from error
