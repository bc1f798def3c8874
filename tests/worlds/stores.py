"""Tables and buckets of a test's own on the local cloud, as the template declares those of an instance."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.worlds.template_reading import RESOURCES

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

#: What of a declared table the local cloud needs for one of another name.
_SHAPE = ("AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema", "LocalSecondaryIndexes")


def make_table(dynamodb: DynamoDBClient, name: str, declared: str = "LedgerTable") -> str:
    """Make a table with the keys and indexes of one of the template, a ledger unless said otherwise."""
    properties: Any = RESOURCES[declared]["Properties"]
    dynamodb.create_table(TableName=name, **{key: properties[key] for key in _SHAPE if key in properties})
    return name


def make_bucket(s3: S3Client, name: str) -> str:
    """Make a bucket that keeps versions and announces nothing."""
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


@contextmanager
def ledger_table(dynamodb: DynamoDBClient) -> Iterator[str]:
    """The name of an empty ledger, there for as long as the block lasts."""
    name = make_table(dynamodb, f"ledger-{uuid4().hex}")
    yield name
    dynamodb.delete_table(TableName=name)
