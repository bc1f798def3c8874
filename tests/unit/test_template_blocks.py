"""Generated blocks of the cloud template: they are up to date, and a row of the registry gives a valid group."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import ManualArgs, lint  # type: ignore[import-untyped]
from cfnlint.decode.cfn_yaml import loads  # type: ignore[import-untyped]

from deploy.stack import TEMPLATE
from deploy.template_blocks.contents import BLOCKS
from deploy.template_blocks.flow_groups import PARTS, Part, flow_fields, flow_outputs, flow_parameters, flow_resources
from deploy.template_blocks.marks import COMMAND, Block, replace_blocks
from pipeline_assets.flow_rows import Bounds, FlowRow, FunctionPackage, QueueGroup
from tests.worlds.template_reading import FED_BY_QUEUES, READ, RESOURCES

#: A flow that the product does not have, whose names differ wherever they can.
PARCELS = FlowRow(
    name="parcels",
    anchor="parcels/landed",
    queue="parcel-events",
    bucket="parcel-files",
    resources="Parcel",
    package=FunctionPackage("parcel-reader", "lambdas.parcels.handler", frozenset({"s3", "sqs"})),
    bounds=Bounds(function_seconds=20, batch=5, receives=7, waiting_seconds=1200),
    group=QueueGroup(
        queue_name="ParcelQueue",
        bucket_name="parcel-files",
        function_name="ParcelReader",
        function_output="reader",
        concurrency="ParcelConcurrency",
        invocations=8,
        objects="parcel lists",
        bucket_holds="Put parcel lists here.",
        function_does="Reads parcel lists.",
        no_error="a bad row",
        ask_if_retried="does the carrier answer?",
    ),
)
#: What a flow brings along by hand, its bucket and function, and what all flows share, each as small as it can be.
BY_HAND = """\
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Stage: {Type: String}
  PendingReceiptsLimit: {Type: Number}
  RoleArn: {Type: String}
  ArtifactBucket: {Type: String}
  ParcelReaderPackage: {Type: String}
@parameters@
Mappings:
  Concurrency:
    "2": {Invocations: 2}
    "4": {Invocations: 4}
    "8": {Invocations: 8}
    "16": {Invocations: 16}
    "32": {Invocations: 32}
    "64": {Invocations: 64}
Resources:
  AlarmTopic: {Type: AWS::SNS::Topic}
  LedgerTable:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
  ParcelBucket:
    Type: AWS::S3::Bucket
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      BucketName: !Sub cesta-${Stage}-parcel-files-${AWS::AccountId}-${AWS::Region}
  ParcelReader:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.12
      Handler: lambdas.parcels.handler.lambda_handler
      Code: {S3Bucket: !Ref ArtifactBucket, S3Key: !Ref ParcelReaderPackage}
      Role: !Ref RoleArn
      Timeout: 20
