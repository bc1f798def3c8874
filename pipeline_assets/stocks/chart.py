"""Chart of a day's prices, small enough to lie in an event of Dagster. Never imported by a function: matplotlib."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from matplotlib.dates import ConciseDateFormatter
from matplotlib.figure import Figure

from pipeline_assets.stocks.rows import Price

#: Lines that can be told apart, and points of each that can be seen.
MOST_TICKERS = 6
_MOST_POINTS = 400


def chosen(tickers: Sequence[str]) -> list[str]:
    """The tickers that are drawn: all of them or, of many, some that lie evenly among them."""
    step = max(1, len(tickers) / MOST_TICKERS)
    return [tickers[int(place * step)] for place in range(min(MOST_TICKERS, len(tickers)))]


def chart(day: str, prices: Mapping[str, Sequence[Price]]) -> str:
    """Chart of the closing prices of some tickers, in percent of the first of the day: a Markdown image, PNG inside."""
    figure = Figure(figsize=(7.2, 3.2), dpi=80, layout="constrained")
    axes = figure.subplots()
    for ticker, bars in prices.items():
        shown = bars[:: max(1, -(-len(bars) // _MOST_POINTS))]
        times: Any = [datetime.fromisoformat(bar.timestamp) for bar in shown]
        moved = [float(bar.close / bars[0].close * 100 - 100) for bar in shown]
        axes.plot(times, moved, label=ticker, linewidth=1.2, marker="." if len(shown) == 1 else "")
    axes.set_title(f"Prices of {day} (UTC)", loc="left", fontsize=10)
    axes.set_ylabel("% since the first bar", fontsize=9)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(axes.xaxis.get_major_locator()))  # type: ignore[no-untyped-call]
    axes.grid(alpha=0.3)
    axes.tick_params(labelsize=8)
    axes.legend(fontsize=8, ncols=MOST_TICKERS, frameon=False)
    image = io.BytesIO()
    figure.savefig(image, format="png", metadata={"Software": None})
    return (
        f"![closing prices of {', '.join(prices)}](data:image/png;base64,{base64.b64encode(image.getvalue()).decode()})"
    )
