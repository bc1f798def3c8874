"""A tenant is added and removed by commands: its indexes, its limit, and who is let in."""

from __future__ import annotations

import json

import pytest

from deploy.local.issuer import mint_token
from pipeline_assets.access.registry import TenantRegistry
from pipeline_assets.access.tenants import Tenant
from pipeline_assets.events.tenants import tenant_id
from pipeline_assets.search.elasticsearch_index import ElasticsearchIndex
from pipeline_assets.search.names import KINDS, alias
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


def test_what_changes_of_a_removed_tenant_brings_no_index_back(cloud: RunningStack, index: ElasticsearchIndex) -> None:
    api = api_of(cloud)
    registry = TenantRegistry(cloud.access.dynamodb, cloud.outputs["tables"]["tenants"])
    registry.put(Tenant(tenant_id("late_gone"), "late_gone", state="removed"))
    put_product(cloud, "late_gone", "P1")
    put_product(cloud, "late_here", "P1")
    until(lambda: found(api, cloud, "late_here") == 1, what="the other tenant's product is found")
    assert not any(generations(index, "late_gone"))
    assert found(api, cloud, "late_gone") == -403
