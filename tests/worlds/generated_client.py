"""A program that knows the API by its generated client `shop` alone: asks for products, once as it may not be asked."""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))
address, token, tenant = (os.environ[name] for name in ("SHOP_API", "SHOP_TOKEN", "SHOP_TENANT"))
client = import_module("shop").AuthenticatedClient(base_url=address, token=token)
products = import_module("shop.api.search.search_products_search_tenant_id_products_get")
found = products.sync_detailed(tenant, client=client, q="lapiz")
refused = products.sync_detailed(tenant, client=client, q="lapiz", page="none")
items = [{"id": each.id, "kind": str(each.kind), "nombre": each["nombre"]} for each in found.parsed.items]
told = {
    "found": {
        "status": int(found.status_code),
        "type": type(found.parsed).__name__,
        "total": found.parsed.total,
        "items": items,
    },
    "refused": {
        "status": int(refused.status_code),
        "type": type(refused.parsed).__name__,
        "detail": refused.parsed.detail,
    },
}
sys.stdout.write(json.dumps(told))
