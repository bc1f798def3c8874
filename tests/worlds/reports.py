"""Reports worked out from the purchases that there are, row by row in plain Python: what SQL has to come to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from functools import partial
from typing import Any

from pipeline_assets.reports.request import ReportRequest, SummaryRequest

Item = Mapping[str, Any]
CENT = Decimal("0.01")


@dataclass
class Sale:
    """A purchase, or what it came to in the lines that count."""

    user: str | None
    amount: Decimal
    items: Decimal
    name: str | None = None


@dataclass
class Group:
    """What falls under one combination of dimensions."""

    sales: list[Sale] = field(default_factory=list)

    @property
    def total(self) -> Decimal:
        return sum((sale.amount for sale in self.sales), Decimal(0))

    def exact(self) -> dict[str, Decimal | Fraction | int]:
        """Each measure to its last digit."""
        amounts = sorted(sale.amount for sale in self.sales)
        middle = amounts[(len(amounts) - 1) // 2] + amounts[len(amounts) // 2]
        return {
            "purchases": len(self.sales),
            "total": self.total,
            "average": Fraction(self.total) / len(self.sales),
            "median": Fraction(middle) / 2,
            "smallest": amounts[0],
            "largest": amounts[-1],
            "items": _items(self),
            "customers": len({sale.user for sale in self.sales if sale.user is not None}),
        }

    def measures(self) -> dict[str, Any]:
        """Each measure as it is shown."""
        shown = {"purchases": int, "customers": int, "items": plain}
        return {name: shown.get(name, money)(value) for name, value in self.exact().items()}  # type: ignore[operator]


def expected_report(items: Sequence[Item], request: ReportRequest) -> list[dict[str, Any]]:
    """Rows of a report on these purchases of one tenant, all of them in one currency."""
    groups: dict[tuple[Any, ...], Group] = defaultdict(Group)
    for item in items:
        for product, sale in _sales(item, request):
            groups[tuple(_dimension(name, item, product) for name in request.dimensions)].sales.append(sale)
    rows = [
        (dict(zip(request.dimensions, keys, strict=True)) | group.exact(), _shown(keys, group, request))
        for keys, group in groups.items()
    ]
    rest = [(name, False) for name in request.dimensions if name not in dict(request.order)]
    for name, down in reversed([*request.order, *rest]):
        rows.sort(key=partial(_sorted, name=name, down=down), reverse=down)
    return [shown for _, shown in rows[: request.limit]]


def _shown(keys: tuple[Any, ...], group: Group, request: ReportRequest) -> dict[str, Any]:
    row = dict(zip(request.dimensions, keys, strict=True))
    if "product" in row:
        row["product_name"] = max(sale.name for sale in group.sales if sale.name is not None)
    measured = group.measures()
    return {**row, "currency": "USD", **{name: measured[name] for name in request.measures}}


def _sorted(row: tuple[dict[str, Any], Any], *, name: str, down: bool) -> Any:
    """A key by which what is null comes last, whatever the direction."""
    value = row[0][name]
    if value is None:
        return (not down,)
    return (down, value.encode() if isinstance(value, str) else value)


def expected_summary(items: Sequence[Item], request: SummaryRequest) -> dict[str, Any]:
    """A summary of these purchases of one tenant, all of them in one currency."""
    first, last = request.period.first, request.period.last
    mine = [item for item in items if first <= _day(item) <= last]
    days: dict[date, Group] = {first + timedelta(days=n): Group() for n in range((last - first).days + 1)}
    products: dict[str, Group] = defaultdict(Group)
    whole = Group()
    everything = ReportRequest(request.period, dimensions=("product",))
    for item in mine:
        sale = _whole(item)
        whole.sales.append(sale)
        days[_day(item)].sales.append(sale)
        for product, of_product in _sales(item, everything):
            products[product].sales.append(of_product)
    best = sorted(products.items(), key=lambda each: (-each[1].total, -_items(each[1]), each[0].encode()))
    return {
        **_sums(whole),
        "by_day": [{"day": day.isoformat(), **_sums(group)} for day, group in days.items()],
        "top_products": [
            {"codigo": code, "nombre": max(sale.name or "" for sale in group.sales), **_sums(group)}
            for code, group in best[: request.top]
        ],
    }


def money(amount: Decimal | Fraction) -> str:
    if isinstance(amount, Fraction):
        amount = Decimal(round(amount * 100)).scaleb(-2)
    return f"{amount.quantize(CENT):f}"


def plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _sums(group: Group) -> dict[str, Any]:
    if not group.sales:
        return {"purchases": 0, "total": "0.00", "average": "0.00", "customers": 0, "items": "0"}
    measured = group.measures()
    return {name: measured[name] for name in ("purchases", "total", "average", "customers", "items")}


def _items(group: Group) -> Decimal:
    return sum((sale.items for sale in group.sales), Decimal(0))


def _sales(item: Item, request: ReportRequest) -> Iterator[tuple[str, Sale]]:
    """What of a purchase counts: the whole of it, or a sale for each of its products, or one for all that are named."""
    chosen, whole = request.filters, _whole(item)
    if not request.period.first <= _day(item) <= request.period.last:
        return
    if chosen.customers and whole.user not in chosen.customers:
        return
    if chosen.total_min is not None and whole.amount < chosen.total_min:
        return
    if chosen.total_max is not None and whole.amount > chosen.total_max:
        return
    if chosen.currency not in ("", "USD"):
        return
    if not request.of_lines:
        yield "", whole
        return
    sales: dict[str, Sale] = {}
    for line in _lines(item):
        code, name = line["codigo"]["S"], line["nombre"]["S"]
        if (chosen.products and code not in chosen.products) or (
            chosen.product_names and name not in chosen.product_names
        ):
            continue
        price, quantity = Decimal(line["precio_unitario"]["N"]), Decimal(line["cantidad"]["N"])
        sale = sales.setdefault(
            code if "product" in request.dimensions else "", Sale(whole.user, Decimal(0), Decimal(0))
        )
        sale.amount += (price * quantity).quantize(CENT, ROUND_HALF_UP)
        sale.items += quantity
        sale.name = max(sale.name or "", name)
    yield from sales.items()


def _whole(item: Item) -> Sale:
    with localcontext(prec=100):
        lines = [(Decimal(x["precio_unitario"]["N"]), Decimal(x["cantidad"]["N"])) for x in _lines(item)]
        amount = sum((price * quantity for price, quantity in lines), Decimal(0)).quantize(CENT, ROUND_HALF_EVEN)
        return Sale(item.get("user_id", {}).get("S"), amount, sum((quantity for _, quantity in lines), Decimal(0)))


def _lines(item: Item) -> list[dict[str, Any]]:
    return [each["M"] for each in item["productos"]["L"]]


def _day(item: Item) -> date:
    return date.fromisoformat(item["fecha"]["S"][:10])


def _dimension(name: str, item: Item, product: str) -> Any:
    day, fecha = _day(item), item["fecha"]["S"]
    return {
        "day": day.isoformat(),
        "week": (day - timedelta(days=day.weekday())).isoformat(),
        "month": fecha[:7],
        "weekday": day.isoweekday(),
        "hour": fecha[11:13] or None,
        "product": product,
        "customer": item.get("user_id", {}).get("S"),
    }[name]
