"""How a function becomes a command: the options that all share, and commands that are imported when they are run.

A command is a function in the module of its subject, annotated as Typer has it. One with a parameter `Instance` or
`Where` is asked for none of it on the command line but for the options that tell which is meant.
"""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name
from typing import Annotated, Any, Final, Literal, get_args

import typer
from typer.core import TyperCommand
from typer.main import get_command

from deploy.cli.console import PipedCommands, plain_failures
from deploy.local.instance import Instance
from deploy.local.processes import keep_to_this_machine
from pipeline_assets.flows import fed_flows

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
FlowOption = Annotated[str, typer.Option("--flow", help="The flow of the files.")]
FlowArgument = Annotated[str, typer.Argument(help="The flow of the files.")]
DaysOption = Annotated[int, typer.Option("--days", min=1, max=366, help="Calendar days of the sample.")]
LimitOption = Annotated[int, typer.Option("--limit", min=0, help="The most that is shown; 0 shows all.")]
ParamOption = Annotated[list[str] | None, typer.Option("--param", help="A parameter as NAME=VALUE.")]

_STATE_OPTION = Annotated[
    Path | None,
    typer.Option("--state", envvar="CESTA_STATE", help="State directory of the instance (.cesta in the project)."),
]
_PORT_BASE_OPTION = Annotated[
    int | None,
    typer.Option(
        "--port-base", envvar="CESTA_PORT_BASE", help="First of its seven ports (24500, or as first started)."
    ),
]
_FROM_ENV_OPTION = Annotated[
    bool, typer.Option("--from-env", help="Use the stores that the environment names, instead of a local instance.")
]


@dataclass(frozen=True, slots=True)
class Where:
    """Which deployment a command is to work on: a local instance, or what the environment names.

    Only such a command may reach beyond this machine, with the proxy and the AWS profile that the person has.
    """

    state: Path | None = None
    port_base: int | None = None
    from_env: bool = False

    def instance(self) -> Instance:
        """The local instance; raises `LocalStackError` for ports that it cannot have."""
        return Instance.at(self.state, self.port_base)


def _instance(where: Where) -> Instance:
    keep_to_this_machine()
    return where.instance()


#: The options that tell which deployment is meant, by the parameter that they become, and how it is made of them.
_ON_INSTANCE: Final = {"state": _STATE_OPTION, "port_base": _PORT_BASE_OPTION}
_INJECTED: Final[Mapping[Any, tuple[Mapping[str, Any], Callable[[Where], object]]]] = {
    Instance: (_ON_INSTANCE, _instance),
    Where: ({"from_env": _FROM_ENV_OPTION, **_ON_INSTANCE}, lambda where: where),
}


def command(function: Callable[..., object]) -> Callable[..., None]:
    """A function as Typer runs it: with the options of its deployment, failures as sentences, `False` as exit code 1.

    A parameter annotated with `Instance` or `Where` is filled in from its options; one named `flow` takes the name of
    any flow that a queue or a stream feeds.
    """
    parameters = list(inspect.signature(function, eval_str=True).parameters.values())
    injected = next((each for each in parameters if each.annotation in _INJECTED), None)
    options, make = _INJECTED[injected.annotation] if injected else ({}, None)
    asked = [_of_known_flows(each) if each.name == "flow" else each for each in parameters if each is not injected]
    asked += [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, annotation=option, default=False if name == "from_env" else None
        )
        for name, option in options.items()
    ]

    @functools.wraps(function)
    def run(**given: Any) -> None:  # noqa: ANN401 - what Typer read
        where = Where(**{name: given.pop(name) for name in options})
        with plain_failures(from_env=where.from_env):
            if injected and make:
                given[injected.name] = make(where)
            done = function(**given)
        if done is False:
            raise typer.Exit(1)

    run.__dict__.update(__signature__=inspect.Signature(asked), __annotations__={})
    return run


def _of_known_flows(parameter: inspect.Parameter) -> inspect.Parameter:
    names = tuple(row.name for row in fed_flows())
    _, *annotations = get_args(parameter.annotation)
    return parameter.replace(annotation=Annotated[(Literal[names], *annotations)])


class _Deferred(TyperCommand):
    """A command whose module is imported when it is run; a list of commands only reads the docstring there."""

    def __init__(self, name: str, address: str) -> None:
        super().__init__(name)
        self.address = address

    @property
    def short_help(self) -> str | None:
        """What the command says of itself."""
        module, _, name = self.address.partition(":")
        spec = find_spec(module)
        tree = ast.parse(Path(str(spec and spec.origin)).read_bytes())
        functions = (each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == name)
        return ast.get_docstring(next(functions))

    @short_help.setter
    def short_help(self, _text: str | None) -> None:
        """It is written where the command is."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:  # noqa: ANN401
        """Import the command and let it read its arguments."""
        alone = typer.Typer(add_completion=False)
        alone.command(self.name)(command(resolve_name(self.address)))
        return get_command(alone).make_context(info_name, args, parent, **extra)


def deferred(**addresses: str) -> type[PipedCommands]:
    """A lazy group of commands, each by its name and its address ``module:function`` in this package."""

    class DeferredCommands(PipedCommands):
        def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - as the library has it
            own = {name: _Deferred(name, f"deploy.cli.{address}") for name, address in addresses.items()}
            super().__init__(**{**settings, "commands": {**own, **(settings.get("commands") or {})}})

    return DeferredCommands
