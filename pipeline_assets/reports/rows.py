"""Answers of compiled questions as documents: exact amounts as texts, means and medians made from exact sums."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from pipeline_assets.compras.documents import EXACT
from pipeline_assets.compras.report_formats import harmless
from pipeline_assets.queries.answer import Answer, Cell
from pipeline_assets.reports.refusals import InvalidRequestError
from pipeline_assets.reports.request import ReportRequest, SummaryRequest

_CENT: Final = Decimal("0.01")
_Row = Mapping[str, Any]


def report_document(request: ReportRequest, tenant: str, answer: Answer) -> dict[str, Any]:
    """The answer of a report as a document.

    Parameters
    ----------
    request
        What was asked for.
    tenant
        The tenant, as whoever asks names it.
    answer
        Answer of the compiled request.

    Returns
    -------
    dict[str, Any]
        ``rows`` have the dimensions, the currency and the measures; amounts and quantities are texts.
    """
    found = _rows(answer)
    rows = [_report_row(request, row) for row in found[: request.limit]]
    currencies = {row["currency"] for row in rows}
    return {
        "tenant_id": tenant,
        "from": request.period.first.isoformat(),
        "to": request.period.last.isoformat(),
        "currency": next(iter(currencies)) if len(currencies) == 1 else None,
        "dimensions": list(request.dimensions),
        "measures": list(request.measures),
        "rows": rows,
        "truncated": len(found) > request.limit,
        **_costs(answer),
    }


def report_csv(document: Mapping[str, Any]) -> str:
    """Write the document of a report as CSV, a row for each of its rows.

    Parameters
    ----------
    document
        What `report_document` made.

    Returns
    -------
    str
        A header, then the rows. A text that a spreadsheet would run as a formula begins with an apostrophe.
    """
    named = ["product", "product_name"]
    dimensions = [column for name in document["dimensions"] for column in (named if name == "product" else [name])]
    columns = [*dimensions, "currency", *document["measures"]]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in document["rows"]:
        writer.writerow(["" if row[name] is None else harmless(str(row[name])) for name in columns])
    return text.getvalue()


def summary_document(request: SummaryRequest, tenant: str, answer: Answer) -> dict[str, Any]:
    """The answer of a summary as a document.

    Parameters
    ----------
    request
        What was asked for.
    tenant
        The tenant, as whoever asks names it.
    answer
        Answer of the compiled request.

    Returns
    -------
    dict[str, Any]
        The whole, every day of the period, and the products that sold best.

    Raises
    ------
    InvalidRequestError
        There are purchases in several currencies, and none was chosen: nothing is converted.
    """
    rows = _rows(answer)
    days = {row["name"]: row for row in rows if row["section"] == "day"}
    currencies = sorted({str(row["currency"]) for row in rows})
    if len(currencies) > 1:
        raise InvalidRequestError("currency", "none", f"one of {', '.join(currencies)}, in which the purchases are")
    number = (request.period.last - request.period.first).days + 1
    all_days = [(request.period.first + timedelta(days=each)).isoformat() for each in range(number)]
    return {
        "tenant_id": tenant,
        "from": request.period.first.isoformat(),
        "to": request.period.last.isoformat(),
        "currency": currencies[0] if currencies else request.currency or None,
        **_sums(list(days.values()), "new_customers"),
        "by_day": [{"day": day, **_sums([days[day]] if day in days else [], "customers")} for day in all_days],
        "top_products": [
            {"codigo": row["name"], "nombre": row["nombre"], **_sums([row], "customers")}
            for row in rows
            if row["section"] == "product"
        ],
        **_costs(answer),
    }


def _rows(answer: Answer) -> list[dict[str, Cell]]:
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def _report_row(request: ReportRequest, row: _Row) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name in request.dimensions:
        shown[name] = row[name].isoformat() if isinstance(row[name], date) else row[name]
        if name == "product":
            shown["product_name"] = row["product_name"]
    measured = {
        "purchases": row["purchases"],
        "total": _money(row["total"]),
        "average": _average(row["total"], row["priced"]),
        "items": _plain(row["items"]),
        "median": _half(row.get("median")),
        "smallest": _money(row.get("smallest")),
        "largest": _money(row.get("largest")),
        "customers": row.get("customers"),
    }
    return {**shown, "currency": row["currency"], **{name: measured[name] for name in request.measures}}


def _sums(rows: Sequence[_Row], customers: str) -> dict[str, Any]:
    total, items = Decimal(0), Decimal(0)
    for row in rows:
        total, items = EXACT.add(total, row["total"] or 0), EXACT.add(items, row["items"] or 0)
    return {
        "purchases": sum(row["purchases"] for row in rows),
        "total": _money(total),
        "average": _average(total, sum(row["priced"] for row in rows)) or "0.00",
        "customers": sum(row[customers] for row in rows),
        "items": _plain(items),
    }


def _costs(answer: Answer) -> dict[str, Any]:
    return {
        "scanned_bytes": answer.scanned_bytes,
        "cost_usd": answer.cost_usd,
        "seconds": round(answer.seconds, 3),
    }


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{EXACT.quantize(amount, _CENT):f}"


def _average(total: Decimal | None, priced: int) -> str | None:
    """To the cent, a half to the even one, as the documents round."""
    return _money(EXACT.divide(total, Decimal(priced))) if total is not None and priced else None


def _half(twice: Decimal | None) -> str | None:
    return _money(EXACT.divide(twice, Decimal(2))) if twice is not None else None


def _plain(number: Decimal | None) -> str | None:
    """A quantity without zeros behind its point."""
    if number is None:
        return None
    text = f"{Decimal(number):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
