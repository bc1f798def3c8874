"""The stores that an operator's command works on: those of a local instance, or those that the environment names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

import boto3

from deploy.cli.commands import Where
from deploy.local.access import Access
from deploy.local.board import holder, why_it_ended
from deploy.local.errors import LocalStackError
from deploy.local.instance import Instance
from deploy.local.outputs import environment_contract, read_outputs
from deploy.local.processes import keep_to_this_machine
from pipeline_assets.csv_files.ingest import FileFlow, StoresT
from pipeline_assets.events.dead_letters import DeadLetters
from pipeline_assets.events.object_version import ObjectVersion
from pipeline_assets.events.queue import EventQueue
from pipeline_assets.flows import FLOWS
from pipeline_assets.operations.versions import split_uri
from pipeline_assets.settings import MissingSettingError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from pipeline_assets.curation.ingest import CurationFlow
    from pipeline_assets.raw.inbox import InboxFlow


def access_to(instance: Instance) -> Access:
    """Clients of a running instance; raises `LocalStackError` when it does not run."""
    document = read_outputs(instance)
    if holder(instance) is None:
        raise LocalStackError(
            f"no instance runs on {instance.state}: start it with `cesta up`.{why_it_ended(instance)}"
        )
    return Access(document)


@dataclass(frozen=True, slots=True)
class Deployment(Generic[StoresT]):
    """The stores and the queue of one flow in a deployment; `bucket` is that of its files, empty where nobody said."""

    flow: FileFlow[Any, StoresT] | CurationFlow | InboxFlow
    stores: StoresT
    sqs: SQSClient
    queue_url: str
    bucket: str

    @property
    def queue(self) -> EventQueue:
        """The queue that feeds the function."""
        return EventQueue(self.sqs, self.queue_url)

    def dead_letters(self) -> DeadLetters:
        """The dead letters of that queue."""
        return DeadLetters(self.sqs, self.queue_url)

    def object(self, name: str) -> tuple[str, str]:
        """Bucket and key of a file named by its uri, or by its key in the bucket of the flow's files."""
        if not name.startswith("s3://"):
            self.require_bucket()
        return split_uri(name, self.bucket)

    def require_bucket(self) -> str:
        """The name of the bucket of the flow's files; raises `MissingSettingError` when nobody said."""
        if not self.bucket:
            name = f"{self.flow.name.upper()}_BUCKET"
            raise MissingSettingError(name, f"the name of the bucket of {self.flow.name}; or name a file as s3://…")
        return self.bucket

    def name_of(self, source: ObjectVersion) -> str:
        """How `object` is told of a file in the fewest words: its key where it lies in that bucket."""
        return source.key if source.bucket == self.bucket else source.uri


@contextmanager
def deployment_of(flow: str, where: Where) -> Iterator[Deployment[Any]]:
    """Open the flow of this name."""
    if not where.from_env:
        enter(where.instance())
    row = next(each for each in FLOWS if each.name == flow)
    settings = row.load(row.settings).from_environment()
    opened = row.load(row.opener)(settings)
    with opened if isinstance(opened, AbstractContextManager) else nullcontext(opened) as stores:
        queue_url, bucket = getattr(settings, f"{row.queue}_queue_url"), getattr(settings, f"{row.bucket}_bucket")
        yield Deployment(row.load(row.flow), stores, boto3.client("sqs"), queue_url, bucket)


def enter(instance: Instance) -> Access:
    """Take on the environment of a local instance, which is that of `cesta env`; raises `LocalStackError`."""
    access = access_to(instance)
    keep_to_this_machine()
    os.environ.update(environment_contract(instance, access.document))
    return access
