"""Deployment of a flow that an operator's command works on: its queue and stores, local or as the environment names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

import boto3

from deploy.cli.commands import Where
from deploy.local.board import holder, why_it_ended
from deploy.local.instance import Instance, LocalStackError
from deploy.local.outputs import environment_contract, read_outputs
from deploy.local.processes import keep_to_this_machine
from pipeline_assets.events.dead_letters import DeadLetters
from pipeline_assets.events.environment import MissingSettingError
from pipeline_assets.events.flow import Flow, StoresT
from pipeline_assets.events.queue import EventQueue
from pipeline_assets.events.sources import ObjectVersion, Source
from pipeline_assets.flows import flow_row
from pipeline_assets.operations.access import Access
from pipeline_assets.operations.open_flow import open_flow
from pipeline_assets.operations.versions import split_uri

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


def access_to(instance: Instance) -> Access:
    """Clients of a running instance, made from its outputs; raises `LocalStackError` when it does not run."""
    document = read_outputs(instance)
    if holder(instance) is None:
        raise LocalStackError(
            f"no instance runs on {instance.state}: start it with `cesta up`.{why_it_ended(instance)}"
        )
    return Access(document)


@dataclass(frozen=True, slots=True)
class Deployment(Generic[StoresT]):
    """Open stores, queue and bucket of one flow in a deployment; the bucket is empty where its name is not set."""

    flow: Flow[StoresT]
    stores: StoresT
    sqs: SQSClient
    queue_url: str
    bucket: str
    dead_letters_url: str = ""

    @property
    def queue(self) -> EventQueue:
        """The queue that feeds the function."""
        return EventQueue(self.sqs, self.queue_url)

    def dead_letters(self) -> DeadLetters:
        """The dead letters of that queue, or of the stream that feeds the function."""
        return DeadLetters(self.sqs, self.queue_url, self.dead_letters_url)

    def object(self, name: str) -> tuple[str, str]:
        """Bucket and key of a file named by its uri, or by its key in the bucket of the flow's files."""
        if not name.startswith("s3://"):
            self.require_bucket()
        return split_uri(name, self.bucket)

    def require_bucket(self) -> str:
        """Name of the bucket of the flow's files; raises `MissingSettingError` where it is not set."""
        if not self.bucket:
            name = flow_row(self.flow.name).bucket_variable
            raise MissingSettingError(name, f"the name of the bucket of {self.flow.name}; or name a file as s3://…")
        return self.bucket

    def name_of(self, source: Source) -> str:
        """Shortest name of a source, one that `object` takes: a file's key where it lies in that bucket."""
        return source.key if isinstance(source, ObjectVersion) and source.bucket == self.bucket else source.uri


@contextmanager
def deployment_of(flow: str, where: Where) -> Iterator[Deployment[Any]]:
    """Open the queue and the stores of the flow of this name."""
    if not where.from_env:
        enter(where.instance())
    with open_flow(flow_row(flow)) as opened:
        sqs, letters = boto3.client("sqs"), opened.dead_letters_url
        yield Deployment(opened.flow, opened.stores, sqs, opened.queue_url, opened.bucket, letters)


def enter(instance: Instance) -> Access:
    """Take on the environment of a local instance, which is that of `cesta env`; raises `LocalStackError`."""
    access = access_to(instance)
    keep_to_this_machine()
    os.environ.update(environment_contract(instance, access.document))
    return access
