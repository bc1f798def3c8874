"""What is open of a flow, read once for all checks that are judged by it, and as Dagster shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import dagster as dg

from pipeline_assets.errors import TransientError
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.problems import Problem, share_rejected
from pipeline_assets.events.quarantine import Quarantine
from pipeline_assets.lineage.bridge import NO_ASSET, Place, Standing
from pipeline_assets.lineage.flows import BridgedFlow
from pipeline_assets.lineage.judged import LOOKED_AT, Judged, judge_rows, judge_sources
from pipeline_assets.lineage.metadata import LISTED, cell
from pipeline_assets.lineage.rejections import MENDING, Rejections, acknowledge_command, rejected_table, rejections_of

FEW_REJECTED: Final = "few_rejected"
NO_FILE_REFUSED: Final = "no_file_refused"
RECEIPTS_KNOWN: Final = "receipts_known"
#: Sources of which a check tells the rules: each is looked up in the quarantine.
_SHOWN = 5


class OpenProblems:
    """Open problems of one flow as its checks see them; read from the ledger once.

    Parameters
    ----------
    flow
        The flow.
    ledger
        Its receipts.
    quarantine
        Opens what it rejects.
    standing
        Whether Dagster has a place; runs, which do not know, take the ledger's word.
    looked_at
        Bad sources that are looked up again before they are told of.
    """

    def __init__(
        self,
        flow: BridgedFlow,
        ledger: Ledger,
        quarantine: Callable[[], Quarantine],
        standing: Callable[[Place], Standing] = lambda _: Standing.UNKNOWN,
        *,
        looked_at: int = LOOKED_AT,
    ) -> None:
        self._flow = flow
        self._ledger = ledger
        self._quarantine = quarantine
        self._standing = standing
        self._looked_at = looked_at
        self._still: dict[str, bool] = {}
        self._looked_up: dict[str, Rejections] = {}

    def result(self, key: dg.AssetCheckKey, most: float) -> dg.AssetCheckResult:
        """Evaluate one of the three checks that are judged by what is open.

        Parameters
        ----------
        key
            The check.
        most
            Greatest share of rejected rows that a source or a day may have.

        Returns
        -------
        dg.AssetCheckResult
            What it comes to now.

        Raises
        ------
        TransientError
            The ledger does not answer.
        """
        asset = key.asset_key.to_user_string()
        if key.name == RECEIPTS_KNOWN:
            return self._receipts_known(key)
        if key.name == NO_FILE_REFUSED:
            judged = judge_sources(asset, self._all, self._flow.anchor, self._is_open)
            return self._result(key, judged, self._said_of_sources(judged), {"files_refused": len(judged.bad)})
        judged = judge_rows(asset, self._all, most, lambda day: self._accepted(asset, day), self._is_open)
        rows = [f"| {day} | {each.received} | {each.quarantined} |" for day, each in judged.bad_days.items()]
        days = "\n".join(["| day | rows | rejected |", "|---|---:|---:|", *rows[:LISTED]])
        numbers = {
            "files_bad": len(judged.bad),
            "days_bad": len(judged.bad_days),
            "files_with_rejected_rows": judged.sources,
            "share_rejected": round(judged.worst, 4),
            **({"days": dg.MetadataValue.md(days)} if rows else {}),
        }
        return self._result(key, judged, self._said_of_rows(judged, most), numbers)

    @cached_property
    def _all(self) -> Sequence[Problem]:
        return self._ledger.problems.of(self._flow.name)

    def _accepted(self, asset: str, day: str) -> int:
        return self._ledger.account(asset, day).counts.accepted

    def _is_open(self, problem: Problem) -> bool:
        if problem.receipt.id not in self._still:
            if len(self._still) >= self._looked_at:
                return True
            self._still[problem.receipt.id] = self._ledger.is_open(problem)
        return self._still[problem.receipt.id]

    def _result(
        self, key: dg.AssetCheckKey, judged: Judged, said: str, numbers: Mapping[str, Any]
    ) -> dg.AssetCheckResult:
        rejections = [self._rejections_of(each) for each in judged.bad[:_SHOWN]]
        more = len(judged.bad) - len(rejections)
        table = rejected_table(rejections) + (
            f"\n\nand {more} more: `cesta acknowledge` lists them" if more > 0 else ""
        )
        return dg.AssetCheckResult(
            asset_key=key.asset_key,
            check_name=key.name,
            passed=judged.passed,
            severity=dg.AssetCheckSeverity.ERROR,
            description=said + _acknowledged(judged.acknowledged),
            metadata={
                "rows_rejected": judged.rejected,
                **numbers,
                "acknowledged": len(judged.acknowledged),
                "rejected": dg.MetadataValue.md(table if rejections else "nothing"),
                **({"acknowledgements": _noted_table(judged.acknowledged)} if judged.acknowledged else {}),
            },
        )

    def _rejections_of(self, problem: Problem) -> Rejections:
        """What the quarantine tells of a problem; where it does not answer, what the receipt does."""
        receipt = problem.receipt
        if receipt.id not in self._looked_up:
            try:
                found = rejections_of(receipt, self._quarantine())
            except TransientError:
                found = Rejections(receipt, (), "")
            self._looked_up[receipt.id] = found
        return self._looked_up[receipt.id]

    def _said_of_rows(self, judged: Judged, most: float) -> str:
        if judged.passed:
            return f"no file and no day has more than {most:.0%} rejected rows; {_open_rows(judged)}"
        parts = [_number(len(judged.bad), "file")] if judged.bad else []
        parts += [_number(len(judged.bad_days), "day")] if judged.bad_days else []
        said = f"{' and '.join(parts)} with more than {most:.0%} rejected rows"
        if not judged.bad:
            day, rows = next(iter(judged.bad_days.items()))
            return f"{said}, first {day}: {rows.quarantined} of {rows.received}. {_WAYS}"
        first, counts = judged.bad[0], judged.bad[0].receipt.counts
        share = f"{counts.quarantined} of {counts.quarantined + counts.accepted} rows ({share_rejected(counts):.0%})"
        return f"{said}, first {first.receipt.source.uri}: {share}{self._why(first)}"

    def _said_of_sources(self, judged: Judged) -> str:
        if judged.passed:
            return "no file is refused"
        first = judged.bad[0]
        return f"{_number(len(judged.bad), 'file')} refused, first {first.receipt.source.uri}{self._why(first)}"

    def _why(self, problem: Problem) -> str:
        found = self._rejections_of(problem)
        rule = f", rule {found.rules[0].rule}" if found.rules else ""
        reason = f": {found.reason}" if found.reason else ""
        return f"{rule}{reason}. `{found.command}` shows what was rejected. {_WAYS}"

    def _receipts_known(self, key: dg.AssetCheckKey) -> dg.AssetCheckResult:
        """Whether every receipt names what Dagster has; a refused source that names nothing is told of here as well."""
        unknown = [each for each in self._all if self._names_in_vain(each)]
        bad = [each for each in unknown if not each.acknowledged and self._is_open(each)]
        noted = [each for each in unknown if each.acknowledged]
        rows = [f"| {cell(each.receipt.source.uri)} | {cell(_in_vain(each))} |" for each in bad[:LISTED]]
        said = "every receipt names what Dagster has"
        if bad:
            first = bad[0].receipt
            said = (
                f"{_number(len(bad), 'receipt')} with places that Dagster does not have, first {first.source.uri}: "
                f"{_in_vain(bad[0])}. If it may stay: `{acknowledge_command(first)}`"
            )
        return dg.AssetCheckResult(
            asset_key=key.asset_key,
            check_name=key.name,
            passed=not bad,
            severity=dg.AssetCheckSeverity.ERROR,
            description=said + _acknowledged(noted),
            metadata={
                "receipts_unknown": len(bad),
                "acknowledged": len(noted),
                "unknown": dg.MetadataValue.md("\n".join(["| source | names |", "|---|---|", *rows])),
                **({"acknowledgements": _noted_table(noted)} if noted else {}),
            },
        )

    def _names_in_vain(self, problem: Problem) -> bool:
        """Whether a receipt names what Dagster does not have; one whose places are all there by now is forgotten."""
        if problem.rejected and not problem.assets:
            return True
        if not problem.unknown:
            return False
        parts = problem.receipt.partitions
        if any(self._standing(Place(each.asset, each.partition)) is Standing.UNKNOWN for each in parts) or not parts:
            return True
        self._ledger.problems.forget_unknown(problem)
        return False


_WAYS = f"{MENDING} says how to mend it, or `cesta acknowledge` that it may stay."


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _open_rows(judged: Judged) -> str:
    rows, files = _number(judged.rejected, "rejected row"), _number(judged.sources, "file")
    return f"{rows} of {files} open" if judged.sources else "none is open"


def _acknowledged(problems: Sequence[Problem]) -> str:
    said = [each.acknowledged.sentence for each in problems if each.acknowledged]
    return f"; {len(said)} acknowledged: {'; '.join(dict.fromkeys(said[:_SHOWN]))}" if said else ""


def _noted_table(problems: Sequence[Problem]) -> dg.MetadataValue[Any]:
    rows = [
        f"| {cell(each.receipt.source.uri)} | {cell(said.reason)} | {cell(said.who)} | {said.at} |"
        for each in problems[:LISTED]
        if (said := each.acknowledged)
    ]
    return dg.MetadataValue.md("\n".join(["| source | reason | by | at |", "|---|---|---|---|", *rows]))


def _in_vain(problem: Problem) -> str:
    """What a receipt names in vain and what to do, in one sentence."""
    if problem.receipt.refused:
        return f"{problem.receipt.refused}; move it there or delete it"
    named = ", ".join(place for place in problem.unknown if place != NO_ASSET) or "no asset at all"
    return f"it names {named}: define that and materialize it, or correct what names it"
