"""Tenants with engines of their own: one that cannot be opened or does not answer holds up no other tenant."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import pytest

from deploy.local.cloud import CREDENTIALS, REGION
from pipeline_assets.access.registry import TenantRegistry
from pipeline_assets.access.tenants import KnownTenants, Tenant
from pipeline_assets.errors import TransientError
from pipeline_assets.events.tenants import TenantId, tenant_id
from pipeline_assets.operations.access import Access
from pipeline_assets.search import ingest
from pipeline_assets.search.engine import open_engine
from pipeline_assets.search.engines import SearchEngines, UnusableEngineError
from pipeline_assets.search.index import SearchIndex
from pipeline_assets.search.ingest import PRODUCTS_SEARCH
from pipeline_assets.search.names import alias
from pipeline_assets.search.recover import recover, recover_products
from pipeline_assets.search.stores import SearchStores
from tests.worlds.memory_index import MemoryIndex
from tests.worlds.search import Indexed, product, record
from tests.worlds.stores import make_table

HIDDEN = "pssst"
#: What is wrong with the secret of a tenant, and what is said of it.
UNUSABLE = {
    "no-json": (f'{{"api_key": "{HIDDEN}', "it holds no object in JSON"),
    "no-object": (f'["{HIDDEN}"]', "it holds no object in JSON"),
    "no-certificate": (json.dumps({"api_key": HIDDEN, "ca": HIDDEN}), "under ca: it holds no certificate"),
    "no-secret": ("", "is not to be had"),
}


@dataclass
class CountingTenants(KnownTenants):
    """The table of tenants, which counts how often it is asked."""

    client: Any
    table: str
    asked: Counter[str] = field(default_factory=Counter)

    def find(self, tenant: TenantId, name: str = "") -> Tenant:
        self.asked[tenant] += 1
        return super().find(tenant, name)


@dataclass
class Town:
    """Tenants in the shared engine and in engines of their own."""

    world: Indexed
    tenants: CountingTenants
    own: dict[str, MemoryIndex] = field(default_factory=dict)

    def settle(self, tenant: str, endpoint: str = "", secret: str = "") -> None:
        """Register a tenant."""
        known = Tenant(tenant_id(tenant), tenant, endpoint=endpoint, secret=secret)
        TenantRegistry(self.tenants.client, self.tenants.table).put(known)

    def settle_alone(self, tenant: str) -> MemoryIndex:
        """Register a tenant with an engine of its own."""
        endpoint = f"https://{tenant}.example"
        self.settle(tenant, endpoint)
        return self.own.setdefault(endpoint, MemoryIndex())

    def stores(self) -> SearchStores:
        """The stores of one process."""

        def opened(endpoint: str, secret: str) -> SearchIndex:
            return self.own[endpoint] if endpoint in self.own else open_engine(endpoint, secret)

        engines = SearchEngines(self.world.index, self.tenants, opened)
        return replace(self.world.stores(), engines=engines, tenants=self.tenants)

    def inserts(self, *tenants: str) -> dict[str, Any]:
        """Event of two products of each tenant, whose records lie among each other."""
        items = [product(codigo, tenant) for codigo in ("P1", "P2") for tenant in tenants]
        table = self.world.table
        return {"Records": [record("products", at, "INSERT", each, table=table) for at, each in enumerate(items, 1)]}

    def name(self, tenant: str) -> str:
        return alias(self.world.stage, "products", tenant_id(tenant))


@pytest.fixture
def town(bare_cloud: Access, monkeypatch: pytest.MonkeyPatch) -> Town:
    environment = {
        "AWS_ENDPOINT_URL": bare_cloud.document["endpoint_url"],
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
        "ELASTICSEARCH_URL": "http://127.0.0.1:9",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    table = make_table(bare_cloud.dynamodb, f"tenants-{uuid4().hex}", "TenantsTable")
    return Town(Indexed.new(bare_cloud), CountingTenants(bare_cloud.dynamodb, table))


def test_of_a_batch_all_is_written_and_accounted_but_what_is_of_tenants_whose_engine_fails(
    town: Town, bare_cloud: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "_AT_ONCE", 3)
    secrets = bare_cloud.client("secretsmanager")
    said = {}
    for tenant, (content, sentence) in UNUSABLE.items():
        name, said[tenant] = f"{tenant}-{uuid4().hex}", sentence
        if content:
            secrets.create_secret(Name=name, SecretString=content)
        town.settle(tenant, "https://elsewhere.example:9200", name)
    town.settle("no-address", "elsewhere")
    said["no-address"] = "its address or its key is none"
    silent, alone = town.settle_alone("silent"), town.settle_alone("alone")
    silent.down = True
    looks: list[object] = []
    real = silent.stored

    def counted(documents: Any) -> Any:
        looks.append(documents)
        return real(documents)

    monkeypatch.setattr(silent, "stored", counted)
    event = town.inserts("shared", *said, "silent", "alone")

    stopped = PRODUCTS_SEARCH.ingest(event, town.stores())
    assert [receipt.counts.accepted for receipt in stopped.receipts] == [4]
    assert stopped.failed == str(10**20 + 2), "the first of those that are left"
    assert isinstance(stopped.failure, UnusableEngineError)
    assert town.world.state("shared", ["P1", "P2"]) == {"P1": "Pan", "P2": "Pan"}
    assert len(alone.documents(town.name("alone"))) == 2
    assert {town.tenants.asked[tenant] for tenant in said} == {1}, "each is looked up once in a batch"
    assert len(looks) == 1, "an engine that is down is asked once in a batch"
    for tenant, sentence in said.items():
        with pytest.raises(UnusableEngineError) as told:
            town.stores().engines.of(tenant_id(tenant))
        assert sentence in str(told.value)
        assert HIDDEN not in str(told.value)

    silent.down = False
    for tenant in said:
        town.settle(tenant)
    again = PRODUCTS_SEARCH.ingest(event, town.stores())
    assert (again.failed, again.redelivered) == ("", 4)
    assert [receipt.counts.accepted for receipt in again.receipts] == [2 * len(said) + 2]
    assert len(silent.documents(town.name("silent"))) == 2
    assert all(len(town.world.state(tenant, ["P1", "P2"])) == 2 for tenant in said)


def test_a_table_of_tenants_that_does_not_answer_is_asked_once_in_a_batch(town: Town) -> None:
    town.tenants.table = "there-is-none"
    stopped = PRODUCTS_SEARCH.ingest(town.inserts("t1", "t2", "t3"), town.stores())
    assert (stopped.failed, stopped.receipts) == (str(10**20 + 1), ())
    assert town.tenants.asked.total() == 1


def test_an_engine_that_is_down_keeps_no_other_index_from_being_compared(town: Town) -> None:
    town.world.make_table()
    silent, alone = town.settle_alone("a"), town.settle_alone("z")
    PRODUCTS_SEARCH.ingest(town.inserts("a", "z", "shared"), town.stores())
    # Nobody was told that P1 of "shared" was changed, and all of "z" removed.
    for item in (product("P1", "shared", nombre="Vino"), product("P2", "shared"), product("P3", "a")):
        town.world.put(item)
    silent.down = True
    assert recover("products", town.stores(), mend=False).changes == 3
    with pytest.raises(TransientError, match=town.name("a")):
        recover_products(town.stores())
    assert town.world.state("shared", ["P1", "P2"]) == {"P1": "Vino", "P2": "Pan"}
    assert all(each["deleted"] for each in alone.documents(town.name("z")).values())
    silent.down = False
    found = recover_products(town.stores())
    assert (found.changes, found.failures) == (3, {})
