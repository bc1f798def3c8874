"""The export of the graph on Spark: the files hold the rows that one process writes, and neo4j-admin takes them."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from deploy.local.instance import GraphEngine, Instance
from pipeline_assets.errors import TerminalError, TransientError
from pipeline_assets.graph.import_files import FILES
from pipeline_assets.graph.ingestion import Ingestion
from pipeline_assets.spark.jobs import JobContext
from pipeline_assets.spark.pieces import LONGEST, NamedObject
from pipeline_assets.spark.splits import task_storage
from pipeline_assets.tickets.bulk_import import Export, export_graph
from pipeline_assets.tickets.export_parts import Parts, sweep_parts
from pipeline_assets.tickets.spark_export import (
    SparkSettle,
    accounts_of,
    by_ticket,
    check_lines,
    day_rows_of,
    lines_read,
    told_of,
)
from pipeline_assets.tickets.spark_job import graph_export
from pipeline_assets.tickets.stores import StoredTicketFiles
from tests.worlds.examples import seeds
from tests.worlds.graph_export import neo4j_admin, rows_of_file
from tests.worlds.spark import cloud_environment, plan_of
from tests.worlds.stack import free_port_base
from tests.worlds.stores import ledger_table, make_bucket
from tests.worlds.tickets import TicketWorld, random_files, row

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from pipeline_assets.operations.access import Access


@pytest.fixture
def world(bare_cloud: Access) -> Iterator[TicketWorld]:
    with ledger_table(bare_cloud.dynamodb) as table:
        cloud: Any = SimpleNamespace(access=bare_cloud)
        yield TicketWorld(cloud, make_bucket(bare_cloud.s3, f"tickets-{uuid4().hex}"), table)


def export(world: TicketWorld, directory: Path, **how: Any) -> Export:
    files = StoredTicketFiles(world.cloud.access.storage, world.ledger, timedelta(hours=4))
    return export_graph(files, world.bucket, directory, progress=lambda *_: None, **how)


def contents(directory: Path) -> dict[str, list[str]]:
    return {file.name: sorted(map(repr, rows_of_file(directory, file.name))) for file in FILES}


@pytest.mark.parametrize("seed", seeds(4))
def test_the_files_hold_the_same_rows(
    spark_on_cloud: SparkSession, world: TicketWorld, tmp_path: Path, seed: int
) -> None:
    random_files(world, random.Random(seed))
    world.put("umlaut.csv", row('Té "1"', "Crème, brûlée; 1\\2", "0.1"), row('Té "1"', "Crème, brûlée; 1\\2", "0.2"))
    here = export(world, tmp_path / "here")
    # Several partitions, and of each file several parts.
    there = export(world, tmp_path / "there", settle=SparkSettle(spark_on_cloud, partition_rows=15))
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert replace(there, directory=here.directory, seconds=here.seconds) == here
    assert sorted(each.name for each in (tmp_path / "there").iterdir()) == sorted(
        each.name for each in (tmp_path / "here").iterdir()
    )


def test_neo4j_admin_imports_all_of_files_that_were_joined_of_parts(
    spark_on_cloud: SparkSession, world: TicketWorld, tmp_path: Path
) -> None:
    random_files(world, random.Random(5))
    done = export(world, tmp_path / "export", settle=SparkSettle(spark_on_cloud, partition_rows=15))
    instance = Instance.at(tmp_path / "state", free_port_base(), GraphEngine.NEO4J)
    instance.prepare()
    script = tmp_path / "export" / "import.sh"
    said = subprocess.run([script], check=True, env=neo4j_admin(instance), capture_output=True, text=True).stdout
    nodes = {file.name for file in FILES if file.of.startswith("nodes=")}
    imported = re.search(r"(\d+) nodes\s+(\d+) relationships", said)
    assert imported, said
    assert int(imported[1]) == sum(done.files[name] for name in nodes)
    assert int(imported[2]) == sum(done.files[name] for name in done.files.keys() - nodes)


@pytest.fixture
def job(spark_on_cloud: SparkSession, bare_cloud: Access, monkeypatch: pytest.MonkeyPatch) -> Iterator[JobContext]:
    """A job in this process, whose environment names the local cloud."""
    for name, value in cloud_environment(bare_cloud).items():
        monkeypatch.setenv(name, value)
    task_storage.cache_clear()
    yield JobContext(spark_on_cloud, lambda _: None)
    task_storage.cache_clear()


def test_parts_may_lie_in_a_bucket_and_are_gone_afterwards(
    job: JobContext, world: TicketWorld, bare_cloud: Access, tmp_path: Path
) -> None:
    for name in ("a.csv", "b.csv"):
        world.put(name, *(row(f"T{number}") for number in range(9)))
    target = make_bucket(bare_cloud.s3, f"export-{uuid4().hex}")
    asked = {"bucket": world.bucket, "ledger_table": world.table, "directory": f"s3://{target}/graph"}
    left = "graph/_parts-0a1b2c3d/tickets-1"
    bare_cloud.storage.bucket(target).put(left, b"of a driver that was killed")
    result = graph_export(job, {**asked, "day_begins": 4 * 3600})
    here = export(world, tmp_path / "here")
    assert result["files"] == here.files
    (tmp_path / "there").mkdir()
    assert bare_cloud.storage.bucket(target).head(left), "whoever put it may still be at work"
    sweep_parts(bare_cloud.storage.bucket(target), "graph/", datetime.now(UTC) + LONGEST)
    assert bare_cloud.storage.bucket(target).head(left) is None
    for each in bare_cloud.storage.bucket(target).objects():
        name = each.key.removeprefix("graph/")
        bare_cloud.storage.bucket(target).download(NamedObject(each.key), tmp_path / "there" / name)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert sorted(each.name for each in (tmp_path / "there").iterdir()) == sorted(
        each.name for each in (tmp_path / "here").iterdir()
    )
    with pytest.raises(TerminalError, match=r"graph is not empty, it has \w+"):
        graph_export(job, asked)


def test_a_version_that_goes_away_while_it_is_read_again_ends_the_export(
    spark_on_cloud: SparkSession, world: TicketWorld, tmp_path: Path
) -> None:
    kept, gone = (world.put(name, row("T1"), row("T2")) for name in ("a.csv", "b.csv"))
    runs = [Ingestion(version) for version in (kept, gone)]
    ingestions = accounts_of(lines_read(spark_on_cloud, runs, timedelta()))
    assert [each.next_row for each in ingestions.values()] == [3, 3]
    world.delete(gone)
    read = lines_read(spark_on_cloud, runs, timedelta())
    with Parts.kept(str(tmp_path)) as parts:
        told = told_of(by_ticket(read, ingestions, 100), ingestions, parts)
        with pytest.raises(TransientError, match=r"b\.csv changed while it was read: 0 lines of 2"):
            check_lines(day_rows_of(told), ingestions)
    assert list(tmp_path.iterdir()) == []


def test_the_plan_brings_lines_together_once(spark_on_cloud: SparkSession, world: TicketWorld) -> None:
    runs = [Ingestion(world.put("a.csv", row("T1"), row("T2")), next_row=251)]
    lines = by_ticket(lines_read(spark_on_cloud, runs, timedelta()), dict(enumerate(runs)), 100)
    plan = plan_of(lines)
    assert plan.count("Exchange") == plan.count("hashpartitioning(store") == 1
    assert ", 3), REPARTITION_BY_NUM" in plan
    assert "Join" not in plan


@pytest.mark.usefixtures("spark")
def test_the_job_is_run_by_hand_into_a_folder(bare_cloud: Access, world: TicketWorld, tmp_path: Path) -> None:
    world.put("a.csv", row("T1"), row("T2"))
    asked = {"bucket": world.bucket, "ledger_table": world.table, "directory": str(tmp_path / "there")}
    command = [sys.executable, "-m", "pipeline_assets.spark.submit", "--job", "graph_export", "--parameters"]
    environment = os.environ | cloud_environment(bare_cloud)
    said = subprocess.run([*command, json.dumps(asked)], env=environment, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr[-2000:]
    result = json.loads(said.stdout)["result"]
    assert (result["objects"], result["rows"], result["files"]["tickets"]) == (1, 2, 2)
    assert "files read: 1 of 1" in said.stderr
