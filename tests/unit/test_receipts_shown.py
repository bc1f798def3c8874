"""What Dagster shows of a receipt is found again, also when the ledger recorded the receipt a second time, later."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg

from pipeline_assets.events.ledger import PendingReport
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.lineage.bridge import Place, Shown
from pipeline_assets.lineage.shown import RECEIPTS, look_up


def test_a_receipt_that_was_recorded_again_hours_after_is_not_told_again() -> None:
    now = datetime.now(UTC)
    source = ObjectVersion("b", "k", "v1", "e", 1, iso_utc(now), "1")
    counts = Counts(received=1, accepted=1)
    parts = (PartitionCounts("tickets", "2026-11-14", counts),)
    receipt = Receipt("tickets", source, 1, counts, parts, 1, 0.1, "1", iso_utc(now))
    again = replace(receipt, recorded_at=iso_utc(now + timedelta(hours=11)))
    with dg.DagsterInstance.ephemeral() as instance:
        told = {RECEIPTS: dg.MetadataValue.json([receipt.report_id])}
        instance.report_runless_asset_event(dg.AssetMaterialization("tickets", partition="2026-11-14", metadata=told))
        found = look_up(instance, [PendingReport("key", again)], dg.AssetKey(["tickets", "landed"]))
    assert found.shown == {Shown(Place("tickets", "2026-11-14"), receipt.report_id)}
