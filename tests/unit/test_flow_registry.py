"""The rows of the registry lead to what they name, and reading them loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from deploy.packaging import ROOT
from pipeline_assets.errors import UserError
from pipeline_assets.events.flow import Correctable, capability
from pipeline_assets.flow_rows import FlowRow
from pipeline_assets.flows import FLOWS, flow_row, queued_flows
from pipeline_assets.operations.open_flow import load_flow

QUEUED = pytest.mark.parametrize("row", queued_flows(), ids=lambda row: row.name)


@QUEUED
class TestRow:
    def test_its_addresses_lead_to_flow_settings_and_opener(self, row: FlowRow) -> None:
        flow, settings, opener = load_flow(row), row.load(row.settings), row.load(row.opener)
        assert flow.name == row.name
        assert flow.rule_names
        assert callable(opener)
        assert {"from_environment", "queue_url", "bucket"} <= set(dir(settings))

    def test_its_settings_read_what_an_instance_gives_and_find_queue_and_bucket_there(self, row: FlowRow) -> None:
        given: dict[str, Any] = dict.fromkeys(row.environment, "x" * 64)
        given |= {name: "00:00" for name in given if name.endswith("_BEGINS")}
        given |= {"QUARANTINE_BUCKET": "kept", "LEDGER_TABLE": "ledger"}
        places = {place: name for name, place in row.environment.items()}
        given |= {places[f"queues.{row.queue}"]: "https://queue", places[f"buckets.{row.bucket}"]: "bucket"}
        read = row.load(row.settings).from_environment(given)
        assert (read.queue_url, read.bucket) == ("https://queue", "bucket")
        assert row.bucket_variable == places[f"buckets.{row.bucket}"]

    def test_its_function_is_where_its_package_says(self, row: FlowRow) -> None:
        assert row.package is not None
        path = ROOT.joinpath(*row.package.handler.split(".")).with_suffix(".py")
        assert "lambda_handler = " in path.read_text(encoding="utf-8")


def test_names_are_given_once() -> None:
    for name in ("name", "anchor", "queue", "bucket", "resources"):
        given = [value for row in FLOWS if (value := getattr(row, name))]
        assert len(given) == len(set(given)), name


def test_an_unknown_flow_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UserError, match="there is no flow carts; expected tickets or stocks or "):
        flow_row("carts")


def test_files_are_corrected_where_a_flow_reads_files_of_rows() -> None:
    able = [row.name for row in queued_flows() if capability(load_flow(row), Correctable)]
    assert able == ["tickets", "stocks"]


def test_reading_the_registry_loads_no_library() -> None:
    loaded = "import sys, pipeline_assets.flows; print({name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True, cwd=ROOT)
    for library in ("boto3", "botocore", "polars", "neo4j", "dagster", "msgspec", "narwhals"):
        assert f"'{library}'" not in done.stdout


def test_the_functions_that_work_on_frames_are_those_of_the_lake() -> None:
    framed = {row.name: row.package.frames for row in queued_flows() if row.package and row.package.frames}
    assert framed == {
        "inbox": ("polars",),
        "ecommerce": ("polars",),
        "analytics": ("duckdb", "numpy", "scipy", "sklearn"),
    }
