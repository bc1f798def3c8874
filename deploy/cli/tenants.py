"""`cesta tenants`: who is served by the HTTP API, from which engine, and how often each may ask."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import boto3
import typer
from rich.table import Table

from deploy.cli.commands import JsonOption, Where
from deploy.cli.console import console, print_json, say
from deploy.cli.deployment import enter
from pipeline_assets.access.registry import TenantRegistry
from pipeline_assets.access.tenants import Tenant
from pipeline_assets.events.environment import optional, required
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.tenants import tenant_id
from pipeline_assets.search.engine import open_engine
from pipeline_assets.search.engines import KEPT_SECONDS
from pipeline_assets.search.tenants import add_tenant, close_tenant, drop_indexes

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

    from pipeline_assets.search.elasticsearch_index import ElasticsearchIndex

TenantArgument = Annotated[str, typer.Argument(help="The tenant, as tokens name it.")]


@dataclass(frozen=True, slots=True)
class _Opened:
    registry: TenantRegistry
    secrets: SecretsManagerClient
    stage: str

    def engine(self, tenant: Tenant) -> ElasticsearchIndex:
        """The tenant's engine, with the credential of whoever runs it; on another host that is in the address."""
        return open_engine(tenant.endpoint)


def list_tenants(where: Where, *, as_json: JsonOption = False) -> None:
    """List the tenants that were registered; any other is served from the shared index, within the default rate."""
    with _opened(where) as opened:
        found = sorted(opened.registry.all(), key=lambda tenant: tenant.name)
    if as_json:
        print_json({"tenants": [asdict(each) for each in found]})
        return
    table = Table("tenant", "state", "engine", "a minute", "since")
    for each in found:
        limit = str(each.requests_per_minute or "default")
        table.add_row(each.name, each.state, each.endpoint or "shared", limit, each.changed_at)
    console.print(table)


def add(
    where: Where,
    name: TenantArgument,
    *,
    endpoint: Annotated[
        str | None, typer.Option("--endpoint", help="Address of its own engine; an empty one is the shared engine.")
    ] = None,
    requests_per_minute: Annotated[
        int | None, typer.Option("--requests-per-minute", min=0, help="How often it may ask; 0 is the default.")
    ] = None,
) -> None:
    """Make the indexes of a tenant, a key that reaches them alone where the engine has security, and let it in.

    What is not given stays as it is; a new tenant is in the shared engine, within the default rate.
    """
    with _opened(where) as opened:
        known = opened.registry.find(tenant_id(name), name)
        wanted = replace(
            known,
            name=name,
            endpoint=known.endpoint if endpoint is None else endpoint,
            requests_per_minute=known.requests_per_minute if requests_per_minute is None else requests_per_minute,
            changed_at=iso_utc(datetime.now(UTC)),
        )
        added = add_tenant(wanted, opened.registry, opened.engine(wanted), opened.secrets, opened.stage)
    say(f"{name} is served{f', its key is in {added.secret}' if added.secret else ''}.", style="green")


def remove(
    where: Where,
    name: TenantArgument,
    *,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until no function can write its indexes any more.")
    ] = True,
) -> None:
    """Refuse a tenant at once, and delete its indexes; its items, documents and history stay.

    A function that wrote for it a moment ago may do so for another minute, so what is there then is deleted too.
    """
    with _opened(where) as opened:
        known = close_tenant(tenant_id(name), name, opened.registry, iso_utc(datetime.now(UTC)))
        say(f"{name} is refused from now on.")
        index = opened.engine(known)
        dropped = drop_indexes(known.id, index, opened.stage)
        if known.secret:
            opened.secrets.delete_secret(SecretId=known.secret, ForceDeleteWithoutRecovery=True)
            opened.registry.put(replace(known, secret=""))
        if wait:
            say(f"waiting {KEPT_SECONDS:.0f} seconds for functions that do not know it yet…")
            time.sleep(KEPT_SECONDS)
            dropped += drop_indexes(known.id, index, opened.stage)
    say(f"indexes deleted: {len(dropped)}.", style="green")


@contextmanager
def _opened(where: Where) -> Iterator[_Opened]:
    if not where.from_env:
        enter(where.instance())
    table = required(None, "TENANTS_TABLE", "the name of the DynamoDB table of tenants")
    stage = optional(None, "STAGE", "dev")
    yield _Opened(TenantRegistry(boto3.client("dynamodb"), table), boto3.client("secretsmanager"), stage)
