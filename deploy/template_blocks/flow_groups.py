"""What every flow has in the cloud template: queue, dead letters, log, trigger, alarms, parameters and outputs.

`parts/` holds their text as it stands in the template, with ``%{field}`` where flows differ; the fields are those of
the flow's row in the registry. A flow's bucket, function and role are its own and are written by hand.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Final

from deploy.packaging import PACKAGES
from pipeline_assets import flows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline_assets.flows import FlowRow

PARTS: Final = Path(__file__).parent / "parts"


class Part(Template):
    """Text of the cloud template with ``%{field}`` in it, since CloudFormation has ``${...}`` for itself."""

    delimiter = "%"

    @classmethod
    def read(cls, name: str) -> Part:
        """Read the part that lies in `parts/` under this name."""
        return cls((PARTS / f"{name}.yaml").read_text(encoding="utf-8"))


def flow_fields(row: FlowRow) -> dict[str, object]:
    """Values of the placeholders in the parts of one flow that a queue feeds; a capital letter begins a logical id.

    Raises `ValueError` when the row lacks its package, its bounds or its group.
    """
    if row.package is None or row.bounds is None or row.group is None:
        raise ValueError(f"the flow {row.name} has a queue, so its row needs a package, bounds and a group")
    output = row.group.function_output or row.group.function_name
    return (
        asdict(row.bounds)
        | asdict(row.group)
        | {
            "name": row.name,
            "Name": _camel(row.name),
            "resources": row.resources,
            "queue": row.queue,
            "Queue": _camel(row.queue),
            "Bucket": _camel(row.bucket),
            "function": row.package.logical_id,
            "output": output,
            "Output": _camel(output),
            "visibility_seconds": row.bounds.visibility_seconds,
            "waiting_minutes": row.bounds.waiting_seconds // 60,
        }
    )


def flow_resources(row: FlowRow) -> str:
    """Resources around a flow's queue, as lines of the template's section `Resources`."""
    return Part.read("resources").substitute(flow_fields(row))


def flow_outputs(row: FlowRow) -> str:
    """Outputs of a flow's bucket, queues and function, as lines of the template's section `Outputs`."""
    return Part.read("outputs").substitute(flow_fields(row))


def flow_parameters(row: FlowRow) -> str:
    """Parameter that caps a flow's invocations, as lines of the template's section `Parameters`."""
    return Part.read("concurrency").substitute(flow_fields(row))


def resources_block() -> str:
    """Resources of all flows that a queue feeds."""
    return "".join(f"\n{flow_resources(row)}" for row in _fed_by_queues()) + "\n"


def outputs_block() -> str:
    """Outputs of all flows that a queue feeds."""
    return "".join(flow_outputs(row) for row in _fed_by_queues())


def parameters_block() -> str:
    """Parameters of all packages and all flows that a queue feeds."""
    packages = (
        Part.read("package").substitute(package=package.name, parameter=parameter)
        for package, parameter in zip(PACKAGES, _package_parameters(), strict=True)
    )
    return "".join((*packages, *(flow_parameters(row) for row in _fed_by_queues())))


def interface_block() -> str:
    """Groups in which the console asks for the parameters of `parameters_block`."""
    caps = (str(flow_fields(row)["concurrency"]) for row in _fed_by_queues())
    return _group("Function packages", _package_parameters()) + _group("Most invocations at once", caps)


def _fed_by_queues() -> list[FlowRow]:
    return [row for row in flows.FLOWS if row.queue]


def _package_parameters() -> list[str]:
    return [f"{_camel(package.name)}Package" for package in PACKAGES]


def _group(label: str, parameters: Iterable[str]) -> str:
    return f"      - Label: {{default: {label}}}\n        Parameters: [{', '.join(parameters)}]\n"


def _camel(name: str) -> str:
    """A name in kebab case as part of a logical id.

    >>> _camel("raw-to-curated")
    'RawToCurated'
    """
    return name.title().replace("-", "")
