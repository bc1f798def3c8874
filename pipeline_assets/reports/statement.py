"""Questions compiled into SQL, one text each, in Athena's dialect over the views of purchases as they are now.

Names in the text are from the lists of this module; whatever is given is a parameter. The tenant is a condition of
every text. It is a partition key of the documents, by which the views group, so only its folders are read. The days
are none: a change may have moved its purchase to another day, so which day a purchase has is known when all changes
of the tenant were looked at. The fields of a row are what Athena and DuckDB reckon alike; means and medians are made
from them, exactly, in `pipeline_assets.reports.rows`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pipeline_assets.events.tenants import TenantId
from pipeline_assets.queries.named_query import NamedQuery
from pipeline_assets.queries.parameters import Parameter, Value
from pipeline_assets.reports.request import Filters, Period, ReportRequest, SummaryRequest

#: What a dimension is in SQL, from a purchase or a line of one.
_DIMENSIONS: Final[Mapping[str, str]] = {
    "day": "day",
    "week": "CAST(date_add('day', 1 - day_of_week(day), day) AS date)",
    "month": "substr(CAST(day AS varchar), 1, 7)",
    "weekday": "day_of_week(day)",
    "hour": "nullif(substr(fecha, 12, 2), '')",
    "product": "codigo",
    "customer": "user_id",
}
#: Sums of a row that others are made from, by the columns that they have in the answer.
_MEASURES: Final[Mapping[str, Mapping[str, str]]] = {
    "average": {"average": "CAST(sum(amount) AS double) / nullif(count(amount), 0)"},
    "median": {
        "median": (
            "max(CASE WHEN place * 2 IN (priced_in, priced_in + 1) THEN amount END)"
            " + max(CASE WHEN place * 2 IN (priced_in + 1, priced_in + 2) THEN amount END)"
        )
    },
    "smallest": {"smallest": "min(amount)"},
    "largest": {"largest": "max(amount)"},
    "customers": {"customers": "count(DISTINCT user_id)"},
}
_ALWAYS: Final = {
    "purchases": "count(*)",
    "priced": "count(amount)",
    "total": "sum(amount)",
    "items": "sum(quantity)",
}
_PURCHASES: Final = """\
WITH sold AS (
  SELECT {dimensions}moneda AS currency, compra_id, user_id, total_precio AS amount, total_cantidad AS quantity
  FROM compras_current
  WHERE {conditions}
)"""
#: What each purchase came to in the lines that count, as if it were a purchase of these alone.
_LINES: Final = """\
WITH chosen AS (
  SELECT {dimensions}moneda AS currency, compra_id, user_id, nombre, importe, cantidad
  FROM compras_current_lines
  WHERE {conditions}
),
sold AS (
  SELECT {keys}, compra_id, user_id, {latest_name}sum(importe) AS amount, sum(cantidad) AS quantity
  FROM chosen
  GROUP BY {keys}, compra_id, user_id
)"""
_PLACED: Final = """,
placed AS (
  SELECT
    {keys}, {name}user_id, amount, quantity,
    row_number() OVER (PARTITION BY {keys} ORDER BY amount) AS place,
    count(amount) OVER (PARTITION BY {keys}) AS priced_in
  FROM sold
)"""
_SUMMARY: Final = """\
WITH bought AS (
  SELECT
    day, moneda AS currency, user_id, total_precio AS amount, total_cantidad AS quantity,
    row_number() OVER (PARTITION BY moneda, user_id ORDER BY day, compra_id) AS place
  FROM compras_current
  WHERE {conditions}
),
sold AS (
  SELECT
    codigo, max(nombre) AS nombre, moneda AS currency, count(DISTINCT compra_id) AS purchases,
    count(DISTINCT user_id) AS customers, sum(cantidad) AS items, sum(importe) AS total
  FROM compras_current_lines
  WHERE {conditions}
  GROUP BY codigo, moneda
),
best AS (
  SELECT
    codigo, nombre, currency, purchases, customers, items, total,
    row_number() OVER (PARTITION BY currency ORDER BY total DESC, items DESC, codigo) AS place
  FROM sold
)
SELECT
  'day' AS section, 0 AS place, CAST(day AS varchar) AS name, CAST(NULL AS varchar) AS nombre, currency,
  count(*) AS purchases, count(amount) AS priced, sum(amount) AS total, sum(quantity) AS items,
  count(DISTINCT user_id) AS customers, count(CASE WHEN place = 1 THEN user_id END) AS new_customers
FROM bought
GROUP BY day, currency
UNION ALL
SELECT
  'product' AS section, place, codigo AS name, nombre, currency,
  purchases, purchases AS priced, total, items, customers, 0 AS new_customers
