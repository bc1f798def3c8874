"""Jobs of Spark as runs of Dagster start and watch them, on this machine by spark-submit or on EMR Serverless.

Pipes carries there what the job is to do, and back its log and its result, so that the page of the run shows how far it
is. What went wrong is one sentence, in an error that says whether trying again may help.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import boto3
import dagster as dg
from botocore.exceptions import BotoCoreError, ClientError
from dagster._core.errors import DagsterPipesExecutionError
from dagster_aws.pipes import PipesCloudWatchMessageReader, PipesEMRServerlessClient
from pydantic import Field

from pipeline_assets.errors import TerminalError, TransientError
from pipeline_assets.lineage.resources import EnvironmentResource, optional
from pipeline_assets.spark import submit
from pipeline_assets.spark.session import LOCAL_SETTINGS, check_spark, find_java
from pipeline_assets.spark.settings import Engine, SparkSettings

#: A job that takes longer is ended: less than what a piece is kept for (`spark.pieces.LONGEST`).
_LONGEST_MINUTES: Final = 360
#: Where the workers of EMR Serverless find the Python that was built for them.
_PYTHON: Final = "./environment/bin/python"
#: Workers of two cores with most of the memory outside of Java, where Polars works; the driver holds a day on its disk.
_WORKERS: Final = {
    "spark.driver.cores": "2",
    "spark.driver.memory": "4g",
    "spark.driver.memoryOverhead": "6g",
    "spark.emr-serverless.driver.disk": "60g",
    "spark.executor.cores": "2",
    "spark.executor.memory": "5g",
    "spark.executor.memoryOverhead": "10g",
    "spark.emr-serverless.executor.disk": "60g",
}


class EngineChoice(dg.Config):
    """What a person may choose for one run."""

    # As words and not as the enumeration, of which Dagster takes the names of the members.
    engine: Literal["auto", "polars", "spark"] = Field(
        default="auto",
        description="What works the days out: auto leaves it to the settings, polars is this run itself, spark a job.",
    )


class SparkResource(EnvironmentResource):
    """When work goes to Spark, and where its jobs run: on this machine, or on EMR Serverless."""

    spark_from_bytes: str = optional("Work on at least so many bytes of input goes to Spark; 0 for none")
    spark_always: str = optional("Keys of assets, with commas between them, whose work always goes to Spark")
    spark_application_id: str = optional("The application of EMR Serverless; on this machine where there is none")
    spark_job_role_arn: str = optional("The ARN of the role of its jobs")
    spark_code: str = optional("Where their script and environment are, s3://bucket/prefix")

    @property
    def settings(self) -> SparkSettings:
        """What the fields say; raises `UserError`."""
        return SparkSettings.from_environment(self.variables())

    def run(self, context: dg.AssetExecutionContext, job: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Run a job and wait for it.

        Parameters
        ----------
        context
            The step that asks for it.
        job
            Its name in `spark.jobs.JOBS`.
        parameters
            What it is told, in values that JSON has.

        Returns
        -------
        dict
            What it tells, with ``spark``: seconds, tasks, executors and peak memory.

        Raises
        ------
        TransientError
            It may succeed another time: an executor or the driver was lost, or there was no capacity.
        TerminalError
            It never will as it is: there is no Spark here, or the work itself cannot be done.
        """
        extras = {"job": job, "parameters": dict(parameters)}
        settings = self.settings
        if settings.application_id:
            done = _on_emr_serverless(context, extras, settings)
        else:
            done = _on_this_machine(context, extras)
        told = next((each for each in reversed(done) if isinstance(each, dict)), {})
        if "error" in told:
            raise (TransientError if told["transient"] else TerminalError)(told["error"])
        if "result" not in told:
            raise TransientError(f"the job {job} of Spark ended without a result")
        return dict(told["result"])


def spark_metadata(engine: Engine, result: Mapping[str, Any]) -> dict[str, dg.MetadataValue[Any]]:
    """What a materialization says of the engine that worked it out.

    Parameters
    ----------
    engine
        The engine.
    result
        What the job told; empty for a run that did it itself.

    Returns
    -------
    dict
        ``engine``, and of Spark seconds, bytes, tasks and memory.
    """
    said: dict[str, dg.MetadataValue[Any]] = {"engine": dg.MetadataValue.text(engine.value)}
    figures = {"input_bytes": result.get("input_bytes"), **result.get("spark", {})}
    for name, value in figures.items():
        if isinstance(value, float):
            said[f"spark_{name}"] = dg.MetadataValue.float(value)
        elif isinstance(value, int):
            said[f"spark_{name}"] = dg.MetadataValue.int(value)
    return said


