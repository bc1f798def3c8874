"""Registry of tenants as an operator changes it."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline_assets.access.tenants import KnownTenants, Tenant, tenant_of
from pipeline_assets.events.table_errors import transient


class TenantRegistry(KnownTenants):
    """The table of tenants. Every method raises `TransientError` when the table does not answer."""

    def all(self) -> Iterator[Tenant]:
        """Read all tenants that were ever registered, removed ones too.

        Yields
        ------
        Tenant
            In no order.
        """
        with transient("read the tenants", "the table of tenants"):
            pages = self.client.get_paginator("scan").paginate(TableName=self.table, ConsistentRead=True)
            for page in pages:
                yield from map(tenant_of, page["Items"])

    def put(self, tenant: Tenant) -> None:
        """Register a tenant, or change what is known of it.

        Parameters
        ----------
        tenant
            All that is known from now on.
        """
        with transient("register a tenant", "the table of tenants"):
            self.client.put_item(
                TableName=self.table,
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
