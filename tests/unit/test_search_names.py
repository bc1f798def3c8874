"""Names of indexes: no two tenants, kinds or stages meet, and none is part of another's."""

from __future__ import annotations

from fnmatch import fnmatchcase

from hypothesis import given
from hypothesis import strategies as st

from pipeline_assets.events.tenants import tenant_id
from pipeline_assets.search.names import KINDS, alias, encoded, generation_of, index_name

TENANTS = st.one_of(
    st.text(min_size=1),
    st.text("aAbB-_.0", min_size=1, max_size=6),
    st.sampled_from(["acme", "Acme", "ACME", "acme-000001", "products-acme", "acme_", "a" * 64, "a" * 65, "*", "á"]),
)


@given(TENANTS, TENANTS)
def test_no_two_tenants_have_one_name(one: str, other: str) -> None:
    assert (encoded(tenant_id(one)) == encoded(tenant_id(other))) == (one == other)


@given(TENANTS)
def test_a_name_is_one_that_an_index_can_have(tenant: str) -> None:
    name = index_name(alias("a" * 10, "purchases", tenant_id(tenant)), 10**9)
    assert name == name.lower()
    assert len(name.encode()) <= 255
    assert not set(name) & set('\\/*?"<>| ,#:')
    assert name.isascii()


@given(TENANTS, TENANTS)
def test_what_grants_the_indexes_of_a_tenant_grants_no_other(one: str, other: str) -> None:
    mine, theirs = (alias("dev", "products", tenant_id(each)) for each in (one, other))
    granted = [mine, f"{mine}-*"]
    there = [theirs, index_name(theirs, 1), alias("dev", "purchases", tenant_id(one))]
    assert any(fnmatchcase(name, pattern) for name in there for pattern in granted) == (one == other)


@given(TENANTS, st.integers(1, 10**7))
def test_a_generation_is_known_by_its_name(tenant: str, number: int) -> None:
    for kind in KINDS:
        name = alias("dev", kind, tenant_id(tenant))
        assert generation_of(name, index_name(name, number)) == number
        assert generation_of(name, name) is None
        assert generation_of(name, f"{index_name(name, number)}x") is None


def test_a_plain_tenant_is_readable_in_the_name_of_its_index() -> None:
    assert alias("dev", "products", tenant_id("empresa_postman")) == "cesta-dev-products-empresa_postman"
    assert index_name("cesta-dev-products-a", 7) == "cesta-dev-products-a-000007"
