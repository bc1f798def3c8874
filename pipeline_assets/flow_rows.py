"""Row of a flow in the registry, and what it consists of: package, bounds, and what the template makes for it."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class FunctionPackage:
    """Deployment package of a Lambda function.

    Parameters
    ----------
    name
        Name of the package and, behind the stage, of the function.
    handler
        Module of the handler, which is named ``lambda_handler``.
    services
        AWS services that the function calls.
    frames
        The libraries for frames and models that the package holds; none for a function that reads row by row.
    declarations
        Modules, as a pattern, that name others of their folders by addresses which the function loads; none unless
        given.
    """

    name: str
    handler: str
    services: frozenset[str]
    frames: tuple[str, ...] = ()
    declarations: str = ""

    @property
    def logical_id(self) -> str:
        """Logical id of the function in the cloud template; its parameter and its resources begin with it."""
        return self.name.title().replace("-", "")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of a flow's queue and function, as the template sets them.

    Parameters
    ----------
    function_seconds
        Timeout of the function.
    batch
        Most messages of one invocation; one, where an object can fill the memory or take minutes: what ends its
        invocation must not take others with it.
    receives
        How often a message is received before it is a dead letter.
    waiting_seconds
        Age of the oldest message above which an alarm is raised.
    delay_seconds
        How long a new message is held back, so that what comes shortly after it is known when it is worked.
    """

    function_seconds: int
    batch: int
    receives: int = 40
    waiting_seconds: int = 900
    delay_seconds: int = 0

    @property
    def visibility_seconds(self) -> int:
        """Visibility timeout of the queue: six times the function's, as AWS asks for."""
        return 6 * self.function_seconds


@dataclass(frozen=True, slots=True)
class QueueGroup:
    """What differs from flow to flow in the resources around a queue, which `deploy.template_blocks` writes.

    Parameters
    ----------
    queue_name, bucket_name, function_name
        Names in AWS, behind ``cesta-<stage>-``.
    concurrency
        Parameter of the template that caps the invocations at once.
    objects
        What arrives, in the plural, for descriptions.
    bucket_holds, function_does
        Descriptions of the two outputs, a sentence each.
    no_error
        What of the data or the target does *not* count as an error of the function, for the alarm on its errors.
    ask_if_retried
        What to ask first when messages are put off again and again, for the alarm on that.
    invocations
        Default of `concurrency`: 2, 4, 8, 16, 32 or 64.
    function_output
        The function's name among the outputs and in the names of its alarms, where it is not `function_name`.
    """

    queue_name: str
    bucket_name: str
    function_name: str
    concurrency: str
    objects: str
    bucket_holds: str
    function_does: str
    no_error: str
    ask_if_retried: str
    invocations: int = 2
    function_output: str = ""


@dataclass(frozen=True, slots=True)
class StreamGroup:
    """What differs from flow to flow in the resources around the stream of a table.

    Parameters
    ----------
    table
        Logical id of the table in the template. A parameter, called as the table without ``Table`` and with
        ``StreamArn``, names the stream of another table in its place.
    function_name
        Name of the function in AWS, behind ``cesta-<stage>-``.
    log_group
        Name of its log group, behind ``/aws/lambda/``.
    objects
        What arrives, in the plural, for descriptions.
    bucket_holds, function_does
        Descriptions of the two outputs, a sentence each; the first is empty for a flow without a bucket.
    no_error
        What of the data or the target does *not* count as an error of the function, for the alarm on its errors.
    ask_if_retried
        What to ask first when batches are delivered again and again, for the alarm on that.
    window_seconds
        Default of how long an invocation waits for more changes.
    """

    table: str
    function_name: str
    log_group: str
    objects: str
    bucket_holds: str
    function_does: str
    no_error: str
    ask_if_retried: str
    window_seconds: int = 5


@dataclass(frozen=True, slots=True)
class FlowRow:
    """Row of the registry: one flow.

    Parameters
    ----------
    name
        Name of the flow, as in its receipts and on the command line.
    anchor
        Key, with slashes, of the asset that shows in Dagster what is said of the flow as a whole.
    queue, bucket
        Logical names among the outputs of a deployment, empty for a flow that no queue feeds. The dead letters of a
        queue are in the queue of the same name with ``-dlq``.
    stream
        Logical name of the table whose stream feeds the flow, empty for a flow that no stream feeds. What could not be
        delivered of it is in the queue of the flow's name with ``-dlq``, since several flows may read one stream.
    prefix
        Beginning of the keys of the flow's objects, in a bucket that may hold others.
    resources
        Beginning of the logical ids of the flow's queue, policies and alarms in the template.
    flow, settings, opener
        Addresses: of the flow, of the class of its settings, and of the function that opens its stores.
    recover
        Address of what finds, in the table of a stream, the changes that were lost; empty where nothing does.
    quarantine
        Address of what opens the flow's quarantine, of its bucket and the name of the flow.
    package, bounds, group
        The function behind the queue, the limits of both, and what else differs in the resources around them.
    others
        Further functions of the flow, which neither queue nor stream feeds.
    environment
        What an instance gives the flow's processes: by variable, the place in the outputs document, with dots.
    """

    name: str
    anchor: str
    queue: str = ""
    stream: str = ""
    bucket: str = ""
    prefix: str = ""
    resources: str = ""
    flow: str = ""
    settings: str = ""
    opener: str = ""
    recover: str = ""
    quarantine: str = "pipeline_assets.events.quarantine:JsonLinesQuarantine"
    package: FunctionPackage | None = None
    bounds: Bounds | None = None
    group: QueueGroup | StreamGroup | None = None
    others: tuple[FunctionPackage, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def dead_letters(self) -> str:
        """Logical name of the queue of its dead letters."""
        return f"{self.queue or self.name}-dlq"

    @property
    def fed(self) -> bool:
        """Whether a queue or a stream feeds it, so that an operator's command may name it."""
        return bool(self.queue or self.stream)

    @property
    def bucket_variable(self) -> str:
        """Name of the environment variable that holds the name of the flow's bucket."""
        places = {place: variable for variable, place in self.environment.items()}
        return places.get(f"buckets.{self.bucket}", f"{self.name.upper().replace('-', '_')}_BUCKET")

    def load(self, address: str) -> Any:  # noqa: ANN401 - whatever lies at the address
        """Import what lies at one of the row's addresses."""
        return pkgutil.resolve_name(address)
