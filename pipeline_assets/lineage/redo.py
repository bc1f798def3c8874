"""Reprocessing of days: the body that the assets of every flow of files share."""

import time
from collections.abc import Callable
from typing import Any

import dagster as dg

from pipeline_assets import __version__
from pipeline_assets.csv_files.ingest import CsvFlow, StoresT
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.lineage.days_with_data import days_with_data
from pipeline_assets.lineage.metadata import data_version, partition_state, sources_table, state_figures, work_figures
from pipeline_assets.operations.reprocess import PartitionReload, reload_partition

_PROGRESS_SECONDS = 2.0


def redo_days(
    context: dg.AssetExecutionContext, flow: CsvFlow[Any, StoresT], asset: str, stores: StoresT
) -> dg.MaterializeResult[None]:
    """Reprocess all partitions of the run, each with metadata of its own.

    Parameters
    ----------
    context
        The run, with its partitions.
    flow
        The flow that processes their objects.
    asset
        Name of the asset, as receipts name it.
    stores
        The stores of the flow.

    Returns
    -------
    dg.MaterializeResult[None]
        What Dagster stores of the run.
    """
    days = context.partition_keys

    def has_files(day: str) -> bool:
        # A running sum may be wrong, and this run be to mend it; the sources of a large day take long to read.
        return bool(stores.ledger.account(asset, day).sources or stores.ledger.sources(asset, day))

    days_with_data(context, has_files, "no file is known")
    worked: list[str] = []
    empty: list[str] = []
    # A file of many days is worked through once.
    receipts: dict[str, Receipt] = {}

    def redo(version: ObjectVersion) -> Receipt:
        if version.id not in receipts:
            receipts[version.id] = flow.ingest(version, stores, redo=True, report=False)
        return receipts[version.id]

    for number, day in enumerate(days, 1):
        done = reload_partition(
            asset,
            day,
            stores.ledger,
            redo,
            progress=now_and_then(context.log.info),
        )
        context.add_asset_metadata(metadata=_metadata(day, done, of_arrival=asset == flow.landed), partition_key=day)
        worked += [receipt.id for receipt in done.receipts]
        if not done.receipts:
            empty.append(day)
            continue
        context.log.info("%s %s (%d of %d): %s", asset, day, number, len(days), _said(done))
        for receipt in done.receipts:
            if receipt.refused:
                context.log.warning(receipt.refused)
    if empty:
        context.log.info("%s: no file is known for %d of %d days: nothing to do there", asset, len(empty), len(days))
    # Dagster takes one data version for all events of a run; each partition's own is in its metadata.
    return dg.MaterializeResult(data_version=dg.DataVersion(data_version(worked)))


def _metadata(day: str, done: PartitionReload, *, of_arrival: bool) -> dict[str, dg.MetadataValue | int | float | str]:
    sources = [receipt.source for receipt in done.receipts]
    refused = sum(bool(receipt.refused) for receipt in done.receipts)
    return {
        **state_figures(day, partition_state(done.state), of_arrival=of_arrival),
        **work_figures(done.counts, size=done.size, seconds=done.seconds, objects=len(sources), refused=refused),
        "code_version": __version__,
        "result": _said(done),
        "sources": dg.MetadataValue.md(sources_table(sources)),
    }


def _said(done: PartitionReload) -> str:
    if not done.receipts:
        return "no file is known for this day: nothing to do"
    rows = ", ".join(f"{number} {outcome}" for outcome, number in done.counts.as_dict().items())
    files = "1 file" if len(done.receipts) == 1 else f"{len(done.receipts)} files"
    return f"{files} worked through again in {done.seconds:.1f} s; rows: {rows}"


def now_and_then(log: Callable[[str], None]) -> Callable[[str], None]:
    """Pass on at most one line every few seconds: each is a row in Dagster's event log."""
    last = time.monotonic()

    def progress(line: str) -> None:
        nonlocal last
        if time.monotonic() - last >= _PROGRESS_SECONDS:
            last = time.monotonic()
            log(line)

    return progress
