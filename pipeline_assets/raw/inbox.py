"""Inbox: Parquet files from other teams, masked and written to raw as a load of their own each.

A file is refused only for what masking needs: it can be read, it belongs to a dataset, and its columns of numbers can
be read as text. The rules of curation judge all else, on masked rows.

Crash-safe order: raw objects, manifest, receipt, and only then is the file deleted. A redelivery that finds the receipt
deletes the file again. A refused file stays in the inbox, encrypted, until it expires; the quarantine has a document
that says why and quotes no value.
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
from pipeline_assets.raw.loads import LoadPlan
from pipeline_assets.raw.stores import INBOX, InboxStores
from pipeline_assets.storage.bucket import GoneError

#: Asset of the files that arrived, by UTC day of arrival.
LANDED = "inbox/landed"
PART_ROWS = 1_000_000
#: Bytes; a file has to fit on the disk of a function.
LARGEST_OBJECT = 1 << 30
_PLACE = "<dataset>/<any name>.parquet"
_MICROSECONDS = 1_000


class _RefusedError(Exception):
    """Raised when a file cannot be masked; quotes no value. `rows` is how many it has, 0 where that is unknown."""

    def __init__(self, rule: str, why: str, rows: int = 0) -> None:
        super().__init__(why)
        self.rule = rule
        self.rows = rows


class InboxFlow(ObjectFlow[InboxStores, Receipt]):
    """Flow of files that others deliver."""

    name = INBOX
    #: Rules that a file can be refused by.
    rule_names = ("place", "size", "readable", "schema", "present")

    def work(self, version: ObjectVersion, stores: InboxStores, attempt: Attempt) -> Receipt:
        """Mask one file into a load, record its receipt and delete it; idempotent.

        Parameters
        ----------
        version
            The object version in the inbox.
        stores
            Stores of the inbox.
        attempt
            Time budget and options. A redo replays a refused file, as a new run, while it is there.

        Returns
        -------
        Receipt
            Its receipt, the earlier one where there is nothing left to do.
        """
        # Everywhere but in the inbox itself a file is named without the numbers in its key, and its id is made of that.
        masked = structs.replace(version, key=without_numbers(version.key))
        earlier = stores.ledger.receipt(masked.id)
        if earlier and not (attempt.redo and earlier.refused):
            return _record_and_delete(earlier, version, stores, report=attempt.report)
        attempt.budget.check(INBOX, masked.uri)
        started, run = time.monotonic(), earlier.run + 1 if earlier else 1
        try:
            rows, refused = _write_load(version, masked, stores), ""
            counts = Counts(received=rows, accepted=rows)
        except GoneError as error:
            # Another delivery may have been quicker: it deletes a file only once its receipt is there.
            if other := stores.ledger.receipt(masked.id):
                return _record_and_delete(other, version, stores, report=attempt.report)
            refused, counts = _quarantine_file(masked, run, _RefusedError("present", str(error)), stores)
        except _RefusedError as error:
            refused, counts = _quarantine_file(masked, run, error, stores)
        receipt = _record_and_delete(
            _receipt(masked, run, counts, refused, started), version, stores, report=attempt.report
        )
        if run > 1:
            # Only then: a function, which never replays a file, may not list the quarantine.
            stores.quarantine.drop_earlier_runs(masked, run)
        return receipt


INBOX_FLOW = InboxFlow()


def _write_load(version: ObjectVersion, masked: ObjectVersion, stores: InboxStores) -> int:
    """Put the file's rows into raw as a load of its own; the number of its rows."""
    if re.search(MASKED, version.key):
        # The name in its receipt would be that of no object, and no operator would find it.
        raise _RefusedError("place", "its name is told without the number in it; deliver it again under another name")
    dataset = ECOMMERCE.get(version.key.partition("/")[0])
    if dataset is None or not version.key.endswith(".parquet"):
        known = ", ".join(ECOMMERCE.names)
        raise _RefusedError("place", f"it is not where a file is looked for; expected {_PLACE}, of {known}")
    if version.size > LARGEST_OBJECT:
        raise _RefusedError("size", f"it has {version.size} bytes; expected at most {LARGEST_OBJECT}")
    with _open_parquet(version, masked, stores) as file:
        rows = _rows(file)
        slices = [file.slice(first, PART_ROWS) for first in range(0, rows, PART_ROWS)]
        for rest in slices or [file]:
            # A file that cannot be read or masked is refused before anything is put.
            _mask(rest, dataset, stores, rows)
        plan = _begin_load(masked, dataset, stores)
        parts = []
        for number, part in enumerate(slices, start=1):
            raw = RawObject(dataset.name, plan.name.day, plan.name.load_id, f"{number:04d}")
            parts.append(stores.loads.put_part(raw, _mask(part, dataset, stores, rows)))
    stores.loads.finish(
        Manifest(
            name=plan.name,
            mode="inbox",
            finished_at=iso_utc(datetime.now(UTC)),
            datasets=plan.datasets,
            objects=tuple(part.stored for part in parts),
            watermarks={},
        )
    )
    return rows


