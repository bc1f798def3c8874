"""Requests: what the function asks of Dagster where a day is too large for it.

A request is an object of its own for each raw object, so that many functions put theirs at once and a repeated event
puts nothing new. Whoever works the day out leaves the receipt that the event could not, and takes the request away once
that receipt is there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from pipeline_assets.curation.stores import CurationStores
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.storage.documents import from_json, to_json

#: What their keys in the curated bucket begin with: ``<dataset>/<day>/<id of the receipt>.json`` follows.
REQUESTS: Final = "_requests/curated/"
_SUFFIX: Final = ".json"


class DayTooLargeError(Exception):
    """Raised when the raw objects of a day are together larger than the function works out.

    Parameters
    ----------
    day_bytes
        How large they are.
    """

    def __init__(self, day_bytes: int) -> None:
        super().__init__(f"its day has {day_bytes} bytes of raw objects")
        self.day_bytes = day_bytes


@dataclass(frozen=True, slots=True)
class RequestedDay:
    """A day that somebody has to work out.

    Parameters
    ----------
    dataset, day
        Which day.
    ids
        Ids of the receipts that it is waited for, in their order.
    since
        When the first of them was asked for.
    """

    dataset: str
    day: str
    ids: tuple[str, ...]
    since: datetime

    @property
    def fingerprint(self) -> str:
        """What tells these requests from others of the same day."""
        return sha256("\n".join(self.ids).encode()).hexdigest()[:16]


def request_day(dataset: str, day: str, version: ObjectVersion, stores: CurationStores) -> None:
    """Ask for a day, and for the receipt of one of its raw objects.

    Parameters
    ----------
    dataset, day
        The day.
    version
        The object, with the stamp of its event.
    stores
        The stores of curation.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    stores.curated.put_if_absent(_key(dataset, day, version.id), to_json(version))


def requested_days(stores: CurationStores) -> list[RequestedDay]:
    """List the days that are asked for, the first that was asked for first; raises `TransientError`.

    Returns
    -------
    list of RequestedDay
        One for each day, whatever the number of its requests.
    """
    found: dict[tuple[str, str], list[tuple[str, datetime]]] = {}
    for each in stores.curated.objects(REQUESTS):
        parts = each.key.removeprefix(REQUESTS).removesuffix(_SUFFIX).split("/")
        if len(parts) == 3:  # noqa: PLR2004 - dataset, day and id
            found.setdefault((parts[0], parts[1]), []).append((parts[2], each.modified))
    days = [
        RequestedDay(dataset, day, tuple(sorted(name for name, _ in asked)), min(put for _, put in asked))
        for (dataset, day), asked in found.items()
    ]
    return sorted(days, key=lambda each: each.since)


def requested(dataset: str, day: str, stores: CurationStores) -> dict[str, ObjectVersion]:
    """Read the raw objects of a day whose receipts are asked for.

    Parameters
    ----------
    dataset, day
        The day.
    stores
        The stores of curation.

    Returns
    -------
    dict of str to ObjectVersion
        By the ids of the receipts, each with the stamp of its event.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    prefix = _key(dataset, day, "").removesuffix(_SUFFIX)
    contents = (stores.curated.read(each.key) for each in stores.curated.objects(prefix))
    versions = [from_json(content, ObjectVersion) for content in contents if content]
    return {version.id: version for version in versions}


def addresses_of_requests(dataset: str, day: str, stores: CurationStores) -> dict[str, str]:
    """Find where the requests for a day lie.

    Parameters
    ----------
    dataset, day
        The day.
    stores
        The stores of curation.

    Returns
    -------
    dict of str to str
        Their addresses, by the ids of the receipts.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    prefix = _key(dataset, day, "").removesuffix(_SUFFIX)
    keys = [each.key for each in stores.curated.objects(prefix)]
    return {key.removeprefix(prefix).removesuffix(_SUFFIX): f"s3://{stores.curated.name}/{key}" for key in keys}


def take_away(dataset: str, day: str, ids: Iterable[str], stores: CurationStores) -> None:
    """Take requests away whose receipts are there.

    Parameters
    ----------
    dataset, day
        The day.
    ids
        Ids of the receipts.
    stores
        The stores of curation.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    stores.curated.delete_all(_key(dataset, day, each) for each in ids)


def _key(dataset: str, day: str, version_id: str) -> str:
    return f"{REQUESTS}{dataset}/{day}/{version_id}{_SUFFIX}"
