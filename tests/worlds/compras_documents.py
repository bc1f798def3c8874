"""Documents of purchases as the flow writes them, in a bucket in memory, and what a report on them has to be."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import count
from typing import Any, cast

from pipeline_assets.compras.documents import Origin
from pipeline_assets.compras.ingest import COMPRAS_FLOW
from pipeline_assets.compras.stores import ComprasStores
from pipeline_assets.compras.table import TenantTable
from pipeline_assets.events.stream_flow import Worked
from pipeline_assets.events.stream_records import stream_records
from pipeline_assets.storage.bucket import Bucket
from tests.worlds.compras import ORIGIN, TABLE, product, purchase, record
from tests.worlds.memory_storage import MemoryBucket, MemoryStorage

_PRICES = ("0.1", "19.99", "1234567890123456.789", "0.12345678955", "1E+30", "3")
_NAMES = ("Pan", 'Café, "x"', "a\r\nb`\\")


@dataclass
class History:
    """Changes of purchases that come one after the other, and the purchases that there are after them."""

    bucket: Bucket = field(default_factory=lambda: MemoryBucket("compras"))
    origin: Origin = ORIGIN
    items: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    second: int = 0
    _numbers: count[int] = field(default_factory=lambda: count(1_000))

    def put(self, item: dict[str, Any], *, seconds: int = 1) -> None:
        """Put a purchase, so many seconds after the last change."""
        key = item["tenant_id"]["S"], item["compra_id"]["S"]
        self._write("MODIFY" if key in self.items else "INSERT", item, seconds)
        self.items[key] = item

    def remove(self, tenant: str, compra: str, *, seconds: int = 1) -> None:
        """Remove a purchase, so many seconds after the last change."""
        self._write("REMOVE", self.items.pop((tenant, compra)), seconds)

    def priced_in(self, moneda: str) -> None:
        """From now on purchases are in another currency."""
        self.origin = replace(self.origin, moneda=moneda)

    def _write(self, event_name: str, item: dict[str, Any], seconds: int) -> None:
        self.second += seconds
        made = record(next(self._numbers), event_name, item, second=self.second)
        records, _ = stream_records({"Records": [made]})
        # To put documents takes neither receipts nor a quarantine.
        nothing = cast("Any", None)
        stores = ComprasStores(MemoryStorage(), self.bucket, nothing, nothing, TenantTable(nothing, TABLE), self.origin)
        worked = COMPRAS_FLOW.work(records[0], stores)
        assert isinstance(worked, Worked), worked


def random_changes(history: History, dice: random.Random, tenant: str, day: str, changes: int) -> None:
    """Change purchases of a tenant's day, some within one second; among their documents are objects that are none."""
    for _ in range(changes):
        compra = dice.choice(["c1", "c/2", "Ω3", "c10", "c11", *(f"d{n}" for n in range(9))])
        if (tenant, compra) in history.items and dice.random() < 0.2:
            history.remove(tenant, compra, seconds=dice.choice([0, 1]))
            continue
        products = [
            product(f"P{dice.randint(1, 9)}", dice.choice(_PRICES), dice.choice(["1", "2.5"]), dice.choice(_NAMES))
            for _ in range(dice.randint(1, 4))
        ]
        item = purchase(compra, tenant, f"{day} 09:30:00", *products)
        if dice.random() < 0.1:
            item["productos"] = {"L": []}
        history.put(item, seconds=dice.choice([0, 0, 1, 60]))
    folder = f"compras/{tenant}/{day.replace('-', '/')}/"
    body = next(history.bucket.read(each.key) or b"" for each in history.bucket.objects(folder))
    for name, content in (("notes.txt", b"hello"), ("copy.json", body), ("insert_c9_20261120_093000.json", body)):
        history.bucket.put(folder + name, content)


def expected_report(history: History, tenant: str, first: date, last: date, top: int) -> dict[str, Any]:
    """The statistics, worked out from the purchases themselves; amounts with two places."""
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    mine = [
        item
        for (owner, _), item in history.items.items()
        if owner == tenant and first <= date.fromisoformat(item["fecha"]["S"][:10]) <= last
    ]
    total = Counted()
    by_day: dict[date, Counted] = defaultdict(Counted)
    by_weekday: dict[int, Counted] = defaultdict(Counted)
    by_hour: dict[int, Counted] = defaultdict(Counted)
    products: dict[str, Counted] = defaultdict(Counted)
    for item in mine:
        lines = [each["M"] for each in item["productos"]["L"]]
        units, paid = _units_and_price(lines)
        fecha = item["fecha"]["S"]
        day = date.fromisoformat(fecha[:10])
        for counted in (total, by_day[day], by_weekday[day.weekday()]):
            counted.add(units, Fraction(_two_places(paid)))
        if fecha[10:]:
            by_hour[int(fecha[11:13])].add(units, Fraction(_two_places(paid)))
        for code in {each["codigo"]["S"] for each in lines}:
            products[code].add(*_units_and_price([each for each in lines if each["codigo"]["S"] == code]))
    best = sorted(products.items(), key=lambda each: (-each[1].sales, -each[1].units, each[0]))
    return {
        "totals": total.shown(),
        "average": _two_places(Fraction(_two_places(total.sales)) / (total.purchases or 1)),
        "buyers": len({item["user_id"]["S"] for item in mine if "user_id" in item}),
        "days": [(day, by_day[day].shown()) for day in days],
        "weekdays": [by_weekday[number].shown() for number in range(7)],
        "hours": [by_hour[number].shown() for number in range(24)],
        "products": [(code, counted.shown()) for code, counted in best[:top]],
        "products_sold": len(products),
    }


@dataclass
class Counted:
    """Sums without a rounding."""

    purchases: int = 0
    units: Fraction = Fraction(0)
    sales: Fraction = Fraction(0)

    def add(self, units: Fraction, sales: Fraction) -> None:
        self.purchases, self.units, self.sales = self.purchases + 1, self.units + units, self.sales + sales

    def shown(self) -> tuple[int, Fraction, Decimal]:
        return self.purchases, self.units, _two_places(self.sales)


def _units_and_price(lines: list[dict[str, Any]]) -> tuple[Fraction, Fraction]:
    units, paid = Fraction(0), Fraction(0)
    for line in lines:
        units += Fraction(line["cantidad"]["N"])
        paid += Fraction(line["cantidad"]["N"]) * Fraction(line["precio_unitario"]["N"])
    return units, paid


def _two_places(number: Fraction) -> Decimal:
    """To the nearest cent, a half to the even one."""
    return Decimal(round(number * 100)).scaleb(-2)
