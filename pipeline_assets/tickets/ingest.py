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
from pipeline_assets.graph.ingestion import Ingestion, KnownIngestion, Rank
from pipeline_assets.graph.ownership import Line
from pipeline_assets.tickets.batches import batches
from pipeline_assets.tickets.emptied import is_meant_to_be_empty
from pipeline_assets.tickets.leaving import with_lines_that_leave
from pipeline_assets.tickets.rows import RowRules
from pipeline_assets.tickets.stores import TicketStores

#: Records of one transaction.
BATCH_ROWS = 5_000


class TicketFlow(CsvFlow[Ingestion, TicketStores]):
    """Ticket files: every batch goes into the graph in one transaction, together with its place in the file."""

    dataset = TICKETS
    left_out = "tickets that it no longer carries leave the graph"

    def known(self, version: ObjectVersion, stores: TicketStores) -> Ingestion | None:
        """Read the progress of an object version from the graph."""
        return stores.graph.ingestion(version)

    def begin(self, version: ObjectVersion, run: int) -> Ingestion:
        """A run before its first row."""
        return Ingestion(version, run)

    def judge(self, file: CsvFile, version: ObjectVersion) -> Iterator[Line | Rejection]:
        """Apply the row rules to each record: its line, or its rejection."""
        rules = RowRules(file.header, datetime.fromisoformat(version.event_time))
        return (rules.line(number, fields) for number, fields in file.records())

    def put_rows(self, file: CsvFile, ingestion: Ingestion, stores: TicketStores, budget: TimeBudget) -> Ingestion:
        """Write batch by batch into the graph, what is rejected into the quarantine first.

        Parameters
        ----------
        file
            Opened, before its first record.
        ingestion
            Progress of the object version.
        stores
            Where lines and rejections go.
        budget
            Time that is left; asked before every batch.

        Returns
        -------
        Ingestion
            Progress at the end of the file.
        """
        rules = RowRules(file.header, datetime.fromisoformat(ingestion.version.event_time), stores.day_begins)
        rules.crowded = ingestion.crowded
        if ingestion.next_row > 1:
            file.resume_at(ingestion.next_row, ingestion.position)
        for batch, rejections in batches(file, rules, BATCH_ROWS):
            budget.check(self.name, ingestion.version.uri)
            if rejections:
                completed = with_lines_that_leave(stores.graph, ingestion, file.header, rejections)
                stores.quarantine.keep_rows(ingestion.version, ingestion.run, file.header, completed)
            ingestion = stores.graph.write(ingestion, batch)
            rules.crowded = ingestion.crowded
            budget.moved_on()
        emptied = ingestion.next_row == 1 and is_meant_to_be_empty(stores.storage, ingestion.version)
        return replace(ingestion, cut=file.cut, emptied=emptied)

    def refused(self, ingestion: Ingestion) -> Ingestion:
        """An ingestion that decides nothing: what it brought is taken back, and the version before it stands."""
        return replace(ingestion, refused=True)

    def finish(self, ingestion: Ingestion, stores: TicketStores, budget: TimeBudget) -> Ingestion:
        """Take back the claims of the key's other versions, and write to the ledger the counts that this changed.

        Parameters
        ----------
        ingestion
            Progress at the end of the file.
        stores
            Graph, ledger and quarantine.
        budget
            Time that is left; asked before every transaction.

        Returns
        -------
        Ingestion
            `done`.
        """
        while not ingestion.done:
            budget.check(self.name, ingestion.version.uri)
            ingestion = stores.graph.finish(ingestion)
            budget.moved_on()
        self._keep_refusal(ingestion, stores)
        for known in stores.graph.unreported_ingestions(ingestion.touched) if ingestion.touched else ():
            budget.check(self.name, ingestion.version.uri)
            self._revise(known, stores)
            budget.moved_on()
        return ingestion

    def refusal(self, ingestion: Ingestion) -> str:
        """Why a version that could be read decides nothing; empty when it does."""
        return yielding(ingestion)[1] or super().refusal(ingestion)

    def partitions(self, ingestion: Ingestion, counts: Counts) -> tuple[PartitionCounts, ...]:
        """The purchase days, and the graph; none for a version that decides nothing: the earlier one still stands."""
        if not ingestion.rank or ingestion.yields:
            return ()
        days = tuple(PartitionCounts(self.name, day, ingestion.days[day]) for day in sorted(ingestion.days))
        return (*days, PartitionCounts("purchase_graph", "", counts))

    def effects(self, ingestion: Ingestion) -> dict[str, int]:
        """What changed in the graph."""
        return ingestion.effects | {"rows_unusual": ingestion.unusual}

    def revision(self, ingestion: Ingestion) -> int:
        """How often other objects changed what became of the rows."""
        return ingestion.revision

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
        if known.ingestion.done:
            self._revise(known, stores)
            self._see_to_what_stands(known, stores, budget)
        elif known.ingestion.run > receipt.run and known.ingestion.next_row == 1:
            # Another version had it begun again before there was a receipt to say so to.
            self._work_in_again(known, receipt, stores, budget)

    def revise(self, receipt_id: str, stores: TicketStores) -> None:
        """Update the receipt of an ingestion whose counts other objects have changed since, from the graph.

        Nothing is done where there is no receipt yet: whoever writes it looks again afterwards (`follow_up`).
        """
        if known := stores.graph.known(receipt_id):
            self._revise(known, stores)

    def _revise(self, known: KnownIngestion, stores: TicketStores) -> None:
        if not known.ingestion.done or not known.ingestion.revision:
            return
        receipt = stores.ledger.receipt(known.id)
        if receipt is None or receipt.run != known.ingestion.run:
            return
        if receipt.revision < known.ingestion.revision:
            ingestion = replace(known.ingestion, version=receipt.version)
            self._keep_refusal(ingestion, stores)
            refused = receipt.refused if ingestion.refused else self.refusal(ingestion)
            stores.ledger.record(self.receipt(ingestion, ingestion.counts, refused, receipt.seconds), delivery=False)
        if known.ingestion.untold:
            stores.graph.mark_reported(known)

    def _keep_refusal(self, ingestion: Ingestion, stores: TicketStores) -> None:
        rule, sentence = yielding(ingestion)
        if rule:
            stores.quarantine.keep_file(ingestion.version, ingestion.run, rule, sentence, "")

    def _see_to_what_stands(self, ended: KnownIngestion, stores: TicketStores, budget: TimeBudget) -> None:
        """Have the version of the key that stands in place of this one in graph and ledger, unless it is."""
        if ended.ingestion.stands:
            if ended.ingestion.touched:
                stores.ledger.reinstate(ended.id)
            return
        for known in stores.graph.open_ingestions_of(ended.uri):
            if (
                known.id not in ended.ingestion.touched
                and known.ingestion.version.stamp > ended.ingestion.version.stamp
            ):
                continue  # it replaces this one, and whoever works on it sees to it
            receipt = stores.ledger.receipt(known.id)
            if receipt is None:
                continue
            if receipt.run < known.ingestion.run:
                self._work_in_again(known, receipt, stores, budget)
            elif known.ingestion.stands:
                stores.ledger.reinstate(known.id)

    def _work_in_again(self, known: KnownIngestion, receipt: Receipt, stores: TicketStores, budget: TimeBudget) -> None:
        if self.work_from(receipt.version, stores, receipt, Attempt(budget=budget)).run > receipt.run:
            return
        # It is no longer in its bucket: the one before it has to stand.
        ingestion = stores.graph.ingestion(receipt.version)
        while ingestion and not ingestion.done:
            ingestion = stores.graph.finish(self.refused(ingestion))
        if again := stores.graph.known(known.id):
            self._see_to_what_stands(again, stores, budget)


def yielding(ingestion: Ingestion) -> tuple[str, str]:
    """The rule and the sentence by which a version leaves its key to an earlier one; both empty when it does not."""
    if not ingestion.yields or (ingestion.rank is Rank.NOTHING and ingestion.next_row > 1):
        return "", ""
    name, found = ("complete", ingestion.cut) if ingestion.cut else ("some_row", "it has a header and no rows")
    expected = TICKETS.rule(name).expected
    return name, f"{ingestion.version.key}: {found}; an earlier version stands in its place; expected {expected}"


TICKET_FLOW = TicketFlow()
