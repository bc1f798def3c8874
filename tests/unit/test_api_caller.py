"""Whose claims are trusted, and which tenant they open."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline_assets.access.caller import NotAllowedError, NotKnownError, TokenRules, read_caller
from pipeline_assets.events.tenants import tenant_id

NOW = 1_800_000_000.0
RULES = TokenRules("https://issuer.example", frozenset({"people", "programs"}))
CLAIMS = {
    "iss": "https://issuer.example",
    "aud": "people",
    "sub": "ana",
    "exp": str(int(NOW) + 60),
    "custom:tenant_id": "acme",
    "scope": "openid cesta/queries",
}


def test_a_token_says_who_asks_for_whom_and_what_they_may() -> None:
    caller = read_caller(CLAIMS, RULES, NOW)
    assert (caller.subject, caller.tenant, caller.scopes) == ("ana", "acme", frozenset({"openid", "cesta/queries"}))
    assert caller.of_tenant("acme") == tenant_id("acme")
    caller.require("cesta/queries")


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "[other people]"},
        {"aud": "", "client_id": "programs"},
        {"custom:tenant_id": "acme", "exp": "1800000001"},
    ],
)
def test_api_gateway_writes_them_in_several_ways(claims: dict[str, Any]) -> None:
    assert read_caller(CLAIMS | claims, RULES, NOW).tenant == "acme"


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://issuer.example/"},
        {"iss": None},
        {"aud": "peoples"},
        {"aud": "people programs"},
        {"aud": ["people"]},
        {"aud": "", "client_id": "another"},
        {"aud": "another", "client_id": "people"},
        {"exp": "1800000000"},
        {"exp": ""},
        {"exp": "never"},
        {"exp": "1e99"},
        {"exp": "9" * 5000},
        {"exp": "²"},
        {"sub": ""},
        {"sub": None},
        {"custom:tenant_id": "x" * 257},
        {"custom:tenant_id": ["acme"]},
    ],
)
def test_what_is_not_as_it_must_be_is_nobody_s(claims: dict[str, Any]) -> None:
    with pytest.raises(NotKnownError):
        read_caller(CLAIMS | claims, RULES, NOW)


def test_no_claims_are_nobody_s() -> None:
    with pytest.raises(NotKnownError):
        read_caller({}, RULES, NOW)


@pytest.mark.parametrize(
    "name", ["", "Acme", "acme ", "acme\x00", "*", "acme,globex", "\u0430cme", "acme\u200b", "a\u0301cme"]
)
def test_another_spelling_is_another_tenant(name: str) -> None:
    with pytest.raises(NotAllowedError):
        read_caller(CLAIMS, RULES, NOW).of_tenant(name)


def test_a_token_without_a_tenant_opens_none() -> None:
    caller = read_caller({name: each for name, each in CLAIMS.items() if name != "custom:tenant_id"}, RULES, NOW)
    for name in ("", "acme"):
        with pytest.raises(NotAllowedError):
            caller.of_tenant(name)


def test_a_scope_is_whole_or_none() -> None:
    with pytest.raises(NotAllowedError):
        read_caller(CLAIMS, RULES, NOW).require("cesta")
