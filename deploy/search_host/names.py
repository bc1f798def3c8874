"""What the search host of a stage is called, in DNS and in Secrets Manager; the template says the same."""

from __future__ import annotations

from typing import Final, Literal

#: Who has which secret: the host itself, the functions and Dagster, who runs the deployment, who issues certificates.
Holder = Literal["host", "functions", "operator", "authority"]
PORT: Final = 9200


def host_name(stage: str) -> str:
    """Name of the host in the private zone of the deployment; its certificate is for this name alone."""
    return f"search.cesta-{stage}.internal"


def secret_name(stage: str, holder: Holder) -> str:
    """Name of a secret."""
    return f"cesta/{stage}/search/{holder}"
