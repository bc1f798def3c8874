"""The files for neo4j-admin hold the graph that the live writer makes, and a Neo4j made of them goes on from there."""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from neo4j import GraphDatabase
from neo4j.time import DateTime

from deploy.local import processes
from deploy.local.engine_environment import engine_environment
from deploy.local.graph import graph_child, graph_is_ready
from deploy.local.instance import GRAPH_USER, GraphEngine, Instance
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.graph.store import PurchaseGraph
from pipeline_assets.tickets import ingest
from pipeline_assets.tickets.bulk_import import Export, export_graph
from pipeline_assets.tickets.ingest import TICKET_FLOW
from tests.worlds.examples import seeds
from tests.worlds.graph_export import neo4j_admin, rows_of_file
from tests.worlds.graph_picture import picture
from tests.worlds.stack import free_port_base
from tests.worlds.tickets import TicketWorld, random_history, row, ticket_world

if TYPE_CHECKING:
    from neo4j import Driver

    from tests.worlds.stack import RunningStack

EVERYTHING = {
    "tickets": "MATCH (n:Ticket) RETURN n.key, n.ticket_id, n.timestamp, n.owner",
    "claims": "MATCH (n:TicketClaim) RETURN n.id, n.ticket, n.owner, n.timestamp, n.lines",
    "baskets": "MATCH (n:Basket) RETURN n.key, n.basket_id",
    "stores": "MATCH (n:Store) RETURN n.name",
    "products": "MATCH (n:Product) RETURN n.name",
    "categories": "MATCH (n:Category) RETURN n.name",
    "loads": "MATCH (n:TicketLoad) RETURN n.id, n.uri, n.stamp, n.run, n.next_row, n.state, n.rank, n.stands",
    "lines": "MATCH (a:Ticket)-[r:CONTAINS]->(b:Product) RETURN a.key, b.name, r.quantity, r.category, r.row_hashes",
    "part-of": "MATCH (a:Ticket)-[:PART_OF]->(b:Basket) RETURN a.key, b.key",
    "sold-at": "MATCH (a:Ticket)-[:SOLD_AT]->(b:Store) RETURN a.key, b.name",
    "in-category": "MATCH (a:Product)-[:IN_CATEGORY]->(b:Category) RETURN a.name, b.name",
}


@pytest.fixture
def world(cloud: RunningStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[TicketWorld]:
    monkeypatch.setattr(ingest, "BATCH_ROWS", 3)
    with ticket_world(cloud) as one:
        yield one


def export(world: TicketWorld, directory: Path) -> Export:
    return export_graph(world.stores(), world.bucket, directory, progress=lambda *_: None)


def everything(driver: Driver) -> dict[str, list[str]]:
    """Every node and relationship with all of its properties, as text that also tells 1 from 1.0."""
    return {
        name: sorted(repr(list(map(native, r.values()))) for r in driver.execute_query(text).records)
        for name, text in EVERYTHING.items()
    }


def native(value: Any) -> Any:
    """A moment as text, whatever gave it; anything else as it is."""
    moment = value.to_native() if isinstance(value, DateTime) else value
    return iso_utc(moment) if isinstance(moment, datetime) else value


def exported(directory: Path) -> dict[str, list[str]]:
    """The same of the files of an export."""
    found = {name: rows_of_file(directory, name) for name in EVERYTHING if name != "lines"}
    found["loads"] = [
        [*load[:3], int(load[3]), int(load[4]), load[5], int(load[6]), load[7] == "true"] for load in found["loads"]
    ]
    found["tickets"] = [[*names, native(datetime.fromisoformat(at)), owner] for *names, at, owner in found["tickets"]]
    found["lines"] = []
    for name, number in (("lines-whole", int), ("lines-fractional", float)):
        for ticket, product, quantity, category, prints in rows_of_file(directory, name):
            hashes = [int(one) for one in prints.split(";")]
            found["lines"].append([ticket, product, number(quantity), category, hashes])
    return {name: sorted(map(repr, values)) for name, values in found.items()}


@pytest.mark.parametrize("seed", seeds(6))
def test_the_files_hold_what_the_live_writer_writes(world: TicketWorld, tmp_path: Path, seed: int) -> None:
    random_history(world, random.Random(seed))
    world.load("umlaut.csv", row('Té "1"', "Crème, brûlée; 1\\2", "0.1"), row('Té "1"', "Crème, brûlée; 1\\2", "0.2"))
    done = export(world, tmp_path / "export")
    assert exported(tmp_path / "export") == everything(world.cloud.graph)
    # A file that breaks off in its first bytes is refused as well.
    loads = world.cloud.graph.execute_query("MATCH (load:TicketLoad) RETURN count(load) AS n").records[0]["n"]
    assert (done.objects, done.refused) == (13, 13 - loads)
    assert done.refused in {1, 2}
    assert world.rebuild().same is True


def test_counts_of_a_version_are_those_of_the_live_writer(world: TicketWorld, tmp_path: Path) -> None:
    version = world.load("a.csv", row("T1"), row("T1"), row("T2", quantity=0), row("T3", category=""))
    export(world, tmp_path / "export")
    frame = pl.read_csv(tmp_path / "export" / "loads.csv.gz", has_header=False)
    load = world.stores().graph.ingestion(version)
    assert load
    assert json.loads(frame.row(0)[10]) == json.loads(replace(load, effects={}).tally)


def test_an_empty_bucket_is_an_empty_graph(world: TicketWorld, tmp_path: Path) -> None:
    assert set(export(world, tmp_path / "export").files.values()) == {0}
    with pytest.raises(FileExistsError, match="not empty"):
        export(world, tmp_path / "export")


@contextmanager
def imported(directory: Path, state: Path) -> Iterator[Driver]:
    """A Neo4j server on what the script of an export made."""
    instance = Instance.at(state, free_port_base(), GraphEngine.NEO4J)
    instance.prepare()
    child = graph_child(instance, engine_environment())
    subprocess.run([directory / "import.sh"], check=True, env=neo4j_admin(instance), capture_output=True)
    server = processes.start(child.command, child.environment, child.log, child.directory)
    try:
        deadline = time.monotonic() + child.start_seconds
        while not graph_is_ready(instance):
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        login = (GRAPH_USER, instance.graph_password())
        with GraphDatabase.driver(instance.graph_uri, auth=login, notifications_min_severity="OFF") as driver:
            yield driver
    finally:
        processes.end_group(server.pid, within=child.stop_seconds)
        server.wait(10)


@pytest.mark.parametrize("cloud", [GraphEngine.NEO4J], indirect=True)
def test_a_graph_that_was_imported_goes_on_as_if_nothing_had_happened(world: TicketWorld, tmp_path: Path) -> None:
    random_history(world, random.Random(1))
    export(world, tmp_path / "export")
    with imported(tmp_path / "export", tmp_path / "state") as driver:
        assert everything(driver) == everything(world.cloud.graph)
        late = [world.put("a.csv", row("T1", quantity=9), row("T77")), world.put("z.csv", row("T2"))]
        for version in late:
            TICKET_FLOW.ingest(version, world.stores())
            TICKET_FLOW.ingest(version, world.stores(PurchaseGraph(driver)), redo=True)
        assert picture(driver) == world.picture()
        assert {*PurchaseGraph(driver).duplicate_keys().values()} == {0}
        assert len(driver.execute_query("SHOW CONSTRAINTS").records) == 9
