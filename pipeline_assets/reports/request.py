"""What a tenant may ask of its purchases: closed lists of measures, dimensions and filters, a period, an order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final, Literal, cast

from pipeline_assets.reports.refusals import InvalidRequestError

Form = Literal["json", "csv"]
FORMS: Final[tuple[Form, ...]] = ("json", "csv")
MEASURES: Final = ("purchases", "total", "average", "median", "smallest", "largest", "items", "customers")
DIMENSIONS: Final = ("day", "week", "month", "weekday", "hour", "product", "customer")
FILTERS: Final = ("products", "product_names", "customers", "total_min", "total_max", "currency")
_FIELDS: Final = ("measures", "dimensions", "filters", "from", "to", "order", "limit", "format")
#: Other names of two fields.
_ALIASES: Final[Mapping[str, str]] = {"metrics": "measures", "group_by": "dimensions"}
_USUAL_MEASURES: Final = ("purchases", "total", "average")
USUAL_DAYS, MOST_DAYS, MOST_SUMMARY_DAYS, FIRST_YEAR = 30, 3_660, 366, 1900
USUAL_ROWS, MOST_ROWS, USUAL_TOP, MOST_TOP = 1_000, 10_000, 10, 100
#: Texts of a filter, and characters of one: Athena takes a parameter of at most 1,024, quotes doubled.
MOST_TEXTS, MOST_CHARACTERS = 50, 256
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_AMOUNT: Final = re.compile(r"\d{1,16}(?:\.\d{1,2})?", re.ASCII)
_CURRENCY: Final = re.compile(r"[A-Z]{3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Period:
    """Days of purchases, both ends included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Filters:
    """Which purchases, or lines of them, count: those that meet every filter that is set.

    Parameters
    ----------
    products, product_names
        Codes and names of products: their lines alone count.
    customers
        Who bought.
    total_min, total_max
        What the whole purchase came to, both included.
    currency
        Currency of the purchase.
    """

    products: tuple[str, ...] = ()
    product_names: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()
    total_min: Decimal | None = None
    total_max: Decimal | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What a report is asked for.

    Parameters
    ----------
    period
        Days of the purchases.
    measures, dimensions
        What is counted, and by what; of each list any, none twice.
    filters
        What counts.
    order
        Measures and dimensions of the report by which its rows are ordered, with whether downwards.
    limit
        Most rows.
    form
        How the answer is written.
    """

    period: Period
    measures: tuple[str, ...] = _USUAL_MEASURES
    dimensions: tuple[str, ...] = ()
    filters: Filters = field(default_factory=Filters)
    order: tuple[tuple[str, bool], ...] = ()
    limit: int = USUAL_ROWS
    form: Form = "json"

    @property
    def of_lines(self) -> bool:
        """Whether lines of purchases count, and not purchases as a whole."""
        return "product" in self.dimensions or bool(self.filters.products or self.filters.product_names)

    @classmethod
    def of(cls, document: Mapping[str, Any], today: date) -> ReportRequest:
        """Read what is asked for.

        Parameters
        ----------
        document
            The request, by names of fields.
        today
            The last day where none is given.

        Returns
        -------
        ReportRequest
            Checked.

        Raises
        ------
        InvalidRequestError
            A field is unknown, twice there, or its value is none that it takes.
        """
        given: dict[str, Any] = {}
        for name, value in document.items():
            known = _ALIASES.get(name, name)
            if known not in _FIELDS:
                raise InvalidRequestError(name_of(name), "a field", f"one of {', '.join(_FIELDS)}")
            if known in given:
                raise InvalidRequestError(name, f"it beside {known}", "one of the two")
            given[known] = value
        measures = _words("measures", given.get("measures"), MEASURES) or _USUAL_MEASURES
        dimensions = _words("dimensions", given.get("dimensions"), DIMENSIONS)
        return cls(
            period=read_period(given, today, MOST_DAYS),
            measures=measures,
            dimensions=dimensions,
            filters=_filters(given.get("filters")),
            order=_order(given.get("order"), measures, dimensions),
            limit=_whole("limit", given.get("limit"), USUAL_ROWS, MOST_ROWS),
            form=cast("Form", _words("format", [given.get("format", "json")], FORMS)[0]),
        )

    def document(self) -> dict[str, Any]:
        """The request as a document that is read as the same."""
        chosen = self.filters
        filters = {name: getattr(chosen, name) for name in FILTERS if getattr(chosen, name) not in ((), None, "")}
        written = {name: str(value) if isinstance(value, Decimal) else value for name, value in filters.items()}
        return {
            "measures": list(self.measures),
            "dimensions": list(self.dimensions),
            "filters": {name: list(value) if isinstance(value, tuple) else value for name, value in written.items()},
            "from": self.period.first.isoformat(),
            "to": self.period.last.isoformat(),
            "order": [f"-{name}" if down else name for name, down in self.order],
            "limit": self.limit,
            "format": self.form,
        }


@dataclass(frozen=True, slots=True)
class SummaryRequest:
    """What a summary of purchases is asked for: its days, the currency that counts, and how many products it shows."""

    period: Period
    currency: str = ""
    top: int = USUAL_TOP

    @classmethod
    def of(cls, parameters: Mapping[str, str], today: date) -> SummaryRequest:
        """Read what is asked for.

        Parameters
        ----------
        parameters
            ``from``, ``to``, ``currency`` and ``top``, as texts.
        today
            The last day where none is given.

        Returns
        -------
        SummaryRequest
            Checked.

        Raises
        ------
        InvalidRequestError
            A parameter is unknown, or its value is none that it takes.
        """
        known = ("from", "to", "currency", "top")
        if unknown := sorted(parameters.keys() - set(known)):
            raise InvalidRequestError(name_of(unknown[0]), "a parameter", f"one of {', '.join(known)}")
        top = parameters.get("top")
        number = int(top) if top and re.fullmatch(r"\d{1,9}", top, re.ASCII) else top
        return cls(
            read_period(parameters, today, MOST_SUMMARY_DAYS),
            _currency("currency", parameters.get("currency")),
            _whole("top", number, USUAL_TOP, MOST_TOP),
        )

    def document(self) -> dict[str, str]:
        """The request as parameters that are read as the same."""
        written = {"from": self.period.first.isoformat(), "to": self.period.last.isoformat(), "top": str(self.top)}
        return written | ({"currency": self.currency} if self.currency else {})


def read_period(given: Mapping[str, Any], today: date, most_days: int) -> Period:
    """Read the days of a request.

    Parameters
    ----------
    given
        Has ``from`` and ``to``, or one of them, or none: then it is the last thirty days.
    today
        The last day where none is given.
    most_days
        How many days there may be.

    Returns
    -------
    Period
        Both days included.

    Raises
    ------
    InvalidRequestError
        One is no day, they are in the wrong order or too far apart.
    """
    last = _day("to", given.get("to"), today)
    first = _day("from", given.get("from"), max(last - timedelta(days=USUAL_DAYS - 1), date(FIRST_YEAR, 1, 1)))
    if first > last:
        raise InvalidRequestError("from", first.isoformat(), f"a day up to `to`, which is {last}")
    if (days := (last - first).days + 1) > most_days:
        raise InvalidRequestError("from", f"a period of {days:,} days", f"at most {most_days:,} days")
    return Period(first, last)


def name_of(name: object) -> str:
    """A name of a field that nobody knows, as a message may have it."""
    return "".join(each if each.isascii() and each.isprintable() else "?" for each in str(name)[:40])


def _day(name: str, found: object, usual: date) -> date:
    if found is None:
        return usual
    try:
        if not isinstance(found, str) or not _DAY.fullmatch(found):
            raise ValueError
        day = date.fromisoformat(found)
    except ValueError:
        raise InvalidRequestError(name, found, "a day such as 2026-11-20") from None
    if day.year < FIRST_YEAR:
        raise InvalidRequestError(name, found, f"a day from {FIRST_YEAR}-01-01 on")
    return day


def _words(name: str, found: object, known: Sequence[str]) -> tuple[str, ...]:
    """Words of a closed list, none twice."""
    if found is None:
        return ()
    if not isinstance(found, list):
        raise InvalidRequestError(name, found, f"a list of {', '.join(known)}")
    for place, word in enumerate(found):
        if not isinstance(word, str) or word not in known:
            where = name if name == "format" else f"{name}[{place}]"
            raise InvalidRequestError(where, word, f"one of {', '.join(known)}")
        if word in found[:place]:
            raise InvalidRequestError(f"{name}[{place}]", f"{word} again", "each once")
    return tuple(found)


def _filters(found: object) -> Filters:
    if found is None:
        return Filters()
    if not isinstance(found, Mapping):
        raise InvalidRequestError("filters", found, f"an object with any of {', '.join(FILTERS)}")
    if unknown := [name for name in found if name not in FILTERS]:
        raise InvalidRequestError(f"filters.{name_of(unknown[0])}", "a filter", f"one of {', '.join(FILTERS)}")
    least, most = (_amount(f"filters.{name}", found.get(name)) for name in ("total_min", "total_max"))
    if least is not None and most is not None and least > most:
        raise InvalidRequestError("filters.total_min", str(least), f"an amount up to total_max, which is {most}")
    return Filters(
        products=_texts("filters.products", found.get("products")),
        product_names=_texts("filters.product_names", found.get("product_names")),
        customers=_texts("filters.customers", found.get("customers")),
        total_min=least,
        total_max=most,
        currency=_currency("filters.currency", found.get("currency")),
    )


def _texts(name: str, found: object) -> tuple[str, ...]:
    if found is None:
        return ()
    if not isinstance(found, list) or not 1 <= len(found) <= MOST_TEXTS:
        raise InvalidRequestError(name, found, f"a list of 1 to {MOST_TEXTS} texts")
    for place, text in enumerate(found):
        if not isinstance(text, str) or not is_plain(text):
            allowed = f"a text of 1 to {MOST_CHARACTERS} characters of Unicode, none of them NUL, and not blank"
            raise InvalidRequestError(f"{name}[{place}]", text, allowed)
    return tuple(dict.fromkeys(found))


def is_plain(text: str) -> bool:
    """Whether a text is one that a parameter of an engine may be: not blank, not long, and of Unicode."""
    lone = any("\ud800" <= each <= "\udfff" for each in text)
    return bool(text.strip()) and len(text) <= MOST_CHARACTERS and "\0" not in text and not lone


def _amount(name: str, found: object) -> Decimal | None:
    if found is None:
        return None
    text = ""
    if isinstance(found, str):
        text = found
    elif isinstance(found, int | Decimal) and not isinstance(found, bool) and 0 <= found < Decimal(10**16):
        # Within these bounds its text without an exponent is short, unless it has many digits after the point.
        text = f"{found:f}" if isinstance(found, Decimal) and found.adjusted() > -_SMALLEST else str(found)
    if not _AMOUNT.fullmatch(text):
        allowed = "an amount from 0 to 9999999999999999.99 with at most two digits after the point, text or number"
        raise InvalidRequestError(name, found, allowed)
    return Decimal(text)


#: Digits after the point that a number may have to be looked at.
_SMALLEST: Final = 40


def _currency(name: str, found: object) -> str:
    if found is None:
        return ""
    if not isinstance(found, str) or not _CURRENCY.fullmatch(found):
        raise InvalidRequestError(name, found, "three capital letters such as USD")
    return found


def _whole(name: str, found: object, usual: int, most: int) -> int:
    if found is None:
        return usual
    if not isinstance(found, int) or isinstance(found, bool) or not 1 <= found <= most:
        raise InvalidRequestError(name, found, f"a whole number from 1 to {most:,}")
    return found


def _order(found: object, measures: Sequence[str], dimensions: Sequence[str]) -> tuple[tuple[str, bool], ...]:
    """Unless told, things of time go on and all else is as its first measure has it, the greatest first."""
    known = (*measures, *dimensions)
    if found is None:
        of_time = not {"product", "customer"} & set(dimensions)
        return () if of_time else ((measures[0], True),)
    allowed = f"a list of {', '.join(known)}, each once, with - before it for the greatest first"
    if not isinstance(found, list):
        raise InvalidRequestError("order", found, allowed)
    order: list[tuple[str, bool]] = []
    for place, word in enumerate(found):
        name = word.removeprefix("-") if isinstance(word, str) else ""
        if name not in known or name in [before for before, _ in order]:
            raise InvalidRequestError(f"order[{place}]", word, allowed)
        order.append((name, word.startswith("-")))
    return tuple(order)


Question = ReportRequest | SummaryRequest
