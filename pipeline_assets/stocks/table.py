"""The table of prices: one item per ticker and time, written under the rules of `pipeline_assets.stocks.ownership`.

Items: `PK` ticker, `SK` time (ISO-8601 UTC with milliseconds, so that times sort as text), `open`, `high`, `low`,
`close` and `volume` as exact numbers, `volume` absent where nobody said, and `owner`.

Conditional puts go in transactions of up to a hundred, several at a time. A transaction that is refused names the
items that stood in its way; each is judged, and what is left of the transaction is sent again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from pipeline_assets.datasets.stocks import STOCKS
from pipeline_assets.errors import TransientError
from pipeline_assets.stocks.ownership import Fate, OwnedPrice, Owner, Settled, judge
from pipeline_assets.stocks.rows import Price

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]
#: The most that DynamoDB takes in one transaction.
TRANSACTION = 100
#: Transactions at a time; the client of the table needs as many connections.
AT_A_TIME = 4
_PRICES = ("open", "high", "low", "close")
_PUTS = (Fate.REWRITTEN, Fate.OVERWRITTEN)
_CONDITION = "ConditionalCheckFailed"
#: Reasons to send the same again after a rest: another writer has an item in hand, or the table is throttled.
_BUSY = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
_ATTEMPTS = 6
#: Seconds; all rests of a transaction together stay well below what a batch may take.
_FIRST_REST, _LONGEST_REST = 0.05, 1.0


class StockTable:
    """The prices; every method raises `TransientError` when the table cannot be reached or stays throttled."""

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        self._client = client
        self._name = name

    def write(self, prices: Sequence[OwnedPrice]) -> list[Settled]:
        """Write prices, no two of them of the same ticker and time, and tell what became of each.

        Raises `OvertakenError` when a later run of their object version is at work.
        """
        parts = [prices[first : first + TRANSACTION] for first in range(0, len(prices), TRANSACTION)]
        if len(parts) < 2:  # noqa: PLR2004 - a small file needs no threads
            return self._settle(prices) if prices else []
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            return list(chain.from_iterable(pool.map(self._settle, parts)))

    def prices(self, ticker: str, first: str, last: str) -> Iterator[Price]:
        """The prices of a ticker from `first` to `last`, both included and as in `SK`, in the order of time."""
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
        why = ""
        for attempt in range(_ATTEMPTS):
            reasons = self._put([self._request(prices[n], held.get(n)) for n in waiting])
            for n, reason in zip(waiting, reasons or [{}] * len(waiting), strict=True):
                if reasons is None:
                    settled[n] = Settled(held[n].fate if n in held else Fate.WRITTEN, prices[n])
                elif reason.get("Code") == _CONDITION:
                    held.pop(n, None)
                    if reason.get("Item"):
                        other = _owned(reason["Item"])
                        fate = judge(prices[n], other)
                        (held if fate in _PUTS else settled)[n] = Settled(fate, other)
            waiting = [n for n in waiting if n not in settled]
            if not waiting:
                return [settled[n] for n in range(len(prices))]
            why = _told(reasons or ())
            if any(reason.get("Code") in _BUSY for reason in reasons or ()):
                _rest(attempt)
        raise self._failure(f"{len(waiting)} prices were refused {_ATTEMPTS} times: {why}")

    def _put(self, requests: Sequence[Item]) -> Sequence[Item] | None:
        """Send one transaction; why each of its items was refused, or None when all are in."""
        try:
            self._client.transact_write_items(TransactItems=cast("Any", [{"Put": request} for request in requests]))
        except self._client.exceptions.TransactionCanceledException as cancelled:
            reasons = cast("list[Item]", cancelled.response.get("CancellationReasons", []))
            known = {_CONDITION, *_BUSY, "None", None}
            if len(reasons) != len(requests) or any(reason.get("Code") not in known for reason in reasons):
                raise self._failure(_told(reasons) or str(cancelled)) from cancelled
            return reasons
        except (BotoCoreError, ClientError) as error:
            raise self._failure(str(error)) from error
        return None

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
        return put

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


def _rest(attempt: int) -> None:
    """Wait, longer each time and never as long as another writer that waits for the same."""
    time.sleep(min(_LONGEST_REST, _FIRST_REST * 2**attempt) * random.uniform(0.5, 1))  # noqa: S311 - no secret


def _told(reasons: Sequence[Item]) -> str:
    return ", ".join(sorted({str(reason.get("Code")) for reason in reasons} - {"None"}))
