"""Report on the purchases of a tenant in a period: what is asked for, and the statistics of what is there now.

Amounts are exact decimals. A purchase counts with the total of its document, which has two places, so that the days,
weekdays and hours add up to the whole; a product counts with the exact sum of its lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from pipeline_assets.compras.current import Line, Purchase, current_purchases
from pipeline_assets.compras.documents import EXACT, plain
from pipeline_assets.errors import UserError
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.tenants import tenant_id

if TYPE_CHECKING:
    from pipeline_assets.storage.bucket import Bucket

#: The longest period, the most products, the first year that a purchase may be of.
MOST_DAYS, MOST_PRODUCTS, FIRST_YEAR = 366, 100, 1900
#: What a period has where it is not told, and how many products are shown then.
USUAL_DAYS, USUAL_PRODUCTS = 30, 10
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
#: DynamoDB takes no longer key.
_KEY_BYTES = 2_048
_SHOWN = 40
_TWO_PLACES: Final = Decimal("0.01")


class BadRequestError(UserError):
    """A report that cannot be made as it is asked for; `parameter` is what has to be given otherwise."""

    def __init__(self, parameter: str, what: str, *, expected: str = "") -> None:
        super().__init__(what, where=parameter, expected=expected)
        self.parameter = parameter


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What a report is asked for.

    Parameters
    ----------
    tenant_id
        The tenant, as its purchases name it.
    desde, hasta
        First and last day, both included.
    top
        How many products are shown.
    moneda
        Currency of the purchases that count; empty where there is only one.
    """

    tenant_id: str
    desde: date
    hasta: date
    top: int = USUAL_PRODUCTS
    moneda: str = ""

    @classmethod
    def of(cls, parameters: Mapping[str, object], today: date) -> ReportRequest:
        """Read what is asked for.

        Parameters
        ----------
        parameters
            By name; without days it is the last thirty, without `desde` the thirty up to `hasta`.
        today
            The last day where none is given.

        Returns
        -------
        ReportRequest
            Checked.

        Raises
        ------
        BadRequestError
            A parameter is missing, unknown or out of range; the message names it.
        """
        # In which form it is written, `formato`, is for whoever writes it.
        names = [*(each.name for each in fields(cls)), "formato"]
        if unknown := sorted(str(name) for name in parameters if name not in names):
            raise BadRequestError(repr(unknown[0][:_SHOWN]), "there is no such parameter", expected=", ".join(names))
        tenant = _tenant(parameters.get("tenant_id"))
        hasta = _day(parameters, "hasta", today)
        desde = _day(parameters, "desde", hasta - timedelta(days=USUAL_DAYS - 1))
        if desde > hasta:
            raise BadRequestError("desde", f"{desde} comes after hasta {hasta}", expected="a day up to hasta")
        if (days := (hasta - desde).days + 1) > MOST_DAYS:
            raise BadRequestError("desde", f"the period has {days:,} days", expected=f"at most {MOST_DAYS}")
        return cls(tenant, desde, hasta, _top(parameters), _currency(parameters))


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


def make_report(request: ReportRequest, bucket: Bucket, now: datetime) -> Report:
    """Make the report that is asked for, of what the bucket of documents holds now.

    Parameters
    ----------
    request
        What is asked for.
    bucket
        The bucket of documents.
    now
        When it is made.

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
    TransientError
        The bucket does not answer.
    """
    tenant = tenant_id(request.tenant_id)
    return summarise(request, current_purchases(bucket, tenant, request.desde, request.hasta), now)


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


def _tenant(found: object) -> str:
    if found in (None, ""):
        raise BadRequestError("tenant_id", "it is missing", expected="the tenant of the purchases")
    try:
        if isinstance(found, str) and len(found.encode()) <= _KEY_BYTES:
            return found
    except UnicodeEncodeError:
        pass
    raise BadRequestError("tenant_id", "it is no id of a tenant", expected=f"a text of at most {_KEY_BYTES:,} bytes")


def _day(parameters: Mapping[str, object], name: str, usual: date) -> date:
    found = parameters.get(name)
    if found in (None, ""):
        return usual
    try:
        if not isinstance(found, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", found):
            raise ValueError
        day = date.fromisoformat(found)
    except ValueError:
        raise BadRequestError(name, f"{str(found)[:_SHOWN]!r} is no day", expected="a day such as 2026-11-20") from None
    if day.year < FIRST_YEAR:
        raise BadRequestError(name, f"{day} is too early", expected=f"a day from {FIRST_YEAR}-01-01 on")
    return day


def _top(parameters: Mapping[str, object]) -> int:
    found = parameters.get("top")
    if found in (None, ""):
        return USUAL_PRODUCTS
    text = str(found)
    whole = isinstance(found, int | str) and re.fullmatch(r"[0-9]{1,9}", text)
    if not whole or not 1 <= int(text) <= MOST_PRODUCTS:
        raise BadRequestError("top", f"{text[:_SHOWN]!r} is no number of products", expected=f"1 to {MOST_PRODUCTS}")
    return int(text)


def _currency(parameters: Mapping[str, object]) -> str:
    found = parameters.get("moneda")
    if found in (None, ""):
        return ""
    if not isinstance(found, str) or len(found) != len("USD") or not (found.isascii() and found.isalpha()):
        raise BadRequestError("moneda", f"{str(found)[:_SHOWN]!r} is no currency", expected="three letters such as USD")
    return found.upper()
