"""What may go wrong with a job of Spark: each a clear sentence, nothing published twice, and the next run goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from pipeline_assets.curation.ingest import CURATION_FLOW, recurate_day
from pipeline_assets.curation.spark_days import SparkDays
from pipeline_assets.curation.stores import CurationSettings
from pipeline_assets.errors import TerminalError, TransientError
from pipeline_assets.operations.access import Access
from pipeline_assets.spark.failures import failure_of, spark_failures
from pipeline_assets.spark.pieces import STAGING
from pipeline_assets.spark.session import NoSparkError, check_spark, find_java
from tests.worlds.curation import DAY, STORES, CurationWorld, frame, row
from tests.worlds.mortality import DeadError, Fate
from tests.worlds.spark import cloud_environment
from tests.worlds.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

_ONE = pl.Schema({"number": pl.Int64()})


@pytest.fixture
def world(bare_cloud: Access) -> CurationWorld:
    made = CurationWorld.made(bare_cloud)
    for number in (1, 2):
        rows = [row(STORES, each, name=f"of {number}") for each in range(number, number + 30)]
        CURATION_FLOW.ingest(made.put(STORES, frame(STORES, rows), part=f"{number:04d}"), made.stores())
    return made


def standing(world: CurationWorld) -> str:
    return str(world.access.s3.head_object(Bucket=world.curated, Key=f"stores/date={DAY}/part.parquet")["ETag"])


class TestNoSpark:
    """There is no Spark here."""

    def test_java_is_where_java_home_says_or_nowhere(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("JAVA_HOME", str(tmp_path))
        with pytest.raises(NoSparkError, match="where there is no Java; Spark needs Java 17 or later"):
            find_java()

    def test_a_java_that_is_too_old_is_named(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        java = tmp_path / "bin" / "java"
        java.parent.mkdir()
        java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
        java.chmod(0o700)
        monkeypatch.setenv("JAVA_HOME", str(tmp_path))
        with pytest.raises(NoSparkError, match="a Java 11; Spark needs Java 17 or later"):
            find_java()

    def test_pyspark_that_is_not_installed_is_named_with_what_adds_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "pyspark", None)
        with pytest.raises(NoSparkError, match="`make spark` adds pyspark"):
            check_spark()

    def test_a_job_without_java_ends_with_the_sentence_and_status_1(self, tmp_path: Path) -> None:
        done = submitted({"JAVA_HOME": str(tmp_path)}, "probe", {})
        out, _ = done.communicate(timeout=60)
        assert (done.returncode, json.loads(out)["transient"]) == (1, False)
        assert "there is no Java" in json.loads(out)["error"]


@pytest.mark.parametrize(
    ("said", "kind", "sentence"),
    [
        ("Py4JJavaError: ... ExecutorLostFailure (executor 1 exited ...", TransientError, "an executor was lost"),
        ("Py4JJavaError: java.lang.OutOfMemoryError: Java heap space", TransientError, "not enough memory"),
        ("Py4JJavaError: ... bigger than spark.driver.maxResultSize", TerminalError, "names and sums alone"),
        ("Py4JNetworkError: Answer from Java side is empty", TransientError, "the driver of Spark ended"),
        ("PythonException: \npipeline_assets.errors.TransientError: S3 is down", TransientError, "^S3 is down$"),
        ("PythonException: \nValueError: odd", TerminalError, "a task failed, and will each time it is tried: Value"),
        ("PythonException: \nOSError: odd", TransientError, "a task failed each time it was tried: OSError: odd"),
        (
            "PythonException: \na.ReadTimeoutError: slow",
            TransientError,
            "each time it was tried: ReadTimeoutError: slow",
        ),
        ("Py4JJavaError: \nSparkException: Job aborted: odd", TransientError, "it was tried: SparkException: Job"),
    ],
    ids=lambda each: each.split(":")[0] if isinstance(each, str) else "",
)
def test_what_spark_says_becomes_a_sentence(said: str, kind: type[Exception], sentence: str) -> None:
    with pytest.raises(kind, match=sentence):
        raise failure_of("the job", said) or AssertionError


def test_a_worker_that_dies_once_is_replaced_and_one_that_always_does_is_told(
    spark: SparkSession, tmp_path: Path
) -> None:
    marker = tmp_path / "died"

    def work(batches: Iterator[Any]) -> Iterator[Any]:
        if not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        yield from batches

    def die(batches: Iterator[Any]) -> Iterator[Any]:
        os.kill(os.getpid(), signal.SIGKILL)
        yield from batches

    assert spark.range(10).mapInArrow(work, "id long").count() == 10
    with pytest.raises(TransientError, match="an executor was lost"), spark_failures("the job"):
        spark.range(10).mapInArrow(die, "id long").count()


def test_an_error_in_the_code_of_a_task_is_told_and_not_tried_again(spark: SparkSession) -> None:
    def look_up(batches: Iterator[Any]) -> Iterator[Any]:
        yield {batch.num_rows: batch for batch in batches}["no such key"]

    sentence = "the job: a task failed, and will each time it is tried: KeyError: 'no such key'"
    with pytest.raises(TerminalError, match=f"^{sentence}$"), spark_failures("the job"):
        spark.range(10).mapInArrow(look_up, "id long").count()
    with pytest.raises(TerminalError, match=r"will each time it is tried: AssertionError$"), spark_failures("the job"):
        spark.sparkContext.parallelize([1]).map(_fail).collect()


def _fail(_: int) -> None:
    raise AssertionError


@pytest.mark.parametrize("after", [False, True], ids=["before its put", "after its put"])
def test_a_driver_that_dies_at_the_put_of_the_day_publishes_once_or_not_and_the_next_run_goes_on(
    spark_on_cloud: SparkSession, world: CurationWorld, *, after: bool
) -> None:
    before, engine = standing(world), SparkDays(spark_on_cloud)
    fate = Fate(after=after)

    def dies_at_the_day() -> None:
        fate.at = fate.calls + 1

    stores = world.stores(fate, before_day=dies_at_the_day)
    with pytest.raises(DeadError):
        recurate_day(STORES, DAY, stores, engine=engine)
    runs = {each.run for source in world.account(STORES).sources if (each := world.stores().ledger.receipt(source.id))}
    assert runs == {1}, "no receipt of a run that did not come to its end"
    receipts = recurate_day(STORES, DAY, world.stores(), engine=engine)
    assert {each.run for each in receipts} == {2}
    assert world.keys_of(STORES) == list(range(1, 32))
    assert before
    assert not list(world.stores().curated.objects(STAGING))


def test_a_driver_that_is_killed_in_the_middle_leaves_the_day_as_it_was_and_the_next_run_goes_on(
    spark_on_cloud: SparkSession, world: CurationWorld
) -> None:
    before = standing(world)
    settings = CurationSettings(world.raw, world.curated, world.quarantine, world.ledger)
    parameters = {"dataset": "stores", "day": DAY, "settings": asdict(settings)}
    driver = submitted(cloud_environment(world.access), "curated_day", parameters)
    curated = world.stores().curated
    until(lambda: list(curated.objects(STAGING)), 120)
    driver.kill()
    driver.communicate(timeout=60)
    assert driver.returncode == -signal.SIGKILL
    assert standing(world) == before
    left = [each.key for each in curated.objects(STAGING)]
    assert left, "pieces of its output, which nobody reads"
    receipts = recurate_day(STORES, DAY, world.stores(), engine=SparkDays(spark_on_cloud))
    assert {each.run for each in receipts} == {2}
    assert world.keys_of(STORES) == list(range(1, 32))
    assert [each.key for each in curated.objects(STAGING)] == left, "they go when no job can be at them any more"


def test_an_object_that_goes_between_the_passes_over_a_day_is_no_part_of_it(
    spark_on_cloud: SparkSession, world: CurationWorld
) -> None:
    gone, kept = world.put_at

    def lose(said: str) -> None:
        if "not refused" in said and world.put_at == [gone, kept]:
            world.put_at.remove(gone)
            world.access.s3.delete_object(Bucket=world.raw, Key=gone.key, VersionId=gone.version_id)
            # As when the executors are lost that have them: what was read is read again.
            spark_on_cloud.catalog.clearCache()

    receipts = recurate_day(STORES, DAY, world.stores(), engine=SparkDays(spark_on_cloud, log=lose))
    assert [each.source.uri for each in receipts] == [kept.uri]
    assert world.keys_of(STORES) == list(range(2, 32))


def submitted(environment: dict[str, str], job: str, parameters: dict[str, Any]) -> subprocess.Popen[str]:
    """The script that spark-submit runs, as a process of its own."""
    command = [sys.executable, "-m", "pipeline_assets.spark.submit", "--job", job]
    return subprocess.Popen(
        [*command, "--parameters", json.dumps(parameters)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
