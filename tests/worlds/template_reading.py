"""The cloud template as the tests read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cfnlint.decode import decode  # type: ignore[import-untyped]

from deploy.stack import TEMPLATE
from pipeline_assets.flows import FLOWS

READ: dict[str, Any] = decode(str(TEMPLATE))[0]
RESOURCES: dict[str, dict[str, Any]] = READ["Resources"]

#: Rows of the flows that have a queue, each with the resources around it.
FED_BY_QUEUES = [row for row in FLOWS if row.queue]


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {name: resource["Properties"] for name, resource in RESOURCES.items() if resource["Type"] == kind}


def as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def statements(document: Any) -> Iterator[dict[str, Any]]:
    """All statements of a policy, those under a condition too."""
    for entry in as_list(document["Statement"]):
        yield from (branch for branch in entry.get("Fn::If", ["", entry])[1:] if "Effect" in branch)
