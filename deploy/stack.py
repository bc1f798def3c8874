"""Deploys `template.yaml` to AWS or to the local cloud, with what its functions run and the page; reads its outputs.

A stack is called `cesta-<stage>`. Its packages lie in a bucket beside it, `cesta-<stage>-artifacts-<account>-<region>`,
under keys that hold their hash; the stack does not own that bucket, without which it could not be made.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from botocore.exceptions import ClientError, WaiterError

from deploy.packaging import PACKAGES, ROOT, package_key
from deploy.page_files import upload_page
from deploy.retained import RetainedResource, find_retained, import_template
from deploy.spark_package import upload_spark
from pipeline_assets.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import boto3
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.literals import ChangeSetTypeType
    from mypy_boto3_cloudformation.type_defs import CreateChangeSetInputTypeDef, ParameterTypeDef, WaiterConfigTypeDef
    from mypy_boto3_s3 import S3Client

TEMPLATE: Final = ROOT / "deploy" / "template.yaml"
#: What a stack may be in for a new deployment to begin; after a failed first one it is an empty shell, deleted before.
_READY: Final = (
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
)
#: What a stack may have come to rest in from which only a person gets it out, and how.
_STUCK: Final = {
    "CREATE_FAILED": "look at its events for what failed, then delete the stack",
    "ROLLBACK_FAILED": "some of what it had made could not be deleted, such as a bucket that holds objects by now: "
    "empty or keep those, then delete the stack",
    "DELETE_FAILED": "some of it could not be deleted, such as a bucket that holds objects: empty those and delete the "
    "stack again, or delete it and retain them",
    "UPDATE_ROLLBACK_FAILED": "mend what its events name, then continue the rollback "
    "(aws cloudformation continue-update-rollback)",
    "UPDATE_FAILED": "roll it back (aws cloudformation rollback-stack)",
    "IMPORT_ROLLBACK_FAILED": "mend what its events name, then delete the stack and retain its resources",
}
_WAITERS: Final = {
    "CREATE": "stack_create_complete",
    "UPDATE": "stack_update_complete",
    "IMPORT": "stack_import_complete",
}
_NO_CHANGE: Final = ("didn't contain changes", "No updates are to be performed")
_KINDS: Final = {
    "Bucket": "buckets",
    "Queue": "queues",
    "Table": "tables",
    "Database": "databases",
    "Workgroup": "workgroups",
    "Function": "functions",
    "Rule": "rules",
    "Setting": "settings",
    "Crawler": "crawlers",
}


class DeployError(UserError):
    """A deployment that failed; the message names the resource and its reason."""


def deploy_stack(
    session: boto3.Session,
    parameters: Mapping[str, str],
    packages: Path,
    *,
    endpoint_url: str | None = None,
    stage: str = "dev",
) -> dict[str, str]:
    """Deploy the template and the packages in the folder `packages`, wait until it is done, and return the outputs.

    Deploying what is already there changes nothing. `parameters` are the template's, all that have no default but the
    stage and those of the packages; runtime and architecture are those the packages were built for. A stack that is
    there keeps the parameters that are not given.

    Raises `DeployError` when the stack cannot be deployed; CloudFormation then has rolled it back.
    """
    account = session.client("sts", endpoint_url=endpoint_url).get_caller_identity()["Account"]
    bucket = f"cesta-{stage}-artifacts-{account}-{session.region_name}"
    s3 = session.client("s3", endpoint_url=endpoint_url)
    _ensure_bucket(s3, bucket, account, session.region_name)
    built = _upload_packages(s3, bucket, account, packages)
    if endpoint_url is None:
        # The local cloud has no EMR Serverless.
        built |= upload_spark(s3, bucket, account, packages)
    chosen = {"Stage": stage, "ArtifactBucket": bucket, **built, **parameters}
    stack = _Stack(session, f"cesta-{stage}", endpoint_url)
    names = {**chosen, "AWS::AccountId": account, "AWS::Region": session.region_name}
    retained = partial(find_retained, session, TEMPLATE.read_text(), names, endpoint_url)
    stack.deploy(_upload_template(s3, bucket, account), chosen, retained)
    outputs = stack.outputs()
    upload_page(s3, outputs["BucketPage"], account)
    return outputs


def stack_outputs(session: boto3.Session, *, endpoint_url: str | None = None, stage: str = "dev") -> dict[str, str]:
    """Read the outputs of the deployed stack. Raises `DeployError` when there is none."""
    return _Stack(session, f"cesta-{stage}", endpoint_url).outputs()


def outputs_by_kind(outputs: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """File outputs under their kind, names in kebab case; outputs of any other kind are left out.

    >>> outputs_by_kind({"QueueTicketsDlq": "https://...", "TopicAlarms": "arn:..."})["queues"]
    {'tickets-dlq': 'https://...'}
    """
    filed: dict[str, dict[str, str]] = {kind: {} for kind in _KINDS.values()}
    for key, value in outputs.items():
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", key)
        kind, _, name = words.partition("-")
        if kind in _KINDS:
            filed[_KINDS[kind]][name.lower()] = value
    return filed


class _Stack:
    """One stack, by name."""

    def __init__(self, session: boto3.Session, name: str, endpoint_url: str | None) -> None:
        self._cloud: CloudFormationClient = session.client("cloudformation", endpoint_url=endpoint_url)
        self._name = name
        # A stack on AWS takes minutes, on the local cloud a second.
        delay, attempts = (5, 360) if endpoint_url is None else (0.1, 1200)
        self._wait: WaiterConfigTypeDef = {"Delay": cast("int", delay), "MaxAttempts": attempts}

    def outputs(self) -> dict[str, str]:
        if self._status() is None:
            raise DeployError(f"there is no stack {self._name}")
        stack = self._cloud.describe_stacks(StackName=self._name)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def deploy(
        self, template_url: str, parameters: Mapping[str, str], retained: Callable[[], list[RetainedResource]]
    ) -> None:
        status = self._status()
        if status == "ROLLBACK_COMPLETE":
            self._cloud.delete_stack(StackName=self._name)
            self._cloud.get_waiter("stack_delete_complete").wait(StackName=self._name, WaiterConfig=self._wait)
            status = None
        if status is None and (found := retained()):
            bare, wanted = import_template(found), [each.to_import for each in found]
            self._change({**self._request("IMPORT"), "TemplateBody": bare, "ResourcesToImport": wanted})
            status = "IMPORT_COMPLETE"
        if status is not None and status not in _READY:
            raise DeployError(not_ready(self._name, status))
        values: list[ParameterTypeDef] = [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()]
        if status:
            values += [
                {"ParameterKey": k, "UsePreviousValue": True} for k in sorted(self._kept(template_url, parameters))
            ]
        request = self._request("UPDATE" if status else "CREATE")
        self._change({**request, "TemplateURL": template_url, "Parameters": values})

    def _kept(self, template_url: str, given: Mapping[str, str]) -> set[str]:
        """Parameters that the stack has, the template still knows and nobody gives."""
        has = self._cloud.describe_stacks(StackName=self._name)["Stacks"][0].get("Parameters", [])
        knows = self._cloud.get_template_summary(TemplateURL=template_url)["Parameters"]
        return ({p["ParameterKey"] for p in has} & {p["ParameterKey"] for p in knows}) - given.keys()

    def _request(self, kind: ChangeSetTypeType) -> CreateChangeSetInputTypeDef:
        return {
            "StackName": self._name,
            "ChangeSetName": f"deploy-{time.time_ns()}",
            "ChangeSetType": kind,
            "Capabilities": ["CAPABILITY_IAM"],
        }

    def _status(self) -> str | None:
        """Status in CloudFormation's words, or None where there is no stack (one under review counts as none)."""
        try:
            status = self._cloud.describe_stacks(StackName=self._name)["Stacks"][0]["StackStatus"]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        return None if status == "REVIEW_IN_PROGRESS" else status

    def _change(self, request: CreateChangeSetInputTypeDef) -> None:
        """Make this change set and carry it out, if there is anything to change."""
        stack, change = self._name, request["ChangeSetName"]
        try:
            self._cloud.create_change_set(**request)
            planned = self._cloud.get_waiter("change_set_create_complete")
            planned.wait(StackName=stack, ChangeSetName=change, WaiterConfig=self._wait)
            self._cloud.execute_change_set(StackName=stack, ChangeSetName=change)
            # Three names, one form of waiter: the stubs know each name on its own only.
            done = self._cloud.get_waiter(cast("Literal['stack_create_complete']", _WAITERS[request["ChangeSetType"]]))
            done.wait(StackName=stack, WaiterConfig=self._wait)
        except ClientError as error:
            raise DeployError(
                f"stack {stack} cannot be deployed: {error.response['Error'].get('Message', error)}"
            ) from error
        except WaiterError as error:
            refused = error.last_response.get("Status") == "FAILED"
            reason = str(error.last_response.get("StatusReason", error))
            if refused and any(words in reason for words in _NO_CHANGE):
                self._cloud.delete_change_set(StackName=stack, ChangeSetName=change)
                return
            failures = [reason] if refused else list(self._failures())
            raise DeployError(f"stack {stack} cannot be deployed: {failures[-1] if failures else error}") from error

    def _failures(self) -> Iterator[str]:
        """Say why resources failed in the newest operation, newest first: the last one caused the others."""
        checks = self._cloud.describe_events(StackName=self._name, Filters={"FailedEvents": True})["OperationEvents"]
        for check in checks:
            if check["OperationId"] == checks[0]["OperationId"] and check.get("ValidationStatus") == "FAILED":
                yield f"{check['LogicalResourceId']} ({check['ResourceType']}): {check['ValidationStatusReason']}"
        pages = self._cloud.get_paginator("describe_stack_events").paginate(StackName=self._name)
        for event in (event for page in pages for event in page["StackEvents"]):
            status, reason = event["ResourceStatus"], event.get("ResourceStatusReason", "")
            if event["ResourceType"] == "AWS::CloudFormation::Stack":
                if status in {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "IMPORT_IN_PROGRESS"}:
                    return
            elif status.endswith("_FAILED") and "cancelled" not in reason:
                yield f"{event['LogicalResourceId']} ({event['ResourceType']}): {reason or status}"


