"""Finds what an earlier stack left behind, so that a new one takes it over in place of failing on names already taken.

Whatever holds data outlives its stack: buckets, queues, the table, the logs. A stack deleted by mistake, or a local
cloud killed before it could write down its stacks, leaves them there. CloudFormation imports resources in a step of its
own, with a template that holds nothing else; the update that follows then sets their properties.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import yaml
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import boto3
    from mypy_boto3_cloudformation.type_defs import ResourceToImportTypeDef

#: The property that names a resource of each type.
_NAMES: Final = {
    "AWS::S3::Bucket": "BucketName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Logs::LogGroup": "LogGroupName",
}
#: What belongs to the identity of a table: an import without it would have the update make it once more.
_IDENTITY: Final = ("AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema")
_ABSENT: Final = ("ResourceNotFoundException", "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")


@dataclass(frozen=True)
class RetainedResource:
    """A resource of the template that exists without a stack, and how CloudFormation identifies it."""

    logical_id: str
    resource: Mapping[str, Any]
    identifier: Mapping[str, str]

    @property
    def to_import(self) -> ResourceToImportTypeDef:
        """The resource as an entry of a change set of type IMPORT."""
        return {
            "ResourceType": self.resource["Type"],
            "LogicalResourceId": self.logical_id,
            "ResourceIdentifier": dict(self.identifier),
        }


def find_retained(
    session: boto3.Session, template: str, names: Mapping[str, str], endpoint_url: str | None
) -> list[RetainedResource]:
    """Find the retained resources of `template` that exist already; `names` has what the `${...}` of theirs are."""
    return [
        RetainedResource(logical_id, resource, identifier)
        for logical_id, resource in _retained(template, names)
        if (identifier := _identify(session, endpoint_url, resource)) is not None
    ]


def import_template(retained: list[RetainedResource]) -> str:
    """Write the template of an import: these resources, named and otherwise bare."""
    return json.dumps({"Resources": {found.logical_id: found.resource for found in retained}})


def _retained(template: str, names: Mapping[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    read = yaml.load(template, _Template)  # noqa: S506
    known = {name: str(parameter.get("Default", "")) for name, parameter in read["Parameters"].items()} | dict(names)
    for logical_id, resource in read["Resources"].items():
        kind, properties = resource["Type"], resource.get("Properties", {})
        if _is_made(resource, known) and "DeletionPolicy" in resource and kind in _NAMES:
            name = re.sub(r"\$\{([^}]+)\}", lambda found: known[found[1]], properties[_NAMES[kind]])
            kept = {key: properties[key] for key in _IDENTITY if key in properties}
            policies = {key: resource[key] for key in ("DeletionPolicy", "UpdateReplacePolicy")}
            yield logical_id, {"Type": kind, **policies, "Properties": {_NAMES[kind]: name, **kept}}


def _is_made(resource: Mapping[str, Any], known: Mapping[str, str]) -> bool:
    """Whether the template makes the resource: no table in place of which is a stream, nothing for absent Spark."""
    condition = resource.get("Condition", "")
    if condition == "HasSpark":
        return bool(known["SparkPackage"])
    made = re.fullmatch(r"Makes(.+)Table", condition)
    return not made or not known[f"{made[1]}StreamArn"]


def _identify(session: boto3.Session, endpoint_url: str | None, resource: Mapping[str, Any]) -> dict[str, str] | None:
    """Identify the resource as CloudFormation does, or return None where there is none of its name."""
    kind = resource["Type"]
    name: str = resource["Properties"][_NAMES[kind]]

    def queue() -> dict[str, str]:
        sqs = session.client("sqs", endpoint_url=endpoint_url)
        return {"QueueUrl": sqs.get_queue_url(QueueName=name)["QueueUrl"]}

    def log_group() -> dict[str, str] | None:
        logs = session.client("logs", endpoint_url=endpoint_url)
        found = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        return {"LogGroupName": name} if any(group["logGroupName"] == name for group in found) else None

    def bucket() -> dict[str, str]:
        session.client("s3", endpoint_url=endpoint_url).head_bucket(Bucket=name)
        return {"BucketName": name}

    def table() -> dict[str, str]:
        session.client("dynamodb", endpoint_url=endpoint_url).describe_table(TableName=name)
        return {"TableName": name}

    find: dict[str, Callable[[], dict[str, str] | None]] = {
        "AWS::S3::Bucket": bucket,
        "AWS::SQS::Queue": queue,
        "AWS::DynamoDB::Table": table,
        "AWS::Logs::LogGroup": log_group,
    }
    try:
        return find[kind]()
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status == HTTPStatus.NOT_FOUND or error.response["Error"]["Code"] in _ABSENT:
            return None
        raise


def _untagged(loader: Any, _: str, node: yaml.Node) -> Any:  # noqa: ANN401
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


#: Reads CloudFormation's YAML, in C where PyYAML has that; a tagged value counts as what is written after its tag.
_Template: Any = type("_Template", (getattr(yaml, "CSafeLoader", yaml.SafeLoader),), {})
_Template.add_multi_constructor("!", _untagged)
