"""A prod set as of a day: worked out of the lake by its models, and published once for what it is made of."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from pipeline_assets import __version__
from pipeline_assets.analytics.day_features import DayFeatures, Features
from pipeline_assets.analytics.feature_files import fetched_features, forget_features
from pipeline_assets.analytics.inputs import require_inputs
from pipeline_assets.analytics.prod_set import ProdSet
from pipeline_assets.analytics.publish import (
    PublishedTable,
    SetManifest,
    manifest_day,
    manifest_key,
    read_manifest,
    table_key,
    version_of,
    write_table,
)
from pipeline_assets.analytics.tables import MANIFESTS
from pipeline_assets.errors import TransientError
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.lake.as_of import RewrittenError
from pipeline_assets.lake.layout import curated_days, curated_key
from pipeline_assets.storage.bucket import Bucket, StoredObject
from pipeline_assets.storage.documents import to_json

#: In each another worker has published, or a day was rewritten: more than this many mean that something is wrong.
_ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class PublishedSet:
    """A prod set as of a day, as it stands now; `anew` says that this work published it."""

    manifest: SetManifest
    anew: bool


def make_set(
    prod_set: ProdSet, as_of: date, features: DayFeatures, target: Bucket, *, anew: bool = False
) -> PublishedSet:
    """Work a prod set out as of a day and publish it, unless it was made of the same already.

    Parameters
    ----------
    prod_set
        The set.
    as_of
        The day at whose end the lake is read.
    features
        The features of the lake, which are shared with other sets of the day.
    target
        The bucket of the set.
    anew
        Work it out in any case.

    Returns
    -------
    PublishedSet
        What stands in the bucket.

    Raises
    ------
    TransientError
        A store does not answer, or others publish the day again and again.
    TerminalError
        The lake has nothing up to the day or lacks a loaded day, a day of it cannot be read, or a model's rows are not
        what its spec says.
    """
    for _ in range(_ATTEMPTS):
        try:
            with features.as_of(as_of) as known:
                days = {name: known.lake.days(name) for name in prod_set.inputs}
                require_inputs(days, as_of, features.lake.bucket)
                if published := _publish(prod_set, known, days, features, target, anew=anew):
                    return published
        except RewrittenError:
            continue
    message = f"{prod_set.name} as of {as_of} was published, or the lake rewritten, {_ATTEMPTS} times by others"
    raise TransientError(message)


def stale_days(prod_set: ProdSet, curated: Bucket, target: Bucket) -> list[str]:
    """Find the days of a set that were made of another lake than the one that stands, or by other code.

    Parameters
    ----------
    prod_set
        The set.
    curated
        Where the curated days are.
    target
        The bucket of the set.

    Returns
    -------
    list of str
        Days, ISO, in their order.

    Raises
    ------
    TransientError
        A bucket does not answer.
    """
    listed = {name: tuple(curated.objects(curated_days(name))) for name in prod_set.inputs}
    found = []
    for each in target.objects(MANIFESTS):
        as_of = manifest_day(each.key)
        manifest = read_manifest(target, as_of) if as_of else None
        if as_of and manifest:
            until = {name: _until(days, curated_key(name, as_of.isoformat())) for name, days in listed.items()}
            if manifest.version != version_of_set(prod_set, as_of, until):
                found.append(as_of.isoformat())
    return found


def _until(days: Sequence[StoredObject], last: str) -> Sequence[StoredObject]:
    return [day for day in days if day.key <= last]


def version_of_set(prod_set: ProdSet, as_of: date, days: Mapping[str, Sequence[StoredObject]]) -> str:
    """Tell what a set is made of from anything else that it could be made of.

    Parameters
    ----------
    prod_set, as_of
        The set, and the day.
    days
        The curated days of each of its inputs.

    Returns
    -------
    str
        A hash of these days, of the specs and of the release.
    """
    made_of = [(name, each.key, each.etag) for name, listed in days.items() for each in listed]
    specs = [table.fingerprint for table in prod_set.tables]
    return version_of(prod_set.name, as_of.isoformat(), __version__, specs, made_of)


def _publish(
    prod_set: ProdSet,
    known: Features,
    days: Mapping[str, Sequence[StoredObject]],
    features: DayFeatures,
    target: Bucket,
    *,
    anew: bool,
) -> PublishedSet | None:
    """Publish the set; None where somebody else published meanwhile."""
    as_of = known.as_of
    version = version_of_set(prod_set, as_of, days)
    standing = read_manifest(target, as_of)
    if standing and standing.version == version and not anew:
        return PublishedSet(standing, anew=False)
    keys = [*(table_key(table.name, as_of) for table in prod_set.tables), manifest_key(as_of)]
    seen = {key: found.etag if (found := target.head(key)) else None for key in keys}
    with tempfile.TemporaryDirectory(prefix="cesta-") as name:
        folder = Path(name)
        ready = _worked_out(prod_set, known, version, features, folder)
        written, paths = _write(prod_set, ready, folder)
        for table, path in paths.items():
            if not target.put_if_match(key := table_key(table, as_of), path, seen[key]):
                return None
    manifest = SetManifest(
        prod_set=prod_set.name,
        as_of=as_of.isoformat(),
        version=version,
        code_version=__version__,
        inputs={name: len(listed) for name, listed in days.items()},
        tables=written,
        made_at=iso_utc(datetime.now(UTC)),
    )
    key = manifest_key(as_of)
    if not target.put_if_match(key, to_json(manifest), seen[key]):
        return None
    if ready is not known:
        forget_features(prod_set, as_of, features.lake.bucket)
    return PublishedSet(manifest, anew=True)


def _worked_out(prod_set: ProdSet, known: Features, version: str, features: DayFeatures, folder: Path) -> Features:
    """The features of the set: worked out here when they are asked for, or else by the engine, whose files are read."""
    size = sum(each.size for name in prod_set.inputs for each in known.lake.days(name))
    if features.engine is None or not features.engine.takes(prod_set, size):
        return known
    features.engine.work_out(prod_set, known.as_of, version, features.lake.bucket)
    return fetched_features(prod_set, known, version, features.lake.bucket, folder)


def _write(prod_set: ProdSet, features: Features, folder: Path) -> tuple[dict[str, PublishedTable], dict[str, Path]]:
    """Let the models make all tables before any is put: a set is published whole or not at all."""
    written: dict[str, PublishedTable] = {}
    paths: dict[str, Path] = {}
    for model in prod_set.models:
        made = model.function(features)
        for table in model.tables:
            paths[table.name] = folder / f"{table.name}.parquet"
            mine = made[table.name]
            rows = write_table(mine, table, features.as_of, features.lake.connection, paths[table.name])
            written[table.name] = PublishedTable(rows, mine.note, mine.scores, mine.coverage)
    return written, paths