def not_ready(name: str, status: str) -> str:
    """Why a stack cannot be deployed in its status, and what to do about it."""
    if way_out := _STUCK.get(status):
        return f"stack {name} is in {status} and does not get out of it by itself: {way_out}"
    return f"stack {name} is in {status}: something else is changing it; try again when that has ended"


def _upload_packages(s3: S3Client, bucket: str, account: str, packages: Path) -> dict[str, str]:
    """Upload the packages and return the parameters that follow from them."""
    parameters: dict[str, str] = {}
    for package in PACKAGES:
        archive = packages / f"{package.name}.zip"
        if not archive.exists():
            raise DeployError(f"no {archive.name} in {packages}; `make package` builds it")
        key = package_key(package.name, archive)
        _upload(s3, bucket, account, key, archive)
        built = json.loads(archive.with_suffix(".json").read_text())
        parameters |= {
            f"{package.name.title().replace('-', '')}Package": key,
            "Runtime": built["runtime"],
            "Architecture": built["architecture"],
        }
    return parameters


def _upload_template(s3: S3Client, bucket: str, account: str) -> str:
    """Upload the template and return its address: inside a request CloudFormation takes no more than 51,200 bytes."""
    key = f"templates/{hashlib.sha256(TEMPLATE.read_bytes()).hexdigest()}.yaml"
    _upload(s3, bucket, account, key, TEMPLATE)
    return object_url(s3, bucket, key)


def object_url(s3: S3Client, bucket: str, key: str) -> str:
    """The address of an object at its region's own endpoint.

    The one without a region refers elsewhere, which CloudFormation does not follow in regions to opt into.
    """
    return f"{s3.meta.endpoint_url}/{bucket}/{key}"


def _upload(s3: S3Client, bucket: str, account: str, key: str, file: Path) -> None:
    """Upload the file unless it is there; its key holds its hash."""
    if not _exists(lambda: s3.head_object(Bucket=bucket, Key=key, ExpectedBucketOwner=account)):
        s3.put_object(Bucket=bucket, Key=key, Body=file.read_bytes(), ExpectedBucketOwner=account)


def _ensure_bucket(s3: S3Client, bucket: str, account: str, region: str) -> None:
    """Make the artifact bucket if absent; a stranger's bucket of that name is refused, for functions run what it holds.

    AWS encrypts a new bucket and blocks public access to it.
    """
    if _exists(lambda: s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=account)):
        return
    if region == "us-east-1":
        s3.create_bucket(Bucket=bucket)
    else:
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": cast("Any", region)})


def _exists(head: Callable[[], object]) -> bool:
    try:
        head()
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.NOT_FOUND:
            return False
        raise
    return True
