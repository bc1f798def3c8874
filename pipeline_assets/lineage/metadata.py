"""The account of a partition as Dagster shows it, whoever did the work: rows by outcome, sources, state."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline_assets.events.accounts import PartitionAccount
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.problems import Problem
from pipeline_assets.events.shares import fingerprint
from pipeline_assets.events.sources import Source, StreamBatch
from pipeline_assets.lineage.bridge import Place

#: The most source objects, or accounts, that one event lists; their total number is always told.
LISTED = 20
_VERSION_DIGITS = 16


@dataclass(frozen=True, slots=True)
class State:
    """What a place holds after the work, summed over its object versions: never one event's numbers."""

    counts: Counts
    objects: int
    data_version: str
    #: Rejected rows that nothing newer has settled; None where all of `counts` are.
    standing: int | None = None

    @property
    def quarantined(self) -> int:
        """Rejected rows that nothing newer has settled."""
        return self.counts.quarantined if self.standing is None else self.standing


def partition_state(account: PartitionAccount, standing: int | None = None) -> State:
    """The state of a partition by the ledger; its data version changes exactly when its object versions do."""
    return State(account.counts, account.sources, _version_of(account.fingerprint), standing)


def flow_state(ledger: Ledger, flow: str, problems: Sequence[Problem] | None = None) -> State:
    """The state of what a whole flow feeds, by the ledger's running sums: its cost does not grow with the objects.

    Parameters
    ----------
    ledger
        Holds the sums.
    flow
        Name of the flow.
    problems
        Its open problems; read from the ledger unless given.

    Returns
    -------
    State
        What it holds now.
    """
    totals = ledger.totals(flow)
    text = f"{flow}/{totals.objects}/{totals.counts.received}"
    version = hashlib.sha256(text.encode()).hexdigest()[:_VERSION_DIGITS]
    return State(totals.counts, totals.objects, version, _standing(_open(ledger, flow, problems), Place("", "")))


def place_state(
    ledger: Ledger,
    flow: str,
    place: Place,
    *,
    as_received: bool = False,
    problems: Sequence[Problem] | None = None,
    account: PartitionAccount | None = None,
) -> State:
    """The state of a partition.

    Parameters
    ----------
    ledger
        Holds its account.
    flow
        Name of the flow that feeds it.
    place
        The partition.
    as_received
        Whether it accounts for every row received. What was rejected of these stays in its account when a newer version
        of the object or a replay settles it, so that what stands is read from the open problems.
    problems
        Open problems of the flow; read from the ledger unless given.
    account
        Account of the partition; read from the ledger unless given.

    Returns
    -------
    State
        What it holds now.
    """
    standing = _standing(_open(ledger, flow, problems), place) if as_received else None
    return partition_state(account or ledger.account(place.asset, place.partition), standing)


def _open(ledger: Ledger, flow: str, problems: Sequence[Problem] | None) -> Sequence[Problem]:
    return ledger.problems.of(flow) if problems is None else problems


def _standing(problems: Iterable[Problem], place: Place) -> int:
    """Rejected rows of a place that stand; of the whole flow for a place without a name."""
    receipts = [problem.receipt for problem in problems if problem.rejected]
    if not place.asset:
        return sum(receipt.counts.quarantined for receipt in receipts)
    parts = (part for receipt in receipts for part in receipt.partitions)
    return sum(part.counts.quarantined for part in parts if (part.asset, part.partition) == place)


def data_version(receipt_ids: Iterable[str]) -> str:
    """A hash of the object versions something is made of, 16 hexadecimal digits; their order does not matter."""
    return _version_of(fingerprint(receipt_ids))


