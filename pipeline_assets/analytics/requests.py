"""Requests: what the function asks of Dagster where the lake is too large for it to make a set of.

A request is an object that names the set, the day, and the version of the set that was wanted, so that a repeated event
puts nothing new, and one of a changed lake does. Whoever makes the set takes away the requests that were there before
it looked at the lake.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from pipeline_assets.storage.bucket import Bucket

if TYPE_CHECKING:
    from pipeline_assets.analytics.prod_set import ProdSet

#: What their keys in the curated bucket begin with: ``<set>/<day>/<version>.json`` follows.
REQUESTS: Final = "_requests/prod/"
_PARTS: Final = 3


class HandedOverError(Exception):
    """Raised when a set is not made here, since it is asked of Dagster."""


@dataclass(frozen=True, slots=True)
class HandOver:
    """The engine of a process that hands over what is too large for it.

    Parameters
    ----------
    largest
        Bytes of curated days that it makes a set of.
    """

    largest: int

    def takes(self, prod_set: ProdSet, size: int) -> bool:
        """Whether a set that is made of so many bytes is handed over."""
        return bool(prod_set) and size > self.largest

    def work_out(self, prod_set: ProdSet, as_of: date, version: str, curated: Bucket) -> None:
        """Ask for the set in the place of working its features out.

        Parameters
        ----------
        prod_set, as_of, version, curated
            As of `FeatureEngine.work_out`.

        Raises
        ------
        HandedOverError
            It is asked for.
        TransientError
            The bucket does not answer.
        """
        curated.put_if_absent(f"{_prefix(prod_set.name, as_of.isoformat())}{version}.json", b"{}")
        raise HandedOverError(f"{prod_set.name} as of {as_of} is asked of Dagster")


@dataclass(frozen=True, slots=True)
class RequestedSet:
    """A set that somebody has to make: as of which day, in which versions, and since when it is asked for."""

    prod_set: str
    day: str
    versions: tuple[str, ...]
    since: datetime


def requested_sets(curated: Bucket) -> list[RequestedSet]:
    """List the sets that are asked for, the first that was asked for first; raises `TransientError`."""
    found: dict[tuple[str, str], list[tuple[str, datetime]]] = {}
    for each in curated.objects(REQUESTS):
        parts = each.key.removeprefix(REQUESTS).removesuffix(".json").split("/")
        if len(parts) == _PARTS:
            found.setdefault((parts[0], parts[1]), []).append((parts[2], each.modified))
    asked = [
        RequestedSet(name, day, tuple(sorted(version for version, _ in each)), min(put for _, put in each))
        for (name, day), each in found.items()
    ]
    return sorted(asked, key=lambda each: each.since)


def requests_of(prod_set: ProdSet, day: str, curated: Bucket) -> list[str]:
    """List the keys of the requests for a set.

    Parameters
    ----------
    prod_set, day
        The set, and the day, ISO.
    curated
        Where they lie.

    Returns
    -------
    list of str
        None where it is not asked for.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    return [each.key for each in curated.objects(_prefix(prod_set.name, day))]


def _prefix(name: str, day: str) -> str:
    return f"{REQUESTS}{name}/{day}/"
