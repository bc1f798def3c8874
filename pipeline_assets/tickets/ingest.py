"""From one ticket file to the purchase graph and its receipt: what the Lambda, Dagster and the command line call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.events.object_version import ObjectVersion
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.time_budget import TimeBudget
from pipeline_assets.files.ingest import FileFlow
from pipeline_assets.files.reading import CsvFile
from pipeline_assets.files.rejection import Rejection
from pipeline_assets.graph.load import Load
from pipeline_assets.graph.ownership import Line
from pipeline_assets.tickets.batches import batches
from pipeline_assets.tickets.rows import RowRules
from pipeline_assets.tickets.stores import TicketStores

#: Records of one transaction.
BATCH_ROWS = 5_000


class TicketFlow(FileFlow[Load, TicketStores]):
    """Ticket files: every batch goes into the graph in one transaction, together with its place in the file."""

    dataset = TICKETS
    left_out = "tickets that it no longer carries leave the graph"

    def known(self, version: ObjectVersion, stores: TicketStores) -> Load | None:
        """Where the graph stands with an object version."""
        return stores.graph.load(version)

    def begin(self, version: ObjectVersion, run: int) -> Load:
        """A run before its first row."""
        return Load(version, run)

    def judge(self, file: CsvFile, version: ObjectVersion) -> Iterator[Line | Rejection]:
        """The line that each record stands for, or why there is none."""
        rules = RowRules(file.header, datetime.fromisoformat(version.event_time))
        return (rules.line(number, fields) for number, fields in file.records())

    def put_rows(self, file: CsvFile, load: Load, stores: TicketStores, budget: TimeBudget) -> Load:
        """Batch by batch into the graph, what is rejected into the quarantine first."""
        rules = RowRules(file.header, datetime.fromisoformat(load.version.event_time))
        rules.crowded = load.crowded
        if load.next_row > 1:
            file.go_on(load.next_row, load.position)
        for batch, rejections in batches(file, rules, BATCH_ROWS):
            budget.check(self.name, load.version.uri)
            stores.quarantine.keep_rows(load.version, load.run, file.header, rejections)
            load = stores.graph.write(load, batch)
            rules.crowded = load.crowded
            budget.moved_on()
        return load

    def refused(self, load: Load) -> Load:
        """A load that only retires what its earlier runs wrote."""
        return replace(load, refused=True)

    def finish(self, load: Load, stores: TicketStores, budget: TimeBudget) -> Load:
        """Retire what earlier versions and runs carried and this one does not."""
        while not load.done:
            budget.check(self.name, load.version.uri)
            load = stores.graph.finish(load)
            budget.moved_on()
        return load

    def partitions(self, load: Load, counts: Counts) -> tuple[PartitionCounts, ...]:
        """The purchase days, and the graph; none for a version that decides nothing: the earlier one still stands."""
        days = tuple(PartitionCounts(self.name, day, load.days[day]) for day in sorted(load.days) if load.effective)
        return (*days, PartitionCounts("purchase_graph", "", counts)) if days else ()

    def effects(self, load: Load) -> dict[str, int]:
        """What changed in the graph."""
        return load.effects | {"rows_unusual": load.unusual}

    def forget(self, receipt: Receipt, stores: TicketStores) -> None:
        """Nothing: the graph keeps where every load stands, for those that come again."""


TICKET_FLOW = TicketFlow()
