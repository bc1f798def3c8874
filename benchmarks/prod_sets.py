"""What prod sets cost: their features against the same in DuckDB's SQL by hand, and each set in time and memory.

Both sides read the same curated days, keep the row of each key that stands, and leave every feature of every set in a
table of DuckDB. The statements by hand order only the rows of keys that have several, as ours do. Before the rounds
each table of the one side is compared with that of the other, row by row.
"""

# ruff: noqa: S608 - the rival's statements are made of constants of this room

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import duckdb

from benchmarks.curated_year import lake_of
from benchmarks.prod_sql import LATEST, STATEMENTS
from pipeline_assets.analytics.compliance_guardian.features import all_payments
from pipeline_assets.analytics.day_features import Features, open_features
from pipeline_assets.analytics.demand_insights.coverage import customers_by_group, orders_by_group
from pipeline_assets.analytics.demand_insights.features import customer_days
from pipeline_assets.analytics.features import sold_lines
from pipeline_assets.analytics.global_market_pulse.features import category_sales, regional_sales
from pipeline_assets.analytics.global_market_pulse.growth import growth_effects
from pipeline_assets.analytics.known_day import Feature
from pipeline_assets.analytics.make import make_set
from pipeline_assets.analytics.market_intelligence.features import daily_sales
from pipeline_assets.analytics.publish import write_table
from pipeline_assets.analytics.retail_copilot.patterns import asked_questions
from pipeline_assets.analytics.sets import SETS
from pipeline_assets.curation.stores import CATALOG
from pipeline_assets.datasets.ecommerce import ECOMMERCE
from tests.worlds.memory_storage import MemoryBucket

FEATURES: Final[dict[str, Feature]] = {
    each.__name__: each
    for each in (
        sold_lines,
        daily_sales,
        customer_days,
        orders_by_group,
        customers_by_group,
        all_payments,
        regional_sales,
        category_sales,
        growth_effects,
        asked_questions,
    )
}
#: Floats that are sums differ in their last digits with the order of adding.
_SHOWN: Final = {"DOUBLE": 'round("{0}", 4)', "DECIMAL": '"{0}"::DECIMAL(38, 2)'}


@dataclass(frozen=True, slots=True)
class Spent:
    """What something took: seconds on the clock, and of the processors."""

    wall: float
    cpu: float


@contextmanager
def timed(spent: dict[str, Spent], name: str) -> Iterator[None]:
    """Put down what a block takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    spent[name] = Spent(time.perf_counter() - wall, time.process_time() - cpu)


class FeatureRace:
    """Both sides on the same year of `lines` order lines, up to its last day; `folder` is for the files fetched.

    Ours fetches them in the first round, which does not count: the statements read them where they are.
    """

    def __init__(self, year: Path, folder: Path) -> None:
        self._year = year
        self._lake = lake_of(year, folder)
        self.as_of = last_day(year)
        self.lines = lines_in(year)

    def ours(self, _: int) -> float:
        """Lines per second of the processors that our features read."""
        return self._rate(self.by_features)

    def by_hand(self, _: int) -> float:
        """Lines per second of the processors of the statements by hand."""
        return self._rate(self.by_statements)

    def _rate(self, side: Callable[[Callable[[duckdb.DuckDBPyConnection], None]], None]) -> float:
        started = time.process_time()
        side(lambda _: None)
        return self.lines / (time.process_time() - started)

    def by_features(self, look: Callable[[duckdb.DuckDBPyConnection], None]) -> None:
        """Work the features out as the sets do, and look at their tables."""
        with self._lake.as_of(self.as_of) as lake:
            features = Features(lake)
            for name, feature in FEATURES.items():
                features.of(feature).to_native().to_view(name)
            look(lake.connection)

    def by_statements(self, look: Callable[[duckdb.DuckDBPyConnection], None]) -> None:
        """Work the features out by statements, and look at their tables."""
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for dataset in ECOMMERCE:
                files = str(self._year / dataset.name / "*" / "part.parquet")
                key, order = ", ".join(dataset.key), ", ".join(f"{name} DESC" for name in dataset.order)
                connection.execute(LATEST.format(name=dataset.name, files=files, key=key, order=order))
            for name, statement in STATEMENTS.items():
                connection.execute(f"CREATE TABLE {name} AS {statement.format(as_of=self.as_of)}")
            look(connection)

    def compare(self) -> None:
        """Raise `ValueError` for a feature whose rows are not the same on both sides."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            self.by_features(lambda connection: _keep(connection, folder, "ours"))
            self.by_statements(lambda connection: _keep(connection, folder, "by_hand"))
            for each in FEATURES:
                sides = [f"SELECT * FROM '{folder}/{each}.{side}.parquet'" for side in ("ours", "by_hand")]
                for one, other in (sides, sides[::-1]):
                    if found := duckdb.execute(f"{one} EXCEPT ALL {other} LIMIT 1").fetchall():
                        raise ValueError(f"{each} is not the same on both sides: {found[0]}")


