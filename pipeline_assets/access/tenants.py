"""Registry of tenants: where the index of each is, how often it may ask, and which of them were removed.

A tenant that nobody registered is served like any other, from the shared index and within the default rate: the token
says that there is such a tenant. A removed one is refused until it is added again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pipeline_assets.events.table import transient
from pipeline_assets.events.tenants import TenantId

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

State = Literal["active", "removed"]


@dataclass(frozen=True, slots=True)
class Tenant:
    """What is known of a tenant.

    Parameters
    ----------
    id
        The tenant, encoded.
    name
        The tenant as tokens and paths name it.
    state
        Whether it is served.
    endpoint
        Address of the engine that holds its index; empty for the shared one.
    secret
        Name of the secret with the credential of its index; empty where the engine asks for none.
    requests_per_minute
        How often it may ask; 0 for the default.
    changed_at
        When this was last changed, in UTC; empty for a tenant that nobody registered.
    """

    id: TenantId
    name: str
    state: State = "active"
    endpoint: str = ""
    secret: str = ""
    requests_per_minute: int = 0
    changed_at: str = ""


class TenantRegistry:
    """The table of tenants. Every method raises `TransientError` when the table does not answer."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def find(self, tenant: TenantId, name: str = "") -> Tenant:
        """Read what is known of a tenant, after every change before.

        Parameters
        ----------
        tenant
            The tenant.
        name
            How it is named where nobody registered it.

        Returns
        -------
        Tenant
            What was registered, or a tenant with the defaults.
        """
        with transient("read a tenant", "the table of tenants"):
            answer = self._client.get_item(TableName=self._table, Key={"tenant_id": {"S": tenant}}, ConsistentRead=True)
        return _tenant(answer["Item"]) if "Item" in answer else Tenant(tenant, name or tenant)

    def all(self) -> Iterator[Tenant]:
        """Read all tenants that were ever registered, removed ones too.

        Yields
        ------
        Tenant
            In no order.
        """
        with transient("read the tenants", "the table of tenants"):
            pages = self._client.get_paginator("scan").paginate(TableName=self._table, ConsistentRead=True)
            for page in pages:
                yield from map(_tenant, page["Items"])

    def put(self, tenant: Tenant) -> None:
        """Register a tenant, or change what is known of it.

        Parameters
        ----------
        tenant
            All that is known from now on.
        """
        with transient("register a tenant", "the table of tenants"):
            self._client.put_item(
                TableName=self._table,
                Item={
                    "tenant_id": {"S": tenant.id},
                    "name": {"S": tenant.name},
                    "state": {"S": tenant.state},
                    "endpoint": {"S": tenant.endpoint},
                    "secret": {"S": tenant.secret},
                    "requests_per_minute": {"N": str(tenant.requests_per_minute)},
                    "changed_at": {"S": tenant.changed_at},
                },
            )


def _tenant(item: dict[str, Any]) -> Tenant:
    def text(name: str) -> str:
        return str(item.get(name, {}).get("S", ""))

    return Tenant(
        id=TenantId(text("tenant_id")),
        name=text("name") or text("tenant_id"),
        # What is neither is no state of ours: nobody is served on it.
        state="active" if text("state") == "active" else "removed",
        endpoint=text("endpoint"),
        secret=text("secret"),
        requests_per_minute=int(item.get("requests_per_minute", {}).get("N", 0)),
        changed_at=text("changed_at"),
    )
