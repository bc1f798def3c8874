"""Adding and removing a tenant: its indexes, the key that reaches them alone, and its place in the registry."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from pipeline_assets.access.registry import TenantRegistry
from pipeline_assets.access.tenants import Tenant
from pipeline_assets.search.mappings import index_body
from pipeline_assets.search.names import KINDS, alias, encoded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from mypy_boto3_secretsmanager import SecretsManagerClient

    from pipeline_assets.events.tenants import TenantId
    from pipeline_assets.search.index import Generations
    from pipeline_assets.search.names import Kind


class TenantIndexes(Protocol):
    """What is done to the indexes of a tenant as a whole; every method raises `TransientError`."""

    def create_index(self, alias: str, body: Mapping[str, Any]) -> None:
        """Create a generation of an index behind its alias, unless there is one."""

    def generations(self, alias: str) -> Generations:
        """Generations of the index behind an alias."""

    def delete(self, generation: str) -> None:
        """Delete a generation."""

    def issue_key(self, name: str, aliases: tuple[str, ...]) -> str:
        """Make a key that reaches these indexes alone; empty where the engine has no security."""

    def revoke_keys(self, name: str) -> None:
        """Let no key of this name be of use any more."""


def secret_name(stage: str, tenant: TenantId) -> str:
    """Name of the secret with the key of a tenant's indexes."""
    return f"cesta/{stage}/tenants/{encoded(tenant)}"


def add_tenant(
    tenant: Tenant, registry: TenantRegistry, index: TenantIndexes, secrets: SecretsManagerClient, stage: str
) -> Tenant:
    """Make the indexes of a tenant, a key for them where the engine has security, and serve it from then on.

    Doing it again changes nothing but what is given otherwise.

    Parameters
    ----------
    tenant
        The tenant, its engine and its limit.
    registry
        The registry of tenants.
    index
        Its engine, opened by whoever may do everything there.
    secrets
        Client of Secrets Manager.
    stage
        The deployment's, which is part of the names.

    Returns
    -------
    Tenant
        What is known of it now.

    Raises
    ------
    TransientError
        The engine or the registry does not answer: do it again.
    """
    aliases = tuple(_aliases(stage, tenant.id).values())
    for kind, name in _aliases(stage, tenant.id).items():
        index.create_index(name, index_body(kind))
    known = registry.find(tenant.id)
    # The key of a removed tenant is revoked, and that of another engine opens nothing here.
    has_key = bool(known.secret) and known.state == "active" and known.endpoint == tenant.endpoint
    secret = known.secret if has_key else ""
    if not has_key and (key := index.issue_key(secret_name(stage, tenant.id), aliases)):
        secret = _kept(secrets, secret_name(stage, tenant.id), key)
    added = replace(tenant, secret=secret, state="active")
    registry.put(added)
    return added


def close_tenant(tenant: TenantId, name: str, registry: TenantRegistry, now: str) -> Tenant:
    """Refuse every request of a tenant from now on; what changes of its items comes late is not written any more.

    Parameters
    ----------
    tenant, name
        The tenant, and how tokens name it.
    registry
        The registry of tenants.
    now
        The time, in UTC.

    Returns
    -------
    Tenant
        What is known of it now.

    Raises
    ------
    TransientError
        The registry does not answer.
    """
    closed = replace(registry.find(tenant, name), state="removed", changed_at=now)
    registry.put(closed)
    return closed


def drop_indexes(tenant: TenantId, index: TenantIndexes, stage: str) -> list[str]:
    """Delete all generations of all indexes of a tenant, and revoke its keys.

    Parameters
    ----------
    tenant
        The tenant, closed before.
    index
        Its engine.
    stage
        The deployment's.

    Returns
    -------
    list of str
        The generations that there were.

    Raises
    ------
    TransientError
        The engine does not answer: do it again.
    """
    dropped = []
    for name in _aliases(stage, tenant).values():
        found = index.generations(name)
        for generation in (found.current, *found.earlier, *found.unfinished):
            if generation:
                index.delete(generation)
                dropped.append(generation)
    index.revoke_keys(secret_name(stage, tenant))
    return dropped


def _aliases(stage: str, tenant: TenantId) -> dict[Kind, str]:
    return {kind: alias(stage, kind, tenant) for kind in KINDS}


def _kept(secrets: SecretsManagerClient, name: str, key: str) -> str:
    """Put a key where functions find it, and return the secret's ARN."""
    # Functions keep an engine open by its secret. A tenant that comes back has another ARN, and by the name alone they
    # would go on with the revoked key.
    value = json.dumps({"api_key": key})
    try:
        return secrets.create_secret(Name=name, SecretString=value)["ARN"]
    except secrets.exceptions.ResourceExistsException:
        return secrets.put_secret_value(SecretId=name, SecretString=value)["ARN"]
