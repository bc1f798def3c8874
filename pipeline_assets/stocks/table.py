"""Table of prices: one item per ticker and time, written under the rules of `pipeline_assets.stocks.ownership`.

Items: `PK` ticker, `SK` time (ISO-8601 UTC with milliseconds, so that times sort as text), `open`, `high`, `low`,
`close` and `volume` as exact numbers, `volume` absent where nobody said, and `owner`.

Conditional puts go in transactions of up to a hundred, several at a time. A transaction that is refused names the
items that stood in its way; each is judged, and what is left of the transaction is sent again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline_assets.datasets.stocks import STOCKS
from pipeline_assets.errors import TransientError
from pipeline_assets.events.table import CONDITION_FAILED, TRANSACTION, Item, codes_of, transact
from pipeline_assets.events.table_errors import BusyError
from pipeline_assets.stocks.ownership import Fate, OwnedPrice, Owner, Settled, judge
from pipeline_assets.stocks.rows import Price
from pipeline_assets.storage.retries import retries

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

#: Transactions at a time; the client of the table needs as many connections.
AT_A_TIME = 4
_PRICES = ("open", "high", "low", "close")
_PUTS = (Fate.REWRITTEN, Fate.OVERWRITTEN)


class StockTable:
    """The prices; every method raises `TransientError` when the table cannot be reached or stays throttled."""

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        self._client = client
        self._name = name

    def write(self, prices: Sequence[OwnedPrice]) -> list[Settled]:
        """Write prices.

        Parameters
        ----------
        prices
            No two of them of the same ticker and time.

        Returns
        -------
        list of Settled
            What became of each, in the order of `prices`.

        Raises
        ------
        OvertakenError
            A later run of their object version is at work.
        TransientError
            The table cannot be reached or stays throttled.
        """
        parts = [prices[first : first + TRANSACTION] for first in range(0, len(prices), TRANSACTION)]
        if len(parts) < 2:  # noqa: PLR2004 - a small file needs no threads
            return self._settle(prices) if prices else []
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            return list(chain.from_iterable(pool.map(self._settle, parts)))

    def prices(self, ticker: str, first: str, last: str) -> Iterator[Price]:
        """Query the prices of a ticker between two times.

        Parameters
        ----------
        ticker
            In capitals, as in ``PK``.
        first, last
            Times as in ``SK`` (ISO-8601, UTC, milliseconds), both included.

        Yields
        ------
        Price
            In the order of time.

        Raises
        ------
        TransientError
            The table cannot be reached.
        """
        asked: Any = {
            "TableName": self._name,
            "ConsistentRead": True,
            "KeyConditionExpression": "PK = :ticker AND SK BETWEEN :first AND :last",
            "ExpressionAttributeValues": {":ticker": {"S": ticker}, ":first": {"S": first}, ":last": {"S": last}},
        }
        try:
            for page in self._client.get_paginator("query").paginate(**asked):
                yield from (_owned(item).price for item in page["Items"])
        except (BotoCoreError, ClientError) as error:
            raise self._failure(str(error)) from error

    def _settle(self, prices: Sequence[OwnedPrice]) -> list[Settled]:
        """Write the prices of one transaction, however often it has to be sent."""
        settled: dict[int, Settled] = {}
        held: dict[int, Settled] = {}
        waiting = list(range(len(prices)))
        try:
            for attempt in retries(BusyError):
                with attempt:
                    # What a first try finds in its way is taken from its owner, where it may be, without a rest.
                    for _ in range(2):
                        reasons = transact(self._client, [self._request(prices[n], held.get(n)) for n in waiting])
                        _judge_refused(prices, waiting, reasons, settled, held)
                        if not (waiting := [n for n in waiting if n not in settled]):
                            break
                    else:
                        raise BusyError(f"{len(waiting)} prices were refused: {codes_of(reasons or ())}")
        except TransientError as error:
            raise self._failure(str(error)) from error
        return [settled[n] for n in range(len(prices))]

    def _request(self, price: OwnedPrice, seen: Settled | None) -> Item:
        """A put of what is not there or, where it was `seen` with an owner to take it from, is still that owner's."""
        put: Item = {
            "TableName": self._name,
            "Item": item_of(price),
            "ConditionExpression": "attribute_not_exists(PK)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if seen:
            put["ConditionExpression"] = "attribute_not_exists(PK) OR #owner = :seen"
            put["ExpressionAttributeNames"] = {"#owner": "owner"}
            put["ExpressionAttributeValues"] = {":seen": {"S": str(seen.price.owner)}}
        return {"Put": put}

    def _failure(self, why: str) -> TransientError:
        return TransientError(f"the table {self._name} did not take or give prices: {why}", flow=STOCKS.name)


def item_of(owned: OwnedPrice) -> Item:
    """The item of a price."""
    price = owned.price
    item: Item = {"PK": {"S": price.ticker}, "SK": {"S": price.timestamp}}
    item |= {name: {"N": f"{number:f}"} for name, number in zip(_PRICES, price[2:6], strict=True)}
    if price.volume is not None:
        item["volume"] = {"N": str(price.volume)}
    item["owner"] = {"S": str(owned.owner)}
    return item


def _owned(item: Item) -> OwnedPrice:
    open_, high, low, close = (Decimal(item[name]["N"]) for name in _PRICES)
    volume = int(Decimal(item["volume"]["N"])) if "volume" in item else None
    ticker, moment = item["PK"]["S"], item["SK"]["S"]
    price = Price(ticker, moment, open_, high, low, close, volume, moment[:10])
    return OwnedPrice(Owner.of(item["owner"]["S"]), price)


def _judge_refused(
    prices: Sequence[OwnedPrice],
    waiting: Sequence[int],
    reasons: Sequence[Item] | None,
    settled: dict[int, Settled],
    held: dict[int, Settled],
) -> None:
    """Settle the prices that are in, or that what stood in their way forbids; hold against whom others are to go on."""
    for n, reason in zip(waiting, reasons or [{}] * len(waiting), strict=True):
        if reasons is None:
            settled[n] = Settled(held[n].fate if n in held else Fate.WRITTEN, prices[n])
        elif reason.get("Code") == CONDITION_FAILED:
            held.pop(n, None)
            if reason.get("Item"):
                other = _owned(reason["Item"])
                fate = judge(prices[n], other)
                (held if fate in _PUTS else settled)[n] = Settled(fate, other)
