"""From the completion marker of a load to the prod sets as of its day, as a function, in Dagster and by hand.

A marker has a receipt of its own, which says what became of it; each set that is published has one as well, of its
manifest. A repeated delivery, or one after a death in between, finds what is done and makes the rest. A set that fails
does not keep the others from being made: it is what the next delivery still has to make.

Only the newest load makes sets: the days of loads that were complete before are for a backfill. The queue holds each
marker back for some seconds, so that a hundred loads that become complete together do not make five hundred sets that
nobody asked for.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

from pipeline_assets import __version__
from pipeline_assets.analytics.day_features import DayFeatures, open_features
from pipeline_assets.analytics.make import PublishedSet, make_set
from pipeline_assets.analytics.prod_set import ProdSet
from pipeline_assets.analytics.publish import manifest_key, read_manifest
from pipeline_assets.analytics.requests import HandedOverError, HandOver
from pipeline_assets.analytics.sets import SETS
from pipeline_assets.analytics.stores import FLOW, AnalyticsStores
from pipeline_assets.analytics.tables import prod_table
from pipeline_assets.errors import TerminalError
from pipeline_assets.events.flow import Attempt, ObjectFlow
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.events.stored_objects import current_versions
from pipeline_assets.lake.layout import LOADS, LoadName

#: The asset of the markers, by load day.
STARTED = "prod/started"
#: A set is made in one go: none is begun with less than this many seconds left.
_RESERVE_SECONDS = 120.0
_RULE = "set_made"


class AnalyticsFlow(ObjectFlow[AnalyticsStores, Receipt | None]):
    """Flow of completion markers into prod sets."""

    name = FLOW
    reserve_seconds = _RESERVE_SECONDS

    def __init__(self, sets: Sequence[ProdSet]) -> None:
        self._sets = tuple(sets)

    @property
    def rule_names(self) -> tuple[str, ...]:
        """The rule that a marker breaks of whose day a set cannot be made."""
        return (_RULE,)

    def work(self, version: ObjectVersion, stores: AnalyticsStores, attempt: Attempt) -> Receipt | None:
        """Make all sets as of the day of a load that became complete; a redo makes them anew.

        Parameters
        ----------
        version
            The completion marker.
        stores
            The stores of the sets.
        attempt
            Whether it is a redo, whether its receipts have to be shown in Dagster, and the time that is left.

        Returns
        -------
        Receipt or None
            The receipt of the marker, its one row superseded where a later load was complete already; None for what is
            no marker.

        Raises
        ------
        TransientError
            A store does not answer, or a set could not be made now.
        TimeBudgetReachedError
            The time does not suffice for the next set.
        """
        load = LoadName.of(version.key)
        if load is None:
            return None
        earlier = stores.ledger.receipt(version.id)
        if earlier and not attempt.redo:
            stores.ledger.record(earlier)
            return earlier
        started = time.monotonic()
        run = earlier.run + 1 if earlier else 1
        refused = ""
        if not attempt.redo and is_followed(load, stores):
            counts = Counts(received=1, superseded=1)
        else:
            refused = self._make_all(version, date.fromisoformat(load.day), run, stores, attempt)
            counts = Counts(received=1, quarantined=1) if refused else Counts(received=1, accepted=1)
        receipt = Receipt(
            flow=FLOW,
            source=version,
            run=run,
            counts=counts,
            partitions=(PartitionCounts(STARTED, load.day, counts, of_arrival=True),),
            size=version.size,
            seconds=round(time.monotonic() - started, 3),
            code_version=__version__,
            recorded_at=iso_utc(datetime.now(UTC)),
            refused=refused,
        )
        stores.ledger.record(receipt, report=attempt.report)
        return receipt

    def _make_all(
        self, version: ObjectVersion, as_of: date, run: int, stores: AnalyticsStores, attempt: Attempt
    ) -> str:
        """Make every set, whatever becomes of another, and tell why some can never be made; raises the last error."""
        later: Exception | None = None
        refused: list[str] = []
        engine = HandOver(stores.largest_lake) if stores.largest_lake else None
        with open_features(stores.curated, stores.catalog, engine) as features:
            for prod_set in self._sets:
                attempt.budget.check(FLOW, version.uri)
                try:
                    publish_set(prod_set, as_of, stores, features, anew=attempt.redo, report=attempt.report)
                except HandedOverError:
                    continue  # its receipt follows from the run that makes it
                except TerminalError as error:
                    refused.append(f"{prod_set.name}: {error}")
                except Exception as error:  # noqa: BLE001 - a model that breaks keeps no other set from being made
                    later = error
        if later:
            raise later
        if refused:
            stores.quarantine.keep_file(version, run, _RULE, "; ".join(refused), version.key)
        return "; ".join(refused)


ANALYTICS_FLOW = AnalyticsFlow(SETS)


def publish_set(
    prod_set: ProdSet,
    as_of: date,
    stores: AnalyticsStores,
    features: DayFeatures,
    *,
    anew: bool = False,
    report: bool = True,
) -> PublishedSet:
    """Make a set as of a day, make it known to the SQL tables, and leave its receipt.

    Parameters
    ----------
    prod_set
        The set.
    as_of
        The day.
    stores
        The stores of the sets.
    features
        The features of the lake, which are shared with other sets of the day.
    anew
        Make it in any case; else one that was made of the same stays.
    report
        Whether the receipt has to be shown in Dagster; a Dagster run shows it itself.

    Returns
    -------
    PublishedSet
        What stands.

    Raises
    ------
    TransientError
        A store does not answer.
    TerminalError
        The set cannot be made of what the lake has.
    """
    started = time.monotonic()
    target = stores.targets[prod_set.name]
    published = make_set(prod_set, as_of, features, target, anew=anew)
    if stores.partitions:
        for table in prod_set.tables:
            stores.partitions.register(prod_table(prod_set.tables, table), as_of.isoformat())
    standing = current_versions(target, manifest_key(as_of))
    manifest = read_manifest(target, as_of)
    # Whoever published meanwhile leaves the receipt of what stands now.
    if manifest is None or current_versions(target, manifest_key(as_of)) != standing:
        return published
    rows = sum(table.rows for table in manifest.tables.values())
    counts = Counts(received=rows, accepted=rows)
    for version in standing:
        earlier = stores.ledger.receipt(version.id)
        receipt = earlier or Receipt(
            flow=FLOW,
            source=version,
            run=1,
            counts=counts,
            partitions=(PartitionCounts(prod_set.asset, as_of.isoformat(), counts),),
            size=version.size,
            seconds=round(time.monotonic() - started, 3),
            code_version=manifest.code_version,
            recorded_at=iso_utc(datetime.now(UTC)),
        )
        stores.ledger.record(receipt, report=report)
    return published


def is_complete(day: str, stores: AnalyticsStores) -> bool:
    """Whether a load of a day is complete; raises `TransientError`."""
    return any(LoadName.of(found.key) for found in stores.curated.objects(f"{LOADS}load={day}/"))


def is_followed(load: LoadName, stores: AnalyticsStores) -> bool:
    """Whether a load of a later day is complete; raises `TransientError`."""
    return any(name.day > load.day for name in complete_loads(stores, load.day))


def complete_loads(stores: AnalyticsStores, since: str = "") -> Iterator[LoadName]:
    """List the loads that are complete, by their markers.

    Parameters
    ----------
    stores
        The stores of the sets.
    since
        First load day, ISO; all unless given.

    Yields
    ------
    LoadName
        In the order of days and ids.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    for found in stores.curated.objects(LOADS, after=f"{LOADS}load={since}"):
        if name := LoadName.of(found.key):
            yield name
