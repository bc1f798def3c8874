"""The engine of a tenant: opened once, and with the credential that it has now."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pipeline_assets.events.tenants import tenant_id
from pipeline_assets.search import engines
from pipeline_assets.search.engines import SearchEngines
from tests.worlds.memory_index import MemoryIndex


@pytest.mark.parametrize(("secret", "times"), [("", 1), ("cesta/dev/tenants/t1", 2)])
def test_an_engine_that_asks_for_a_credential_is_opened_with_the_one_of_now(
    monkeypatch: pytest.MonkeyPatch, secret: str, times: int
) -> None:
    monkeypatch.setattr(engines, "KEPT_SECONDS", 0.0)
    opened: list[tuple[str, str]] = []

    def open_engine(endpoint: str, name: str) -> MemoryIndex:
        opened.append((endpoint, name))
        return MemoryIndex()

    found = SimpleNamespace(state="active", endpoint="https://search.test", secret=secret)
    of_tenants = SearchEngines(MemoryIndex(), SimpleNamespace(find=lambda _: found), open_engine)
    first, second = of_tenants.of(tenant_id("t1")), of_tenants.of(tenant_id("t1"))
    assert opened == [("https://search.test", secret)] * times
    assert (first is second) == (times == 1)
