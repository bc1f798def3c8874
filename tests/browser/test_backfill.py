"""A person works twenty days of two tables out again, from the page."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from pipeline_assets.lake.layout import RawObject
from tests.browser.pages import BACKFILL, NEWS, DagsterPages
from tests.worlds.lake import Lake, load_name
from tests.worlds.stack import RunningStack

#: No other test has loads of these days; the dialog offers the last ninety without being asked.
DAYS = [(datetime.now(UTC) - timedelta(days=ago)).date().isoformat() for ago in range(40, 20, -1)]
TABLES = ("orders", "payments")
RANGE = f"[{DAYS[0]}...{DAYS[-1]}]"


@pytest.fixture
def twenty_days(stack: RunningStack) -> Lake:
    """Twenty days of two tables, each of one object with two rows, worked in."""
    lake, put = Lake(stack), []
    for day in DAYS:
        name = load_name(day)
        rows = [{"order_id": number, "payment_id": number} for number in (1, 2)]
        put += [lake.put_rows(RawObject(table, day, name.load_id, "0001"), rows) for table in TABLES]
    for each in put[-1:]:
        lake.receipt(lake.id_of(each))
    return lake


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("twenty_days")
def test_twenty_days_of_two_tables_are_backfilled(pages: DagsterPages) -> None:
    page = pages.page
    for table in TABLES:
        pages.open_asset(f"curated/{table}", "partitions")
        pages.choose_days(RANGE)
        expect(page.get_by_text("Materialized (20)")).to_be_visible(timeout=NEWS)

    pages.open_graph(" or ".join(f'key:"curated/{table}"' for table in TABLES))
    for table in TABLES:
        expect(pages.checks_of(f"curated/{table}")).to_be_visible(timeout=NEWS)
    pages.materialize(RANGE)
    pages.follow_launched()
    expect(page.get_by_text(f"{DAYS[0]}...{DAYS[-1]}")).to_be_visible()

    begun: dict[str, int] = dict.fromkeys(TABLES, 0)
    until = time.monotonic() + BACKFILL / 1000
    while (standing := pages.backfill_status().inner_text()) == "In progress" and time.monotonic() < until:
        for table in TABLES:
            begun[table] = max(begun[table], pages.days_of_backfill(f"curated/{table}")[1])
        page.wait_for_timeout(500)
    assert standing == "Succeeded"
    assert all(begun.values()), f"days were seen at work: {begun}"
    for table in TABLES:
        assert pages.days_of_backfill(f"curated/{table}") == [20, 0, 20, 0]
        assert pages.share_done(f"curated/{table}") == 100

    for day in (DAYS[0], DAYS[-1]):
        pages.open_partition("curated/orders", day)
        expect(pages.value("dagster/partition_row_count")).to_have_text("2")
        expect(page.locator('a[href^="/runs/"]').first).to_be_visible()
        expect(pages.unsynced).to_have_count(0)
