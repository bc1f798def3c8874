"""Variables of the environment: how a setting is read, and what is said where one is missing.

Each flow's settings stand beside its stores, so that a function needs only what its work needs. boto3 reads its own
variables (``AWS_ENDPOINT_URL``, ``AWS_REGION``, credentials) itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from pipeline_assets.errors import UserError

#: Variables by name; None stands for those of this process.
Environment = Mapping[str, str] | None


class MissingSettingError(UserError):
    """Environment variable that is unset or empty though it is required."""

    def __init__(self, name: str, meaning: str) -> None:
        super().__init__(f"environment variable {name} is not set: it must hold {meaning}")
        self.name = name


class UnknownSettingError(MissingSettingError):
    """Environment variable that holds none of the values that there are."""

    def __init__(self, name: str, value: str, known: str) -> None:
        UserError.__init__(self, f"environment variable {name} is {value!r}: it must be {known}")
        self.name = name


def optional(environment: Environment, name: str, default: str = "") -> str:
    """Value of an environment variable that may be absent.

    Parameters
    ----------
    environment
        Where it is looked up; the process's own variables where it is None.
    name
        Name of the variable.
    default
        Stands for a variable that is unset or empty.

    Returns
    -------
    str
        The value without blanks around it, or the default.
    """
    variables = os.environ if environment is None else environment
    return variables.get(name, "").strip() or default


def required(environment: Environment, name: str, meaning: str) -> str:
    """Value of a variable that has to be there.

    Parameters
    ----------
    environment
        Where it is looked up.
    name
        Name of the variable.
    meaning
        What it must hold, for whoever has to set it.

    Returns
    -------
    str
        Without blanks around it, never empty.

    Raises
    ------
    MissingSettingError
        It is unset or empty.
    """
    value = optional(environment, name)
    if not value:
        raise MissingSettingError(name, meaning)
    return value


def number(environment: Environment, name: str, expected: str) -> int:
    """Whole number of a variable that may be absent.

    Parameters
    ----------
    environment
        Where it is looked up; the process's own variables where it is None.
    name
        Name of the variable.
    expected
        What the number is, for whoever has to mend it.

    Returns
    -------
    int
        The number, 0 for a variable that is unset or empty.

    Raises
    ------
    UnknownSettingError
        It is no whole number, or less than 0.
    """
    value = optional(environment, name, "0")
    if not (value.isascii() and value.isdigit()):
        raise UnknownSettingError(name, value, expected)
    return int(value)
