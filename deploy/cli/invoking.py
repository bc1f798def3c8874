"""`cesta invoke`: calls a function of an instance by hand, and prints what it answers."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from deploy.cli.console import complain, print_json
from deploy.cli.deployment import access_to
from deploy.local.instance import Instance
from pipeline_assets.errors import UserError


def invoke(
    instance: Instance,
    function: Annotated[str, typer.Argument(help="Its name, such as query-sql or actualizarComprasStream.")],
    *,
    data: Annotated[str, typer.Option("--data", help="What it is given, as JSON.")] = "{}",
) -> bool:
    """Call a function of an instance and print its answer as JSON; exit code 1 where that is or names a failure."""
    try:
        json.loads(data)
    except ValueError as error:
        raise UserError(f"--data is no JSON: {error}") from error
    access = access_to(instance)
    functions = access.document["functions"]
    # By its name among the outputs, or as its source document has it, which ends its name in AWS.
    called = functions.get(function) or next((n for n in functions.values() if n.endswith(f"-{function}")), None)
    if called is None:
        raise UserError(f"there is no function `{function}`", expected=" or ".join(sorted(functions)))
    given = access.client("lambda").invoke(FunctionName=called, Payload=data.encode())
    answer = json.loads(given["Payload"].read() or b"null")
    if "FunctionError" in given:
        told = answer.get("errorMessage") if isinstance(answer, dict) else answer
        complain(f"{function} failed: {told}")
        return False
    print_json(answer)
    return not names_failure(answer)


def names_failure(answer: object) -> bool:
    """Whether an answer says that something was not done: all of it, or some records of a batch."""
    return isinstance(answer, dict) and ("error" in answer or bool(answer.get("batchItemFailures")))
