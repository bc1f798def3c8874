"""Authorities that sign the certificates of engines, where no public one does."""

from __future__ import annotations

import atexit
import ssl
import tempfile
from functools import cache
from pathlib import Path

from pipeline_assets.errors import UserError


@cache
def authority_file(pem: str, where: str) -> str:
    """The file of an authority that is known by its text; the client of the engine takes files alone.

    Parameters
    ----------
    pem
        One certificate or several, in PEM.
    where
        What holds it, for whoever has to mend it.

    Returns
    -------
    str
        Path of a file that nobody else may change, and that goes with this process.

    Raises
    ------
    UserError
        It is no certificate.
    """
    check_authority(pem, where)
    with tempfile.NamedTemporaryFile("w", prefix="cesta-authority-", suffix=".pem", delete=False) as file:
        file.write(pem)
    atexit.register(Path(file.name).unlink, missing_ok=True)
    return file.name


def check_authority(pem: str, where: str) -> None:
    """Refuse what is no certificate before anything is asked of an engine.

    Parameters
    ----------
    pem
        What is to be one certificate or several, in PEM.
    where
        What holds it.

    Raises
    ------
    UserError
        It is no certificate.
    """
    try:
        ssl.create_default_context(cadata=pem)
    except (ssl.SSLError, ValueError) as error:
        expected = "the certificate of an authority, in PEM"
        raise UserError("it holds no certificate", where=where, expected=expected) from error
