"""No name of the template is too long, whatever the stage and the region."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import boto3
import pytest

from tests.worlds.template_reading import READ, of_type

#: By kind, the property that names it and the most characters that it takes.
KINDS = {
    "AWS::S3::Bucket": ("BucketName", 63),
    "AWS::SQS::Queue": ("QueueName", 80),
    "AWS::Lambda::Function": ("FunctionName", 64),
    "AWS::DynamoDB::Table": ("TableName", 255),
    "AWS::Events::Rule": ("Name", 64),
    "AWS::CloudWatch::Alarm": ("AlarmName", 255),
    "AWS::Logs::LogGroup": ("LogGroupName", 512),
}
#: Buckets of analytics to come: they are called as others call them, with the stage, the account and the region behind.
TO_COME = [
    f"{system}-${{Stage}}-${{AWS::AccountId}}-${{AWS::Region}}"
    for system in (
        "market-intelligence-hub",
        "demand-insights-engine",
        "compliance-guardian",
        "global-market-pulse",
        "retail-copilot",
    )
]


def names() -> list[tuple[str, int]]:
    found = [
        (properties[called]["Fn::Sub"], most)
        for kind, (called, most) in KINDS.items()
        for properties in of_type(kind).values()
        if called in properties
    ]
    artifacts = "cesta-${Stage}-artifacts-${AWS::AccountId}-${AWS::Region}"
    return [*found, *((bucket, 63) for bucket in (*TO_COME, artifacts))]


@cache
def longest_region() -> str:
    session = boto3.Session()
    regions = {
        region
        for partition in session.get_available_partitions()
        for service in ("s3", "ec2")
        for region in session.get_available_regions(service, partition_name=partition)
    }
    return max(regions, key=len)


def longest_stage() -> str:
    pattern = READ["Parameters"]["Stage"]["AllowedPattern"]
    stages = ["a" * length for length in range(1, 64)]
    return max((stage for stage in stages if re.fullmatch(pattern, stage)), key=len)


@pytest.mark.parametrize(("name", "most"), names(), ids=str)
def test_the_longest_stage_fits_in_the_longest_region(name: str, most: int) -> None:
    assert len(_written(name, longest_stage())) <= most


def test_one_more_letter_would_not() -> None:
    buckets = [name for name, most in names() if most == 63]
    assert max(len(_written(name, longest_stage() + "a")) for name in buckets) > 63


def test_the_pattern_is_what_is_said_of_it() -> None:
    stage: dict[str, Any] = READ["Parameters"]["Stage"]
    assert stage["ConstraintDescription"].startswith(f"1 to {len(longest_stage())} ")
    for bad in ("", "1a", "A", "a-b", "a_b", longest_stage() + "a"):
        assert not re.fullmatch(stage["AllowedPattern"], bad)


def _written(name: str, stage: str) -> str:
    # A suffix is as long as its pattern lets it be.
    values = {"Stage": stage, "AWS::AccountId": "1" * 12, "AWS::Region": longest_region()}
    values["ComprasBucketSuffix"] = "-" + "a" * 24
    return re.sub(r"\$\{([^}]+)\}", lambda found: values[found[1]], name)
