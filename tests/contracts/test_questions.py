"""Every figure of every question, from ticket files through S3 to the graph, against the same figure by other means."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from deploy.samples.purchases import write_days
from pipeline_assets.operations.status import flow_status
from pipeline_assets.queries.cypher import ask, queries, query
from pipeline_assets.tickets.files import FLOW, put_ticket_file, standing_at, ticket_files

if TYPE_CHECKING:
    from neo4j import Driver

    from tests.worlds.stack import RunningStack

pytestmark = pytest.mark.every_engine

HEADER = "ticket_id,product,basket_id,timestamp,category,quantity,store\n"
PATIENCE = 120.0
ALL = 1_000_000

#: The five baskets of mlxtend's Apriori guide; the support, confidence and lift of its pairs are published there.
FIVE_BASKETS = (
    ("Milk", "Onion", "Nutmeg", "Kidney Beans", "Eggs", "Yogurt"),
    ("Dill", "Onion", "Nutmeg", "Kidney Beans", "Eggs", "Yogurt"),
    ("Milk", "Apple", "Kidney Beans", "Eggs"),
    ("Milk", "Unicorn", "Corn", "Kidney Beans", "Yogurt"),
    ("Corn", "Onion", "Onion", "Kidney Beans", "Ice cream", "Eggs"),
)

#: What real purchases seldom show: see the comment of each line.
EDGES = (
    # Two tickets in one basket: Bread and Milk meet by basket only.
    "X1,Bread,XB1,2026-11-19 23:49:59,Bakery,1,Corner",
    "X2,Milk,XB1,2026-11-19 23:59:59,Dairy,2,Corner",
    # One product in both tickets of a basket: one basket, two lines.
    "X1,Eggs,XB1,2026-11-19 23:49:59,Dairy,6,Corner",
    "X2,Eggs,XB1,2026-11-19 23:59:59,Dairy,2,Corner",
    # The same numbers in another store, and on the next day: two more tickets, two more baskets.
    "X1,Diapers,XB1,2026-11-19 23:49:59,Baby,12,Market",
    "X1,Wine,XB1,2026-11-20 00:10:00,Drinks,1,Corner",
    # One product twice on a ticket with other quantities adds up; the same row again is a duplicate.
    "X3,Bread,XB2,2026-11-20 08:00:00,Bakery,1,Corner",
    "X3,Bread,XB2,2026-11-20 08:00:00,Bakery,2,Corner",
    "X3,Milk,XB2,2026-11-20 08:00:00,Dairy,1,Corner",
    "X3,Milk,XB2,2026-11-20 08:00:00,Dairy,1,Corner",
    # No category, and a product filed under two.
    "X4,Gift card,XB3,2026-11-20 08:30:00,,1,Corner",
    "X4,Bread,XB3,2026-11-20 08:30:00,Snacks,1,Corner",
    # Alone in its basket, and a part of a piece.
    "X5,Cheese,XB4,2026-11-20 09:00:00,Dairy,0.5,Market",
    # Quantity zero is quarantined: neither line nor ticket.
    "X6,Cheese,XB5,2026-11-20 09:30:00,Dairy,0,Market",
)


def load(cloud: RunningStack, directory: Path) -> None:
    """Empty the graph, put the ticket files of a folder into the bucket and wait until each has its receipt."""
    cloud.graph.execute_query("MATCH (n) DETACH DELETE n")
    files = ticket_files(directory, directory)
    before = flow_status(cloud.access, FLOW)
    for file in files:
        put_ticket_file(cloud.access, file, standing_at(cloud.access, file))
    deadline = time.monotonic() + PATIENCE
    while (now := flow_status(cloud.access, FLOW)).objects < before.objects + len(files):
        assert now.dead_lettered == before.dead_lettered
        assert time.monotonic() < deadline, f"{now.objects - before.objects} of {len(files)} files are in"
        time.sleep(0.2)


def agree(found: Sequence[dict[str, Any]], expected: Sequence[dict[str, Any]]) -> None:
    """The same rows in the same order: texts and counts exactly, ratios to 1e-9."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        for name, value in other.items():
            same = math.isclose(one[name], value, abs_tol=1e-9) if isinstance(value, float) else one[name] == value
            assert same, f"{name}: {one} is not {other}"


