"""The jobs that can be submitted to Spark, by name: what each does, and how one is run by hand or from Dagster."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Final, cast

from pipeline_assets.errors import TerminalError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

#: What a job is told and what it tells: small values that JSON has.
Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class JobContext:
    """What a job has beside its parameters.

    Parameters
    ----------
    session
        The Spark session.
    log
        Tells a person how far it is, where the job was asked for: in the run of Dagster, or on the terminal.
    """

    session: SparkSession
    log: Callable[[str], None]


#: A job: does its work with its parameters, and gives a few values that say what came of it.
Job = Callable[[JobContext, Values], Values]
#: The address of each job, ``module:function``, by its name; a job is loaded where it runs.
JOBS: Final[Mapping[str, str]] = {
    "probe": "pipeline_assets.spark.jobs:probe",
    "compras_day": "pipeline_assets.compras.spark_job:compras_day",
    "graph_export": "pipeline_assets.tickets.spark_job:graph_export",
    "features": "pipeline_assets.analytics.spark_features:work_features_out",
    "curated_day": "pipeline_assets.curation.spark_job:curated_day",
}


def job_of(name: str) -> Job:
    """Find a job.

    Parameters
    ----------
    name
        Its name in `JOBS`.

    Returns
    -------
    Job
        The job.

    Raises
    ------
    TerminalError
        There is none of that name.
    """
    if name not in JOBS:
        raise TerminalError(f"there is no job {name!r} for Spark; expected {', '.join(JOBS)}")
    return cast("Job", resolve_name(JOBS[name]))


def probe(context: JobContext, parameters: Values) -> Values:
    """Try whether Spark works here: count numbers in Python workers, in as many tasks as asked for.

    Parameters
    ----------
    context
        The session and the log.
    parameters
        ``rows`` and ``tasks``, 1000 and 2 unless given.

    Returns
    -------
    dict
        ``rows`` counted, and the ``version`` of Spark.
    """
    rows, tasks = int(parameters.get("rows", 1000)), int(parameters.get("tasks", 2))
    context.log(f"counting {rows} rows in {tasks} tasks")
    frame = context.session.range(0, rows, numPartitions=tasks).mapInArrow(lambda batches: batches, "id bigint")
    return {"rows": frame.count(), "version": context.session.version}
