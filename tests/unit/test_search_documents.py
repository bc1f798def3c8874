"""Documents of the index: what a change of a purchase comes to, put and removed."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline_assets.events.stream_records import stream_records
from pipeline_assets.search.documents import IndexChange, PurchaseDocument, index_change
from tests.worlds.compras import TABLE, product, purchase, record


@pytest.mark.parametrize("event_name", ["INSERT", "MODIFY", "REMOVE"])
def test_a_change_of_a_purchase_is_a_document_of_its_tenant(event_name: str) -> None:
    item = purchase("c/1", "Tienda Sur", "2026-11-20 09:30:00", product(price="0.1", quantity="3"))
    (read,), _ = stream_records({"Records": [record(7, event_name, item)]})
    change: Any = index_change("purchases", read, TABLE, "USD")
    assert isinstance(change, IndexChange)
    document = change.document
    assert isinstance(document, PurchaseDocument)
    assert (document.tenant_id, document.compra_id, document.deleted) == ("Tienda Sur", "c/1", event_name == "REMOVE")
    assert document.tenant == change.tenant != "Tienda Sur"
    if event_name != "REMOVE":
        assert (document.total_precio, document.valor, document.cantidad) == ("0.3", 0.3, "3")
