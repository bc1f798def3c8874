"""Report on the purchases of a tenant in a period: the statistics of what is there now.

Amounts are exact decimals. A purchase counts with the total of its document, which has two places, so that the days,
weekdays and hours add up to the whole; a product counts with the exact sum of its lines.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from pipeline_assets.compras.current import Line, Purchase, current_purchases
from pipeline_assets.compras.documents import EXACT, plain
from pipeline_assets.compras.report_request import BadRequestError, ReportRequest
from pipeline_assets.errors import UserError
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.tenants import tenant_id

if TYPE_CHECKING:
    from pipeline_assets.storage.bucket import Bucket

WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_TWO_PLACES: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over purchases.

    Parameters
    ----------
    purchases
        How many.
    units
        Products sold, by their quantities.
    sales
        What was paid.
    """

    purchases: int = 0
    units: Decimal = Decimal(0)
    sales: Decimal = Decimal("0.00")

    @property
    def average(self) -> Decimal:
        """What a purchase came to on average, to two places; 0.00 for none."""
        return _rounded(EXACT.divide(self.sales, Decimal(self.purchases or 1)))


@dataclass(frozen=True, slots=True)
class ProductSales:
    """Sales of one product: its code, its name in the latest purchase that has one, and its sums."""

    codigo: str
    nombre: str | None
    totals: Totals


@dataclass(frozen=True, slots=True)
class Report:
    """Statistics of the purchases of a tenant in a period.

    Parameters
    ----------
    request
        What was asked for.
    made_at
        When it was made.
    moneda
        Currency of all amounts; empty where there is no purchase.
    totals
        Of the whole period.
    buyers
        Different persons who bought; purchases that name nobody count for none.
    days, weekdays, hours
        Sums by day of the period, weekday (Monday first) and hour of the day, all of them; purchases whose `fecha` has
        no time are in no hour.
    products
        Those that sold most, by sales, then units, then code.
    products_sold
        How many different products were sold.
    """

    request: ReportRequest
    made_at: str
    moneda: str
    totals: Totals
    buyers: int
    days: tuple[tuple[date, Totals], ...]
    weekdays: tuple[Totals, ...]
    hours: tuple[Totals, ...]
    products: tuple[ProductSales, ...]
    products_sold: int


class SlowReportError(UserError):
    """A report that was not made within its time."""


def make_report(request: ReportRequest, bucket: Bucket, now: datetime, seconds: float | None = None) -> Report:
    """Make the report that is asked for, of what the bucket of documents holds now.

    Parameters
    ----------
    request
        What is asked for.
    bucket
        The bucket of documents.
    now
        When it is made.
    seconds
        How long purchases are read, unless as long as it takes.

    Returns
    -------
    Report
        One of zeros where the tenant has no purchase in the period.

    Raises
    ------
    BadRequestError
        There are purchases in several currencies, and none is chosen.
    UnreadableDocumentError
        A document that counts has another shape than one.
    SlowReportError
        It takes longer than that.
    TransientError
        The bucket does not answer.
    """
    purchases = current_purchases(bucket, tenant_id(request.tenant_id), request.desde, request.hasta)
    return summarise(request, purchases if seconds is None else _within(seconds, purchases), now)


def _within(seconds: float, purchases: Iterable[Purchase]) -> Iterator[Purchase]:
    end = time.monotonic() + seconds
    for each in purchases:
        if time.monotonic() > end:
            raise SlowReportError("there are more purchases than can be read in time", expected="a shorter period")
        yield each


def summarise(request: ReportRequest, purchases: Iterable[Purchase], now: datetime) -> Report:
    """Compute the statistics of purchases.

    Parameters
    ----------
    request
        What is asked for.
    purchases
        The purchases of its tenant in its period.
    now
        When it is made.

    Returns
    -------
    Report
        The statistics.

    Raises
    ------
    BadRequestError
        There are purchases in several currencies, and none is chosen.
    """
    days = {
        request.desde + timedelta(days=number): _Sum() for number in range((request.hasta - request.desde).days + 1)
    }
    weekdays, hours, total = [_Sum() for _ in WEEKDAYS], [_Sum() for _ in range(24)], _Sum()
    products: dict[str, _Product] = {}
    buyers: set[str] = set()
    currencies: set[str] = set()
    for purchase in purchases:
        if request.moneda not in ("", purchase.summary.moneda):
            continue
        currencies.add(purchase.summary.moneda)
        groups = [total, days[purchase.day], weekdays[purchase.day.weekday()]]
        for group in groups if purchase.hour is None else (*groups, hours[purchase.hour]):
            group.add(purchase.summary.total_cantidad, purchase.summary.total_precio)
        if purchase.user_id is not None:
            buyers.add(purchase.user_id)
        for line, again in _told_apart(purchase.lines):
            products.setdefault(line.codigo, _Product()).add(line, purchase.fecha, again=again)
    if len(currencies) > 1:
        named = ", ".join(sorted(currencies))
        raise BadRequestError(
            "moneda", f"the purchases are in {named}, and nothing is converted", expected="one of them"
        )
    best = sorted(products.items(), key=lambda each: (-each[1].sums.sales, -each[1].sums.units, each[0]))
    return Report(
        request=request,
        made_at=iso_utc(now),
        moneda=next(iter(currencies), request.moneda),
        totals=total.totals(),
        buyers=len(buyers),
        days=tuple((day, group.totals()) for day, group in days.items()),
        weekdays=tuple(group.totals() for group in weekdays),
        hours=tuple(group.totals() for group in hours),
        products=tuple(ProductSales(code, found.nombre, found.sums.totals()) for code, found in best[: request.top]),
        products_sold=len(products),
    )


@dataclass(slots=True)
class _Sum:
    """Sums while purchases are added up, exact to the last digit."""

    purchases: int = 0
    units: Decimal = Decimal(0)
    sales: Decimal = Decimal(0)

    def add(self, units: Decimal, sales: Decimal, *, again: bool = False) -> None:
        """Add a purchase, or a further line of one that is counted."""
        self.purchases += not again
        self.units = EXACT.add(self.units, units)
        self.sales = EXACT.add(self.sales, sales)

    def totals(self) -> Totals:
        """The sums as they are shown."""
        return Totals(self.purchases, plain(self.units), _rounded(self.sales))


@dataclass(slots=True)
class _Product:
    """Sums of a product, and its name as of its latest purchase."""

    sums: _Sum = field(default_factory=_Sum)
    nombre: str | None = None
    named_at: str = ""

    def add(self, line: Line, fecha: str, *, again: bool) -> None:
        """Add a line of a purchase; `again` where an earlier one of it is of the same product."""
        self.sums.add(line.cantidad, EXACT.multiply(line.precio_unitario, line.cantidad), again=again)
        if line.nombre is not None and (fecha, line.nombre) >= (self.named_at, self.nombre or ""):
            self.nombre, self.named_at = line.nombre, fecha


def _told_apart(lines: Iterable[Line]) -> Iterator[tuple[Line, bool]]:
    """Lines, and of each whether an earlier one is of the same product."""
    seen: set[str] = set()
    for line in lines:
        yield line, line.codigo in seen
        seen.add(line.codigo)


def _rounded(number: Decimal) -> Decimal:
    return EXACT.quantize(number, _TWO_PLACES)
