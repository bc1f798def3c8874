"""A tenant is added and removed by commands: its indexes, its limit, and who is let in."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from deploy.local.issuer import mint_token
from pipeline_assets.access.registry import TenantRegistry
from pipeline_assets.access.tenants import Tenant
from pipeline_assets.events.tenants import tenant_id
from pipeline_assets.search.elasticsearch_index import ElasticsearchIndex
from pipeline_assets.search.names import KINDS, alias
from pipeline_assets.search.tenants import add_tenant, close_tenant, drop_indexes
from tests.worlds.api import Api, api_of
from tests.worlds.commands import Command
from tests.worlds.search import product
from tests.worlds.stack import RunningStack
from tests.worlds.waiting import until

pytestmark = pytest.mark.any_engine


@pytest.fixture
def cesta(cloud: RunningStack) -> Command:
    return Command(cloud.instance.state, cloud.instance.port_base)


@pytest.fixture
def index(cloud: RunningStack) -> ElasticsearchIndex:
    return ElasticsearchIndex.open(cloud.outputs["search"]["url"])


@dataclass
class WithSecurity:
    """The engine of the instance, with keys as one with security has them."""

    engine: ElasticsearchIndex
    issued: int = 0
    valid: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def issue_key(self, name: str, aliases: tuple[str, ...]) -> str:
        assert name
        assert aliases
        self.issued += 1
        self.valid.append(f"key-{self.issued}")
        return self.valid[-1]

    def revoke_keys(self, name: str) -> None:
        assert name
        self.valid.clear()


def put_product(cloud: RunningStack, tenant: str, code: str) -> None:
    cloud.access.dynamodb.put_item(TableName=cloud.outputs["tables"]["products"], Item=product(code, tenant))


def found(api: Api, cloud: RunningStack, tenant: str) -> int:
    answer = api.ask("GET", f"/search/{tenant}/products?q=pan", mint_token(cloud.instance, tenant, 5))
    return int(answer.document()["total"]) if answer.status == 200 else -answer.status


def generations(index: ElasticsearchIndex, tenant: str) -> list[str]:
    return [index.generations(alias("dev", kind, tenant_id(tenant))).current for kind in KINDS]


def test_adding_again_changes_the_limit_and_removing_again_nothing(
    cloud: RunningStack, cesta: Command, index: ElasticsearchIndex
) -> None:
    name, api = "Tienda del Sur", api_of(cloud)
    added = cesta("tenants", "add", name)
    assert added.returncode == 0, added.stderr
    assert all(generations(index, name))
    cesta("tenants", "add", name, "--requests-per-minute", "7")
    (known,) = [
        each for each in json.loads(cesta("tenants", "list", "--json").stdout)["tenants"] if each["name"] == name
    ]
    assert (known["state"], known["requests_per_minute"]) == ("active", 7)

    token = mint_token(cloud.instance, name, 5)
    assert api.ask("GET", "/search/Tienda%20del%20Sur", token).status == 200
    for _ in range(2):
        removed = cesta("tenants", "remove", name, "--no-wait")
        assert removed.returncode == 0, removed.stderr
        assert api.ask("GET", "/search/Tienda%20del%20Sur", token).status == 403
        assert not any(generations(index, name))
    cesta("tenants", "add", name)
    assert api.ask("GET", "/search/Tienda%20del%20Sur", token).status == 200
    (known,) = [
        each for each in json.loads(cesta("tenants", "list", "--json").stdout)["tenants"] if each["name"] == name
    ]
    assert (known["state"], known["requests_per_minute"]) == ("active", 7), "what is not given stays"


def test_a_tenant_that_comes_back_has_a_valid_key_and_functions_open_its_engine_anew(
    cloud: RunningStack, index: ElasticsearchIndex
) -> None:
    engine = WithSecurity(index)
    registry = TenantRegistry(cloud.access.dynamodb, cloud.outputs["tables"]["tenants"])
    secrets = cloud.access.client("secretsmanager")
    wanted = Tenant(tenant_id("keyed"), "keyed")

    def add() -> tuple[str, str]:
        secret = add_tenant(wanted, registry, engine, secrets, "dev").secret
        return secret, json.loads(secrets.get_secret_value(SecretId=secret)["SecretString"])["api_key"]

    first, key = add()
    assert add() == (first, key)
    assert engine.valid == [key]
    # A removal that is broken off once the keys are revoked.
    close_tenant(wanted.id, wanted.name, registry, "2026-11-28T00:00:00Z")
    drop_indexes(wanted.id, engine, "dev")
    assert engine.valid == [add()[1]]
    secrets.delete_secret(SecretId=first, ForceDeleteWithoutRecovery=True)
    registry.put(wanted)
    second, key = add()
    assert second != first, "engines are kept open by the name of their secret"
    assert key in engine.valid
    drop_indexes(wanted.id, engine, "dev")


def test_what_changes_of_a_removed_tenant_brings_no_index_back(cloud: RunningStack, index: ElasticsearchIndex) -> None:
    api = api_of(cloud)
    registry = TenantRegistry(cloud.access.dynamodb, cloud.outputs["tables"]["tenants"])
    registry.put(Tenant(tenant_id("late_gone"), "late_gone", state="removed"))
    put_product(cloud, "late_gone", "P1")
    put_product(cloud, "late_here", "P1")
    until(lambda: found(api, cloud, "late_here") == 1, what="the other tenant's product is found")
    assert not any(generations(index, "late_gone"))
    assert found(api, cloud, "late_gone") == -403
