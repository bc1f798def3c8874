"""Batches of a price file: consecutive records that are written together, then counted together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline_assets.csv_files.reading import CsvFile
from pipeline_assets.datasets.stocks import STOCKS
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.rejection import BrokenRuleError, Rejection, rejection
from pipeline_assets.stocks.ingestion import Ingestion, Tally
from pipeline_assets.stocks.ownership import Fate, OwnedPrice, Owner, Settled
from pipeline_assets.stocks.rows import Price, PriceRules
from pipeline_assets.stocks.table import StockTable

_ACCEPTED = Counts(received=1, accepted=1)
_DUPLICATE = Counts(received=1, duplicate=1)
_SUPERSEDED = Counts(received=1, superseded=1)
_QUARANTINED = Counts(received=1, quarantined=1)


class Row(NamedTuple):
    """A record that is a price, and its fields as they stand in the file."""

    number: int
    fields: Sequence[str]
    price: Price


@dataclass(slots=True)
class Batch:
    """Batch of records of a file.

    Parameters
    ----------
    rows
        First row of every ticker and time.
    repeats
        Later rows of those.
    rejections
        Records that are no prices.
    unusual
        Rows that were kept with a warning.
    next_row
        Number of the record after the batch, from 1.
    position
        Byte of the file at which that record begins.
    """

    rows: dict[tuple[str, str], Row] = field(default_factory=dict)
    repeats: list[Row] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    unusual: int = 0
    next_row: int = 1
    position: int = 0

    @property
    def size(self) -> int:
        """How many records it has."""
        return len(self.rows) + len(self.repeats) + len(self.rejections)

    def add(self, row: Row) -> None:
        """Take a row in; the first of a ticker and a time is the one that counts."""
        if self.rows.setdefault((row.price.ticker, row.price.timestamp), row) is not row:
            self.repeats.append(row)


def batches(file: CsvFile, rules: PriceRules, size: int) -> Iterator[Batch]:
    """Batches of the records that are left of a file.

    Parameters
    ----------
    file
        Opened, and set to its first record that is not in yet.
    rules
        Row rules of this file.
    size
        Records of a batch, at least 1; the last batch may have fewer.

    Yields
    ------
    Batch
        In the order of the file.
    """
    batch = Batch()
    for number, fields in file.records():
        found = rules.price(number, fields)
        if isinstance(found, Price):
            batch.add(Row(number, fields, found))
        else:
            batch.rejections.append(found)
        batch.next_row = number + 1
        if batch.size == size:
            batch.position, batch.unusual = file.position, rules.take_unusual()
            yield batch
            batch = Batch()
    if batch.size:
        batch.position, batch.unusual = file.position, rules.take_unusual()
        yield batch


def write_batch(batch: Batch, ingestion: Ingestion, table: StockTable) -> tuple[Tally, list[Rejection]]:
    """Write the prices of a batch into the table; writing them again changes nothing.

    Parameters
    ----------
    batch
        What is written.
    ingestion
        Run that the batch belongs to.
    table
        Table of prices.

    Returns
    -------
    Tally
        Rows of the batch by day and outcome; the same when it is written again, but for rows that have been superseded
        meanwhile.
    list of Rejection
        All that was rejected, contradictory rows included, in the order of the rows.
    """
    tally, rejections = Tally(), list(batch.rejections)
    stamp, source, run = ingestion.version.stamp, ingestion.version.id, ingestion.run
    prices = [OwnedPrice(Owner(stamp, source, run, row.number), row.price) for row in batch.rows.values()]
    standing = dict(zip(batch.rows, table.write(prices), strict=True))
    for place, row in batch.rows.items():
        _settle(row, standing[place], tally, rejections)
    for row in batch.repeats:
        settled = standing[row.price.ticker, row.price.timestamp]
        if settled.fate is not Fate.SUPERSEDED:
            same = settled.price.price == row.price
            settled = Settled(Fate.REPEATED if same else Fate.CONTRADICTED, settled.price)
        _settle(row, settled, tally, rejections)
    for rejected in rejections:
        tally.add(rejected.day, _QUARANTINED)
    tally.changed("rows_unusual", batch.unusual)
    return tally, sorted(rejections, key=lambda rejected: rejected.number)


def _settle(row: Row, settled: Settled, tally: Tally, rejections: list[Rejection]) -> None:
    match settled.fate:
        case Fate.REPEATED:
            tally.add(row.price.day, _DUPLICATE)
        case Fate.SUPERSEDED:
            tally.add(row.price.day, _SUPERSEDED)
        case Fate.CONTRADICTED:
            what = f"other prices than row {settled.price.owner.row} has for {row.price.ticker} {row.price.timestamp}"
            broken = BrokenRuleError("one_price", "", what)
            rejections.append(rejection(STOCKS, row.number, broken, row.fields, row.price.day))
        case fate:
            tally.add(row.price.day, _ACCEPTED)
            tally.changed("items_overwritten", fate is Fate.OVERWRITTEN)
