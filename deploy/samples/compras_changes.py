"""Changes that come to purchases while an instance runs: new ones, other quantities, removals and returns.

They come in rounds. What a round does follows from its number, the seed and the purchases that there are; its number is
the time divided by `ROUND_SECONDS`, so that nothing has to be remembered.
"""

from __future__ import annotations

import random
from bisect import insort
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pipeline_assets.events.table import Item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SEED: Final = 1
#: 17,280 rounds a day.
ROUND_SECONDS: Final = 5
#: What a round may do, and how often of ten times.
_KINDS: Final = {"new": 5, "quantity": 3, "removal": 1, "return": 1}
_MOST_OF_ONE: Final = 9

#: Tenant and id of a purchase.
Key: TypeAlias = "tuple[str, str]"


class ChangingPurchases:
    """The table of purchases, as whoever changes it knows it; raises what the client raises."""

    def __init__(self, dynamodb: DynamoDBClient, table: str, seed: int = SEED) -> None:
        self._dynamodb, self._table, self._seed = dynamodb, table, seed
        self._keys: list[Key] = []

    def look(self) -> int:
        """Read the keys of all purchases; returns how many there are."""
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._table, ProjectionExpression="tenant_id, compra_id"
        )
        found = (item for page in pages for item in page["Items"])
        self._keys = sorted((str(each["tenant_id"]["S"]), str(each["compra_id"]["S"])) for each in found)
        return len(self._keys)

    def change(self, number: int) -> str:
        """Do the round with this number; returns what it did, or an empty text where there was nothing to change."""
        chance = random.Random(f"{self._seed}/{number}")  # noqa: S311 - it repeats on purpose
        kind = chance.choices(list(_KINDS), list(_KINDS.values()))[0]
        if not self._keys and not self.look():
            return ""
        key = chance.choice(self._keys)
        item = self._read(key)
        if item is None:  # somebody else removed it
            self._keys.remove(key)
            return ""
        done = list(self._do(kind, key, item, number, chance))
        return ", ".join(done)

    def _do(self, kind: str, key: Key, item: Item, number: int, chance: random.Random) -> Iterator[str]:
        if kind == "new":
            yield self._put(bought_again(item, f"N-{self._seed}-{number}", number * ROUND_SECONDS))
        elif kind == "quantity":
            yield self._put(with_other_quantity(item, chance))
        else:
            yield self._remove(key)
            if kind == "return":
                yield self._put(item)

    def _read(self, key: Key) -> Item | None:
        found = self._dynamodb.get_item(TableName=self._table, Key=_attributes(key), ConsistentRead=True)
        return dict(found["Item"]) if "Item" in found else None

    def _put(self, item: Item) -> str:
        key: Key = (item["tenant_id"]["S"], item["compra_id"]["S"])
        self._dynamodb.put_item(TableName=self._table, Item=item)
        if key not in self._keys:
            insort(self._keys, key)
        return f"put {key[1]} of {key[0]}"

    def _remove(self, key: Key) -> str:
        self._dynamodb.delete_item(TableName=self._table, Key=_attributes(key))
        self._keys.remove(key)
        return f"removed {key[1]} of {key[0]}"


def bought_again(item: Item, compra_id: str, at: int) -> Item:
    """A new purchase of the same products by the same person, at a time in seconds since 1970."""
    fecha = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return {**item, "compra_id": {"S": compra_id}, "fecha": {"S": fecha}}


def with_other_quantity(item: Item, chance: random.Random) -> Item:
    """The purchase with another quantity, of 1 to 9, in one of its lines; one without lines stays as it is."""
    lines: list[Any] = list(item["productos"]["L"])
    if not lines:
        return item
    place = chance.randrange(len(lines))
    product = lines[place]["M"]
    quantities = [each for each in range(1, _MOST_OF_ONE + 1) if each != Decimal(product["cantidad"]["N"])]
    lines[place] = {"M": {**product, "cantidad": {"N": str(chance.choice(quantities))}}}
    return {**item, "productos": {"L": lines}}


def _attributes(key: Key) -> Item:
    return {"tenant_id": {"S": key[0]}, "compra_id": {"S": key[1]}}
