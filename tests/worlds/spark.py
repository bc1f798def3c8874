"""Spark for tests: one session on this machine, with little to start, and tasks that reach a local cloud."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local.engine_environment import JAVA_VARIABLE
from pipeline_assets.operations.access import Access
from pipeline_assets.spark.session import open_session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def running_spark() -> Iterator[SparkSession]:
    """A session of two tasks at a time, a task being tried twice; its workers find what tests define."""
    settings = {
        "spark.master": "local[2, 2]",
        "spark.driver.extraJavaOptions": os.environ.get(JAVA_VARIABLE, ""),
        "spark.sql.shuffle.partitions": "2",
        # What a test collects on the driver by mistake is small, too.
        "spark.driver.maxResultSize": "1m",
    }
    with open_session("tests", settings) as session:
        session.sparkContext.environment["PYTHONPATH"] = str(_ROOT)
        yield session


def cloud_environment(access: Access) -> dict[str, str]:
    """What a process needs in its environment to reach a local cloud."""
    credentials = access.document["credentials"]
    return {
        "AWS_ENDPOINT_URL": access.document["endpoint_url"],
        "AWS_REGION": access.document["region"],
        "AWS_DEFAULT_REGION": access.document["region"],
        **{name.upper(): value for name, value in credentials.items()},
    }


def plan_of(frame: DataFrame) -> str:
    """The plan by which Spark works a frame out."""
    plan: str = frame._jdf.queryExecution().executedPlan().toString()  # noqa: SLF001 - of Java
    return plan
