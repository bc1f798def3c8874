"""Open problems judged for one asset: what is red, what is acknowledged, and how much; a pure function of the ledger.

Everything that is open is judged, whoever asks and whatever day is worked: no later event makes red green. A share is
of the rows that somebody has to answer for, accepted and rejected; of a source by its receipt, so that no other load
dilutes it, and of a day by the day's account.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.problems import Problem, share_rejected

#: Bad days that are looked up again before they are told of, and bad sources in the tick of a bridge.
LOOKED_AT = 20


@dataclass(frozen=True, slots=True)
class Judged:
    """Judgement of one asset.

    Parameters
    ----------
    bad
        Sources with too many rejected rows, or refused ones, the worst first.
    bad_days
        Days with too many, and what the sources that are open leave of their rows.
    acknowledged
        Sources of which somebody said that they may stay.
    rejected
        Rejected rows of all that is open and nobody has acknowledged.
    sources
        How many sources these are of.
    worst
        The greatest share of any of these sources and days.
    """

    bad: tuple[Problem, ...] = ()
    bad_days: dict[str, Counts] = field(default_factory=dict)
    acknowledged: tuple[Problem, ...] = ()
    rejected: int = 0
    sources: int = 0
    worst: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether nothing is bad that nobody has acknowledged."""
        return not self.bad and not self.bad_days


def judge_rows(
    asset: str,
    problems: Iterable[Problem],
    most: float,
    accepted: Callable[[str], int],
    is_open: Callable[[Problem], bool] = lambda _: True,
) -> Judged:
    """Judge the rejected rows of an asset, by source and by day.

    Parameters
    ----------
    asset
        Key of the asset, with slashes.
    problems
        What is open of its flow.
    most
        Greatest share of rejected rows that a source or a day may have.
    accepted
        Tells how many rows a partition holds; asked for days only that may be bad.
    is_open
        Looks again whether a problem is open; asked of the worst first.

    Returns
    -------
    Judged
        What is bad, and the numbers.
    """
    mine = [each for each in problems if each.rejected and asset in each.assets and not each.receipt.refused]
    worst_first = sorted((each for each in mine if not each.acknowledged), key=_share, reverse=True)
    standing = [each for each in worst_first if _share(each) <= most or is_open(each)]
    days = _by_day(asset, standing)
    # What the open sources alone say is the worst that a day can be: other sources only add accepted rows.
    suspect = {day: rows for day, rows in days.items() if share_rejected(rows) > most}
    asked = set(list(suspect)[:LOOKED_AT])
    told = {
        day: _held(rows.quarantined, max(rows.accepted, accepted(day) if day in asked else 0))
        for day, rows in suspect.items()
    }
    bad_days = {day: rows for day, rows in told.items() if share_rejected(rows) > most}
    shares = [_share(each) for each in standing]
    return Judged(
        bad=tuple(each for each in standing if _share(each) > most),
        bad_days=dict(sorted(bad_days.items(), key=lambda each: -share_rejected(each[1]))),
        acknowledged=tuple(each for each in mine if each.acknowledged),
        rejected=sum(each.receipt.counts.quarantined for each in standing),
        sources=len(standing),
        worst=max([*shares, *map(share_rejected, told.values())], default=0.0),
    )


def judge_sources(
    asset: str, problems: Iterable[Problem], anchor: str, is_open: Callable[[Problem], bool] = lambda _: True
) -> Judged:
    """Judge the refused sources of an asset; those that name no asset are judged at the anchor of their flow.

    Parameters
    ----------
    asset
        Key of the asset, with slashes.
    problems
        What is open of its flow.
    anchor
        Anchor of the flow.
    is_open
        Looks again whether a problem is open.

    Returns
    -------
    Judged
        What was refused; `rejected` counts the rows of it that could be counted.
    """
    refused = [each for each in problems if each.rejected and each.receipt.refused]
    mine = [each for each in refused if asset in each.assets or (not each.assets and asset == anchor)]
    newest_first = sorted((each for each in mine if not each.acknowledged), key=_moment, reverse=True)
    bad = [each for each in newest_first if is_open(each)]
    return Judged(
        bad=tuple(bad),
        acknowledged=tuple(each for each in mine if each.acknowledged),
        rejected=sum(each.receipt.counts.quarantined for each in bad),
        sources=len(bad),
        worst=1.0 if bad else 0.0,
    )


def _by_day(asset: str, problems: Iterable[Problem]) -> dict[str, Counts]:
    days: dict[str, Counts] = defaultdict(Counts)
    for problem in problems:
        for part in problem.receipt.partitions:
            if part.asset == asset and part.partition and part.counts.quarantined:
                days[part.partition] += part.counts
    return days


def _held(rejected: int, accepted: int) -> Counts:
    return Counts(received=accepted + rejected, accepted=accepted, quarantined=rejected)


def _share(problem: Problem) -> float:
    return share_rejected(problem.receipt.counts)


def _moment(problem: Problem) -> str:
    return problem.receipt.source.stamp