@pytest.fixture(scope="class")
def five_baskets(cloud: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    directory = tmp_path_factory.mktemp("five")
    rows = (
        f"F{n},{product},FB{n},2026-11-20 10:00:00,Food,1,Shop"
        for n, basket in enumerate(FIVE_BASKETS, 1)
        for product in basket
    )
    (directory / "five.csv").write_text(HEADER + "\n".join(rows), encoding="utf-8")
    load(cloud, directory)
    yield cloud.graph
    cloud.graph.execute_query("MATCH (n) DETACH DELETE n")


class TestFiveBaskets:
    """The published example."""

    def test_pairs_are_the_published_ones(self, five_baskets: Driver) -> None:
        rows = ask(five_baskets, "bought-together", min_support=0.6)
        figures = ("support", "confidence_a_to_b", "confidence_b_to_a", "lift")
        found = {(row["product_a"], row["product_b"]): tuple(row[name] for name in figures) for row in rows}
        assert found == {
            ("Eggs", "Kidney Beans"): pytest.approx((0.8, 1.0, 0.8, 1.0), abs=1e-9),
            ("Eggs", "Onion"): pytest.approx((0.6, 0.75, 1.0, 1.25), abs=1e-9),
            ("Kidney Beans", "Milk"): pytest.approx((0.6, 0.6, 1.0, 1.0), abs=1e-9),
            ("Kidney Beans", "Onion"): pytest.approx((0.6, 0.6, 1.0, 1.0), abs=1e-9),
            ("Kidney Beans", "Yogurt"): pytest.approx((0.6, 0.6, 1.0, 1.0), abs=1e-9),
        }
        assert next(iter(found)) == ("Eggs", "Kidney Beans")

    def test_support_is_at_least_the_bound_and_not_above_it(self, five_baskets: Driver) -> None:
        assert len(ask(five_baskets, "bought-together", min_support=math.nextafter(0.6, 1))) == 1
        assert len(ask(five_baskets, "bought-together", min_support=math.nextafter(0.8, 1))) == 0

    def test_confidence_is_that_of_the_stronger_direction(self, five_baskets: Driver) -> None:
        assert len(ask(five_baskets, "bought-together", min_support=0.6, min_confidence=1)) == 5
        assert len(ask(five_baskets, "bought-together", min_support=0.8, min_confidence=1)) == 1

    def test_one_category_is_in_no_pair(self, five_baskets: Driver) -> None:
        assert ask(five_baskets, "category-affinity", min_support=0) == []

    def test_companions_of_onion(self, five_baskets: Driver) -> None:
        rows = ask(five_baskets, "companions", product="Onion")
        assert [(row["companion"], row["baskets"], row["confidence"]) for row in rows] == [
            ("Eggs", 3, 1.0),
            ("Kidney Beans", 3, 1.0),
            ("Nutmeg", 2, pytest.approx(2 / 3, abs=1e-9)),
            ("Yogurt", 2, pytest.approx(2 / 3, abs=1e-9)),
        ]
        assert rows[0]["lift"] == pytest.approx(1.25, abs=1e-9)


class Tickets:
    """The accepted lines of ticket files, counted with Polars alone."""

    def __init__(self, directory: Path) -> None:
        files = (pl.read_csv(file, schema_overrides={"quantity": pl.Float64}) for file in directory.glob("*.csv"))
        rows = pl.concat(file.unique() for file in files)
        lines = rows.filter(pl.col("quantity") > 0)
        # A basket is a number of a store on one day.
        basket = pl.concat_str("store", "basket_id", pl.col("timestamp").str.head(10), separator="/")
        # Runs of blanks, which the sample has, are one.
        texts = pl.col("product", "category").str.replace_all(" {2,}", " ")
        self.lines = lines.with_columns(texts, pl.col("timestamp").str.to_datetime(), basket_id=basket)
        self.baskets: int = self.lines["basket_id"].n_unique()

    def categories(self) -> pl.DataFrame:
        """Baskets with the categories that their products are filed under anywhere."""
        filed = self.lines.select("product", "category").drop_nulls().unique()
        return self.lines.select("basket_id", "product").join(filed, on="product").select("basket_id", "category")

    def pairs(self, held: pl.DataFrame, kind: str, by: str, least: float, confident: float) -> list[dict[str, Any]]:
        """Pairs of what baskets hold; `held` has ``basket_id`` and `kind`."""
        held = held.select("basket_id", name=kind).unique()
        alone = held.group_by("name").agg(n=pl.len())
        together = pl.col("baskets")
        return (
            held.join(held, on="basket_id", suffix="_b")
            .filter(pl.col("name") < pl.col("name_b"))
            .group_by("name", "name_b")
            .agg(baskets=pl.len())
            .join(alone.rename({"n": "baskets_a"}), on="name")
            .join(alone.rename({"name": "name_b", "n": "baskets_b"}), on="name_b")
            .with_columns(
                support=together / self.baskets,
                confidence_a_to_b=together / pl.col("baskets_a"),
                confidence_b_to_a=together / pl.col("baskets_b"),
                lift=(together.cast(pl.Int64) * self.baskets) / (pl.col("baskets_a") * pl.col("baskets_b")),
            )
            .filter(
                # In whole baskets: Polars divides by a number as if it multiplied, which may be a digit off.
                (together >= least * self.baskets - 1e-6)
                & (pl.max_horizontal("confidence_a_to_b", "confidence_b_to_a") >= confident)
            )
            .rename({"name": f"{kind}_a", "name_b": f"{kind}_b"})
            .sort(by, "baskets", f"{kind}_a", f"{kind}_b", descending=[True, True, False, False])
            .select(*query("bought-together" if kind == "product" else "category-affinity").columns)
            .to_dicts()
        )

    def companions(self, product: str, least: int) -> list[dict[str, Any]]:
        """What lies in the baskets of one product."""
        held = self.lines.select("basket_id", "product").unique()
        alone = held.group_by("product").agg(baskets_companion=pl.len())
        mine = held.filter(pl.col("product") == product).select("basket_id")
        return (
            held.join(mine, on="basket_id")
            .filter(pl.col("product") != product)
            .group_by("product")
            .agg(baskets=pl.len())
            .filter(pl.col("baskets") >= least)
            .join(alone, on="product")
            .sort("baskets", "product", descending=[True, False])
            .select(
                pl.col("product").alias("companion"),
                "baskets",
                pl.lit(mine.height).alias("baskets_product"),
                "baskets_companion",
                (pl.col("baskets") / mine.height).alias("confidence"),
                (pl.col("baskets") * self.baskets / (mine.height * pl.col("baskets_companion"))).alias("lift"),
            )
            .to_dicts()
        )

    def by_hour(self, store: str | None) -> list[dict[str, Any]]:
        """Baskets by weekday and hour of their first ticket."""
        lines = self.lines.filter(pl.col("store") == store) if store else self.lines
        begun = lines.group_by("basket_id").agg(pl.col("timestamp").min())
        at = pl.col("timestamp").dt
        return (
            begun.group_by(weekday=at.weekday(), hour=at.hour())
            .agg(baskets=pl.len())
            .with_columns(share=pl.col("baskets") / begun.height)
            .sort("weekday", "hour")
            .to_dicts()
        )

    def best_sellers(self, store: str | None, by: str, limit: int) -> list[dict[str, Any]]:
        """The first products of each store, busiest store first."""
        lines = self.lines.filter(pl.col("store") == store) if store else self.lines
        busy = lines.group_by("store").agg(store_baskets=pl.col("basket_id").n_unique())
        return (
            lines.group_by("store", "product")
            .agg(quantity=pl.col("quantity").sum(), baskets=pl.col("basket_id").n_unique())
            .sort(by, "product", descending=[True, False])
            .group_by("store", maintain_order=True)
            .head(limit)
            .join(busy, on="store")
            .sort("store_baskets", "store", by, "product", descending=[True, False, True, False])
            .select(*query("best-sellers").columns)
            .to_dicts()
        )


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The edge cases and two days of real purchases as ticket files."""
    directory = tmp_path_factory.mktemp("tickets")
    write_days(directory, 2, today=date(2026, 11, 21))
    (directory / "edges.csv").write_text(HEADER + "\n".join(EDGES), encoding="utf-8")
    return directory


@pytest.fixture(scope="module")
def tickets(directory: Path) -> Tickets:
    return Tickets(directory)


@pytest.fixture(scope="class")
def graph(cloud: RunningStack, directory: Path) -> Iterator[Driver]:
    """A running graph that holds those files, and nothing else."""
    load(cloud, directory)
    yield cloud.graph
    cloud.graph.execute_query("MATCH (n) DETACH DELETE n")


class TestAgainstPolars:
    """Real purchases and edge cases, every row of every answer."""

    @pytest.mark.parametrize("by", ["baskets", "lift"])
    @pytest.mark.parametrize(("baskets", "confident"), [(2, 0.0), (3, 0.5), (5, 0.0)])
    def test_bought_together(self, graph: Driver, tickets: Tickets, by: str, baskets: int, confident: float) -> None:
        least = baskets / tickets.baskets
        rows = ask(graph, "bought-together", min_support=least, min_confidence=confident, by=by, limit=ALL)
        agree(rows, tickets.pairs(tickets.lines, "product", by, least, confident))
        assert min(int(str(row["baskets"])) for row in rows) == baskets

    @pytest.mark.parametrize(("by", "confident"), [("baskets", 0.0), ("lift", 0.25)])
    @pytest.mark.parametrize("least", [0.0, 0.02])
    def test_category_affinity(self, graph: Driver, tickets: Tickets, by: str, least: float, confident: float) -> None:
        rows = ask(graph, "category-affinity", min_support=least, min_confidence=confident, by=by, limit=ALL)
        agree(rows, tickets.pairs(tickets.categories(), "category", by, least, confident))
        assert rows

    @pytest.mark.parametrize("store", [None, "Corner", "S-367"])
    def test_baskets_by_hour(self, graph: Driver, tickets: Tickets, store: str | None) -> None:
        rows = ask(graph, "baskets-by-hour", store=store)
        agree(rows, tickets.by_hour(store))
        assert rows

    @pytest.mark.parametrize("by", ["baskets", "quantity"])
    @pytest.mark.parametrize(("store", "limit"), [(None, 5), (None, 1), ("Market", 5), ("S-367", ALL)])
    def test_best_sellers(self, graph: Driver, tickets: Tickets, store: str | None, limit: int, by: str) -> None:
        rows = ask(graph, "best-sellers", store=store, by=by, limit=limit)
        agree(rows, tickets.best_sellers(store, by, limit))
        assert rows

    @pytest.mark.parametrize("least", [1, 2])
    @pytest.mark.parametrize("product", ["BANANAS 40 LB #1082185", "Eggs", "Bread"])
    def test_companions(self, graph: Driver, tickets: Tickets, product: str, least: int) -> None:
        rows = ask(graph, "companions", product=product, min_baskets=least, limit=ALL)
        agree(rows, tickets.companions(product, least))

    def test_the_edges_are_counted_by_basket(self, graph: Driver) -> None:
        together = ask(graph, "companions", product="Bread", min_baskets=1)
        assert [(row["companion"], row["baskets"], row["baskets_product"]) for row in together] == [
            ("Milk", 2, 3),
            ("Eggs", 1, 3),
            ("Gift card", 1, 3),
        ]
        assert ask(graph, "companions", product="Diapers", min_baskets=1) == []
        best = ask(graph, "best-sellers", store="Corner", by="quantity", limit=2)
        assert [(row["product"], row["quantity"], row["baskets"]) for row in best] == [("Eggs", 8, 1), ("Bread", 5, 3)]

    @pytest.mark.parametrize("name", [one.name for one in queries()])
    def test_columns_are_those_of_the_comment(self, graph: Driver, name: str) -> None:
        given = {"product": "Bread", "min_baskets": 1} if name == "companions" else {}
        assert list(ask(graph, name, **given)[0]) == list(query(name).columns)

    def test_what_is_not_there_has_no_rows(self, graph: Driver) -> None:
        assert ask(graph, "companions", product="Nothing") == []
        assert ask(graph, "best-sellers", store="Nowhere") == []
        assert ask(graph, "baskets-by-hour", store="Nowhere") == []


def test_an_empty_graph_has_no_answers(cloud: RunningStack) -> None:
    cloud.graph.execute_query("MATCH (n) DETACH DELETE n")
    for one in queries():
        given = {"product": "Bread"} if one.name == "companions" else {}
        assert ask(cloud.graph, one.name, **given) == []
