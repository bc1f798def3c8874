"""A picture of each prod set, small enough to lie in an event of Dagster. Never imported by a function: matplotlib."""

from __future__ import annotations

import base64
import io
import tempfile
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import duckdb

from pipeline_assets.analytics.publish import table_key

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

    from pipeline_assets.analytics.prod_set import ProdSet
    from pipeline_assets.storage.bucket import Bucket

    Columns = Mapping[str, np.ndarray[Any, Any]]

#: Answers a query over the tables of a set with an array for each column; values follow the query.
Ask: TypeAlias = "Callable[..., Columns]"
_MOST: Final = 12


def picture_of(prod_set: ProdSet, as_of: date, bucket: Bucket) -> str:
    """Draw a set as of a day.

    Parameters
    ----------
    prod_set
        The set.
    as_of
        The day.
    bucket
        The bucket of the set.

    Returns
    -------
    str
        A Markdown image, PNG inside; empty where the set was not published, or has nothing to draw.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - see `analytics.prod_set`

    figure = Figure(figsize=(7.2, 3.2), dpi=80, layout="constrained")
    axes = figure.subplots()
    with tempfile.TemporaryDirectory(prefix="cesta-") as folder, duckdb.connect() as connection:
        for table in prod_set.tables:
            content = bucket.read(table_key(table.name, as_of))
            if content is None:
                return ""
            path = Path(folder) / f"{table.name}.parquet"
            path.write_bytes(content)
            connection.read_parquet(str(path)).create_view(table.name)
        title = _DRAWN[prod_set.name](lambda query, *values: connection.sql(query, params=values).fetchnumpy(), axes)
    if not title:
        return ""
    axes.set_title(f"{title}, as of {as_of}", loc="left", fontsize=10)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.3)
    image = io.BytesIO()
    figure.savefig(image, format="png", metadata={"Software": None})
    return f"![{title}](data:image/png;base64,{base64.b64encode(image.getvalue()).decode()})"


def _forecast(ask: Ask, axes: Axes) -> str:
    """The weeks of the whole shop that were, and those to come with their intervals."""
    from matplotlib.dates import ConciseDateFormatter  # noqa: PLC0415 - see `analytics.prod_set`

    currency = ask("SELECT currency FROM sales_trends WHERE level = 'total' ORDER BY sales DESC LIMIT 1")["currency"]
    if not len(currency):
        return ""
    was = ask(
        "SELECT period, sales::DOUBLE AS sales, trend::DOUBLE AS trend FROM sales_trends "
        "WHERE level = 'total' AND currency = ? ORDER BY period",
        currency[0],
    )
    comes = ask(
        "SELECT period, forecast::DOUBLE AS forecast, lower_80::DOUBLE AS lower_80, upper_80::DOUBLE AS upper_80, "
        "lower_95::DOUBLE AS lower_95, upper_95::DOUBLE AS upper_95, baseline::DOUBLE AS baseline FROM sales_forecast "
        "WHERE level = 'total' AND grain = 'week' AND currency = ? ORDER BY period",
        currency[0],
    )
    axes.plot(was["period"], was["sales"], linewidth=1.2, label="sales")
    axes.plot(was["period"], was["trend"], linewidth=1, linestyle="--", label="trend")
    axes.fill_between(comes["period"], comes["lower_95"], comes["upper_95"], alpha=0.2, color="C2", label="95 of 100")
    axes.fill_between(comes["period"], comes["lower_80"], comes["upper_80"], alpha=0.3, color="C2", label="80 of 100")
    axes.plot(comes["period"], comes["forecast"], linewidth=1.4, color="C2", label="forecast")
    axes.plot(comes["period"], comes["baseline"], linewidth=1, linestyle=":", color="C3", label="seasonal naive")
    axes.xaxis.set_major_formatter(ConciseDateFormatter(axes.xaxis.get_major_locator()))  # type: ignore[no-untyped-call]
    axes.set_ylabel(str(currency[0]), fontsize=9)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8, ncols=3, frameon=False)
    return "Sales by week"


def _segments(ask: Ask, axes: Axes) -> str:
    found = ask("SELECT segment, count(*) AS customers FROM customer_segments GROUP BY segment ORDER BY customers")
    if not len(found["segment"]):
        return ""
    axes.barh(found["segment"].astype(str), found["customers"])
    axes.set_xlabel("customers", fontsize=9)
    return "Customers by segment"


def _risk(ask: Ask, axes: Axes) -> str:
    found = ask("SELECT fraud_type, pr_auc, baseline_pr_auc, base_rate FROM risk_scores ORDER BY pr_auc")
    if not len(found["fraud_type"]):
        return ""
    places = range(len(found["fraud_type"]))
    axes.barh([place + 0.2 for place in places], found["pr_auc"], height=0.4, label="scorecard")
    axes.barh([place - 0.2 for place in places], found["baseline_pr_auc"], height=0.4, label="isolation forest")
    axes.plot(found["base_rate"], list(places), "k|", label="chance")
    axes.set_yticks(list(places), found["fraud_type"].astype(str))
    axes.set_xlabel("area under precision and recall, on planted fraud", fontsize=9)
    axes.legend(fontsize=8, frameon=False)
    return "How well planted fraud is found"


def _regions(ask: Ask, axes: Axes) -> str:
    found = ask(
        "SELECT region, price_effect::DOUBLE AS price, volume_effect::DOUBLE AS volume, mix_effect::DOUBLE AS mix "
        "FROM regional_growth WHERE period = (SELECT max(period) FROM regional_growth) ORDER BY region DESC"
    )
    if not len(found["region"]):
        return ""
    places = range(len(found["region"]))
    for number, effect in enumerate(("price", "volume", "mix")):
        axes.barh([place + 0.27 * (1 - number) for place in places], found[effect], height=0.27, label=effect)
    axes.set_yticks(list(places), found["region"].astype(str))
    axes.set_xlabel("change of sales against the four weeks before", fontsize=9)
    axes.legend(fontsize=8, frameon=False)
    return "Growth of regions"


def _templates(ask: Ask, axes: Axes) -> str:
    found = ask(
        "SELECT template, queries, coalesce(zero_result_share, 0) AS zero FROM query_templates "
        "ORDER BY queries DESC, template LIMIT ?",
        _MOST,
    )
    if not len(found["template"]):
        return ""
    names = [str(name)[:48] for name in found["template"][::-1]]
    axes.barh(names, found["queries"][::-1], label="questions")
    axes.barh(names, (found["queries"] * found["zero"])[::-1], label="of these, without results")
    axes.set_xlabel("questions", fontsize=9)
    axes.legend(fontsize=8, frameon=False)
    return "What people ask"


_DRAWN: Final[Mapping[str, Callable[[Ask, Axes], str]]] = {
    "market-intelligence-hub": _forecast,
    "demand-insights-engine": _segments,
    "compliance-guardian": _risk,
    "global-market-pulse": _regions,
    "retail-copilot": _templates,
}
