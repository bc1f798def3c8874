"""From a Parquet file that somebody else delivers to raw objects without personal data, as a load of its own.

What is asked of a file here is only what masking needs: that it can be read, that it belongs to a dataset, and that its
columns of numbers can be read as text. All else is for the rules of curation, which see rows without numbers.

The order of the steps is what nothing depends on being lucky for: raw objects, manifest, receipt, and only then is the
file deleted. A delivery that finds the receipt deletes the file again. A refused file stays where it is, encrypted,
until it expires; the quarantine has a document that says why, without a value of it.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
from msgspec import structs

from pipeline_assets import __version__
from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.datasets.text import clean_column
from pipeline_assets.errors import TransientError
from pipeline_assets.events.flow import Attempt, ObjectFlow
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.lake.layout import LoadName, RawObject
from pipeline_assets.lake.manifest import Manifest
from pipeline_assets.privacy.cards import without_numbers
from pipeline_assets.privacy.context import MASKED
from pipeline_assets.privacy.masking import UnmaskableError, mask
from pipeline_assets.raw.hive_paths import PathError, columns_of, with_columns
from pipeline_assets.raw.loads import Begun
from pipeline_assets.raw.stores import INBOX, InboxStores
from pipeline_assets.storage.bucket import GoneError

#: Accounts for what arrived, by the day it arrived.
LANDED = "inbox/landed"
PART_ROWS = 1_000_000
#: What a file may have, in bytes; it has to fit on the disk of a function.
LARGEST_OBJECT = 1 << 30
_PLACE = "<dataset>/<any name>.parquet"
_MICROSECONDS = 1_000


class _RefusedError(Exception):
    """The file cannot be masked and so goes nowhere; names no value. `rows` is how many it has, where that is known."""

    def __init__(self, rule: str, why: str, rows: int = 0) -> None:
        super().__init__(why)
        self.rule = rule
        self.rows = rows


class InboxFlow(ObjectFlow[InboxStores, Receipt]):
    """Flow of foreign files."""

    name = INBOX
    #: What a file can be refused by.
    rule_names = ("place", "size", "readable", "schema", "present")

    def work(self, version: ObjectVersion, stores: InboxStores, attempt: Attempt) -> Receipt:
        """Pass one file on without personal data, leave its receipt and delete it; repeated, it changes nothing.

        A redo tries a refused file again, as a new run, while it is there.
        """
        # Everywhere but in the inbox itself, a file goes by its name without the numbers in it, and has its id by that.
        told = structs.replace(version, key=without_numbers(version.key))
        earlier = stores.ledger.receipt(told.id)
        if earlier and not (attempt.redo and earlier.refused):
            return _done(earlier, version, stores, report=attempt.report)
        attempt.budget.check(INBOX, told.uri)
        started, run = time.monotonic(), earlier.run + 1 if earlier else 1
        try:
            rows, refused = _pass_on(version, told, stores), ""
            counts = Counts(received=rows, accepted=rows)
        except GoneError as error:
            # Another delivery may have been quicker: it deletes a file only once its receipt is there.
            if there := stores.ledger.receipt(told.id):
                return _done(there, version, stores, report=attempt.report)
            refused, counts = _keep(told, run, _RefusedError("present", str(error)), stores)
        except _RefusedError as error:
            refused, counts = _keep(told, run, error, stores)
        receipt = _done(_receipt(told, run, counts, refused, started), version, stores, report=attempt.report)
        if run > 1:
            # Only here: a function, which never works a file through again, may not look into the quarantine.
            stores.quarantine.drop_earlier_runs(told, run)
        return receipt


INBOX_FLOW = InboxFlow()


def _pass_on(version: ObjectVersion, told: ObjectVersion, stores: InboxStores) -> int:
    """Put the file's rows into raw as a load of its own, and return how many there are."""
    if re.search(MASKED, version.key):
        # It is looked for by what its receipt calls it, and that is the name of no object.
        raise _RefusedError("place", "its name is told without the number in it; deliver it again under another name")
    dataset = ECOMMERCE.get(version.key.partition("/")[0])
    if dataset is None or not version.key.endswith(".parquet"):
        known = ", ".join(ECOMMERCE.names)
        raise _RefusedError("place", f"it is not where a file is looked for; expected {_PLACE}, of {known}")
    if version.size > LARGEST_OBJECT:
        raise _RefusedError("size", f"it has {version.size} bytes; expected at most {LARGEST_OBJECT}")
    with _opened(version, told, stores) as file:
        rows = _rows(file)
        slices = [file.slice(first, PART_ROWS) for first in range(0, rows, PART_ROWS)]
        for rest in slices or [file]:
            # What cannot be read or masked is found out before anything is put.
            _masked(rest, dataset, stores, rows)
        begun = _begin(told, dataset, stores)
        parts = []
        for number, part in enumerate(slices, start=1):
            raw = RawObject(dataset.name, begun.name.day, begun.name.load_id, f"{number:04d}")
            parts.append(stores.loads.put_part(raw, _masked(part, dataset, stores, rows)))
    stores.loads.finish(
        Manifest(
            name=begun.name,
            mode="inbox",
            finished_at=iso_utc(datetime.now(UTC)),
            datasets=begun.datasets,
            objects=tuple(part.stored for part in parts),
            watermarks={},
        )
    )
    return rows


