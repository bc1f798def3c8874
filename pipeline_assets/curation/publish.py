"""The curated object of a day, rewritten whole by conditional put: of many workers at once none undoes another's work.

A worker reads the etag of what is there, then lists the day's raw objects, works the day out and puts it if the etag
still holds; otherwise it begins again. So what is put was made from a listing that is younger than what it replaces,
and an object that was listed once stays in. Mostly the second attempt finds that another worker's day has it all.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

from pipeline_assets.curation.day import FOOTER_KEY, CuratedDay, DayAccount, WorkedDay, curate
from pipeline_assets.curation.read import RawFile
from pipeline_assets.curation.requests import DayTooLargeError
from pipeline_assets.curation.stores import FLOW, CurationStores
from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.errors import TransientError
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.events.stored_objects import current_versions
from pipeline_assets.events.time_budget import TimeBudget
from pipeline_assets.lake.layout import RawObject, curated_key, raw_prefix
from pipeline_assets.storage.bucket import GoneError, WithheldError
from pipeline_assets.storage.documents import to_json
from pipeline_assets.storage.parquet_tail import parquet_tail

#: Tells the run of a raw object that its rejected rows are kept with.
RunOf = Callable[[ObjectVersion], int]
#: In each at least one other worker has put a day: more than this many mean that something is wrong.
_ATTEMPTS = 50


class DayEngine(Protocol):
    """What works a day out from its raw objects; whichever does, it is the same day."""

    def worked_out(
        self,
        dataset: Dataset,
        day: str,
        versions: Sequence[ObjectVersion],
        stores: CurationStores,
        standing: DayAccount | None,
    ) -> AbstractContextManager[WorkedDay]:
        """Work a day out; it can be read as long as the block lasts.

        Parameters
        ----------
        dataset
            The spec.
        day
            The load day, ISO.
        versions
            Its raw objects.
        stores
            The stores of curation.
        standing
            Account of the day as it stands, if it does.

        Returns
        -------
        context manager of WorkedDay
            Raises `GoneError` when a raw object was replaced since it was listed, `TransientError` when one is withheld
            of which the day has rows or a store does not answer.
        """


class OneMachine:
    """The engine that works days out in this process, with Polars."""

    @contextmanager
    def worked_out(
        self,
        dataset: Dataset,
        day: str,
        versions: Sequence[ObjectVersion],
        stores: CurationStores,
        standing: DayAccount | None,
    ) -> Iterator[CuratedDay]:
        """Work a day out in this process, as `DayEngine` says.

        Parameters
        ----------
        dataset, day, versions, stores, standing
            As of `DayEngine.worked_out`.

        Yields
        ------
        CuratedDay
            The day; its rows are read from the downloaded objects.
        """
        with tempfile.TemporaryDirectory(prefix="cesta-") as directory:
            yield curate(dataset, day, _download(versions, stores, Path(directory), standing))


ONE_MACHINE: Final = OneMachine()


def publish_day(
    dataset: Dataset,
    day: str,
    stores: CurationStores,
    run_of: RunOf,
    budget: TimeBudget,
    *,
    wanted: ObjectVersion | None = None,
    anew: bool = False,
    engine: DayEngine = ONE_MACHINE,
) -> DayAccount | None:
    """Work a day out and put it, unless it was made with `wanted` by the same spec already.

    Parameters
    ----------
    dataset
        The spec.
    day
        The load day, ISO.
    stores
        The stores of curation.
    run_of
        Tells the run of a raw object that its rejected rows are kept with.
    budget
        Time that is left: no attempt begins without its reserve.
    wanted
        The object that the day has to have; any, where it is not given.
    anew
        Work the day out in any case.
    engine
        What works it out.

    Returns
    -------
    DayAccount or None
        Account of the day that stands. None, and nothing is put, when `wanted` is not the current version of its object
        or the day was never heard of.

    Raises
    ------
    TransientError
        A store does not answer, or others put the day again and again.
    DayTooLargeError
        The day has to have `wanted`, and its raw objects are more than these stores are opened for.
    """
    key = curated_key(dataset.name, day)
    for _ in range(_ATTEMPTS):
        standing = parquet_tail(stores.curated, key)
        account = DayAccount.of_parquet(standing.content) if standing else None
        known = account if account and account.fingerprint == dataset.fingerprint else None
        if known and wanted and known.source(wanted) and not anew:
            return known
        versions = raw_objects(dataset, day, stores)
        if not any(_same(each, wanted) for each in versions) if wanted else not (versions or standing):
            return None
        size = sum(each.size for each in versions)
        if wanted and stores.largest_day and size > stores.largest_day:
            raise DayTooLargeError(size)
        budget.check(FLOW, f"s3://{stores.curated.name}/{key}")
        in_place = None if anew else known
        with (
            suppress(GoneError),
            engine.worked_out(dataset, day, versions, stores, account) as result,
            tempfile.TemporaryDirectory(prefix="cesta-") as name,
        ):
            # Before the day says that it has them: what is rejected is never missing from both.
            for version in versions:
                if not (in_place and in_place.source(version)):
                    stores.quarantine.keep(version, run_of(version), result.rejected[version.id])
            if stores.curated.put_if_match(key, write_day(result, Path(name)), standing.etag if standing else None):
                return result.account
    raise TransientError(f"{key} was rewritten by others {_ATTEMPTS} times", flow=FLOW)


def _download(
    versions: Sequence[ObjectVersion], stores: CurationStores, directory: Path, account: DayAccount | None
) -> Iterator[RawFile]:
    """Download the raw objects.

    One that S3 withholds has no rows in the day. Had it some until now, they are not taken out.

    Raises
    ------
    GoneError
        One was replaced or deleted since it was listed.
    TransientError
        One of which the day has rows is withheld.

    Yields
    ------
    RawFile
        Each object as a file.
    """
    for number, version in enumerate(versions):
        if raw := RawObject.of(version.key):
            path, refused = directory / f"{number}", ""
            try:
                stores.raw.download(version, path)
            except WithheldError as error:
                refused = str(error)
                check_withheld(version, refused, account)
            yield RawFile(version, raw, path, refused)


def check_withheld(version: ObjectVersion, why: str, standing: DayAccount | None) -> None:
    """Make sure that a day can do without an object that S3 withholds.

    Parameters
    ----------
    version
        The object.
    why
        Why it is withheld.
    standing
        Account of the day as it stands, if it does.

    Raises
    ------
    TransientError
        The day has rows of it.
    """
    known = standing.source(version) if standing else None
    if standing and known and not known.refused:
        message = f"{standing.dataset} of {standing.day} cannot be worked out without {version.uri}: {why}"
        raise TransientError(message, flow=FLOW, object_uri=version.uri)


def write_day(result: WorkedDay, directory: Path) -> Path:
    """Write the object of a day into a file of a directory, its account in the footer.

    Returns
    -------
    Path
        The file, ``part.parquet``.
    """
    path = directory / "part.parquet"
    footer = {FOOTER_KEY: to_json(result.account).decode()}
    # More than level 1 costs more time than it spares room.
    result.rows.sink_parquet(path, compression="zstd", compression_level=1, metadata=footer)
    return path


def raw_objects(dataset: Dataset, day: str, stores: CurationStores) -> list[ObjectVersion]:
    """List what a day is made of: the current versions of its raw objects, in the order of their keys.

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
    list of ObjectVersion
        None of what lies in no place of the lake.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    below = current_versions(stores.raw, raw_prefix(dataset.name, day))
    return [each for each in below if RawObject.of(each.key)]


def day_bytes(dataset: Dataset, day: str, stores: CurationStores) -> int:
    """How large the raw objects of a day are together; raises `TransientError`.

    Parameters
    ----------
    dataset, day, stores
        As of `raw_objects`.

    Returns
    -------
    int
        Bytes, as they lie in the bucket.
    """
    return sum(each.size for each in raw_objects(dataset, day, stores))


def _same(one: ObjectVersion, other: ObjectVersion) -> bool:
    return one.key == other.key and (one.version_id, one.etag if not one.version_id else "") == (
        other.version_id,
        other.etag if not other.version_id else "",
    )


def account_of(dataset: Dataset, day: str, stores: CurationStores) -> DayAccount | None:
    """Read what a curated day says of itself.

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
    DayAccount or None
        None while there is no such day.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    standing = parquet_tail(stores.curated, curated_key(dataset.name, day))
    return DayAccount.of_parquet(standing.content) if standing else None
