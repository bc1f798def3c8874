"""From one ticket file to the purchase graph and its receipt: what the Lambda, Dagster and the command line call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from pipeline_assets.csv_files.ingest import CsvFlow
from pipeline_assets.csv_files.reading import CsvFile
from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.events.flow import Attempt
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.rejection import Rejection
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.events.time_budget import TimeBudget
from pipeline_assets.graph.load import KnownLoad, Load, Rank
from pipeline_assets.graph.ownership import Line
from pipeline_assets.tickets.batches import batches
from pipeline_assets.tickets.emptied import is_meant_to_be_empty
from pipeline_assets.tickets.leaving import told_what_leaves
from pipeline_assets.tickets.rows import RowRules
from pipeline_assets.tickets.stores import TicketStores

#: Records of one transaction.
BATCH_ROWS = 5_000


class TicketFlow(CsvFlow[Load, TicketStores]):
    """Ticket files: every batch goes into the graph in one transaction, together with its place in the file."""

    dataset = TICKETS
    left_out = "tickets that it no longer carries leave the graph"

    def known(self, version: ObjectVersion, stores: TicketStores) -> Load | None:
        """Read the progress of an object version from the graph."""
        return stores.graph.load(version)

    def begin(self, version: ObjectVersion, run: int) -> Load:
        """A run before its first row."""
        return Load(version, run)

    def judge(self, file: CsvFile, version: ObjectVersion) -> Iterator[Line | Rejection]:
        """Apply the row rules to each record: its line, or its rejection."""
        rules = RowRules(file.header, datetime.fromisoformat(version.event_time))
        return (rules.line(number, fields) for number, fields in file.records())

    def put_rows(self, file: CsvFile, load: Load, stores: TicketStores, budget: TimeBudget) -> Load:
        """Write batch by batch into the graph, what is rejected into the quarantine first.

        Parameters
        ----------
        file
            Opened, before its first record.
        load
            Progress of the object version.
        stores
            Where lines and rejections go.
        budget
            Time that is left; asked before every batch.

        Returns
        -------
        Load
            Progress at the end of the file.
        """
        rules = RowRules(file.header, datetime.fromisoformat(load.version.event_time), stores.day_begins)
        rules.crowded = load.crowded
        if load.next_row > 1:
            file.resume_at(load.next_row, load.position)
        for batch, rejections in batches(file, rules, BATCH_ROWS):
            budget.check(self.name, load.version.uri)
            if rejections:
                told = told_what_leaves(stores.graph, load, file.header, rejections)
                stores.quarantine.keep_rows(load.version, load.run, file.header, told)
            load = stores.graph.write(load, batch)
            rules.crowded = load.crowded
            budget.moved_on()
        emptied = load.next_row == 1 and is_meant_to_be_empty(stores.storage, load.version)
        return replace(load, cut=file.cut, emptied=emptied)

    def refused(self, load: Load) -> Load:
        """A load that decides nothing: what it brought is taken back, and the version before it stands."""
        return replace(load, refused=True)

    def finish(self, load: Load, stores: TicketStores, budget: TimeBudget) -> Load:
        """Take back the claims of the key's other versions, and write to the ledger the counts that this changed.

        Parameters
        ----------
        load
            Progress at the end of the file.
        stores
            Graph, ledger and quarantine.
        budget
            Time that is left; asked before every transaction.

        Returns
        -------
        Load
            `done`.
        """
        while not load.done:
            budget.check(self.name, load.version.uri)
            load = stores.graph.finish(load)
            budget.moved_on()
        self._keep_refusal(load, stores)
        for known in stores.graph.unreported_loads(load.touched) if load.touched else ():
            budget.check(self.name, load.version.uri)
            self._revise(known, stores)
            budget.moved_on()
        return load

    def refusal(self, load: Load) -> str:
        """Why a version that could be read decides nothing; empty when it does."""
        return yielding(load)[1] or super().refusal(load)

    def partitions(self, load: Load, counts: Counts) -> tuple[PartitionCounts, ...]:
        """The purchase days, and the graph; none for a version that decides nothing: the earlier one still stands."""
        if not load.rank or load.yields:
            return ()
        days = tuple(PartitionCounts(self.name, day, load.days[day]) for day in sorted(load.days))
        return (*days, PartitionCounts("purchase_graph", "", counts))

    def effects(self, load: Load) -> dict[str, int]:
        """What changed in the graph."""
        return load.effects | {"rows_unusual": load.unusual}

    def revision(self, load: Load) -> int:
        """How often other objects changed what became of the rows."""
        return load.revision

    def follow_up(self, receipt: Receipt, stores: TicketStores, budget: TimeBudget) -> None:
        """Look once more whether other objects have changed the counts since they were read for the receipt.

        And work in the version that stands instead, where this one has left its key to one whose claims are gone.

        Parameters
        ----------
        receipt
            Receipt that was written.
        stores
            Graph, ledger and quarantine.
        budget
            Time that is left.
        """
        known = stores.graph.known(receipt.id)
        if known is None:
            return
        if known.load.done:
            self._revise(known, stores)
            self._see_to_what_stands(known, stores, budget)
        elif known.load.run > receipt.run and known.load.next_row == 1:
            # Another version had it begun again before there was a receipt to say so to.
            self._work_in_again(known, receipt, stores, budget)

    def revise(self, receipt_id: str, stores: TicketStores) -> None:
        """Update the receipt of a load whose counts other objects have changed since, from the graph.

        Nothing is done where there is no receipt yet: whoever writes it looks again afterwards (`follow_up`).
        """
        if known := stores.graph.known(receipt_id):
            self._revise(known, stores)

    def _revise(self, known: KnownLoad, stores: TicketStores) -> None:
        if not known.load.done or not known.load.revision:
            return
        receipt = stores.ledger.receipt(known.id)
        if receipt is None or receipt.run != known.load.run:
            return
        if receipt.revision < known.load.revision:
            load = replace(known.load, version=receipt.version)
            self._keep_refusal(load, stores)
            refused = receipt.refused if load.refused else self.refusal(load)
            stores.ledger.record(self.receipt(load, load.counts, refused, receipt.seconds), delivery=False)
        if known.load.untold:
            stores.graph.mark_reported(known)

    def _keep_refusal(self, load: Load, stores: TicketStores) -> None:
        rule, sentence = yielding(load)
        if rule:
            stores.quarantine.keep_file(load.version, load.run, rule, sentence, "")

    def _see_to_what_stands(self, ended: KnownLoad, stores: TicketStores, budget: TimeBudget) -> None:
        """Have the version of the key that stands in place of this one in graph and ledger, unless it is."""
        if ended.load.stands:
            if ended.load.touched:
                stores.ledger.reinstate(ended.id)
            return
        for known in stores.graph.open_loads_of(ended.uri):
            if known.id not in ended.load.touched and known.load.version.stamp > ended.load.version.stamp:
                continue  # it replaces this one, and whoever works on it sees to it
            receipt = stores.ledger.receipt(known.id)
            if receipt is None:
                continue
            if receipt.run < known.load.run:
                self._work_in_again(known, receipt, stores, budget)
            elif known.load.stands:
                stores.ledger.reinstate(known.id)

    def _work_in_again(self, known: KnownLoad, receipt: Receipt, stores: TicketStores, budget: TimeBudget) -> None:
        if self.work_from(receipt.version, stores, receipt, Attempt(budget=budget)).run > receipt.run:
            return
        # It is no longer in its bucket: the one before it has to stand.
        load = stores.graph.load(receipt.version)
        while load and not load.done:
            load = stores.graph.finish(self.refused(load))
        if again := stores.graph.known(known.id):
            self._see_to_what_stands(again, stores, budget)


def yielding(load: Load) -> tuple[str, str]:
    """The rule and the sentence by which a version leaves its key to an earlier one; both empty when it does not."""
    if not load.yields or (load.rank is Rank.NOTHING and load.next_row > 1):
        return "", ""
    name, found = ("complete", load.cut) if load.cut else ("some_row", "it has a header and no rows")
    expected = TICKETS.rule(name).expected
    return name, f"{load.version.key}: {found}; an earlier version stands in its place; expected {expected}"


TICKET_FLOW = TicketFlow()