def _begin(version: ObjectVersion, dataset: Dataset, stores: InboxStores) -> Begun:
    """The file's load: its id is the time of its event, down to a millisecond, and then told by its own id."""
    moment = datetime.fromisoformat(version.event_time)
    moment = moment.replace(microsecond=moment.microsecond // _MICROSECONDS * _MICROSECONDS)
    moment += timedelta(microseconds=int(version.id[:8], 16) % _MICROSECONDS)
    day = version.arrival_day
    begun = Begun(LoadName(day, ""), "inbox", (dataset.name,), version.event_time, source=version.id)
    return stores.loads.begin(begun, moment)


@contextmanager
def _opened(version: ObjectVersion, told: ObjectVersion, stores: InboxStores) -> Iterator[pl.LazyFrame]:
    """The file as a plan to read it, its columns named as in a spec, in lower case; it is on disk meanwhile."""
    with tempfile.TemporaryDirectory(prefix="cesta-inbox-") as directory:
        path = Path(directory) / "file.parquet"
        try:
            stores.storage.bucket(version.bucket).download(version, path)
        except TransientError as error:
            raise TransientError(without_numbers(str(error)), flow=INBOX, object_uri=told.uri) from None
        with _readable():
            file = pl.scan_parquet(path)
            names = file.collect_schema().names()
        lower = [clean_column(name) for name in names]
        if twice := next((name for name in lower if lower.count(name) > 1), None):
            raise _RefusedError("schema", f"it has the column {without_numbers(twice)} more than once")
        named = file.rename(dict(zip(names, lower, strict=True)))
        try:
            with _readable():
                placed = with_columns(named, columns_of(version.key))
        except PathError as error:
            raise _RefusedError("schema", str(error), _rows(named)) from None
        yield placed


@contextmanager
def _readable() -> Iterator[None]:
    """Turn what the reader says, which may quote the file, into a sentence that does not."""
    try:
        yield
    except pl.exceptions.DuplicateError as error:
        # The library's words are the name of the column; a name may hold a number.
        name = without_numbers(str(error).partition("'")[2].rpartition("'")[0])
        raise _RefusedError("schema", f"it has the column {name} more than once") from None
    # The reader panics over some damaged files.
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        raise _RefusedError("readable", "it cannot be read; expected a whole Parquet file") from None


def _rows(file: pl.LazyFrame) -> int:
    with _readable():
        return int(file.select(pl.len()).collect().item())


def _masked(rows: pl.LazyFrame, dataset: Dataset, stores: InboxStores, total: int) -> pl.DataFrame:
    try:
        with _readable():
            return mask(rows.collect(), dataset, stores.key)
    except UnmaskableError as error:
        raise _RefusedError("schema", str(error), total) from None


def _keep(version: ObjectVersion, run: int, error: _RefusedError, stores: InboxStores) -> tuple[str, Counts]:
    refused = f"{version.key}: {error}"
    stores.quarantine.keep_file(version, run, error.rule, refused, "")
    return refused, Counts(received=error.rows, quarantined=error.rows)


def _receipt(version: ObjectVersion, run: int, counts: Counts, refused: str, started: float) -> Receipt:
    return Receipt(
        flow=INBOX,
        source=version,
        run=run,
        counts=counts,
        partitions=(PartitionCounts(LANDED, version.arrival_day, counts, of_arrival=True),),
        size=version.size,
        seconds=round(time.monotonic() - started, 3),
        code_version=__version__,
        recorded_at=iso_utc(datetime.now(UTC)),
        refused=refused,
    )


def _done(receipt: Receipt, source: ObjectVersion, stores: InboxStores, *, report: bool) -> Receipt:
    """Record the receipt, and then delete this version of the file; other versions have events of their own."""
    stores.ledger.record(receipt, report=report)
    # Without a version, what would be deleted may be a newer file: it is left to expire.
    if not receipt.refused and source.version_id:
        try:
            stores.storage.bucket(source.bucket).delete(source.key, source.version_id)
        except TransientError as error:
            raise TransientError(without_numbers(str(error)), flow=INBOX, object_uri=receipt.source.uri) from None
    return receipt
