"""A report as a program reads it: JSON, and CSV with one row for each sum."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from pipeline_assets.compras.report import WEEKDAYS, Report, Totals

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_COLUMNS: Final = ("section", "key", "name", "purchases", "units", "sales", "average", "buyers", "currency")
#: What a spreadsheet takes for the beginning of a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def as_json(report: Report) -> str:
    """Write a report as a JSON object; its amounts are numbers with all their digits.

    Parameters
    ----------
    report
        The report.

    Returns
    -------
    str
        One object, without a line end.
    """
    request = report.request
    written: dict[str, Any] = {
        "tenant_id": request.tenant_id,
        "desde": request.desde,
        "hasta": request.hasta,
        "top": request.top,
        "moneda": report.moneda or None,
        "made_at": report.made_at,
        "totals": {**_sums(report.totals), "average": report.totals.average, "buyers": report.buyers},
        "days": [{"day": day, **_sums(totals)} for day, totals in report.days],
        "products_sold": report.products_sold,
        "top_products": [
            {"codigo": each.codigo, "nombre": each.nombre, **_sums(each.totals)} for each in report.products
        ],
        "weekdays": [
            {"weekday": name, **_sums(totals)} for name, totals in zip(WEEKDAYS, report.weekdays, strict=True)
        ],
        "hours": [{"hour": hour, **_sums(totals)} for hour, totals in enumerate(report.hours)],
    }
    return _ENCODER.encode(written).decode()


def as_csv(report: Report) -> str:
    """Write a report as CSV.

    Parameters
    ----------
    report
        The report.

    Returns
    -------
    str
        A header, then the rows of the sections total, day, product, weekday and hour. A text that a spreadsheet
        would run as a formula begins with an apostrophe.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for section, key, name, totals in _rows(report):
        sums = (totals.purchases, f"{totals.units:f}", f"{totals.sales:f}", f"{totals.average:f}")
        buyers = report.buyers if section == "total" else ""
        writer.writerow((section, harmless(key), harmless(name), *sums, buyers, report.moneda))
    return text.getvalue()


def _rows(report: Report) -> Iterator[tuple[str, str, str, Totals]]:
    yield "total", report.request.tenant_id, "", report.totals
    for day, totals in report.days:
        yield "day", day.isoformat(), WEEKDAYS[day.weekday()], totals
    for product in report.products:
        yield "product", product.codigo, product.nombre or "", product.totals
    for number, totals in enumerate(report.weekdays):
        yield "weekday", str(number + 1), WEEKDAYS[number], totals
    for hour, totals in enumerate(report.hours):
        yield "hour", str(hour), f"{hour:02}:00", totals


def _sums(totals: Totals) -> dict[str, object]:
    return {"purchases": totals.purchases, "units": totals.units, "sales": totals.sales}


def harmless(text: str) -> str:
    """A text for a cell: an apostrophe comes before what a spreadsheet would run as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
