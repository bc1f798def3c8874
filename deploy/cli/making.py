"""`cesta make sets`: prod sets as of days by hand, as the function and Dagster make them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from deploy.cli.commands import JsonOption, Where
from deploy.cli.console import complain, complaints, console, number_of, print_json, say
from deploy.cli.deployment import deployment_of
from deploy.cli.export import days_named
from deploy.cli.progress import bars
from pipeline_assets.analytics.day_features import DayFeatures, open_features
from pipeline_assets.analytics.ingest import complete_loads, publish_set
from pipeline_assets.analytics.sets import SETS, prod_set
from pipeline_assets.analytics.stores import FLOW, AnalyticsStores
from pipeline_assets.errors import TerminalError, TransientError, UserError

if TYPE_CHECKING:
    from pipeline_assets.analytics.prod_set import ProdSet

_STYLES = {"refused": "red", "failed": "red", "already there": "dim"}


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a set as of a day; `why` is empty unless it was refused or failed."""

    set: str
    as_of: str
    rows: int | None
    seconds: float
    outcome: str
    why: str = ""

    @property
    def stands(self) -> bool:
        """Whether the set of the day is there."""
        return not self.why


def make_sets(
    where: Where,
    names: Annotated[
        list[str] | None, typer.Argument(help="Names of sets, such as demand-insights-engine; without any, all.")
    ] = None,
    *,
    day: Annotated[str | None, typer.Option("--day", help="The as-of date (of the newest complete load).")] = None,
    days: Annotated[str | None, typer.Option("--days", help="Several, as FIRST..LAST.")] = None,
    every: Annotated[int, typer.Option("--every", min=1, help="Of --days each so many-th, 7 for weeks.")] = 1,
    anew: Annotated[bool, typer.Option("--anew", help="Also what was made of the same already.")] = False,
    as_json: JsonOption = False,
) -> bool:
    """Make prod sets as of one day or of many, of what was loaded by then."""
    chosen = [prod_set(name) for name in dict.fromkeys(names or [each.name for each in SETS])]
    asked = days_named(day, days)[::every] if day or days else []
    with deployment_of(FLOW, where) as deployment:
        stores: AnalyticsStores = deployment.stores
        complete = {load.day for load in complete_loads(stores)}
        if not complete:
            raise UserError("no load is complete yet, so there is nothing to make sets of; see `cesta load ecommerce`.")
        asked = asked or [date.fromisoformat(max(complete))]
        tried = _make_all(chosen, asked, complete, stores, anew=anew)
    if as_json:
        print_json([asdict(each) for each in tried])
    else:
        _print(tried)
    return all(each.stands for each in tried)


def _make_all(
    chosen: Sequence[ProdSet], asked: Sequence[date], complete: set[str], stores: AnalyticsStores, *, anew: bool
) -> list[Tried]:
    """Make the sets day by day, so that those of a day share what they read."""
    tried: list[Tried] = []
    with open_features(stores.curated, stores.catalog) as features, bars(complaints) as progress:
        bar = progress.add_task("sets made", total=len(asked) * len(chosen))
        for as_of in asked:
            for each in chosen:
                known = as_of.isoformat() in complete
                tried.append(_make(each, as_of, stores, features, anew=anew) if known else _not_loaded(each, as_of))
                progress.advance(bar)
                if not tried[-1].stands:
                    complain(f"{each.name} as of {as_of} {tried[-1].outcome}: {tried[-1].why}")
    return tried


def _make(each: ProdSet, as_of: date, stores: AnalyticsStores, features: DayFeatures, *, anew: bool) -> Tried:
    started = time.monotonic()
    try:
        done = publish_set(each, as_of, stores, features, anew=anew)
    except TerminalError as error:
        return Tried(each.name, as_of.isoformat(), None, time.monotonic() - started, "refused", str(error))
    except Exception as error:  # noqa: BLE001 - a model that breaks keeps no other set from being made
        why = str(error) if isinstance(error, TransientError) else f"{type(error).__name__}: {error}"
        return Tried(each.name, as_of.isoformat(), None, time.monotonic() - started, "failed", why)
    rows = sum(table.rows for table in done.manifest.tables.values())
    outcome = "made" if done.anew else "already there"
    return Tried(each.name, as_of.isoformat(), rows, time.monotonic() - started, outcome)


def _not_loaded(each: ProdSet, as_of: date) -> Tried:
    return Tried(each.name, as_of.isoformat(), None, 0.0, "refused", "no load of the day is complete")


def _print(tried: Sequence[Tried]) -> None:
    table = Table("set", "as of", "rows", "seconds", "outcome")
    for column in table.columns[2:4]:
        column.justify = "right"
    for each in tried:
        rows = "" if each.rows is None else f"{each.rows:,}"
        outcome = f"{each.outcome}: {each.why}" if each.why else each.outcome
        table.add_row(
            each.set, each.as_of, rows, f"{each.seconds:.1f}", escape(outcome), style=_STYLES.get(each.outcome, "")
        )
    console.print(table)
    say(f"{number_of(len(tried), 'set')}: {', '.join(_counted(tried))}; {sum(each.seconds for each in tried):,.1f} s.")


def _counted(tried: Sequence[Tried]) -> Iterator[str]:
    for outcome in dict.fromkeys(each.outcome for each in tried):
        yield f"{sum(each.outcome == outcome for each in tried):,} {outcome}"