def _version_of(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()[:_VERSION_DIGITS]


def made_with(version: str, code_version: str) -> str:
    """The data version of what a piece of code makes of the data that `version` names."""
    return hashlib.sha256(f"{version}\n{code_version}".encode()).hexdigest()[:_VERSION_DIGITS]


def work_figures(counts: Counts, *, size: int, seconds: float, objects: int, refused: int) -> dict[str, int | float]:
    """Metadata of the work behind one event.

    Parameters
    ----------
    counts
        Rows by outcome.
    size
        Bytes of the source objects.
    seconds
        Time worked, in seconds.
    objects
        How many source objects there were.
    refused
        How many of them were refused whole.

    Returns
    -------
    dict[str, int | float]
        The figures by the names that they have in Dagster.
    """
    rows = {f"rows_{outcome}": rows for outcome, rows in counts.as_dict().items()}
    return {
        **rows,
        "rows_rejected_share": rejected_share(counts),
        "source_bytes": size,
        "work_seconds": round(seconds, 3),
        "objects": objects,
        "objects_refused": refused,
    }


def rejected_share(counts: Counts) -> float:
    """The share of the received rows that is quarantined, from 0 to 1; 0 where there is no row."""
    return round(counts.quarantined / counts.received, 6) if counts.received else 0.0


def state_figures(partition: str, state: State, *, as_received: bool = False) -> dict[str, int | float | str]:
    """Metadata of what a place holds now.

    Parameters
    ----------
    partition
        Key of the partition; empty for a place without partitions.
    state
        What the place holds, by the ledger.
    as_received
        Whether its rows are all that were received; elsewhere they are those that were accepted.

    Returns
    -------
    dict[str, int | float | str]
        By the names that Dagster shows. Without a partition there is no row count: what a whole flow accepted is not
        what is left of it.
    """
    rows = state.counts.received if as_received else state.counts.accepted
    return {
        **({"dagster/partition_row_count": rows} if partition else {}),
        "state_objects": state.objects,
        "state_rows_quarantined": state.quarantined,
        "data_version": state.data_version,
    }


def sources_table(sources: Sequence[Source]) -> str:
    """The first sources as a Markdown table, with a last line that tells how many are not listed."""
    batches = [source for source in sources[:LISTED] if isinstance(source, StreamBatch)]
    versions = [source for source in sources[:LISTED] if not isinstance(source, StreamBatch)]
    lines: list[str] = []
    if versions or not batches:
        lines += ["| object | version | bytes | arrived |", "|---|---|---:|---|"]
        lines += [f"| {cell(v.uri)} | {cell(v.version_id)} | {v.size} | {v.event_time} |" for v in versions]
    if batches:
        lines += [*([""] if lines else []), "| stream from | to | records | arrived |", "|---|---|---:|---|"]
        lines += [f"| {cell(b.uri)} | {b.last.lstrip('0')} | {b.records} | {b.event_time} |" for b in batches]
    if len(sources) > LISTED:
        lines.append(f"| and {len(sources) - LISTED} more | | | |")
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Conservation:
    """Whether every received row has exactly one outcome, for each of several accounts."""

    accounts: dict[str, Counts]

    @property
    def broken(self) -> dict[str, Counts]:
        """The accounts whose outcomes do not add up to what was received."""
        return {name: counts for name, counts in self.accounts.items() if not counts.conserved}

    @property
    def sentence(self) -> str:
        """The finding with its numbers, for people."""
        if not self.broken:
            return f"received = accepted + quarantined + duplicate + superseded in all {len(self.accounts)} accounts"
        shown = [f"{name}: {_sum_of(counts)}" for name, counts in list(self.broken.items())[:5]]
        more = f"; and {len(self.broken) - len(shown)} more" if len(self.broken) > len(shown) else ""
        return f"rows are lost or counted twice in {'; '.join(shown)}{more}"

    @property
    def table(self) -> str:
        """The accounts as a Markdown table, the broken ones first."""
        lines = ["| | received | accepted | quarantined | duplicate | superseded |", "|---|---:|---:|---:|---:|---:|"]
        accounts = {**self.broken, **self.accounts}
        for name, counts in list(accounts.items())[:LISTED]:
            lines.append(f"| {cell(name)} | " + " | ".join(map(str, counts.as_dict().values())) + " |")
        if len(accounts) > LISTED:
            lines.append(f"| and {len(accounts) - LISTED} more | | | | | |")
        return "\n".join(lines)


def _sum_of(counts: Counts) -> str:
    outcomes = counts.accepted + counts.quarantined + counts.duplicate + counts.superseded
    return (
        f"{counts.received} received but {counts.accepted} accepted + {counts.quarantined} quarantined "
        f"+ {counts.duplicate} duplicate + {counts.superseded} superseded = {outcomes}"
    )


def cell(text: str) -> str:
    """Text that does not break a Markdown table: object keys may hold any character."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("\r", " ")