@resources@
Outputs:
@outputs@
"""


def parcels_template() -> str:
    return (
        BY_HAND.replace("@parameters@\n", flow_parameters(PARCELS))
        .replace("@resources@\n", flow_resources(PARCELS))
        .replace("@outputs@\n", flow_outputs(PARCELS))
    )


def parcels() -> dict[str, Any]:
    return dict(loads(parcels_template()))


def test_the_template_is_up_to_date() -> None:
    template = TEMPLATE.read_text()
    wanted = replace_blocks(template, BLOCKS)
    lines, wanted_lines = set(template.splitlines()), set(wanted.splitlines())
    lacks = [line for line in wanted.splitlines() if line not in lines]
    too_much = [line for line in template.splitlines() if line not in wanted_lines]
    assert template == wanted, f"run `{COMMAND}`; the template lacks {lacks} and should not have {too_much}"


#: Fields of parts that are not of a flow, by the names of the parts.
FIELDS_BESIDE = {
    "stream_resources": ("table", "log_group"),
    "stream_parameters": ("window_seconds",),
    "package": ("package", "parameter"),
    "prod_set": ("set", "Set", "title", "table_ids"),
    "prod_outputs": ("Set", "title"),
    "prod_function": ("objects", "buckets", "variables"),
    "query_function": ("objects", "buckets", "variables"),
    "analytics_function": ("objects", "buckets", "variables"),
    "api_function": ("Name", "threshold", "limit"),
    "api_route": ("Route", "key", "Function", "access"),
}


class TestMarks:
    BLOCK = Block("fruit", "the garden", lambda: "  - pear\n")

    def test_what_lies_between_them_is_replaced_and_the_rest_stays(self) -> None:
        text = f"a\n  {self.BLOCK.begin}\n  - apple\n  - plum\n  {self.BLOCK.end}\nz\n"
        assert replace_blocks(text, [self.BLOCK]) == f"a\n  {self.BLOCK.begin}\n  - pear\n  {self.BLOCK.end}\nz\n"

    def test_writing_twice_changes_nothing_more(self) -> None:
        once = replace_blocks(TEMPLATE.read_text(), BLOCKS)
        assert replace_blocks(once, BLOCKS) == once

    @pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
    @pytest.mark.parametrize(
        "lines",
        [
            pytest.param([], id="none"),
            pytest.param(["begin"], id="no end"),
            pytest.param(["end"], id="no beginning"),
            pytest.param(["end", "begin"], id="the wrong way round"),
            pytest.param(["begin", "end", "begin", "end"], id="twice"),
        ],
    )
    def test_a_template_without_them_is_refused(self, block: Block, lines: list[str]) -> None:
        text = "".join(f"  {getattr(block, line)}\n" for line in lines)
        with pytest.raises(ValueError, match=f"must have the line '# BEGIN {block.name}"):
            replace_blocks(text, [block])


class TestGroup:
    def test_a_row_of_its_own_gives_a_group_that_the_linter_takes(self) -> None:
        found = lint(parcels_template(), config=ManualArgs(regions=["us-east-1"], include_checks=["I"]))
        assert [str(each) for each in found] == []

    def test_a_row_s_own_values_are_in_it(self) -> None:
        read = parcels()
        resources: dict[str, Any] = {
            name: each["Properties"] for name, each in read["Resources"].items() if "Properties" in each
        }
        assert resources["ParcelQueue"]["QueueName"] == {"Fn::Sub": "cesta-${Stage}-ParcelQueue"}
        assert resources["ParcelDeadLetters"]["QueueName"] == {"Fn::Sub": "cesta-${Stage}-ParcelQueue-dlq"}
        assert resources["ParcelQueue"]["VisibilityTimeout"] == 120
        assert resources["ParcelQueue"]["RedrivePolicy"]["maxReceiveCount"] == 7
        assert resources["ParcelReaderTrigger"]["BatchSize"] == 5
        assert resources["ParcelReaderLogs"]["LogGroupName"] == {"Fn::Sub": "/aws/lambda/cesta-${Stage}-ParcelReader"}
        assert resources["ParcelEventsAgeAlarm"]["Threshold"] == 1200
        assert "over 20 minutes" in resources["ParcelEventsAgeAlarm"]["AlarmDescription"]
        assert "after 7 receives" in resources["ParcelDeadLettersAlarm"]["AlarmDescription"]
        assert {"Name": "Flow", "Value": "parcels"} in resources["ParcelsLineageAlarm"]["Dimensions"]
        assert read["Parameters"]["ParcelConcurrency"]["Default"] == "8"

    def test_its_outputs_are_filed_under_the_row_s_names(self) -> None:
        assert {name: output["Value"]["Ref"] for name, output in parcels()["Outputs"].items()} == {
            "BucketParcelFiles": "ParcelBucket",
            "QueueParcelEvents": "ParcelQueue",
            "QueueParcelEventsDlq": "ParcelDeadLetters",
            "FunctionReader": "ParcelReader",
        }

    def test_a_group_has_seven_alarms_that_a_page_of_the_runbook_is_for(self) -> None:
        alarms = [each for each in parcels()["Resources"].values() if each["Type"] == "AWS::CloudWatch::Alarm"]
        assert len(alarms) == 7
        root = Path(__file__).parents[2]
        for alarm in alarms:
            (page,) = re.findall(r"See (docs/runbook/[a-z-]+\.md)\.", alarm["Properties"]["AlarmDescription"])
            assert (root / page).exists()

    @pytest.mark.parametrize(
        "row",
        [
            pytest.param(replace(PARCELS, package=None), id="package"),
            pytest.param(replace(PARCELS, bounds=None), id="bounds"),
            pytest.param(replace(PARCELS, group=None), id="group"),
        ],
    )
    def test_a_row_with_a_queue_and_too_little_else_is_refused(self, row: FlowRow) -> None:
        with pytest.raises(ValueError, match="the flow parcels is fed, so its row needs"):
            flow_resources(row)

    @pytest.mark.parametrize("part", sorted(PARTS.glob("*.yaml")), ids=lambda part: part.stem)
    def test_a_part_asks_for_nothing_that_no_row_has(self, part: Path) -> None:
        given = {*flow_fields(PARCELS), *FIELDS_BESIDE.get(part.stem, ())}
        assert set(Part.read(part.stem).get_identifiers()) <= given


@pytest.mark.parametrize("row", FED_BY_QUEUES, ids=lambda row: row.name)
def test_a_row_is_as_its_bucket_and_function_are_written_by_hand(row: FlowRow) -> None:
    assert row.package
    assert row.bounds
    assert isinstance(row.group, QueueGroup)
    function, bucket = RESOURCES[row.package.logical_id]["Properties"], RESOURCES[f"{row.resources}Bucket"]
    assert function["Timeout"] == row.bounds.function_seconds
    assert function["FunctionName"] == {"Fn::Sub": f"cesta-${{Stage}}-{row.group.function_name}"}
    name = f"cesta-${{Stage}}-{row.group.bucket_name}-${{AWS::AccountId}}-${{AWS::Region}}"
    assert bucket["Properties"]["BucketName"] == {"Fn::Sub": name}
    (notified,) = bucket["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    assert notified["Queue"] == {"Fn::GetAtt": [f"{row.resources}Queue", "Arn"]}
    assert bucket["DependsOn"] == f"{row.resources}QueuePolicy"


def test_the_console_asks_for_every_parameter_in_one_group() -> None:
    groups = READ["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    asked = [parameter for group in groups for parameter in group["Parameters"]]
    assert sorted(asked) == sorted(READ["Parameters"])
