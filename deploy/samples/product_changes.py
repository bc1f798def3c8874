"""Changes that come to products while an instance runs: other prices, new products, and some that are taken out.

They come in rounds, as those of purchases do; what a round does follows from its number, the seed and the products that
there are.
"""

from __future__ import annotations

import random
from bisect import insort
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Final

from pipeline_assets.events.table import Item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from deploy.samples.compras_changes import Key

SEED: Final = 1
#: One round of purchases in so many is one of products too.
EVERY: Final = 6
#: What a round may do, and how often of eight times.
_KINDS: Final = {"price": 5, "new": 2, "removal": 1}
#: A price goes to so many hundredths of what it was, one of these.
_HUNDREDTHS: Final = (80, 90, 95, 105, 110, 125)
_CENT: Final = Decimal("0.01")


class ChangingProducts:
    """The table of products, as whoever changes it knows it; raises what the client raises."""

    def __init__(self, dynamodb: DynamoDBClient, table: str, seed: int = SEED) -> None:
        self._dynamodb, self._table, self._seed = dynamodb, table, seed
        self._keys: list[Key] = []

    def look(self) -> int:
        """Read the keys of all products; returns how many there are."""
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._table, ProjectionExpression="tenant_id, codigo"
        )
        found = (item for page in pages for item in page["Items"])
        self._keys = sorted((str(each["tenant_id"]["S"]), str(each["codigo"]["S"])) for each in found)
        return len(self._keys)

    def change(self, number: int) -> str:
        """Do the round with this number; returns what it did, or an empty text where there was nothing to change."""
        chance = random.Random(f"{self._seed}/products/{number}")  # noqa: S311 - it repeats on purpose
        kind = chance.choices(list(_KINDS), list(_KINDS.values()))[0]
        if not self._keys and not self.look():
            return ""
        key = chance.choice(self._keys)
        found = self._dynamodb.get_item(TableName=self._table, Key=_attributes(key), ConsistentRead=True)
        if "Item" not in found:  # somebody else removed it
            self._keys.remove(key)
            return ""
        item = dict(found["Item"])
        if kind == "removal":
            self._dynamodb.delete_item(TableName=self._table, Key=_attributes(key))
            self._keys.remove(key)
            return f"removed {key[1]} of {key[0]}"
        changed = with_other_price(item, chance)
        if kind == "new":
            changed = {**changed, "codigo": {"S": f"N-{self._seed}-{number}"}}
        return self._put(changed)

    def _put(self, item: Item) -> str:
        key: Key = (item["tenant_id"]["S"], item["codigo"]["S"])
        self._dynamodb.put_item(TableName=self._table, Item=item)
        if key not in self._keys:
            insort(self._keys, key)
        return f"put {key[1]} of {key[0]}"


def with_other_price(item: Item, chance: random.Random) -> Item:
    """The product with another price, to the cent; one without a price, or with one of a cent, stays as it is."""
    price = Decimal(item.get("precio", {}).get("N", "0"))
    other = (price * chance.choice(_HUNDREDTHS) / 100).quantize(_CENT, ROUND_HALF_UP)
    return {**item, "precio": {"N": f"{other.normalize():f}"}} if other > 0 else item


def _attributes(key: Key) -> Item:
    return {"tenant_id": {"S": key[0]}, "codigo": {"S": key[1]}}
