"""Files whose event or receipt was lost are announced again, and everything ends as it was."""

from __future__ import annotations

import pytest

from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.flows import flow_row
from pipeline_assets.operations.reconcile import announce_lost
from pipeline_assets.tickets.ingest import TICKET_FLOW
from tests.worlds.graph_picture import picture
from tests.worlds.stack import RunningStack
from tests.worlds.ticket_cloud import HEADER, TicketCloud, row

pytestmark = pytest.mark.any_engine


@pytest.fixture
def tickets(cloud: RunningStack) -> TicketCloud:
    _forget(cloud)
    cloud.graph.execute_query("MATCH (n) DETACH DELETE n")
    bucket = cloud.access.bucket("tickets")
    for page in cloud.access.s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for version in page.get("Versions", []):
            cloud.access.s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
    return TicketCloud(cloud)


def test_a_ledger_that_was_lost_is_written_again_and_the_graph_stays(tickets: TicketCloud) -> None:
    first = tickets.put("day 1.csv", HEADER + row("A1") + row("A1") + row("A2", quantity=0))
    receipts = [tickets.receipt("day 1.csv", first)]
    second = tickets.put("day 1.csv", HEADER + row("A1", quantity=5))
    receipts.append(tickets.receipt("day 1.csv", second))
    bad = tickets.put("bad.csv", "no,header\n")
    receipts.append(tickets.receipt("bad.csv", bad))
    with tickets.stores() as stores:
        redone = TICKET_FLOW.ingest(receipts[1].version, stores, redo=True)
    totals, drawn = tickets.ledger.totals("tickets"), picture(tickets.cloud.graph)
    days = [
        tickets.ledger.account("tickets", "2026-11-14"),
        tickets.ledger.account("tickets/landed", _arrived(receipts)),
    ]
    assert totals.counts == Counts(received=4, accepted=1, quarantined=1, duplicate=1, superseded=1)

    known = [tickets.ledger.receipt(receipt.id) for receipt in receipts]
    _forget(tickets.cloud)
    found = announce_lost(tickets.access, flow_row("tickets"))
    assert (found.stored, found.announced, found.passed_over) == (3, 3, 0)
    again = [tickets.receipt(r.version.key, r.version.version_id) for r in receipts]
    tickets.wait(lambda: tickets.ledger.totals("tickets") == totals)
    assert picture(tickets.cloud.graph) == drawn
    assert [
        tickets.ledger.account("tickets", "2026-11-14"),
        tickets.ledger.account("tickets/landed", _arrived(again)),
    ] == days
    # Under the names that Dagster may know them by: the redo as the run that the graph has seen.
    assert [r.report_id for r in again] == [receipt.report_id for receipt in known if receipt]
    assert again[1].report_id == redone.report_id
    assert again[0].source.stamp == receipts[0].source.stamp


def test_what_has_a_receipt_is_not_announced(tickets: TicketCloud) -> None:
    version = tickets.put("known.csv", HEADER + row("K1"))
    receipt = tickets.receipt("known.csv", version)
    assert announce_lost(tickets.access, flow_row("tickets")).announced == 0
    assert tickets.ledger.deliveries(receipt.id) == 1


def _arrived(receipts: list[Receipt]) -> str:
    return receipts[0].source.arrival_day


def _forget(cloud: RunningStack) -> None:
    """Empty the ledger."""
    dynamodb, table = cloud.access.dynamodb, cloud.access.table("ledger")
    for page in dynamodb.get_paginator("scan").paginate(TableName=table):
        for item in page["Items"]:
            dynamodb.delete_item(TableName=table, Key={"pk": item["pk"], "sk": item["sk"]})
