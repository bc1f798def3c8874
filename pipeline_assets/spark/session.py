"""The Spark session, and what is said where there can be none."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline_assets.errors import TerminalError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

#: The oldest Java that Spark 4 runs on.
OLDEST_JAVA: Final = 17
#: Bytes of one task's input, and of one partition of a shuffle.
PARTITION_BYTES: Final = 64 << 20
#: What every session has, whoever started it. The driver is given accounts and names alone: a job that collects rows
#: there fails by `maxResultSize`, and does so on a laptop as in the cloud.
SETTINGS: Final[Mapping[str, str]] = {
    "spark.driver.maxResultSize": "64m",
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.adaptive.coalescePartitions.enabled": "true",
    "spark.sql.adaptive.skewJoin.enabled": "true",
    "spark.sql.adaptive.advisoryPartitionSizeInBytes": str(PARTITION_BYTES),
    "spark.sql.execution.arrow.maxRecordsPerBatch": "10000",
    "spark.executor.processTreeMetrics.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
}
#: A session on this machine alone, which nobody else reaches; a task is tried four times, as on a cluster.
LOCAL_SETTINGS: Final[Mapping[str, str]] = {
    "spark.master": "local[*, 4]",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
}
#: Set by spark-submit for the script that it runs; the session then has its master already.
_SUBMITTED: Final = "PYSPARK_GATEWAY_PORT"
_VERSION: Final = re.compile(r'version "(\d+)')
_JVM: Final = Path("/usr/lib/jvm")


class NoSparkError(TerminalError):
    """Spark cannot be had here: pyspark or Java is absent; trying again changes nothing."""


@contextmanager
def open_session(name: str, settings: Mapping[str, str] | None = None) -> Iterator[SparkSession]:
    """Open the Spark session of this process: what spark-submit has prepared, or else one on this machine alone.

    Parameters
    ----------
    name
        Name that Spark's pages show.
    settings
        Settings of Spark over those of `SETTINGS`, such as ``{"spark.sql.shuffle.partitions": "2"}``.

    Yields
    ------
    SparkSession
        The session, stopped at the end.

    Raises
    ------
    NoSparkError
        pyspark is not installed, or there is no Java of 17 or later.
    """
    submitted = _SUBMITTED in os.environ
    if not submitted:
        check_spark()
    from pyspark.sql import SparkSession  # noqa: PLC0415 - installed only where Spark is

    # Workers run what this process runs, and see its environment.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if not submitted:
        os.environ["JAVA_HOME"] = str(find_java())
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = SparkSession.builder.appName(name)
    for key, value in {**({} if submitted else LOCAL_SETTINGS), **SETTINGS, **(settings or {})}.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    try:
        yield session
    finally:
        session.stop()


def check_spark() -> None:
    """Make sure that Spark can be had here.

    Raises
    ------
    NoSparkError
        pyspark is not installed, or there is no Java of 17 or later.
    """
    if find_spec("pyspark") is None:
        raise NoSparkError("Spark is not installed here: `make spark` adds pyspark, which this work needs")
    find_java()


def find_java() -> Path:
    """Find the home of a Java that Spark runs on.

    Returns
    -------
    Path
        What ``JAVA_HOME`` says, or else that of the ``java`` on the PATH, or the newest below ``/usr/lib/jvm``.

    Raises
    ------
    NoSparkError
        There is none, or what ``JAVA_HOME`` names is none or too old.
    """
    if home := os.environ.get("JAVA_HOME"):
        version = _version_of(Path(home))
        if version is None:
            raise NoSparkError(f"JAVA_HOME is {home}, where there is no Java; Spark needs Java {OLDEST_JAVA} or later")
        if version < OLDEST_JAVA:
            raise NoSparkError(f"JAVA_HOME is {home}, a Java {version}; Spark needs Java {OLDEST_JAVA} or later")
        return Path(home)
    on_path = shutil.which("java")
    homes = [Path(on_path).resolve().parent.parent] if on_path else []
    homes += sorted(_JVM.glob("*"), reverse=True)
    found = {home: version for home in homes if (version := _version_of(home)) and version >= OLDEST_JAVA}
    if not found:
        raise NoSparkError(
            f"there is no Java for Spark: it needs Java {OLDEST_JAVA} or later, on the PATH or where JAVA_HOME says"
        )
    return next(iter(found))


def _version_of(home: Path) -> int | None:
    """The version of the Java of a home; None where there is none."""
    java = home / "bin" / "java"
    if not java.exists():
        return None
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = _VERSION.search(said)
    return int(found[1]) if found else None
