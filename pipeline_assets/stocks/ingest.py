"""Ingest of a price file, to the table and its receipt: what the Lambda, Dagster and the command line call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime

from pipeline_assets.csv_files.ingest import CsvFlow
from pipeline_assets.csv_files.reading import CsvFile
from pipeline_assets.datasets.stocks import STOCKS
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.rejection import Rejection
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.events.time_budget import TimeBudget
from pipeline_assets.stocks.batches import batches, write_batch
from pipeline_assets.stocks.ingestion import Ingestion
from pipeline_assets.stocks.rows import Price, PriceRules, header_fault
from pipeline_assets.stocks.stores import StockStores

#: Records that are written and counted together.
BATCH_ROWS = 5_000
#: Records by which it is told whether a file is of daily bars.
_ROWS_LOOKED_AT = 2_000
#: The first day that a receipt names. Daily bars go back some 20,000 days, and one file of them would be as many
#: entries in the ledger; older prices are in the table and in the account of the day they arrived.
FIRST_DAY = date(2015, 1, 1)


class StockFlow(CsvFlow[Ingestion, StockStores]):
    """Price files: every batch is written into the table, then counted; both may be done again."""

    dataset = STOCKS
    left_out = "prices that it no longer names stay in the table"
    #: A batch begun with so much left ends within it, the rests of a throttled table included.
    reserve_seconds = 10.0

    def header_fault(self, header: Sequence[str], version: ObjectVersion) -> str:
        """A file without the column of tickets may be named after its ticker."""
        return header_fault(header, version.key)

    def known(self, version: ObjectVersion, stores: StockStores) -> Ingestion | None:
        """Progress of a file of more than one batch; None where it has not begun."""
        return stores.ingestions.find(version)

    def begin(self, version: ObjectVersion, run: int) -> Ingestion:
        """A run before its first row."""
        return Ingestion(version, run)

    def judge(self, file: CsvFile, version: ObjectVersion) -> Iterator[Price | Rejection]:
        """Apply the row rules to each record: its price, or its rejection."""
        rules = _rules(file, version)
        return (rules.price(number, fields) for number, fields in file.records())

    def put_rows(self, file: CsvFile, ingestion: Ingestion, stores: StockStores, budget: TimeBudget) -> Ingestion:
        """Put batch by batch into the table, then its rejections into the quarantine, then its counts into the ledger.

        Parameters
        ----------
        file
            Opened, before its first record.
        ingestion
            How far the object version has come.
        stores
            Where prices, rejections and counts go.
        budget
            Time that is left; asked before every batch.

        Returns
        -------
        Ingestion
            How far it has come now: to its last record.
        """
        rules = _rules(file, ingestion.version)
        if ingestion.next_row > 1:
            file.resume_at(ingestion.next_row, ingestion.position)
        for batch in batches(file, rules, BATCH_ROWS):
            budget.check(self.name, ingestion.version.uri)
            tally, rejections = write_batch(batch, ingestion, stores.table)
            stores.quarantine.keep_rows(ingestion.version, ingestion.run, file.header, rejections)
            stores.tickers.put((row.price.ticker, row.price.day) for row in batch.rows.values())
            before, ingestion = ingestion, ingestion.with_batch(tally, batch.next_row, batch.position)
            if batch.size == BATCH_ROWS:  # a shorter one is the last: the receipt itself says that it is in
                stores.ingestions.put(ingestion, before)
            budget.moved_on()
        return ingestion

    def refused(self, ingestion: Ingestion) -> Ingestion:
        """The ingestion itself: what an earlier run wrote stays in the table."""
        return ingestion

    def finish(self, ingestion: Ingestion, stores: StockStores, budget: TimeBudget) -> Ingestion:  # noqa: ARG002 - for other flows
        """Do nothing: what a file no longer names stays in the table.

        Parameters
        ----------
        ingestion, stores, budget
            Of the object version that is at its end.

        Returns
        -------
        Ingestion
            The same.
        """
        return ingestion

    def partitions(self, ingestion: Ingestion, counts: Counts) -> tuple[PartitionCounts, ...]:
        """The days of the prices; none for a version of rejected rows alone: the earlier one's prices still stand."""
        if counts.received == counts.quarantined:
            return ()
        first = FIRST_DAY.isoformat()
        return tuple(
            PartitionCounts(self.name, day, ingestion.days[day]) for day in sorted(ingestion.days) if day >= first
        )

    def effects(self, ingestion: Ingestion) -> dict[str, int]:
        """What changed in the table."""
        return dict(ingestion.effects)

    def follow_up(self, receipt: Receipt, stores: StockStores, budget: TimeBudget) -> None:  # noqa: ARG002 - for other flows
        """Drop how far the file had come; one of less than a batch left nothing.

        Parameters
        ----------
        receipt
            Receipt of the file.
        stores, budget
            Stores of the flow, and the time that is left.
        """
        if receipt.counts.received >= BATCH_ROWS:
            stores.ingestions.drop(receipt.id, receipt.run)


def _rules(file: CsvFile, version: ObjectVersion) -> PriceRules:
    """The rules of a file that was opened, before any of its records is read."""
    return PriceRules(file.header, datetime.fromisoformat(version.event_time), version.key, file.peek(_ROWS_LOOKED_AT))


STOCK_FLOW = StockFlow()