FROM best
WHERE place <= ? /* top */
ORDER BY section, currency, place, name
"""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A question in SQL: the text with its placeholders, and a value for each of its parameters."""

    query: NamedQuery
    values: Mapping[str, Value]


def compile_report(request: ReportRequest, tenant: TenantId) -> Compiled:
    """Compile a report into SQL.

    Parameters
    ----------
    request
        What is asked for.
    tenant
        The tenant whose purchases count; never one that the request names.

    Returns
    -------
    Compiled
        A row for each combination of the dimensions and each currency, and one row more than the limit.
    """
    chosen = list(_conditions(tenant, request.period, request.filters))
    dimensions, median = request.dimensions, "median" in request.measures
    keys = ", ".join([*dimensions, "currency"])
    names = {
        "dimensions": "".join(f"{_DIMENSIONS[name]} AS {name}, " for name in dimensions),
        "keys": keys,
        "conditions": _where(chosen),
        "latest_name": "max(nombre) AS product_name, " if "product" in dimensions else "",
        "name": "product_name, " if "product" in dimensions else "",
    }
    parts = (_LINES if request.of_lines else _PURCHASES).format_map(names)
    if median:
        parts += _PLACED.format_map(names)
    named_product = {"product_name": "max(product_name)"} if "product" in dimensions else {}
    asked = {column: text for name in request.measures for column, text in _MEASURES.get(name, {}).items()}
    columns = {**named_product, **_ALWAYS, **asked}
    shown = ",\n".join(f"  {text} AS {column}" for column, text in columns.items())
    order = [f"{name} DESC" if down else name for name, down in request.order]
    ordered = [*order, *(name for name in dimensions if name not in dict(request.order)), "currency"]
    text = (
        f"{parts}\nSELECT\n  {keys},\n{shown}\nFROM {'placed' if median else 'sold'}\nGROUP BY {keys}\n"
        f"ORDER BY {', '.join(ordered)}\nLIMIT ? /* rows */\n"
    )
    return _compiled("report", text, [*chosen, ("", "rows", "count", request.limit + 1)])


def compile_summary(request: SummaryRequest, tenant: TenantId) -> Compiled:
    """Compile a summary into SQL.

    Parameters
    ----------
    request
        What is asked for.
    tenant
        The tenant whose purchases count.

    Returns
    -------
    Compiled
        A row for each day with purchases and for each of the products that sold best, per currency. Of its customers
        a day also counts those that did not buy before in the period, so that the days add up to the whole.
    """
    chosen = list(_conditions(tenant, request.period, Filters(currency=request.currency)))
    text = _SUMMARY.format(conditions=_where(chosen))
    return _compiled("summary", text, [*chosen, ("", "top", "count", request.top)])


#: A condition with one placeholder or none, and its parameter: name, kind and value.
_Condition = tuple[str, str, str, Value]


def _conditions(tenant: TenantId, period: Period, filters: Filters) -> Iterator[_Condition]:
    yield "tenant_id = {}", "tenant", "text", tenant
    yield "day BETWEEN CAST({} AS date)", "first_day", "day", period.first
    yield "CAST({} AS date)", "last_day", "day", period.last
    for column, name, texts in (
        ("codigo", "product", filters.products),
        ("nombre", "product_name", filters.product_names),
        ("user_id", "customer", filters.customers),
    ):
        for place, text in enumerate(texts):
            head, end = f"{column} IN (" if place == 0 else "", ")" if place == len(texts) - 1 else ","
            yield f"{head}{{}}{end}", f"{name}_{place}", "text", text
    if filters.total_min is not None:
        yield "total_precio >= CAST({} AS decimal(38, 2))", "total_min", "amount", filters.total_min
    if filters.total_max is not None:
        yield "total_precio <= CAST({} AS decimal(38, 2))", "total_max", "amount", filters.total_max
    if filters.currency:
        yield "moneda = {}", "currency", "text", filters.currency


def _where(conditions: list[_Condition]) -> str:
    """The conditions as one text; what a list of texts goes on with, and the end of a period, has no AND of its own."""
    text = ""
    for condition, name, _, _ in conditions:
        written = condition.format(f"? /* {name} */")
        going_on = text.endswith(",")
        text += f" {written}" if going_on else f"{' AND ' if text else ''}{written}"
    return text


def _compiled(name: str, text: str, conditions: list[_Condition]) -> Compiled:
    parameters = tuple(
        Parameter(parameter, kind, required=True, default=None, meaning="") for _, parameter, kind, _ in conditions
    )
    values = {parameter: value for _, parameter, _, value in conditions}
    return Compiled(NamedQuery(name, name, "", parameters, {}, text), values)
