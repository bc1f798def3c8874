"""The model that the guide shows, added to a set: it is everywhere, though only its file and the declaration tell it.

What is derived when a module is imported is looked at in a process of its own, begun with the declaration.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from deploy.local.instance import PROJECT
from pipeline_assets.analytics.day_features import open_features
from pipeline_assets.analytics.ingest import publish_set
from pipeline_assets.analytics.publish import published_faults
from pipeline_assets.analytics.tables import prod_table
from pipeline_assets.lake.tables import GluePartitions
from pipeline_assets.operations.access import Access
from tests.worlds.added_model import added_set
from tests.worlds.curated_shop import DAY, CuratedShop, days
from tests.worlds.prod_sets import ProdWorld

#: The set with the model, told to a new process before anything is derived from the sets.
DERIVED = """
import json
import dagster as dg
import pipeline_assets.analytics.sets as sets
from tests.worlds.added_model import added_set
sets.SETS = tuple(each if each.name != "global-market-pulse" else added_set() for each in sets.SETS)
from deploy.template_blocks.contents import BLOCKS
from docs.prod_tables import page
from pipeline_assets.definitions import defs
asset = defs.resolve_asset_graph().get(dg.AssetKey.from_user_string(added_set().asset))
schema, lineage = (asset.metadata[f"dagster/column_{name}"] for name in ("schema", "lineage"))
print(json.dumps({
    "template": "".join(block.text() for block in BLOCKS),
    "columns": {each.name: each.type for each in schema.columns if each.name.startswith("store_orders.")},
    "lineage": {
        name: [f"{each.asset_key.to_user_string()}: {each.column_name}" for each in found]
        for name, found in lineage.deps_by_column.items() if name.startswith("store_orders.")
    },
    "checks": sorted(check.name for check in asset.check_keys),
    "page": page(),
}))
"""


def test_table_columns_checks_and_page_follow_from_the_declaration(tmp_path: Path) -> None:
    inherited = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-c", DERIVED]
    done = subprocess.run(command, cwd=PROJECT, env=inherited, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (table,) = re.findall(r"  StoreOrdersTable:\n(.*?)\n\n", found["template"], re.DOTALL)
    assert "Location: !Sub s3://${GlobalMarketPulseBucket}/store_orders/" in table
    assert "{Name: orders, Type: bigint, Comment: its orders (orders)}" in table
    assert "{Name: as_of, Type: string}" in table
    assert found["columns"] == {"store_orders.store_id": "bigint", "store_orders.orders": "bigint"}
    assert found["lineage"] == {
        "store_orders.store_id": ["curated/orders: store_id"],
        "store_orders.orders": ["curated/orders: order_id"],
    }
    assert {"as_its_specs_say", "all_covered", "beats_baseline"} <= set(found["checks"])
    _, _, section = found["page"].partition("## store_orders\n")
    assert "| `orders` | integer | orders |  | its orders | `orders.order_id` |" in section
    assert "| orders_counted | orders | at least 1 |" in section


def test_it_is_published_and_its_days_are_registered(bare_cloud: Access) -> None:
    world, prod_set = ProdWorld.made(bare_cloud), added_set()
    shop = CuratedShop()
    for ago in (0, 1, 1):
        shop.order(1, DAY - days(ago), 20)
    world.put(shop)
    glue = bare_cloud.client("glue")
    glue.create_database(DatabaseInput={"Name": world.name})
    for table in prod_set.tables:
        storage = prod_table(prod_set.tables, table).storage("none")
        keys = [{"Name": "as_of", "Type": "string"}]
        told = {"Name": table.name, "StorageDescriptor": storage, "PartitionKeys": keys}
        glue.create_table(DatabaseName=world.name, TableInput=told)
    stores = world.stores()
    buckets = {name: bucket.name for name, bucket in stores.targets.items()}
    stores = replace(stores, partitions=GluePartitions(glue, world.name, buckets))
    for as_of, orders in ((DAY - days(1), 2), (DAY, 3)):
        with open_features(stores.curated, stores.catalog) as features:
            publish_set(prod_set, as_of, stores, features)
        assert world.rows(prod_set, "store_orders", as_of).rows() == [(1, orders)]
        assert published_faults(prod_set, as_of, stores.targets[prod_set.name]) == []
    registered = glue.get_partitions(DatabaseName=world.name, TableName="store_orders")["Partitions"]
    bucket = buckets[prod_set.name]
    assert {each["Values"][0]: each["StorageDescriptor"]["Location"] for each in registered} == {
        f"{day}": f"s3://{bucket}/store_orders/as_of={day}/" for day in (DAY - days(1), DAY)
    }
