"""What spark-submit runs: one job, asked for by Dagster through Pipes or by a person on the command line.

    spark-submit pipeline_assets/spark/submit.py --job probe --parameters '{"rows": 10}'
    python -m pipeline_assets.spark.submit --job probe

A run of Dagster sends ``{"job": ..., "parameters": {...}}`` as extras. The result, a few values as JSON, goes back as a
message of Pipes ``{"result": {...}}``, or to standard output. What cannot be done is told as ``{"error": ...,
"transient": ...}``, and to a person by status 1 as well; another status than 0 tells Dagster that no answer came.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from dagster_pipes import open_dagster_pipes

from pipeline_assets.errors import IngestError, TransientError, UserError
from pipeline_assets.spark.failures import spark_failures
from pipeline_assets.spark.figures import figures_of
from pipeline_assets.spark.jobs import JobContext, Values, job_of
from pipeline_assets.spark.session import open_session


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a job and tell what came of it.

    Parameters
    ----------
    arguments
        Of the command line; those of this process unless given.

    Returns
    -------
    int
        The status: 0 when the job was done, or Dagster was told why not.
    """
    parser = argparse.ArgumentParser(prog="pipeline_assets.spark.submit", description="Run one job on Spark.")
    parser.add_argument("--job", help="name of the job; from Dagster unless given")
    parser.add_argument("--parameters", default="{}", help="its parameters as a JSON object")
    given, _ = parser.parse_known_args(arguments)
    if given.job:
        return _run(given.job, json.loads(given.parameters), _to_stderr, _to_stdout)
    with open_dagster_pipes() as pipes:
        _run(pipes.get_extra("job"), pipes.get_extra("parameters"), pipes.log.info, pipes.report_custom_message)
    return 0


def _run(name: str, parameters: Values, log: Callable[[str], Any], tell: Callable[[Any], object]) -> int:
    started = time.monotonic()
    try:
        job = job_of(name)
        with open_session(f"cesta {name}") as session, spark_failures(f"the job {name}"):
            result = job(JobContext(session, log), parameters)
            result["spark"] = {**figures_of(session), "seconds": round(time.monotonic() - started, 1)}
    except (IngestError, UserError) as error:
        tell({"error": str(error), "transient": isinstance(error, TransientError)})
        return 1
    tell({"result": result})
    return 0


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _to_stdout(message: Any) -> None:  # noqa: ANN401 - a message of the job
    sys.stdout.write(f"{json.dumps(message)}\n")


if __name__ == "__main__":
    sys.exit(main())
