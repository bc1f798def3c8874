"""The engine of a tenant: opened once, and with the key that it has now."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pipeline_assets.events.tenants import tenant_id
from pipeline_assets.search import engines
from pipeline_assets.search.engines import SearchEngines
from tests.worlds.memory_index import MemoryIndex


@pytest.mark.parametrize(("secret", "times"), [("", 1), ("cesta/dev/tenants/t1", 2)])
def test_an_engine_is_opened_once_with_each_key_of_a_tenant(
    monkeypatch: pytest.MonkeyPatch, secret: str, times: int
) -> None:
    monkeypatch.setattr(engines, "KEPT_SECONDS", 0.0)
    opened: list[tuple[str, str]] = []

    def open_engine(endpoint: str, name: str) -> MemoryIndex:
        opened.append((endpoint, name))
        return MemoryIndex()

    found = SimpleNamespace(state="active", endpoint="https://search.test", secret=secret, changed_at="2026-11-20")
    of_tenants = SearchEngines(MemoryIndex(), SimpleNamespace(find=lambda _: found), open_engine)
    first, same = (of_tenants.of(tenant_id("t1")) for _ in range(2))
    found.changed_at = "2026-11-21"
    other = of_tenants.of(tenant_id("t1"))
    assert opened == [("https://search.test", secret)] * times
    assert (first is same, first is other) == (True, times == 1)
