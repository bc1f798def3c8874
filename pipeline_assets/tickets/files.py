"""Upload of ticket files: which files, under which keys, and in the place of what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline_assets.errors import UserError
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.names import is_left_alone
from pipeline_assets.graph.store import PurchaseGraph
from pipeline_assets.operations.access import Access
from pipeline_assets.operations.versions import version_id_of
from pipeline_assets.storage.bucket import GoneError, StoredObject, WithheldError
from pipeline_assets.tickets.replacing import tickets_left_out

FLOW = "tickets"
#: Files of a folder that are taken to be tickets; a file that is named itself is loaded whatever its suffix.
SUFFIXES = (".csv", ".csv.gz")
_KEY_BYTES = 1_024


class TicketFileError(UserError):
    """Files cannot be put as ticket files, or not at this moment."""


@dataclass(frozen=True, slots=True)
class TicketFile:
    """A file and the key it gets in the ticket bucket."""

    path: Path
    key: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What lies in the bucket under the key of a file.

    Parameters
    ----------
    receipt_id
        Id of its receipt.
    etag
        With the quotation marks that S3 puts.
    put_at
        ISO-8601, UTC.
    rows
        Rows of it that were accepted; None where it has no receipt yet.
    same
        It has the very content of the file.
    """

    receipt_id: str
    etag: str
    put_at: str
    rows: int | None
    same: bool

    @property
    def sentence(self) -> str:
        """When it was put, and how many rows are of it."""
        rows = "1 row of it stands" if self.rows == 1 else f"{self.rows:,} rows of it stand"
        known = "of which no receipt is known yet" if self.rows is None else rows
        return f"put at {self.put_at}, {known}"


def ticket_files(path: Path, root: Path | None = None) -> list[TicketFile]:
    """Find the ticket files at a path: the file itself, or those in a folder.

    A key is the path from `root`, or else from the working directory; of a file outside of that, the whole path. So the
    same path gives the same key, and no two files of one command meet in one.

    Returns
    -------
    list of TicketFile
        In the order of names, at least one.

    Raises
    ------
    TicketFileError
        There is none, or the key of one would be that of no data or none that S3 takes.
    """
    base = root or Path.cwd()
    if path.is_file():
        files = [TicketFile(path, _key(path, base))]
    else:
        found = sorted(file for file in path.rglob("*") if _is_ticket_file(file, path))
        files = [TicketFile(file, _key(file, base)) for file in found]
    if not files:
        raise TicketFileError(f"{path} holds no {' or '.join(SUFFIXES)} file: name a ticket CSV or a folder of them.")
    if hidden := next((file for file in files if is_left_alone(file.key)), None):
        raise TicketFileError(
            f"{hidden.path} would get the key {hidden.key}, a part of which is that of no data (as one that begins "
            "with . or _): such objects are left alone. Load it from inside its folder, or rename it."
        )
    if unfit := next((file for file in files if not _is_key(file.key)), None):
        raise TicketFileError(
            f"{str(unfit.path)!r} would get a key that is not UTF-8 or has more than {_KEY_BYTES:,} bytes, which S3 "
            "does not take. Load it from inside its folder, or rename it."
        )
    return files


def passed_over(path: Path, files: list[TicketFile]) -> int:
    """Number of files of a folder that are not among the ticket files found in it."""
    return sum(file.is_file() for file in path.rglob("*")) - len(files) if path.is_dir() else 0


def standing_at(access: Access, file: TicketFile) -> Standing | None:
    """Look up what lies under the key of a file; None while there is nothing."""
    ledger = Ledger(access.dynamodb, access.table("ledger"))
    head = access.open_bucket(FLOW).head(file.key)
    if head is None:
        return None
    receipt_id = version_id_of(access.bucket(FLOW), file.key, head.version_id)
    receipt = ledger.receipt(receipt_id)
    return Standing(
        receipt_id,
        head.etag,
        iso_utc(head.modified),
        receipt.counts.accepted if receipt else None,
        _same(access, file, head),
    )


def tickets_leaving(access: Access, files: Sequence[TicketFile]) -> dict[str, int]:
    """Count, by key, the tickets that would leave the graph because these files replace what lies there."""
    if not files:
        return {}
    bucket, now = access.bucket(FLOW), datetime.now(UTC)
    hours, minutes = access.setting("tickets-day-begins").split(":")
    day_begins = timedelta(hours=int(hours), minutes=int(minutes))
    with access.graph() as driver:
        graph = PurchaseGraph(driver)
        return {
            file.key: tickets_left_out(
                graph, f"s3://{bucket}/{file.key}", file.path, arrives=now, day_begins=day_begins
            )
            for file in files
        }


def put_ticket_file(access: Access, file: TicketFile, there: Standing | None = None) -> str:
    """Upload a file in the place of what is there; what has the same content stays.

    Parameters
    ----------
    access
        Clients of the deployed stack.
    file
        The file and its key.
    there
        What lies under the key, as it was looked up; None for nothing.

    Returns
    -------
    str
        Id of the receipt that the object has or will have.

    Raises
    ------
    TicketFileError
        Something else is there by now; nothing was replaced.
    ClientError
        S3 refused the file otherwise.
    """
    if there and there.same:
        return there.receipt_id
    put = access.open_bucket(FLOW).put_if_match(file.key, file.path, there.etag if there else None)
    if put is None:
        raise TicketFileError(
            f"somebody else put or deleted {file.key} at this moment: nothing was replaced; load it again."
        )
    return version_id_of(access.bucket(FLOW), file.key, put.version_id)


def _is_ticket_file(file: Path, folder: Path) -> bool:
    name = file.relative_to(folder).as_posix()
    return file.is_file() and name.lower().endswith(SUFFIXES) and not is_left_alone(name)


def _is_key(text: str) -> bool:
    try:
        return len(text.encode()) <= _KEY_BYTES
    except UnicodeEncodeError:
        return False


def _key(file: Path, base: Path) -> str:
    # Not resolved: a link is a name that somebody gave, and it may point elsewhere tomorrow. But `..` after a link is
    # the folder above what it points to, so that a path with `..` is that of the file it means.
    whole = file.parent.resolve() / file.name if ".." in file.parts else file.absolute()
    near = whole.is_relative_to(base)
    return (whole.relative_to(base) if near else whole.relative_to(whole.anchor)).as_posix()


def _same(access: Access, file: TicketFile, head: StoredObject) -> bool:
    if head.size != file.path.stat().st_size:
        return False
    # By its etag: what stands is compared, and nothing else once somebody has put another one.
    standing = replace(head, version_id="")
    try:
        with file.path.open("rb") as mine:
            return all(chunk == mine.read(len(chunk)) for chunk in access.open_bucket(FLOW).chunks(standing))
    except WithheldError as error:
        raise TicketFileError(f"{file.key} is in the bucket and cannot be compared: {error}.") from error
    except GoneError:
        return False  # by now it is another one: whoever puts over it is told
