"""When work goes to Spark: by what a person asks, by the asset, by the bytes of its input."""

import re
import sys
from typing import Any

import boto3
import dagster as dg
import pytest
from botocore.config import Config
from dagster_aws.pipes import PipesCloudWatchMessageReader

from deploy.spark_package import ENVIRONMENT, SCRIPT
from pipeline_assets.errors import TerminalError, UserError
from pipeline_assets.lineage.spark import EmrServerless, EngineChoice, job_run, spark_metadata
from pipeline_assets.spark.jobs import JOBS, job_of
from pipeline_assets.spark.settings import Engine, SparkSettings
from tests.worlds.stack import free_port_base

_ORDERS = "curated/orders"


def engine(asked: Engine, size: int, **variables: str) -> Engine:
    return SparkSettings.from_environment(variables).engine_of(_ORDERS, size, asked)


def test_without_settings_nothing_goes_to_spark_unless_a_person_asks() -> None:
    assert engine(Engine.AUTO, 1 << 50) is Engine.POLARS
    assert engine(Engine.SPARK, 0) is Engine.SPARK


def test_a_threshold_counts_from_its_own_number_on() -> None:
    sizes = {size: engine(Engine.AUTO, size, SPARK_FROM_BYTES="1000") for size in (999, 1000)}
    assert sizes == {999: Engine.POLARS, 1000: Engine.SPARK}
    assert engine(Engine.POLARS, 1000, SPARK_FROM_BYTES="1000") is Engine.POLARS


def test_an_asset_that_is_named_always_goes() -> None:
    assert engine(Engine.AUTO, 0, SPARK_ALWAYS="curated/payments, curated/orders") is Engine.SPARK
    assert engine(Engine.AUTO, 0, SPARK_ALWAYS="curated/payments") is Engine.POLARS


@pytest.mark.parametrize("wrong", ["many", "-1", "1.5"])
def test_a_threshold_that_is_no_number_is_named(wrong: str) -> None:
    with pytest.raises(UserError, match="SPARK_FROM_BYTES"):
        SparkSettings.from_environment({"SPARK_FROM_BYTES": wrong})


def test_an_application_needs_its_role_and_its_code() -> None:
    with pytest.raises(UserError, match="SPARK_APPLICATION_ID: it is set without"):
        SparkSettings.from_environment({"SPARK_APPLICATION_ID": "00abc"})


def test_every_job_can_be_found_and_one_that_is_none_is_told_those_there_are() -> None:
    assert all(callable(job_of(name)) for name in JOBS)
    with pytest.raises(TerminalError, match="no job 'other' for Spark; expected probe, "):
        job_of("other")


def test_a_job_on_emr_serverless_has_its_bounds_and_its_own_python() -> None:
    settings = SparkSettings(application_id="00abc", job_role="arn:role", code="s3://artifacts/spark/1")
    request = job_run("curated_day", settings, "eu-central-1")
    assert (request["applicationId"], request["executionRoleArn"]) == ("00abc", "arn:role")
    assert request["executionTimeoutMinutes"] == 360
    submit = request["jobDriver"]["sparkSubmit"]
    assert submit["entryPoint"] == f"s3://artifacts/spark/1/{SCRIPT}"
    assert f"spark.archives=s3://artifacts/spark/1/{ENVIRONMENT}#environment" in submit["sparkSubmitParameters"]


def test_a_job_whose_reason_cannot_be_asked_for_still_has_a_sentence() -> None:
    nowhere = f"http://127.0.0.1:{free_port_base()}"
    once = Config(retries={"total_max_attempts": 1}, connect_timeout=1)
    session = boto3.Session("a", "b", region_name="eu-central-1")
    service: Any = session.client("emr-serverless", endpoint_url=nowhere, config=once)
    client = EmrServerless(client=service, message_reader=PipesCloudWatchMessageReader(client=service))
    client.started = {"applicationId": "00abc", "jobRunId": "00def"}
    assert re.fullmatch(r"why it does not tell now \(Could not connect .*\)", client.reason())


def test_what_worked_is_in_the_metadata() -> None:
    result = {"objects": 2, "input_bytes": 10, "spark": {"seconds": 1.5, "tasks": 4, "peak_memory": 9}}
    said = spark_metadata(Engine.SPARK, result)
    assert {name: value.value for name, value in said.items()} == {
        "engine": "spark",
        "spark_input_bytes": 10,
        "spark_seconds": 1.5,
        "spark_tasks": 4,
        "spark_peak_memory": 9,
    }
    assert spark_metadata(Engine.POLARS, {}).keys() == {"engine"}


def test_the_launchpad_takes_the_words_of_the_engines_and_no_other() -> None:
    for word in Engine:
        assert dg.validate_run_config(_asking, {"ops": {"ask": {"config": {"engine": word.value}}}})
    with pytest.raises(dg.DagsterInvalidConfigError):
        dg.validate_run_config(_asking, {"ops": {"ask": {"config": {"engine": "duckdb"}}}})


@dg.op
def ask(config: EngineChoice) -> None:
    """What takes the choice."""
    assert config


@dg.job
def _asking() -> None:
    ask()


def test_what_a_job_cannot_do_reaches_the_run_that_asked_for_it() -> None:
    told: list[object] = []

    @dg.op
    def asks(context: dg.OpExecutionContext) -> None:
        command = [sys.executable, "-m", "pipeline_assets.spark.submit"]
        extras = {"job": "no_job", "parameters": {}}
        done = dg.PipesSubprocessClient().run(context=context, command=command, extras=extras)
        told.extend(done.get_custom_messages())

    @dg.job
    def asking() -> None:
        asks()

    assert asking.execute_in_process().success
    said = f"there is no job 'no_job' for Spark; expected {', '.join(JOBS)}"
    assert told == [{"error": said, "transient": False}]
