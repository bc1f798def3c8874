"""Reprocessing of days: the body that the assets of every flow of files share."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import dagster as dg

from pipeline_assets import __version__
from pipeline_assets.csv_files.ingest import CsvFlow, StoresT
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.lineage.bridge import PartitionEvent, Place
from pipeline_assets.lineage.materializations import materialization
from pipeline_assets.lineage.metadata import place_state
from pipeline_assets.lineage.rejected import RejectionReader
from pipeline_assets.lineage.run_days import DayEvent, RunDays
from pipeline_assets.operations.reprocess import PartitionReload, reload_partition

_PROGRESS_SECONDS = 2.0
#: More metadata of one day, from the stores of its flow.
Drawing = Callable[[dg.AssetExecutionContext, StoresT, str], Mapping[str, dg.MetadataValue[Any]]]


def redo_days(
    context: dg.AssetExecutionContext,
    flow: CsvFlow[Any, StoresT],
    asset: str,
    stores: Callable[[], AbstractContextManager[StoresT]],
    drawing: Drawing[StoresT] = lambda *_: {},
) -> Iterator[DayEvent]:
    """Reprocess all partitions of the run, and tell each as soon as it is done.

    Parameters
    ----------
    context
        The run, with its partitions.
    flow
        The flow that processes their objects.
    asset
        Name of the asset, as receipts name it.
    stores
        Opens the stores of the flow.
    drawing
        More metadata of a day that is done.

    Yields
    ------
    DayEvent
        What Dagster stores of the run.
    """
    days = context.partition_keys
    # A file of many days is worked through once.
    receipts: dict[str, Receipt] = {}

    def redo_day(day: str, opened: StoresT) -> Iterator[dg.AssetMaterialization]:
        def redo(version: ObjectVersion) -> Receipt:
            if version.id not in receipts:
                receipts[version.id] = flow.ingest(version, opened, redo=True, report=False)
            return receipts[version.id]

        done = reload_partition(asset, day, opened.ledger, redo, progress=now_and_then(context.log.info))
        context.log.info("%s %s (%d of %d): %s", asset, day, days.index(day) + 1, len(days), _said(done))
        for receipt in done.receipts:
            if receipt.refused:
                context.log.warning(receipt.refused)
        place, landed = Place(asset, day), asset == flow.landed
        event = event_of(place, done.receipts, __version__, as_received=landed)
        yield materialization(
            event,
            place_state(opened.ledger, flow.name, place, as_received=landed, account=done.state),
            (),
            context.instance,
            description="" if done.receipts else _said(done),
            first=RejectionReader(lambda: opened.quarantine, context.log).metadata_of(event),
            further=drawing(context, opened, day),
        )

    def has_files(day: str, opened: StoresT) -> bool:
        # A running sum may be wrong, and this run be to mend it; the sources of a large day take long to read.
        return bool(opened.ledger.account(asset, day).sources or opened.ledger.sources(asset, day))

    yield from RunDays(context).each(stores, redo_day, has_files, "no file is known")


def event_of(
    place: Place, receipts: Sequence[Receipt], code_version: str, *, as_received: bool = False
) -> PartitionEvent:
    """What some receipts did to a place, as one event.

    Parameters
    ----------
    place
        The partition.
    receipts
        The receipts; none, where there was nothing to do.
    code_version
        Version of the code that did it.
    as_received
        Whether the place holds every row received.

    Returns
    -------
    PartitionEvent
        As the bridge would tell of the same receipts.
    """
    event = PartitionEvent(place, as_received=as_received)
    for receipt in receipts:
        mine = [part.counts for part in receipt.partitions if (part.asset, part.partition) == place]
        event.add(receipt, PartitionCounts(*place, sum(mine, Counts()), as_received=as_received))
    event.code_versions.append(code_version)
    return event


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
