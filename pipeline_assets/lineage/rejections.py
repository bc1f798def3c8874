"""From a receipt to its broken rows: what was rejected and why, where it lies, and the command that shows it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from pipeline_assets.events.quarantine import Quarantine
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.rejection import reason_without_values
from pipeline_assets.lineage.metadata import LISTED, cell

#: Where it is written how a rejected file is mended.
MENDING: Final = "docs/guides/mend.md"
#: Documents of one source that are read for its rules: a tick of a sensor has seconds.
_READ = 2_000
_RECEIPT_DIGITS = 12


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """Rule that rows of a source broke: its name, how many rows, and the reason of the first without its values."""

    rule: str
    rows: int
    reason: str


@dataclass(frozen=True, slots=True)
class Rejections:
    """Rejections of one source.

    Parameters
    ----------
    receipt
        Its receipt.
    rules
        Broken rules, the most rows first; empty where the quarantine holds nothing of it.
    address
        Where they lie in the quarantine, ``s3://bucket/…``.
    whole
        Whether all of them were read; of a source with thousands only the first are.
    """

    receipt: Receipt
    rules: tuple[BrokenRule, ...]
    address: str
    whole: bool = True

    @property
    def command(self) -> str:
        """Command that shows the rows."""
        return show_command(self.receipt)

    @property
    def reason(self) -> str:
        """Why the source was refused, or the reason of its first rejected row."""
        return self.receipt.refused or (self.rules[0].reason if self.rules else "")


def show_command(receipt: Receipt) -> str:
    """Command that shows what of a source lies in the quarantine."""
    return f"cesta quarantine show {receipt.id[:_RECEIPT_DIGITS]} --flow {receipt.flow}"


def acknowledge_command(receipt: Receipt) -> str:
    """Command by which a person says that what is wrong with a source may stay."""
    return f'cesta acknowledge {receipt.id[:_RECEIPT_DIGITS]} --flow {receipt.flow} --reason "…"'


def rejections_of(receipt: Receipt, quarantine: Quarantine) -> Rejections:
    """Look up the rejections of a source in the quarantine of its flow.

    Parameters
    ----------
    receipt
        Receipt of the source.
    quarantine
        Where its flow keeps what it rejects.

    Returns
    -------
    Rejections
        Rules with rows and first reasons, address and command.

    Raises
    ------
    TransientError
        The quarantine does not answer.
    """
    rows: dict[str, int] = {}
    reasons: dict[str, str] = {}
    read = 0
    for read, document in enumerate(islice(quarantine.documents(receipt), _READ), 1):  # noqa: B007 - how many there were
        rule = document["rule"]
        rows[rule] = rows.get(rule, 0) + 1
        reasons.setdefault(rule, reason_without_values(document))
    ordered = sorted(rows, key=lambda rule: (-rows[rule], rule))
    broken = tuple(BrokenRule(rule, rows[rule], reasons[rule]) for rule in ordered)
    return Rejections(receipt, broken, quarantine.address(receipt), whole=read < _READ)


def rejected_table(rejections: Sequence[Rejections], *, addresses: bool = True) -> str:
    """Rejections as a Markdown table, a line for each source and rule, with a last line for what is not listed.

    Parameters
    ----------
    rejections
        The rejections, those to be seen first at the beginning.
    addresses
        Whether each line says where the rows are kept, which makes the table wide.

    Returns
    -------
    str
        The table, and below it where mending is written of.
    """
    columns = ["source", "rule", "rows", "first reason", *(["quarantine"] if addresses else []), "shown by"]
    lines = [_line(columns), _line("---:" if name == "rows" else "---" for name in columns)]
    for each in rejections[:LISTED]:
        for broken in each.rules or (BrokenRule("", each.receipt.counts.quarantined, each.reason),):
            rows = f"{broken.rows}{'' if each.whole else ' or more'}"
            kept = [cell(each.address)] if addresses else []
            name = cell(each.receipt.source.uri)
            lines.append(_line([name, broken.rule, rows, cell(broken.reason), *kept, f"`{each.command}`"]))
    if len(rejections) > LISTED:
        lines.append(_line([f"and {len(rejections) - LISTED} more", *[""] * (len(columns) - 1)]))
    return "\n".join([*lines, "", f"How to mend: {MENDING}"])


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