def _on_this_machine(context: dg.AssetExecutionContext, extras: dict[str, Any]) -> list[Any]:
    """Run a job by the spark-submit that comes with pyspark; what it says is in the run's logs."""
    check_spark()
    home = _spark_home()
    command = [str(home / "bin" / "spark-submit"), "--master", LOCAL_SETTINGS["spark.master"]]
    for name, value in LOCAL_SETTINGS.items():
        command += ["--conf", f"{name}={value}"]
    environment = {
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": LOCAL_SETTINGS["spark.driver.bindAddress"],
        "JAVA_HOME": str(find_java()),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
    }
    try:
        done = dg.PipesSubprocessClient().run(
            context=context, extras=extras, command=[*command, str(Path(submit.__file__))], env=environment
        )
    except DagsterPipesExecutionError as error:
        status = str(error).rpartition(" ")[2]
        message = f"the driver of Spark ended in the middle of the job {extras['job']}, with status {status}"
        raise TransientError(message) from error
    return list(done.get_custom_messages())


def _spark_home() -> Path:
    import pyspark  # noqa: PLC0415 - installed only where Spark is

    return Path(pyspark.__file__).parent


class EmrServerless(PipesEMRServerlessClient):
    """Dagster's client, which remembers the job that it has started: what it raises does not name the reason."""

    started: Mapping[str, Any] = {}

    def _start(self, context: Any, params: Any) -> Any:  # noqa: ANN401 - as Dagster declares it
        self.started = super()._start(context, params)
        return self.started

    def reason(self) -> str:
        """Why the job failed, as EMR Serverless tells, or that it does not tell."""
        if not self.started:
            return "it was not started"
        try:
            run = self.client.get_job_run(
                applicationId=self.started["applicationId"], jobRunId=self.started["jobRunId"]
            )
        except (ClientError, BotoCoreError) as error:
            return f"why it does not tell now ({error})"
        return str(run["jobRun"].get("stateDetails", ""))


def _on_emr_serverless(context: dg.AssetExecutionContext, extras: dict[str, Any], settings: SparkSettings) -> list[Any]:
    """Run a job on EMR Serverless; its application has the bounds, the network and the logs of all jobs."""
    session = boto3.Session()
    client = EmrServerless(
        client=session.client("emr-serverless"),
        message_reader=PipesCloudWatchMessageReader(client=session.client("logs")),
    )
    try:
        done = client.run(
            context=context, extras=extras, start_job_run_params=job_run(extras["job"], settings, session.region_name)
        )
    except (ClientError, BotoCoreError) as error:
        raise TransientError(f"EMR Serverless did not take the job {extras['job']}: {error}") from error
    except RuntimeError as error:
        raise TransientError(f"the job {extras['job']} failed on EMR Serverless: {client.reason()}") from error
    return list(done.get_custom_messages())


def job_run(job: str, settings: SparkSettings, region: str) -> Any:  # noqa: ANN401 - the request of the client
    """The request that starts a job on EMR Serverless.

    Parameters
    ----------
    job
        Name of the job.
    settings
        The application, the role and where the code is.
    region
        The region, which drivers and executors are told.

    Returns
    -------
    dict
        The parameters of ``StartJobRun``, to which Pipes adds its own.
    """
    code = settings.code.rstrip("/")
    told = {
        **_WORKERS,
        "spark.archives": f"{code}/spark-environment.tar.gz#environment",
        "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON": _PYTHON,
        "spark.emr-serverless.driverEnv.PYSPARK_PYTHON": _PYTHON,
        "spark.executorEnv.PYSPARK_PYTHON": _PYTHON,
        "spark.emr-serverless.driverEnv.AWS_REGION": region,
        "spark.executorEnv.AWS_REGION": region,
        "spark.emr-serverless.driverEnv.AWS_DEFAULT_REGION": region,
        "spark.executorEnv.AWS_DEFAULT_REGION": region,
    }
    return {
        "applicationId": settings.application_id,
        "executionRoleArn": settings.job_role,
        "executionTimeoutMinutes": _LONGEST_MINUTES,
        "name": job,
        "jobDriver": {
            "sparkSubmit": {
                "entryPoint": f"{code}/spark-submit.py",
                "sparkSubmitParameters": " ".join(f"--conf {name}={value}" for name, value in told.items()),
            }
        },
    }
