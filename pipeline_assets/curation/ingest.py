"""From one raw object to its curated day and its receipt, as a function, in Dagster and for a replay.

The order of the steps, on which it depends that nothing is lost or doubled whenever a process dies: rejected rows into
the quarantine, the day with the account of its objects in one put, the day into the SQL tables, the receipt, what all
objects of the day count by now, the completion marker. A repeated delivery finds what is done and goes on behind it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pipeline_assets import __version__
from pipeline_assets.curation.completion import ManifestError, complete_load, loads_of
from pipeline_assets.curation.judge import JudgedSource, SourceAccount, judged_source, refused_source
from pipeline_assets.curation.mended import settle_deleted
from pipeline_assets.curation.publish import ONE_MACHINE, DayEngine, account_of, publish_day, raw_objects
from pipeline_assets.curation.quarantine import UNKNOWN
from pipeline_assets.curation.read import OBJECT_RULES, RawFile, RefusedObjectError
from pipeline_assets.curation.requests import DayTooLargeError, addresses_of_requests, request_day, requested, take_away
from pipeline_assets.curation.rules import DELETED_AT
from pipeline_assets.curation.stores import CATALOG, FLOW, CurationStores
from pipeline_assets.datasets.catalog import Catalog
from pipeline_assets.datasets.spec import Dataset, stored_columns
from pipeline_assets.events.flow import Attempt, ObjectFlow
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.events.stored_objects import current_versions
from pipeline_assets.events.time_budget import TimeBudget
from pipeline_assets.lake.layout import LoadName, RawObject, curated_key, is_bookkeeping, raw_prefix
from pipeline_assets.storage.bucket import GoneError

#: A day is worked out in one go: no attempt begins with less than this many seconds left.
_RESERVE_SECONDS = 120.0
_PLACE = "<dataset>/load=<day>/<load id>-<part>.parquet"


class Runs:
    """The run of each object: the next one after that of the ledger, for `only` or, where it is None, for all."""

    def __init__(self, ledger: Ledger, only: ObjectVersion | None = None) -> None:
        self._ledger = ledger
        self._only = only
        self._receipts: dict[str, Receipt | None] = {}

    def earlier(self, version: ObjectVersion) -> Receipt | None:
        """The receipt that an object had before."""
        if version.id not in self._receipts:
            self._receipts[version.id] = self._ledger.receipt(version.id)
        return self._receipts[version.id]

    def run_of(self, version: ObjectVersion) -> int:
        """The run that an object is in."""
        recorded = earlier.run if (earlier := self.earlier(version)) else 0
        again = self._only is None or self._only.id == version.id
        return recorded + 1 if again else max(recorded, 1)


class CurationFlow(ObjectFlow[CurationStores, Receipt | None]):
    """Flow of raw objects into curated days."""

    name = FLOW
    reserve_seconds = _RESERVE_SECONDS

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    @property
    def rule_names(self) -> tuple[str, ...]:
        """The rules that what lies in the quarantine may have broken."""
        rules = (rule.name for dataset in self._catalog for rule in dataset.rules if rule.severity != "warn")
        columns = (column for dataset in self._catalog for column in (*stored_columns(dataset), DELETED_AT))
        given = (f"{column.name}_given" for column in columns if not column.nullable)
        return tuple(dict.fromkeys((*OBJECT_RULES, "type", *given, *rules)))

    def requests(self, key: str, stores: CurationStores) -> dict[str, str]:
        """Find what is asked for of the day of a raw object.

        Parameters
        ----------
        key
            Key of the object.
        stores
            The stores of curation.

        Returns
        -------
        dict of str to str
            Addresses of the requests, by the ids of the receipts that they ask for.

        Raises
        ------
        TransientError
            The bucket does not answer.
        """
        raw = RawObject.of(key)
        return addresses_of_requests(raw.dataset, raw.day, stores) if raw else {}

    def work(self, version: ObjectVersion, stores: CurationStores, attempt: Attempt) -> Receipt | None:
        """Bring one raw object into its curated day; a redo works its day out anew, as a new run of the object.

        Parameters
        ----------
        version
            The object.
        stores
            The stores of curation.
        attempt
            Whether it is a redo, whether its receipt has to be shown in Dagster, and the time that is left.

        Returns
        -------
        Receipt or None
            None for what holds no rows: manifests and snapshots of keys; and for an object whose day is too large for
            this process, which a request then asks for.
        """
        if is_bookkeeping(version.key):
            return None
        if load := LoadName.of(version.key):
            return self._work_manifest(version, load, stores, report=attempt.report)
        raw = RawObject.of(version.key)
        earlier = stores.ledger.receipt(version.id)
        if earlier and not attempt.redo:
            stores.ledger.record(earlier)
            receipt = earlier
        else:
            try:
                receipt = self._curate(version, stores, attempt)
            except DayTooLargeError:
                if not attempt.redo and stores.ledger.receipt(version.id):
                    return self.work(version, stores, attempt)  # its day was worked out meanwhile
                # The receipt follows from whoever works the day out.
                if raw:
                    request_day(raw.dataset, raw.day, version, stores)
                return None
            if earlier and receipt.run == earlier.run:
                return receipt
            # Before the receipt too: from then on the bridge tells what the day holds.
            if raw:
                _restate(raw.dataset, raw.day, stores)
            stores.ledger.record(receipt, report=attempt.report)
        if raw:
            # Whoever overtook this object until now could not tell what it counts since: its receipt was not there.
            _restate(raw.dataset, raw.day, stores)
            _try_to_complete(LoadName(raw.day, raw.load_id), stores)
        return receipt

    def _curate(self, version: ObjectVersion, stores: CurationStores, attempt: Attempt) -> Receipt:
        started = time.monotonic()
        runs = Runs(stores.ledger, version)
        run, earlier = runs.run_of(version), runs.earlier(version)
        raw = RawObject.of(version.key)
        dataset = stores.catalog.get(raw.dataset) if raw else None
        if raw is None or dataset is None:
            error = RefusedObjectError(
                "place", f"it is no object of the lake; expected {_PLACE} of {', '.join(stores.catalog.names)}"
            )
            return _receipt(version, run, _quarantine_unplaced(version, error, run, stores), _seconds_since(started))
        day = publish_day(dataset, raw.day, stores, runs.run_of, attempt.budget, wanted=version, anew=attempt.redo)
        try:
            found = day.source(version) if day else None
            account = found or _quarantine(_judge_replaced(dataset, version, raw, stores), version, run, stores)
        except GoneError as gone:
            error = RefusedObjectError("present", str(gone))
            if earlier:
                return replace(earlier, counts=Counts(), partitions=(), refused=f"{version.key}: {error}")
            account = _quarantine(refused_source(version, error), version, run, stores)
        if stores.tables:
            stores.tables.register(dataset.name, raw.day)
        return _receipt(version, run, account, _seconds_since(started), (dataset, raw.day))

    def _work_manifest(
        self, version: ObjectVersion, load: LoadName, stores: CurationStores, *, report: bool
    ) -> Receipt | None:
        """What the event of a manifest leads to; only one that cannot be read has a receipt."""
        try:
            complete_load(load, stores)
        except ManifestError:
            error = RefusedObjectError("manifest", "it cannot be read; expected the manifest of a load as JSON")
            receipt = _receipt(version, 1, _quarantine_unplaced(version, error, 1, stores), 0.0)
            stores.ledger.record(receipt, report=report)
            return receipt
        return None


CURATION_FLOW = CurationFlow(CATALOG)


def is_loaded(dataset: Dataset, day: str, stores: CurationStores) -> bool:
    """Whether there is anything to work a day out from, or to take back.

    Parameters
    ----------
    dataset
        The spec.
    day
        The load day, ISO.
    stores
        The stores of curation.

    Returns
    -------
    bool
        True too for a day on which other tables were loaded: this one then had nothing to export; and for one that is
        asked for, whatever became of its objects.

    Raises
    ------
    TransientError
        A store does not answer.
    """
    if stores.curated.head(curated_key(dataset.name, day)) is not None or loads_of(day, stores):
        return True
    return bool(requested(dataset.name, day, stores))


def recurate_day(
    dataset: Dataset,
    day: str,
    stores: CurationStores,
    *,
    report: bool = False,
    seconds_left: Callable[[], float] | None = None,
    engine: DayEngine = ONE_MACHINE,
) -> list[Receipt]:
    """Reprocess a day from what is in raw, and leave a receipt of a new run for each of its objects.

    Parameters
    ----------
    dataset
        The spec.
    day
        The load day, ISO.
    stores
        The stores of curation.
    report
        Whether the receipts have to be shown in Dagster.
    seconds_left
        Tells the seconds that are left for it; as many as it takes unless given.
    engine
        What works the day out.

    Returns
    -------
    list of Receipt
        None, and nothing is changed, for a day of which neither raw nor curated holds anything.
    """
    started = time.monotonic()
    runs, asked_for = Runs(stores.ledger), requested(dataset.name, day, stores)
    budget = TimeBudget(seconds_left, _RESERVE_SECONDS)
    account = publish_day(dataset, day, stores, runs.run_of, budget, anew=True, engine=engine)
    if account is None:
        _answer(dataset, day, asked_for, stores)
        return []
    if stores.tables:
        stores.tables.register(dataset.name, day)
    # One piece of work for all of them: each has its share.
    seconds = _seconds_since(started) / max(len(account.sources), 1)
    receipts: list[Receipt] = []
    for version in current_versions(stores.raw, raw_prefix(dataset.name, day)):
        source, raw = account.source(version), RawObject.of(version.key)
        if source is None or raw is None:
            continue  # put since the day was listed; its own event is on its way
        # A version that the ledger knows keeps the place in the order that its event gave it.
        earlier = runs.earlier(version)
        known = earlier.version if earlier else asked_for.get(version.id, version)
        receipt = _receipt(known, runs.run_of(version), source, seconds, (dataset, day))
        # No event will tell of what was handed over.
        stores.ledger.record(receipt, report=report or version.id in asked_for)
        receipts.append(receipt)
    _restate(dataset.name, day, stores)
    settle_deleted(dataset.name, day, stores)
    _answer(dataset, day, asked_for, stores)
    for load_id in sorted({raw.load_id for each in receipts if (raw := RawObject.of(each.version.key))}):
        _try_to_complete(LoadName(day, load_id), stores)
    return receipts


def _answer(dataset: Dataset, day: str, asked_for: Mapping[str, ObjectVersion], stores: CurationStores) -> None:
    """Take the requests of a day away, each once its object has a receipt."""
    if not asked_for:
        return
    current = {each.id for each in raw_objects(dataset, day, stores)}
    for version_id, version in asked_for.items():
        if stores.ledger.receipt(version_id) is None and version_id not in current:
            # It was replaced or deleted before anybody worked it.
            CURATION_FLOW.ingest(version, stores)
    take_away(dataset.name, day, [each for each in asked_for if stores.ledger.receipt(each)], stores)


def is_worked_out(dataset: Dataset, day: str, stores: CurationStores) -> bool:
    """Whether a day stands as this code makes it, of exactly the objects that are in raw now.

    Parameters
    ----------
    dataset
        The spec.
    day
        The load day, ISO.
    stores
        The stores of curation.

    Returns
    -------
    bool
        Whether working it out again would change nothing.

    Raises
    ------
    TransientError
        A store does not answer.
    """
    account = account_of(dataset, day, stores)
    if not account or (account.code_version, account.fingerprint) != (__version__, dataset.fingerprint):
        return False
    versions = [each for each in current_versions(stores.raw, raw_prefix(dataset.name, day)) if RawObject.of(each.key)]
    return len(versions) == len(account.sources) and all(map(account.source, versions))


def _restate(name: str, day: str, stores: CurationStores) -> None:
    """Restate in the ledger what each object of a day counts: others supersede its rows, or give them back.

    Whoever restates looks again afterwards: so the last one has restated what stands, however many do it at once.
    """
    dataset, restated = stores.catalog.get(name), None
    while dataset and (account := account_of(dataset, day, stores)) and account != restated:
        stores.ledger.restate(f"curated/{name}", day, {source.id: source.counts for source in account.sources})
        restated = account


def code_version(dataset: Dataset) -> str:
    """What a curated day depends on beside its raw objects: changes with the spec and with each release."""
    return f"{__version__}+{dataset.fingerprint}"


def _seconds_since(started: float) -> float:
    return time.monotonic() - started


def _try_to_complete(load: LoadName, stores: CurationStores) -> None:
    # What is wrong with a manifest says the receipt of its own event.
    with suppress(ManifestError):
        complete_load(load, stores)


def _judge_replaced(dataset: Dataset, version: ObjectVersion, raw: RawObject, stores: CurationStores) -> JudgedSource:
    """An object version that is not current any more: what it holds is no part of the day."""
    with tempfile.TemporaryDirectory(prefix="cesta-") as directory:
        path = Path(directory) / "object"
        stores.raw.download(version, path)
        judged = judged_source(dataset, RawFile(version, raw, path))
    return replace(judged, account=judged.account.lost(0, judged.account.counts.accepted))


def _quarantine(judged: JudgedSource, version: ObjectVersion, run: int, stores: CurationStores) -> SourceAccount:
    stores.quarantine.keep(version, run, judged.rejected)
    return judged.account


def _quarantine_unplaced(
    version: ObjectVersion, error: RefusedObjectError, run: int, stores: CurationStores
) -> SourceAccount:
    """Keep the refusal of what lies in no place of a dataset, where SQL finds it too."""
    account = _quarantine(refused_source(version, error), version, run, stores)
    if stores.tables:
        stores.tables.register(UNKNOWN, version.arrival_day)
    return account


def _receipt(
    version: ObjectVersion, run: int, account: SourceAccount, seconds: float, of: tuple[Dataset, str] | None = None
) -> Receipt:
    """The receipt of an object; `of` is its dataset and day, None where its key names no place in the lake."""
    counts = account.counts
    partitions: tuple[PartitionCounts, ...] = ()
    if of:
        dataset, day = of
        partitions = (
            PartitionCounts(f"raw/{dataset.name}", day, counts, as_received=True),
            PartitionCounts(f"curated/{dataset.name}", day, counts),
        )
    return Receipt(
        flow=FLOW,
        source=version,
        run=run,
        counts=counts,
        partitions=partitions,
        size=version.size,
        seconds=round(seconds, 3),
        code_version=code_version(of[0]) if of else __version__,
        recorded_at=iso_utc(datetime.now(UTC)),
        refused=account.refused,
        effects={"warned": sum(account.warned.values())} if account.warned else {},
    )
