"""Clients of a deployed stack, made from nothing but its outputs document, as any other program would make them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from pipeline_assets.aws_sessions import new_session
from pipeline_assets.storage.bucket import Bucket
from pipeline_assets.storage.s3 import S3Storage, open_storage

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient
    from neo4j import Driver

    from pipeline_assets.storage.s3 import S3Client


@dataclass(frozen=True)
class Access:
    """Clients of one deployed stack; `document` is what `cesta outputs --json` prints."""

    document: Mapping[str, Any]

    def client(self, service: str) -> Any:  # noqa: ANN401 - its type follows from the name
        """A boto3 client of any service."""
        return self._session().client(cast("Any", service), endpoint_url=self.document["endpoint_url"])

    @cached_property
    def storage(self) -> S3Storage:
        """The buckets."""
        return open_storage(session=self._session(), endpoint_url=self.document["endpoint_url"])

    @property
    def s3(self) -> S3Client:
        """Client of the buckets, for what is about a bucket itself."""
        return self.storage.client

    def open_bucket(self, name: str) -> Bucket:
        """The bucket with this logical name."""
        return self.storage.bucket(self.bucket(name))

    @cached_property
    def sqs(self) -> SQSClient:
        """Client of the queues."""
        return cast("SQSClient", self.client("sqs"))

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        """Client of the tables."""
        return cast("DynamoDBClient", self.client("dynamodb"))

    def graph(self) -> Driver:
        """A driver of the purchase graph, to be closed by the caller."""
        from neo4j import GraphDatabase  # noqa: PLC0415 - takes a second

        graph = self.document["graph"]
        return GraphDatabase.driver(
            graph["uri"], auth=(graph["user"], graph["password"]), notifications_min_severity="OFF"
        )

    def _session(self) -> boto3.Session:
        return new_session(region_name=self.document["region"], **self.document["credentials"])

    def bucket(self, name: str) -> str:
        """Name of the bucket with this logical name."""
        return cast("str", self.document["buckets"][name])

    def queue(self, name: str) -> str:
        """Address of the queue with this logical name."""
        return cast("str", self.document["queues"][name])

    def setting(self, name: str) -> str:
        """Value of the setting with this logical name."""
        return cast("str", self.document["settings"][name])

    def table(self, name: str) -> str:
        """Name of the table with this logical name."""
        return cast("str", self.document["tables"][name])
