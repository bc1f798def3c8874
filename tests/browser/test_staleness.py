"""A day that was made by earlier rules is called unsynced until a person has it made again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from playwright.sync_api import expect

from deploy.local.outputs import environment_contract
from pipeline_assets.curation.ingest import recurate_day
from pipeline_assets.curation.stores import CurationSettings, open_stores
from pipeline_assets.datasets.ecommerce import ORDERS
from pipeline_assets.datasets.spec import Rule
from pipeline_assets.lake.layout import RawObject
from tests.browser.pages import DagsterPages
from tests.worlds.lake import Lake, load_name
from tests.worlds.stack import RunningStack

DAY = (datetime.now(UTC) - timedelta(days=45)).date().isoformat()
#: The spec as it was before a rule was taken out of it.
EARLIER = replace(ORDERS, rules=(*ORDERS.rules, Rule("another", "warn", "anything")))


@pytest.mark.timeout(900)
def test_a_day_made_by_earlier_rules_is_unsynced_until_it_is_made_again(
    stack: RunningStack, pages: DagsterPages
) -> None:
    lake, name = Lake(stack), load_name(DAY)
    put = lake.put_rows(RawObject("orders", DAY, name.load_id, "0001"), [{"order_id": 1}, {"order_id": 2}])
    lake.receipt(lake.id_of(put))
    environment = patch.dict("os.environ", environment_contract(stack.instance, stack.outputs))
    with environment, open_stores(CurationSettings.from_environment()) as stores:
        recurate_day(EARLIER, DAY, stores, report=True)

    pages.reload_until(lambda: pages.open_partition("curated/orders", DAY), pages.unsynced, shown=True)
    pages.materialize(DAY)
    pages.reload_until(lambda: pages.open_partition("curated/orders", DAY), pages.unsynced, shown=False)
    expect(pages.value("dagster/partition_row_count")).to_have_text("2")
