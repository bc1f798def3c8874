"""What every flow has in the cloud template: queue, dead letters, log, trigger, alarms, parameters and outputs.

`parts/` holds their text as it stands in the template, with ``%{field}`` where flows differ; the fields are those of
the flow's row in the registry. A flow's bucket, function and role are its own and are written by hand.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Final

from deploy.packaging import PACKAGES
from pipeline_assets import flows
from pipeline_assets.flow_rows import StreamGroup

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline_assets.flow_rows import FlowRow

#: What is asked for of each flow that a stream feeds.
_STREAM_PARAMETERS: Final = ("StartingPosition", "BatchSize", "BatchWindow", "Retries")
PARTS: Final = Path(__file__).parent / "parts"


class Part(Template):
    """Text of the cloud template with ``%{field}`` in it, since CloudFormation has ``${...}`` for itself."""

    delimiter = "%"

    @classmethod
    def read(cls, name: str) -> Part:
        """Read the part that lies in `parts/` under this name."""
        return cls((PARTS / f"{name}.yaml").read_text(encoding="utf-8"))


def flow_fields(row: FlowRow) -> dict[str, object]:
    """Values of the placeholders in the parts of one flow that is fed; a capital letter begins a logical id.

    Raises `ValueError` when the row lacks its package, its bounds or its group.
    """
    if row.package is None or row.bounds is None or row.group is None:
        raise ValueError(f"the flow {row.name} is fed, so its row needs a package, bounds and a group")
    output = getattr(row.group, "function_output", "") or _kebab(row.group.function_name)
    return (
        asdict(row.bounds)
        | asdict(row.group)
        | {
            "name": row.name,
            "Name": _camel(row.name),
            "resources": row.resources,
            "queue": row.queue,
            "Queue": _camel(row.queue),
            "source": _source(row),
            "Objects": row.group.objects.capitalize(),
            "Bucket": _camel(row.bucket),
            "function": row.package.logical_id,
            "output": output,
            "Output": _camel(output),
            "visibility_seconds": row.bounds.visibility_seconds,
            "waiting_minutes": row.bounds.waiting_seconds // 60,
        }
    )


def flow_resources(row: FlowRow) -> str:
    """Resources around a flow's queue or stream, as lines of the template's section `Resources`."""
    return Part.read(f"{_fed_by(row)}resources").substitute(flow_fields(row))


def flow_outputs(row: FlowRow) -> str:
    """Outputs of a flow's bucket, queues and function, as lines of the template's section `Outputs`."""
    parts = ["stream_outputs" if row.stream else "outputs"]
    if row.stream and row.bucket:
        parts.insert(0, "bucket_output")
    return "".join(Part.read(part).substitute(flow_fields(row)) for part in parts)


def flow_parameters(row: FlowRow) -> str:
    """Parameters of a flow's trigger, as lines of the template's section `Parameters`."""
    parts = ["stream_parameters" if row.stream else "concurrency"]
    if _is_first_of_its_stream(row):
        parts.insert(0, "stream_source")
    return "".join(Part.read(part).substitute(flow_fields(row)) for part in parts)


def resources_block() -> str:
    """Resources of all flows that a queue or a stream feeds."""
    return "".join(f"\n{flow_resources(row)}" for row in _fed()) + "\n"


def outputs_block() -> str:
    """Outputs of all flows that a queue or a stream feeds."""
    return "".join(flow_outputs(row) for row in _fed())


def parameters_block() -> str:
    """Parameters of all packages, and of all flows that a queue or a stream feeds."""
    packages = (
        Part.read("package").substitute(package=package.name, parameter=parameter)
        for package, parameter in zip(PACKAGES, _package_parameters(), strict=True)
    )
    return "".join((*packages, *(flow_parameters(row) for row in _fed())))


def interface_block() -> str:
    """Groups in which the console asks for the parameters of `parameters_block`."""
    caps = (str(flow_fields(row)["concurrency"]) for row in _fed() if row.queue)
    streams = (name for row in _fed() if row.stream for name in _stream_parameters(row))
    return (
        _group("Function packages", _package_parameters())
        + _group("Most invocations at once", caps)
        + _group("Streams of tables", streams)
    )


def _fed() -> list[FlowRow]:
    return [row for row in flows.FLOWS if row.fed]


def _is_first_of_its_stream(row: FlowRow) -> bool:
    """Whether no flow before it reads the same stream, whose parameter there is once."""
    return bool(row.stream) and next(each for each in _fed() if each.stream == row.stream) == row


def _source(row: FlowRow) -> str:
    """Beginning of the parameter that names another stream than that of the template's own table; empty for a queue."""
    return row.group.table.removesuffix("Table") if isinstance(row.group, StreamGroup) else ""


def _stream_parameters(row: FlowRow) -> list[str]:
    source = [f"{_source(row)}StreamArn"] if _is_first_of_its_stream(row) else []
    return source + [f"{row.resources}{name}" for name in _STREAM_PARAMETERS]


def _fed_by(row: FlowRow) -> str:
    """Beginning of the names of the parts of a flow."""
    return "stream_" if row.stream else ""


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


def _kebab(name: str) -> str:
    """A name in kebab case, whatever case it has.

    >>> _kebab("actualizarComprasStream")
    'actualizar-compras-stream'
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()
