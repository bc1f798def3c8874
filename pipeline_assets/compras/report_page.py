"""A report as one HTML page: no script, nothing from elsewhere, its charts drawn as SVG, every text escaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Final

from jinja2 import Environment, StrictUndefined, Template

from pipeline_assets.compras.documents import plain
from pipeline_assets.compras.report import WEEKDAYS, Report, Totals

_WIDTH, _LEFT, _TOP, _BOTTOM, _BROADEST = 720, 56, 10, 24, 64
#: As many labels stand side by side below a chart.
_MOST_LABELS: Final = {"day": 8, "hour": 8, "weekday": 7}
_NAME_SHOWN = 46
_HUGE: Final = Decimal("1e15")
_SIZES: Final = ((Decimal("1e9"), "B"), (Decimal("1e6"), "M"), (Decimal("1e3"), "k"))


@dataclass(frozen=True, slots=True)
class Bar:
    """Bar of a chart: where it stands, its height, and what is said of it."""

    x: float
    y: float
    width: float
    height: float
    label: str
    said: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Chart of bars: its size, its lines with what they stand for, its bars."""

    width: int
    height: int
    lines: tuple[tuple[float, str], ...]
    bars: tuple[Bar, ...]


def as_html(report: Report) -> str:
    """Write a report as a page that needs nothing else.

    Parameters
    ----------
    report
        The report.

    Returns
    -------
    str
        An HTML document.
    """
    most = max((abs(each.totals.sales) for each in report.products), default=Decimal(0)) or Decimal(1)
    days = [(day.isoformat(), f"{day:%a %d %b %Y}", totals) for day, totals in report.days]
    hours = [(f"{hour:02}", f"{hour:02}:00 to {hour:02}:59", totals) for hour, totals in enumerate(report.hours)]
    weekdays = [(name[:3], name, totals) for name, totals in zip(WEEKDAYS, report.weekdays, strict=True)]
    return _template().render(
        report=report,
        request=report.request,
        by_day=_chart(report, days, 240, _MOST_LABELS["day"]),
        by_hour=_chart(report, hours, 200, _MOST_LABELS["hour"], _WIDTH // 2 + 60),
        by_weekday=_chart(report, weekdays, 200, _MOST_LABELS["weekday"], _WIDTH // 2 - 60),
        shares=[float(each.totals.sales / most * 100) for each in report.products],
    )


def _chart(
    report: Report, groups: Sequence[tuple[str, str, Totals]], height: int, labels: int, width: int = _WIDTH
) -> Chart:
    """Sales of groups side by side, each with its label, its title and its sums."""
    top, steps = _scale(max((totals.sales for _, _, totals in groups), default=Decimal(0)))
    room, wide = height - _TOP - _BOTTOM, (width - _LEFT) / max(len(groups), 1)
    broad, every = min(wide * 0.76, _BROADEST), -(-len(groups) // labels)
    bars = tuple(
        Bar(
            x=round(_LEFT + number * wide + (wide - broad) / 2, 2),
            y=round(height - _BOTTOM - float(totals.sales / top) * room, 2),
            width=round(broad, 2),
            height=round(float(totals.sales / top) * room, 2),
            label=label if number % every == 0 else "",
            said=f"{title}: {_amount(totals.sales)} {report.moneda}, {totals.purchases:,} purchases",
        )
        for number, (label, title, totals) in enumerate(groups)
    )
    lines = tuple((round(height - _BOTTOM - float(step / top) * room, 2), _short(step)) for step in steps)
    return Chart(width, height, lines, bars)


def _scale(most: Decimal) -> tuple[Decimal, list[Decimal]]:
    """The end of an axis that holds a number, and four or five round steps up to it."""
    if most <= 0:
        return Decimal(1), [Decimal(0)]
    power = Decimal(1).scaleb(most.adjusted() - 1)
    step = next(power * factor for factor in (2, 5, 10, 20, 25, 50) if power * factor * 4 >= most)
    steps = [step * number for number in range(5)]
    return steps[-1], steps


def _short(number: Decimal) -> str:
    """A number that fits beside an axis: 2,500,000 as 2.5M."""
    if number >= _HUGE:
        return f"{number:.0e}"
    size, name = next(((size, name) for size, name in _SIZES if number >= size), (Decimal(1), ""))
    return f"{plain(number / size):f}{name}"


def _amount(number: Decimal | int) -> str:
    """A number with commas between thousands; one that fits into no column with an exponent."""
    return f"{number:.6e}" if number >= _HUGE else f"{Decimal(number):,f}"


def _name(text: str | None) -> str:
    text = text or "without a name"
    return text if len(text) <= _NAME_SHOWN else f"{text[: _NAME_SHOWN - 1]}…"


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(amount=_amount, shortened=_name)
    return environment.from_string(_PAGE)


_PAGE: Final = """\
{% macro chart(drawn, title) %}
<svg viewBox="0 0 {{ drawn.width }} {{ drawn.height }}" role="img" aria-label="{{ title }}">
  {% for y, said in drawn.lines %}
  <line class="grid" x1="56" x2="{{ drawn.width }}" y1="{{ y }}" y2="{{ y }}"/>
  <text class="tick" x="48" y="{{ y + 4 }}" text-anchor="end">{{ said }}</text>
  {% endfor %}
  {% for bar in drawn.bars %}
  <rect class="bar" x="{{ bar.x }}" y="{{ bar.y }}" width="{{ bar.width }}" height="{{ bar.height }}" rx="1.5">\
<title>{{ bar.said }}</title></rect>
  {% if bar.label %}
  <text class="tick" x="{{ bar.x + bar.width / 2 }}" y="{{ drawn.height - 6 }}" \
text-anchor="middle">{{ bar.label }}</text>
  {% endif %}
  {% endfor %}
</svg>
{% endmacro %}
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Purchases of {{ request.tenant_id }}, {{ request.desde }} to {{ request.hasta }}</title>
<style>
:root { color-scheme: light dark; --page: #f5f6f8; --card: #fff; --ink: #1c2430; --soft: #667085; --line: #e4e7ec;
  --bar: #2f6fb2; --faint: #e3edf8; }
@media (prefers-color-scheme: dark) { :root { --page: #12161c; --card: #1b212a; --ink: #e7ebf0; --soft: #98a2b3;
  --line: #2c343f; --bar: #6aa5e3; --faint: #23384f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 32px 24px 48px; }
h1 { margin: 0; font-size: 26px; overflow-wrap: anywhere; }
h2 { margin: 0 0 12px; font-size: 16px; }
header p, .note { margin: 4px 0 0; color: var(--soft); }
.tiles, .pair { display: grid; gap: 16px; margin-top: 20px; }
.tiles { grid-template-columns: repeat(auto-fit, minmax(160px, 1fr)); }
.pair { grid-template-columns: 3fr 2fr; }
section, .tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 18px 20px; }
section { margin-top: 16px; min-width: 0; }
.pair section { margin-top: 0; }
.tile { padding: 14px 16px; } .tile span { color: var(--soft); font-size: 13px; }
.tile strong { display: block; font-size: 21px; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.tile small { color: var(--soft); font-size: 13px; font-weight: 400; }
svg { display: block; width: 100%; height: auto; }
.bar { fill: var(--bar); } .bar:hover { opacity: .75; }
.grid { stroke: var(--line); stroke-width: 1; }
.tick { fill: var(--soft); font-size: 12px; }
.wide { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; }
th { color: var(--soft); font-size: 13px; font-weight: 500; text-align: left; }
th, td { padding: 7px 10px; border-bottom: 1px solid var(--line); }
tr:last-child td { border-bottom: 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td small { display: block; color: var(--soft); }
.share { width: 26%; } .share div { height: 14px; border-radius: 3px; background: var(--faint); }
.share i { display: block; height: 100%; border-radius: 3px; background: var(--bar); }
@media (max-width: 760px) { .pair { grid-template-columns: 1fr; } .share { display: none; } }
@media print { body { background: none; } section { break-inside: avoid; } }
</style>
</head>
<body>
<main>
<header>
  <h1>Purchases of {{ request.tenant_id }}</h1>
  <p>{{ request.desde }} to {{ request.hasta }}, as they are now; \
made {{ report.made_at[:16] | replace("T", " ") }} UTC</p>
</header>
<div class="tiles">
  <div class="tile"><span>Sales</span><strong>{{ report.totals.sales | amount }} \
<small>{{ report.moneda }}</small></strong></div>
  <div class="tile"><span>Purchases</span><strong>{{ report.totals.purchases | amount }}</strong></div>
  <div class="tile"><span>Average purchase</span><strong>{{ report.totals.average | amount }} \
<small>{{ report.moneda }}</small></strong></div>
  <div class="tile"><span>Units</span><strong>{{ report.totals.units | amount }}</strong></div>
  <div class="tile"><span>Buyers</span><strong>{{ report.buyers | amount }}</strong></div>
</div>
{% if report.totals.purchases %}
<section><h2>Sales per day</h2>{{ chart(by_day, "Sales per day") }}</section>
<section class="wide">
<h2>Products that sold most</h2>
<table>
<thead><tr><th>Product</th><th class="share"></th><th class="number">Sales {{ report.moneda }}</th>\
<th class="number">Units</th><th class="number">Purchases</th></tr></thead>
<tbody>
{% for product in report.products %}
<tr><td title="{{ product.nombre or '' }}">{{ product.nombre | shortened }}\
<small>{{ product.codigo | shortened }}</small></td>
<td class="share"><div><i style="width: {{ '%.1f' | format(shares[loop.index0]) }}%"></i></div></td>
<td class="number">{{ product.totals.sales | amount }}</td><td class="number">{{ product.totals.units | amount }}</td>
<td class="number">{{ product.totals.purchases | amount }}</td></tr>
{% endfor %}
</tbody>
</table>
<p class="note">{{ report.products | length }} of {{ report.products_sold | amount }} products</p>
</section>
<div class="pair">
<section><h2>Sales by hour of the day</h2>{{ chart(by_hour, "Sales by hour of the day") }}</section>
<section><h2>Sales by weekday</h2>{{ chart(by_weekday, "Sales by weekday") }}</section>
</div>
{% else %}
<section><h2>No purchases</h2><p class="note">The tenant has no purchase in this period.</p></section>
{% endif %}
</main>
</body>
</html>
"""