def _keep(connection: duckdb.DuckDBPyConnection, folder: Path, side: str) -> None:
    for each in FEATURES:
        rows = connection.table(each) if side == "by_hand" else connection.view(each)
        columns = [
            f'{_SHOWN.get(str(kind).partition("(")[0], chr(34) + "{0}" + chr(34)).format(name)} AS "{name}"'
            for name, kind in sorted(zip(rows.columns, rows.types, strict=True))
        ]
        rows.project(", ".join(columns)).write_parquet(f"{folder}/{each}.{side}.parquet")


def last_day(year: Path) -> date:
    """The last day of a year of curated days."""
    return date.fromisoformat(max(path.name for path in (year / "order_lines").iterdir()).removeprefix("date="))


def lines_in(year: Path) -> int:
    """The rows of order lines on all days."""
    with duckdb.connect() as connection:
        return len(connection.read_parquet(f"{year}/order_lines/*/part.parquet"))


@dataclass(frozen=True, slots=True)
class Passed:
    """One pass in a process of its own: what each part took, and its greatest memory in bytes."""

    spent: dict[str, Spent]
    peak: int

    @property
    def wall(self) -> float:
        """Seconds on the clock in all."""
        return sum(each.wall for each in self.spent.values())

    @property
    def cpu(self) -> float:
        """Seconds of the processors in all."""
        return sum(each.cpu for each in self.spent.values())


def in_a_process_of_its_own(what: str, year: Path) -> Passed:
    """Let a fresh process do something (`reader`, `features` or `sets`) as of the last day of a year."""
    command = [sys.executable, "-m", "benchmarks.prod_sets", what, str(year)]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return Passed({name: Spent(*seconds) for name, seconds in told["spent"].items()}, told["peak"])


def _read(year: Path, spent: dict[str, Spent]) -> None:
    """Read all order lines as of the last day, as the sets do."""
    columns = ("order_id", "product_id", "quantity", "amount", "is_return")
    with (
        tempfile.TemporaryDirectory() as folder,
        lake_of(year, Path(folder)).as_of(last_day(year)) as lake,
        timed(spent, "reader: order lines"),
    ):
        lake.table("order_lines").select(*columns).to_native().create("lines_as_of")


def _features(year: Path, spent: dict[str, Spent]) -> None:
    with tempfile.TemporaryDirectory() as folder, timed(spent, "features"):
        FeatureRace(year, Path(folder)).by_features(lambda _: None)


def _sets(year: Path, spent: dict[str, Spent]) -> None:
    """Make all tables of all sets as one invocation of the function does, but for the puts."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with lake_of(year, folder).as_of(last_day(year)) as lake:
            features = Features(lake)
            with timed(spent, "lines sold, which three sets read"):
                features.of(sold_lines)
            for prod_set in SETS:
                with timed(spent, prod_set.title):
                    for model in prod_set.models:
                        made = model.function(features)
                        for table in model.tables:
                            path = folder / f"{table.name}.parquet"
                            write_table(made[table.name], table, lake.day, lake.connection, path)


#: As-of dates of a year, a week apart.
_WEEKS = 52


def _weeks(year: Path, spent: dict[str, Spent]) -> None:
    """Make all sets as of each week of the year, each published, as a backfill from the command line does."""
    curated, targets = MemoryBucket("curated"), {each.name: MemoryBucket(each.name) for each in SETS}
    for path in sorted(year.rglob("*.parquet")):
        curated.put(str(path.relative_to(year)), path.read_bytes())
    dates = [last_day(year) - timedelta(weeks=ago) for ago in range(_WEEKS - 1, -1, -1)]
    with timed(spent, f"all five sets, {_WEEKS} weekly as-of dates"), open_features(curated, CATALOG) as features:
        for as_of in dates:
            for prod_set in SETS:
                make_set(prod_set, as_of, features, targets[prod_set.name])


def _main(what: str, year: Path) -> None:
    spent: dict[str, Spent] = {}
    {"reader": _read, "features": _features, "sets": _sets, "weeks": _weeks}[what](year, spent)
    # Not getrusage: a process begins with the greatest memory of the one that started it.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    json.dump({"spent": {name: (each.wall, each.cpu) for name, each in spent.items()}, "peak": peak}, sys.stdout)


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]))
