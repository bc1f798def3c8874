"""Registry of tenants: where the index of each is, how often it may ask, and which of them were removed.

A tenant that nobody registered is served like any other, from the shared index and within the default rate: the token
says that there is such a tenant. A removed one is refused until it is added again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pipeline_assets.events.table_errors import transient
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
        Name or ARN of the secret with the credential of its index; empty where the engine asks for none.
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


class KnownTenants:
    """The table of tenants, for whoever serves them."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self.client = client
        self.table = table

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

        Raises
        ------
        TransientError
            The table does not answer.
        """
        with transient("read a tenant", "the table of tenants"):
            answer = self.client.get_item(TableName=self.table, Key={"tenant_id": {"S": tenant}}, ConsistentRead=True)
        return tenant_of(answer["Item"]) if "Item" in answer else Tenant(tenant, name or tenant)


def tenant_of(item: dict[str, Any]) -> Tenant:
    """The tenant that an item of the table tells of."""

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
