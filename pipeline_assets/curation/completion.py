"""Whether a load is whole: all its objects have receipts and no dataset has too many rejected rows.

Whoever finds it so puts the completion marker, once. The test is run after each receipt and at the event of the
manifest, each time with reads that see every write before them: whichever comes last finds all there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipeline_assets import __version__
from pipeline_assets.curation.mended import settle_exported_again
from pipeline_assets.curation.quarantine import LakeQuarantine
from pipeline_assets.curation.stores import CATALOG, CurationStores
from pipeline_assets.datasets.catalog import Catalog
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.problems import share_rejected
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.stored_objects import current_versions
from pipeline_assets.lake.layout import ABANDONED, BEGUN, LOADS, LoadName, RawObject, raw_prefix
from pipeline_assets.lake.manifest import Manifest
from pipeline_assets.storage.documents import from_json

if TYPE_CHECKING:
    from pipeline_assets.operations.access import Access

_MOST_NAMED = 20
#: The asset of the loads of a day, and the flow of their receipts: what the sums of the lake count is rows and objects.
LOADS_ASSET, LOADS_FLOW = "lake/loads", "loads"


class ManifestError(Exception):
    """Raised when what lies where the manifest of a load belongs is none."""


@dataclass(frozen=True, slots=True)
class OpenLoad:
    """A load without a completion marker.

    Parameters
    ----------
    name
        The load.
    manifest
        Whether its manifest is there: an export that died leaves none.
    missing
        Keys of objects that are not curated yet, the first twenty.
    held
        Why a load that is all there is not good enough.
    rejected
        Whether it is held for rejected rows alone.
    """

    name: LoadName
    manifest: bool = True
    missing: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    rejected: bool = False

    @property
    def lacks(self) -> str:
        """What keeps it from its end, for people."""
        if self.held:
            return f"held, {'; '.join(self.held)}"
        if not self.manifest:
            return "it has no manifest: the export did not end"
        return f"not curated yet: {', '.join(self.missing)}"


def complete_load(name: LoadName, stores: CurationStores) -> OpenLoad | None:
    """Complete a load that is whole: put its completion marker and leave the receipt of its manifest.

    Parameters
    ----------
    name
        The load.
    stores
        The stores of curation.

    Returns
    -------
    OpenLoad or None
        What keeps the load from its end; None once it has its marker or was abandoned.

    Raises
    ------
    TransientError
        A store does not answer.
    ManifestError
        What lies where its manifest belongs is none.
    """
    manifest = _manifest(name, stores)
    if manifest is None:
        return OpenLoad(name, manifest=False) if stores.raw.head(name.abandoned_key) is None else None
    receipts: dict[str, Receipt] = {}
    # The last objects first: while a load is on its way, these are the ones that are missing.
    for loaded in reversed(manifest.objects):
        receipt = stores.ledger.receipt(loaded.receipt_id(stores.raw.name))
        if receipt is None:
            return OpenLoad(name, missing=(loaded.key,))
        receipts[loaded.key] = receipt
    counts, strange, bad = _gate(manifest, receipts, stores.catalog)
    if strange or bad:
        return OpenLoad(name, held=(*strange, *bad), rejected=not strange)
    stores.curated.put_if_match(name.key, _marker(manifest, counts, stores.catalog).encode(), None)
    settle_exported_again(manifest, stores)
    _record_load(name, stores)
    return None


def complete_open_loads(stores: CurationStores, since: str = "") -> Iterator[OpenLoad]:
    """Look into the loads without a completion marker; one that is whole gets its marker, if whoever should have died.

    A load whose manifest is missing is known by the note of its beginning or by its raw objects; one that was abandoned
    is closed.

    Parameters
    ----------
    stores
        The stores of curation.
    since
        First day looked at, ISO; all days unless given.

    Yields
    ------
    OpenLoad
        What is open still, in the order of days and ids.

    Raises
    ------
    TransientError
        A store does not answer.
    """
    after = f"load={since}"
    marked = {found.key for found in stores.curated.objects(LOADS, after=f"{LOADS}{after}")}
    places = ((prefix, f"{prefix}{after}") for prefix in (LOADS, *(f"{dataset}/" for dataset in stores.catalog.names)))
    for name in _names(found.key for prefix, first in places for found in stores.raw.objects(prefix, after=first)):
        if name.key not in marked and (still := _look_into(name, stores)):
            yield still


def loads_on_their_way(access: Access) -> list[OpenLoad]:
    """Look into the loads of a deployed stack that have no completion marker.

    Returns
    -------
    list of OpenLoad
        What is open still, and what each lacks.
    """
    raw, curated = (access.open_bucket(name) for name in ("raw", "curated"))
    quarantine = LakeQuarantine(access.open_bucket("quarantine"), CATALOG)
    ledger = Ledger(access.dynamodb, access.table("ledger"))
    return list(complete_open_loads(CurationStores(access.storage, raw, curated, quarantine, ledger)))


def complete_loads(day: str, stores: CurationStores) -> list[tuple[LoadName, OpenLoad | None]]:
    """Look into the loads of a day, but for those that were abandoned; one that is whole gets its marker.

    Parameters
    ----------
    day
        The load day, ISO.
    stores
        The stores of curation.

    Returns
    -------
    list of (LoadName, OpenLoad or None)
        Each load with what keeps it from its end, None for one that is whole; in the order of their ids.

    Raises
    ------
    TransientError
        A store does not answer.
    """
    return [(name, _look_into(name, stores)) for name in loads_of(day, stores)]


def loads_of(day: str, stores: CurationStores) -> list[LoadName]:
    """List the loads of a day, but for those that were abandoned.

    Parameters
    ----------
    day
        The load day, ISO.
    stores
        The stores of curation.

    Returns
    -------
    list of LoadName
        In the order of their ids.

    Raises
    ------
    TransientError
        A store does not answer.
    """
    prefixes = (f"{LOADS}load={day}/", *(raw_prefix(dataset, day) for dataset in stores.catalog.names))
    return _names(found.key for prefix in prefixes for found in stores.raw.objects(prefix))


def _names(keys: Iterable[str]) -> list[LoadName]:
    """The loads that keys name, but for abandoned ones, in the order of their days and ids."""
    names: set[LoadName] = set()
    abandoned: set[LoadName] = set()
    for key in keys:
        if raw := RawObject.of(key):
            names.add(LoadName(raw.day, raw.load_id))
        elif name := LoadName.of(key, ABANDONED):
            abandoned.add(name)
        elif name := LoadName.of(key) or LoadName.of(key, BEGUN):
            names.add(name)
    return sorted(names - abandoned, key=lambda each: each.key)


def _record_load(name: LoadName, stores: CurationStores) -> None:
    """Leave the receipt of a manifest once its load is whole; the rows are told of by the receipts of its objects."""
    for version in current_versions(stores.raw, name.key):
        if stores.ledger.receipt(version.id) is None:
            stores.ledger.record(
                Receipt(
                    flow=LOADS_FLOW,
                    source=version,
                    run=1,
                    counts=Counts(),
                    partitions=(PartitionCounts(LOADS_ASSET, name.day, Counts()),),
                    size=version.size,
                    seconds=0.0,
                    code_version=__version__,
                    recorded_at=iso_utc(datetime.now(UTC)),
                )
            )


def _look_into(name: LoadName, stores: CurationStores) -> OpenLoad | None:
    """What keeps a load open, with more than the first missing object named."""
    try:
        found = complete_load(name, stores)
    except ManifestError:
        return OpenLoad(name, manifest=False, held=("its manifest cannot be read",))
    if not found or not found.missing or not (manifest := _manifest(name, stores)):
        return found
    missing = (each.key for each in manifest.objects if stores.ledger.receipt(each.receipt_id(stores.raw.name)) is None)
    return OpenLoad(name, missing=tuple(key for key, _ in zip(missing, range(_MOST_NAMED), strict=False)))


def _manifest(name: LoadName, stores: CurationStores) -> Manifest | None:
    try:
        content = stores.raw.read(name.key)
        return from_json(content, Manifest) if content is not None else None
    except ValueError as error:
        raise ManifestError(f"{name.key} is no manifest: {type(error).__name__}") from error


def _gate(
    manifest: Manifest, receipts: dict[str, Receipt], catalog: Catalog
) -> tuple[dict[str, Counts], tuple[str, ...], tuple[str, ...]]:
    """The rows of each dataset of the load by outcome, objects that are not as in the manifest, rejected rows."""
    counts: dict[str, Counts] = {name: Counts() for name in manifest.datasets}
    strange: list[str] = []
    bad: list[str] = []
    for loaded in manifest.objects:
        found = receipts[loaded.key].counts
        if receipts[loaded.key].refused and not found.received:
            found = Counts(received=loaded.rows, quarantined=loaded.rows)
        elif found.received != loaded.rows:
            strange.append(f"{loaded.key} has {found.received} rows; the manifest says {loaded.rows}")
        counts[loaded.dataset] = counts.get(loaded.dataset, Counts()) + found
    for name, rows in counts.items():
        most = catalog[name].most_rejected if name in catalog else 0.0
        if share_rejected(rows) > most:
            bad.append(
                f"{rows.quarantined} of {rows.received} rows of {name} were rejected; expected at most {most:.0%}"
            )
    return counts, tuple(strange), tuple(bad)


def _marker(manifest: Manifest, counts: dict[str, Counts], catalog: Catalog) -> str:
    document = {
        "load_id": manifest.name.load_id,
        "day": manifest.name.day,
        "mode": manifest.mode,
        "objects": len(manifest.objects),
        "datasets": {
            name: {"fingerprint": catalog[name].fingerprint if name in catalog else "", **rows.as_dict()}
            for name, rows in sorted(counts.items())
        },
    }
    return json.dumps(document, indent=1)
