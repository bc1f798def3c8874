"""Acknowledgement of open problems: what a person names, and what is said of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.problems import Problem

_RECEIPT_ID = re.compile("[0-9a-f]{8,32}")


def problems_named(ledger: Ledger, flow: str, name: str = "", bucket: str = "", key: str = "") -> list[Problem]:
    """Look up open problems of a flow.

    Parameters
    ----------
    ledger
        Its receipts.
    flow
        Name of the flow.
    name
        A receipt id, or at least eight digits of its beginning; anything else means all versions of the object. All
        problems unless given.
    bucket, key
        The object.

    Returns
    -------
    list of Problem
        In the order of their stamps; what turns out to be settled is not among them.

    Raises
    ------
    TransientError
        The ledger does not answer.
    """
    found = ledger.problems.of(flow)
    if name:
        ids = [each for each in found if _RECEIPT_ID.fullmatch(name) and each.receipt.id.startswith(name)]
        found = ids or [each for each in found if each.receipt.source.uri == f"s3://{bucket}/{key}"]
    return [each for each in found if ledger.is_open(each)]


def acknowledge_all(ledger: Ledger, problems: Iterable[Problem], reason: str, who: str, at: str) -> None:
    """Keep a person's word that problems are known and may stay as they are.

    Parameters
    ----------
    ledger
        Keeps it.
    problems
        The problems as the person saw them.
    reason, who, at
        Why they may stay, who says so, and when, ISO-8601 UTC.

    Raises
    ------
    TransientError
        The ledger does not answer; those before stay acknowledged.
    """
    for problem in problems:
        ledger.problems.acknowledge(problem, reason, who, at)


def withdraw_all(ledger: Ledger, problems: Iterable[Problem]) -> None:
    """Take back what was said of problems: they are open again."""
    for problem in problems:
        ledger.problems.withdraw(problem)


def as_document(problem: Problem) -> dict[str, Any]:
    """The problem as a program reads it."""
    receipt, said = problem.receipt, problem.acknowledged
    return {
        "receipt": receipt.id,
        **receipt.source.place,
        "received": receipt.counts.received,
        "quarantined": receipt.counts.quarantined,
        "refused": receipt.refused,
        "unknown": list(problem.unknown),
        "acknowledged": {name: asdict(said)[name] for name in ("reason", "who", "at")} if said else None,
    }
