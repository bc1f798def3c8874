"""Index of tickers, in all and by day: what a table cannot tell without a scan.

Items of the ledger's table: ``tickers`` / ``<ticker>`` and ``tickers#<day>`` / ``<ticker>``, put before the receipt of
the file that has them. They say the same thing however often they are put.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pipeline_assets.events.table import Table, key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ALL = "tickers"
#: So many pairs of ticker and day are remembered as put: a feed repeats the same fifty a minute.
_REMEMBERED = 50_000


class Tickers:
    """The tickers of all files; every method raises `TransientError` when the table cannot be reached."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._table = Table(client, table)
        self._put: set[tuple[str, str]] = set()

    def put(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Put tickers, each with a UTC day."""
        new = {*pairs} - self._put
        if not new:
            return
        places = {(f"{_ALL}#{day}", ticker) for ticker, day in new} | {(_ALL, ticker) for ticker, _ in new}
        self._table.put_all(key(pk, ticker) for pk, ticker in sorted(places))
        if len(self._put) + len(new) > _REMEMBERED:
            self._put.clear()
        self._put |= new

    def of_day(self, day: str) -> list[str]:
        """The tickers that have a price on a UTC day, in order."""
        return [item["sk"]["S"] for item in self._table.query(f"{_ALL}#{day}")]

    def known(self, ticker: str) -> bool:
        """Whether any file ever had a ticker."""
        return self._table.get(_ALL, ticker) is not None

    def all(self) -> list[str]:
        """The tickers of all days, in order."""
        return [item["sk"]["S"] for item in self._table.query(_ALL)]
