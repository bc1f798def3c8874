"""From one ticket file to the purchase graph and its receipt: what the Lambda, Dagster and the command line call."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from pipeline_assets import __version__
from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.events.object_version import ObjectVersion
from pipeline_assets.events.outcomes import Counts, TimeBudgetReachedError, TransientError
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.graph.load import Batch, BehindError, Load
from pipeline_assets.graph.ownership import Line
from pipeline_assets.tickets.reading import RefusedFileError, TicketFile, open_tickets
from pipeline_assets.tickets.rows import Rejection, RowRules
from pipeline_assets.tickets.stores import TicketStores

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef

FLOW = "tickets"
LANDED = "tickets/landed"
SOLD = "tickets"
GRAPH = "purchase_graph"
#: Records of one transaction.
BATCH_ROWS = 5_000
#: No batch is begun with less than this left, so that the slowest batch ends before the function is stopped.
RESERVE_SECONDS = 20.0
_GONE = {"NoSuchKey", "NoSuchVersion", "404", "PreconditionFailed", "412", "MethodNotAllowed"}


def ingest_object(
    version: ObjectVersion,
    stores: TicketStores,
    *,
    redo: bool = False,
    report: bool = True,
    seconds_left: Callable[[], float] | None = None,
) -> Receipt:
    """Bring one object version into the graph and leave its receipt; a repeated delivery changes nothing.

    `redo` works the object through again from its beginning, as a new run. `report` says whether the receipt has to be
    shown in Dagster; a Dagster run shows it itself. `seconds_left` tells how much time there is.

    Raises `TransientError` when a store does not answer or another worker is on the object, `TimeBudgetReachedError`
    when the time is used up; either way the next delivery goes on where this one stopped.
    """
    if not redo and (receipt := stores.ledger.receipt(version.id)):
        stores.ledger.record(receipt)
        return receipt
    return restore_object(version, stores, redo=redo, report=report, seconds_left=seconds_left)


def restore_object(
    version: ObjectVersion,
    stores: TicketStores,
    *,
    redo: bool = False,
    report: bool = True,
    seconds_left: Callable[[], float] | None = None,
) -> Receipt:
    """`ingest_object` whatever the ledger says: for a graph that does not hold what the ledger knows.

    An object that the ledger knows but S3 has no more changes nothing; the receipt that comes back says so and counts
    no rows.
    """
    started = time.monotonic()
    load = _begin(version, stores, redo=redo)
    try:
        load = _bring_in(load, stores, seconds_left)
        counts, refused = load.counts, _refusal_of_all_rows(load)
    except RefusedFileError as error:
        if error.rule == "present" and (receipt := stores.ledger.receipt(version.id)):
            return replace(receipt, counts=Counts(), partitions=(), refused=str(error))
        stores.quarantine.keep_file(version, load.run, error.rule, str(error))
        load = Load(version, run=load.run)
        counts, refused = Counts(received=error.rows, quarantined=error.rows), str(error)
    except BehindError as error:
        message = f"another worker is on the object: {error}"
        raise TransientError(message, flow=FLOW, object_uri=version.uri) from error
    receipt = _receipt(load, counts, refused, time.monotonic() - started)
    stores.ledger.record(receipt, report=report)
    return receipt


def _begin(version: ObjectVersion, stores: TicketStores, *, redo: bool) -> Load:
    """Where to go on: where the graph stands, or for a redo a run that neither graph nor ledger has seen."""
    known = stores.graph.load(version)
    if not redo:
        return known or Load(version)
    receipt = stores.ledger.receipt(version.id)
    return Load(version, run=max(known.run if known else 0, receipt.run if receipt else 0) + 1)


def _bring_in(load: Load, stores: TicketStores, seconds_left: Callable[[], float] | None) -> Load:
    if load.done:
        return load
    with _downloaded(stores.s3, load.version) as path, open_tickets(path, load.version.key) as file:
        load = _put_rows(file, load, stores, seconds_left)
    while not load.done:
        _stop_in_time(load, seconds_left)
        load = stores.graph.finish(load)
    return load


def _stop_in_time(load: Load, seconds_left: Callable[[], float] | None) -> None:
    if seconds_left and seconds_left() < RESERVE_SECONDS:
        message = f"the time is used up at row {load.next_row} of {load.version.uri}"
        raise TimeBudgetReachedError(message, flow=FLOW, object_uri=load.version.uri)


def _refusal_of_all_rows(load: Load) -> str:
    received = load.counts.received
    if not received or received > load.counts.quarantined:
        return ""
    return f"{load.version.key}: all {received} rows were rejected; expected {_expected('some_row_valid')}"


def _put_rows(file: TicketFile, load: Load, stores: TicketStores, seconds_left: Callable[[], float] | None) -> Load:
    rules = RowRules(file.header, datetime.fromisoformat(load.version.event_time))
    for lines, rejections, next_row in _batches(file, rules, load.next_row):
        _stop_in_time(load, seconds_left)
        stores.quarantine.keep_rows(load.version, load.run, file.header, rejections)
        rejected_days: dict[str, Counts] = {}
        for rejection in rejections:
            if rejection.day:
                so_far = rejected_days.get(rejection.day, Counts())
                rejected_days[rejection.day] = so_far + Counts(received=1, quarantined=1)
        unread_time = sum(not rejection.day for rejection in rejections)
        batch = Batch(lines, next_row, rejected_days, unread_time, rules.take_unusual())
        load = stores.graph.write(load, batch)
    return load


def _batches(file: TicketFile, rules: RowRules, first_row: int) -> Iterator[tuple[list[Line], list[Rejection], int]]:
    """The records from `first_row` on, in batches: accepted lines, rejections, number of the record after them."""
    lines: list[Line] = []
    rejections: list[Rejection] = []
    number = 0
    for number, fields in file.records():
        if number < first_row:
            continue
        row = rules.line(number, fields)
        if isinstance(row, Line):
            lines.append(row)
        else:
            rejections.append(row)
        if len(lines) + len(rejections) == BATCH_ROWS:
            yield lines, rejections, number + 1
            lines, rejections = [], []
    if lines or rejections:
        yield lines, rejections, number + 1


@contextmanager
def _downloaded(s3: S3Client, version: ObjectVersion) -> Iterator[Path]:
    """The object's bytes in a temporary file of its own, which is removed afterwards."""
    request: GetObjectRequestTypeDef = {"Bucket": version.bucket, "Key": version.key}
    if version.version_id:
        request["VersionId"] = version.version_id
    elif version.etag:
        request["IfMatch"] = version.etag
    with tempfile.TemporaryDirectory(prefix="tickets-") as directory:
        path = Path(directory) / "object"
        try:
            body = s3.get_object(**request)["Body"]
            with path.open("wb") as file:
                shutil.copyfileobj(body, file, 1 << 20)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _GONE:
                found = f"{version.key}: this version is no longer in the bucket"
                raise RefusedFileError("present", f"{found}; expected {_expected('present')}") from error
            raise _unread(version, error) from error
        except (BotoCoreError, OSError) as error:
            raise _unread(version, error) from error
        yield path


def _unread(version: ObjectVersion, error: Exception) -> TransientError:
    return TransientError(f"{version.uri} could not be read: {error}", flow=FLOW, object_uri=version.uri)


def _expected(rule: str) -> str:
    return TICKETS.rule(rule).expected


def _receipt(load: Load, counts: Counts, refused: str, seconds: float) -> Receipt:
    version = load.version
    days = tuple(PartitionCounts(SOLD, day, load.days[day]) for day in sorted(load.days))
    graph = (PartitionCounts(GRAPH, "", counts),) if days else ()
    return Receipt(
        flow=FLOW,
        source=version,
        run=load.run,
        counts=counts,
        partitions=(PartitionCounts(LANDED, version.arrival_day, counts, of_arrival=True), *days, *graph),
        size=version.size,
        seconds=round(seconds, 3),
        code_version=__version__,
        recorded_at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        refused=refused,
        effects=load.effects | {"rows_unusual": load.unusual},
    )
