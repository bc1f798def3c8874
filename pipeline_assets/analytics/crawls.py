"""When the crawler of a set is started, and which of its crawls is for what: the decisions alone, which ask nobody.

An event is a materialization of the set, by its number. A crawl is planned in one look and started in a later one, once
the plan is written down. A plan is made only while the crawler rests, and names the crawl that Glue told of last: any
crawl that runs after that, or is told of, began after the event. So a death between any two steps neither starts a
second crawl for an event nor loses the first, and no two clocks are compared.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Final

#: As long as events follow each other, a start waits for the next, but no longer than this, in seconds.
PATIENCE: Final = 120.0
#: A crawler that rests again is told of its crawl within this time.
SETTLES: Final = 60.0
#: An event that was followed by no crawl for so long is told of.
LATE: Final = 3600.0
_FIRST_PAUSE, _LONGEST_PAUSE = 60.0, 3600.0


class Step(Enum):
    """What is to be done of a set now."""

    NOTHING = "nothing"
    START = "start"
    TELL = "tell"


@dataclass(frozen=True, slots=True)
class CrawlerState:
    """A crawler as Glue tells of it.

    Parameters
    ----------
    resting
        Whether it neither runs nor stops.
    last
        What tells its last crawl from others; empty where there was none.
    succeeded
        Whether that one succeeded.
    message
        What Glue says of it where it did not.
    log
        Where its log is.
    """

    resting: bool
    last: str = ""
    succeeded: bool = False
    message: str = ""
    log: str = ""


@dataclass(frozen=True, slots=True)
class Crawl:
    """The crawl that a set needs, as it is written down between two looks; times are seconds of one clock.

    Parameters
    ----------
    event
        Number of the newest event that it is for; 0 where none is planned.
    after
        The crawl that the crawler told of last when this one was planned.
    planned_at
        When it was planned; a newer event that it takes in leaves that.
    started_at
        When it was started; 0 where it was not, or where that was not written down.
    failures
        How many crawls, or questions to Glue, have failed since the last that succeeded.
    message
        Why the last of them did.
    rests_until
        Before that nothing is tried again.
    """

    event: int = 0
    after: str = ""
    planned_at: float = 0.0
    started_at: float = 0.0
    failures: int = 0
    message: str = ""
    rests_until: float = 0.0


def is_due(crawl: Crawl, newest: int, told: int, now: float) -> bool:
    """Whether the crawler has to be looked at.

    Parameters
    ----------
    crawl
        What is written down.
    newest
        Number of the newest event of the set; 0 where there is none.
    told
        Number of the newest event whose crawl was told.
    now
        The time.

    Returns
    -------
    bool
        False where no event waits, or where a failure is rested from.
    """
    return newest > told and now >= crawl.rests_until


def next_step(crawl: Crawl, newest: int, told: int, crawler: CrawlerState, now: float) -> tuple[Crawl, Step]:
    """Decide what is to be done of a set whose crawler was looked at.

    Parameters
    ----------
    crawl
        What is written down.
    newest, told
        As of `is_due`.
    crawler
        What the crawler does.
    now
        The time.

    Returns
    -------
    tuple of (Crawl, Step)
        What is to be written down once the step is done; before a start it is written down already. `TELL` says that
        the crawl for `crawl.event` has ended well.
    """
    if crawl.event <= told:
        crawl = _dropped(crawl)
    if not crawler.resting:
        return crawl, Step.NOTHING
    if crawl.event and crawler.last != crawl.after:
        return _ended(crawl, crawler, now)
    if crawl.started_at:
        if now < crawl.started_at + SETTLES:
            return crawl, Step.NOTHING
        return failed(_dropped(crawl), "the crawl ended and left no trace", now)
    return _planned(crawl, newest, crawler, now)


def _planned(crawl: Crawl, newest: int, crawler: CrawlerState, now: float) -> tuple[Crawl, Step]:
    if not crawl.event:
        return replace(crawl, event=newest, after=crawler.last, planned_at=now), Step.NOTHING
    if newest > crawl.event and now < crawl.planned_at + PATIENCE:
        return replace(crawl, event=newest), Step.NOTHING
    return replace(crawl, started_at=now), Step.START


def _ended(crawl: Crawl, crawler: CrawlerState, now: float) -> tuple[Crawl, Step]:
    if crawler.succeeded:
        return Crawl(), Step.TELL
    return failed(_dropped(crawl), f"the crawl failed: {crawler.message or 'Glue does not say why'}", now)


def _dropped(crawl: Crawl) -> Crawl:
    return replace(crawl, event=0, started_at=0.0)


def failed(crawl: Crawl, message: str, now: float) -> tuple[Crawl, Step]:
    """Let a set rest, twice as long after each failure, up to an hour.

    Parameters
    ----------
    crawl
        What is written down.
    message
        What failed.
    now
        The time.

    Returns
    -------
    tuple of (Crawl, Step)
        What is to be written down, and nothing to be done.
    """
    pause = min(_FIRST_PAUSE * 2.0 ** min(crawl.failures, 10), _LONGEST_PAUSE)
    rested = replace(crawl, failures=crawl.failures + 1, message=message, rests_until=now + pause)
    return rested, Step.NOTHING


def trouble_of(crawl: Crawl, waiting_since: float | None, now: float) -> str:
    """Say why an event of a set was not followed by a crawl in time.

    Parameters
    ----------
    crawl
        What is written down.
    waiting_since
        When the newest event came that no crawl has followed; None where there is none.
    now
        The time.

    Returns
    -------
    str
        A sentence, the same as long as nothing changes; empty where all is well.
    """
    if waiting_since is None:
        return ""
    if crawl.failures:
        again = datetime.fromtimestamp(crawl.rests_until, UTC)
        return f"{crawl.message}; it is tried again after {again:%H:%M:%S} UTC"
    if now > waiting_since + LATE:
        since = datetime.fromtimestamp(waiting_since, UTC)
        return f"the set was made at {since:%Y-%m-%d %H:%M} UTC, and no crawl has ended since"
    return ""