def _begin_load(version: ObjectVersion, dataset: Dataset, stores: InboxStores) -> LoadPlan:
    """Begin the file's load: its id is the time of its event to the millisecond, and three digits of the file's id."""
    moment = datetime.fromisoformat(version.event_time)
    moment = moment.replace(microsecond=moment.microsecond // _MICROSECONDS * _MICROSECONDS)
    moment += timedelta(microseconds=int(version.id[:8], 16) % _MICROSECONDS)
    day = version.arrival_day
    plan = LoadPlan(LoadName(day, ""), "inbox", (dataset.name,), version.event_time, source=version.id)
    return stores.loads.begin(plan, moment)


@contextmanager
def _open_parquet(version: ObjectVersion, masked: ObjectVersion, stores: InboxStores) -> Iterator[pl.LazyFrame]:
    """Download the file and scan it lazily, its columns named as in a spec, with those of its key."""
    with tempfile.TemporaryDirectory(prefix="cesta-inbox-") as directory:
        path = Path(directory) / "file.parquet"
        try:
            stores.storage.bucket(version.bucket).download(version, path)
        except TransientError as error:
            raise TransientError(without_numbers(str(error)), flow=INBOX, object_uri=masked.uri) from None
        with _translate_errors():
            file = pl.scan_parquet(path)
            names = file.collect_schema().names()
        lower = [clean_column(name) for name in names]
        if twice := next((name for name in lower if lower.count(name) > 1), None):
            raise _RefusedError("schema", f"it has the column {without_numbers(twice)} more than once")
        named = file.rename(dict(zip(names, lower, strict=True)))
        try:
            with _translate_errors():
                placed = with_columns(named, columns_of(version.key))
        except PathError as error:
            raise _RefusedError("schema", str(error), _rows(named)) from None
        yield placed


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Translate errors of the Parquet reader, which may quote the file, into refusals that do not."""
    try:
        yield
    except pl.exceptions.DuplicateError as error:
        # The message quotes the name of the column, which may hold a number.
        name = without_numbers(str(error).partition("'")[2].rpartition("'")[0])
        raise _RefusedError("schema", f"it has the column {name} more than once") from None
    # The reader panics over some damaged files.
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        raise _RefusedError("readable", "it cannot be read; expected a whole Parquet file") from None


def _rows(file: pl.LazyFrame) -> int:
    with _translate_errors():
        return int(file.select(pl.len()).collect().item())


def _mask(rows: pl.LazyFrame, dataset: Dataset, stores: InboxStores, total: int) -> pl.DataFrame:
    try:
        with _translate_errors():
            return mask(rows.collect(), dataset, stores.key)
    except UnmaskableError as error:
        raise _RefusedError("schema", str(error), total) from None


def _quarantine_file(version: ObjectVersion, run: int, error: _RefusedError, stores: InboxStores) -> tuple[str, Counts]:
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


def _record_and_delete(receipt: Receipt, source: ObjectVersion, stores: InboxStores, *, report: bool) -> Receipt:
    """Record the receipt, then delete this version of the file; other versions have events of their own."""
    stores.ledger.record(receipt, report=report)
    # Without a version id the delete could hit a newer file: it is left to expire.
    if not receipt.refused and source.version_id:
        try:
            stores.storage.bucket(source.bucket).delete(source.key, source.version_id)
        except TransientError as error:
            raise TransientError(without_numbers(str(error)), flow=INBOX, object_uri=receipt.source.uri) from None
    return receipt
