"""From one ticket file to the purchase graph and its receipt: what the Lambda, Dagster and the command line call."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from pipeline_assets import __version__
from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.object_version import ObjectVersion
from pipeline_assets.events.outcomes import Counts, TransientError
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.time_budget import TimeBudget
from pipeline_assets.graph.load import BehindError, Load
from pipeline_assets.tickets.batches import batches
from pipeline_assets.tickets.reading import LARGEST_OBJECT, RefusedFileError, TicketFile, open_tickets
from pipeline_assets.tickets.rows import RowRules
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
_CHUNK_BYTES = 4 << 20
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

    An object that the ledger knows but that cannot be read again changes nothing; the receipt that comes back says so
    and counts no rows.
    """
    started = time.monotonic()
    budget = TimeBudget(seconds_left)
    # A graph that hangs takes ten seconds to be found out: the messages of a batch must not all wait for it.
    budget.check(FLOW, version.uri)
    load = _begin(version, stores, redo=redo)
    try:
        load = _finish(_bring_in(load, stores, budget), stores, budget)
        counts, refused = load.counts, _refusal_of_all_rows(load)
    except RefusedFileError as error:
        refused = str(error)
        earlier = stores.ledger.receipt(version.id)
        if earlier and not earlier.refused:
            return replace(earlier, counts=Counts(), partitions=(), refused=refused)
        stores.quarantine.keep_file(version, load.run, error.rule, refused, error.shown)
        counts = Counts(received=error.rows, quarantined=error.rows)
        if load.next_row > 1:  # it went away in the middle: what is in stays, and is accounted for
            load = _finish(load, stores, budget)
            counts = load.counts
    except BehindError as error:
        message = f"another worker is on the object: {error}"
        raise TransientError(message, flow=FLOW, object_uri=version.uri) from error
    receipt = receipt_of(load, counts, refused, time.monotonic() - started)
    stores.ledger.record(receipt, report=report)
    if redo:
        stores.quarantine.drop_earlier_runs(version, load.run)
    return receipt


def _begin(version: ObjectVersion, stores: TicketStores, *, redo: bool) -> Load:
    """Where to go on: where the graph stands, or for a redo a run that neither graph nor ledger has seen."""
    known = stores.graph.load(version)
    if not redo:
        return known or Load(version)
    receipt = stores.ledger.receipt(version.id)
    begun = known.version if known else version
    return Load(begun, run=max(known.run if known else 0, receipt.run if receipt else 0) + 1)


def _bring_in(load: Load, stores: TicketStores, budget: TimeBudget) -> Load:
    if load.done:
        return load
    version = load.version
    budget.check(FLOW, version.uri)
    if version.size > LARGEST_OBJECT:
        raise RefusedFileError("size", f"{version.key}: it has {version.size} bytes; expected {_expected('size')}")
    check = partial(budget.check, FLOW, version.uri)
    with downloaded(stores.s3, version, budget) as path, open_tickets(path, version.key, check) as file:
        return _put_rows(file, load, stores, budget)


def _finish(load: Load, stores: TicketStores, budget: TimeBudget) -> Load:
    while not load.done:
        budget.check(FLOW, load.version.uri)
        load = stores.graph.finish(load)
        budget.moved_on()
    return load


def _refusal_of_all_rows(load: Load) -> str:
    received = load.counts.received
    if not received or received > load.counts.quarantined:
        return ""
    return f"{load.version.key}: all {received} rows were rejected; expected {_expected('some_row_valid')}"


def _put_rows(file: TicketFile, load: Load, stores: TicketStores, budget: TimeBudget) -> Load:
    rules = RowRules(file.header, datetime.fromisoformat(load.version.event_time))
    check = partial(budget.check, FLOW, load.version.uri)
    rules.crowded = load.crowded
    if load.next_row > 1:
        file.go_on(load.next_row, load.position)
    for batch, rejections in batches(file, rules, BATCH_ROWS):
        check()
        stores.quarantine.keep_rows(load.version, load.run, file.header, rejections)
        load = stores.graph.write(load, batch)
        rules.crowded = load.crowded
        budget.moved_on()
    return load


@contextmanager
def downloaded(s3: S3Client, version: ObjectVersion, budget: TimeBudget) -> Iterator[Path]:
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
                for chunk in body.iter_chunks(_CHUNK_BYTES):
                    file.write(chunk)
                    budget.check(FLOW, version.uri)
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


def receipt_of(load: Load, counts: Counts, refused: str, seconds: float) -> Receipt:
    """The receipt of a load that has come to its end; `seconds` is the time the work took."""
    version = load.version
    # A version that decides nothing is part of no day: the rows of the earlier one still stand there.
    days = tuple(PartitionCounts(SOLD, day, load.days[day]) for day in sorted(load.days) if load.effective)
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
        recorded_at=iso_utc(datetime.now(UTC)),
        refused=refused,
        effects=load.effects | {"rows_unusual": load.unusual},
    )
