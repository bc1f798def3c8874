"""Where things are stored, as Dagster shows it: by the environment that the definitions are loaded in.

Every variable is optional here: one that is not set is shown by its name, ``s3://$RAW_BUCKET/orders/``, so that
definitions load anywhere and are the same but for these texts. Runs and ticks read their settings themselves.
"""

from __future__ import annotations

from typing import Final

from pipeline_assets.events.environment import optional

#: The metadata by which Dagster knows where an asset is stored.
URI: Final = "dagster/uri"
TABLE_NAME: Final = "dagster/table_name"


def named(variable: str, default: str = "") -> str:
    """What a variable holds; the default, or else its name behind a dollar sign, where it is not set."""
    return optional(None, variable, default or f"${variable}")


def bucket_uri(variable: str, prefix: str = "") -> str:
    """Address of what lies in a bucket.

    Parameters
    ----------
    variable
        Variable that holds the bucket's name.
    prefix
        Beginning of the keys.

    Returns
    -------
    str
        Address of the bucket, or of the part of it with these keys.
    """
    return f"s3://{named(variable)}/{prefix}"


def server_uri(variable: str) -> str:
    """Address of a server without user, password and options, which its variable may hold as well."""
    scheme, separator, rest = named(variable).partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2].partition('?')[0]}"
