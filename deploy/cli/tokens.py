"""`cesta token`: a token for the HTTP API of a local instance."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.cli.commands import Where
from deploy.local.issuer import mint_token
from deploy.local.processes import keep_to_this_machine
from pipeline_assets.errors import UserError


def token(
    where: Where,
    *,
    tenant: Annotated[str, typer.Option("--tenant", help="The tenant whose data may be asked for.")] = "",
    minutes: Annotated[float, typer.Option("--minutes", min=0.1, max=1440, help="For how long.")] = 60,
    scope: Annotated[list[str] | None, typer.Option("--scope", help="A right, such as cesta/queries.")] = None,
) -> None:
    """Print a token for the HTTP API of a local instance, for the header `Authorization: Bearer …`.

    Beside it, on standard error, stands a link that opens the web page with it. A deployment's tokens are made by its
    issuer alone.
    """
    if where.from_env:
        raise UserError("tokens of a deployment are made by its issuer, not here: sign in to its user pool.")
    if not tenant and not scope:
        raise UserError("say what the token is for: --tenant, or --scope cesta/queries.")
    keep_to_this_machine()
    instance = where.instance()
    made = mint_token(instance, tenant, minutes, tuple(scope or ()))
    if tenant:
        typer.echo(f"web page with this token: {instance.page_url}#token={made}", err=True)
    typer.echo(made)
