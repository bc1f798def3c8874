"""A table of items by tenant, that of purchases among them, as far as it is read: its tenants, and the items of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline_assets.errors import TransientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from pipeline_assets.events.stream_records import Image


class TenantTable:
    """A table with the tenant as its partition key; every method raises `TransientError` when it does not answer.

    Parameters
    ----------
    client
        The client.
    name
        Name of the table.
    key
        Name of its sort key.
    """

    def __init__(self, client: DynamoDBClient, name: str, key: str = "compra_id") -> None:
        self._client = client
        self.name = name
        self._key = key

    def tenants(self) -> list[str]:
        """Ids of all tenants, sorted; reads the keys of the whole table. Raises `TransientError`."""
        pages = self._pages("scan", ProjectionExpression="tenant_id")
        return sorted({item["tenant_id"]["S"] for page in pages for item in page["Items"]})

    def items(self, tenant: str, day: str = "") -> Iterator[Image]:
        """Read the items of a tenant.

        Parameters
        ----------
        tenant
            Id of the tenant.
        day
            Day of the purchases, ISO; of all days unless given.

        Yields
        ------
        Mapping
            The item in DynamoDB's form.

        Raises
        ------
        TransientError
            The table does not answer.
        """
        asked: dict[str, Any] = {
            "KeyConditionExpression": "tenant_id = :tenant",
            "ExpressionAttributeValues": {":tenant": {"S": tenant}},
            "ConsistentRead": True,
        }
        if day:
            asked["FilterExpression"] = "begins_with(fecha, :day)"
            asked["ExpressionAttributeValues"][":day"] = {"S": day}
        for page in self._pages("query", **asked):
            yield from page["Items"]

    def item(self, tenant: str, item: str) -> Image | None:
        """Read one item.

        Parameters
        ----------
        tenant, item
            Its key.

        Returns
        -------
        Mapping or None
            The item in DynamoDB's form; None where it is not there.

        Raises
        ------
        TransientError
            The table does not answer.
        """
        key = {"tenant_id": {"S": tenant}, self._key: {"S": item}}
        try:
            answer = self._client.get_item(TableName=self.name, Key=key, ConsistentRead=True)
        except (BotoCoreError, ClientError) as error:
            raise TransientError(f"the table {self.name} does not answer: {error}") from error
        return answer.get("Item")

    def _pages(self, operation: Any, **asked: Any) -> Iterator[Any]:  # noqa: ANN401 - literals of the client
        try:
            yield from self._client.get_paginator(operation).paginate(TableName=self.name, **asked)
        except (BotoCoreError, ClientError) as error:
            raise TransientError(f"the table {self.name} does not answer: {error}") from error
