"""Sessions of boto3, each with clients of its own, that share what they read of the services.

The default session makes clients for one thread at a time, hence a session for whoever may be one of several; by itself
each would read the descriptions of the services anew, which takes longer than a request.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import boto3
import botocore.session

if TYPE_CHECKING:
    from botocore.loaders import Loader


def new_session(
    *,
    aws_access_key_id: str | None = None,
    aws_secret_access_key: str | None = None,
    region_name: str | None = None,
) -> boto3.Session:
    """A session of its own, with the settings of the environment for what is not given.

    Parameters
    ----------
    aws_access_key_id, aws_secret_access_key
        The key and its secret.
    region_name
        The region.

    Returns
    -------
    boto3.Session
        One that nobody else has.
    """
    session = botocore.session.Session()
    session.register_component("data_loader", _descriptions())
    made = boto3.Session(aws_access_key_id, aws_secret_access_key, region_name=region_name, botocore_session=session)
    # Each session of boto3 adds the folder of its own descriptions once more.
    folders = _descriptions().search_paths
    folders[:] = dict.fromkeys(folders)
    return made


@cache
def _descriptions() -> Loader:
    loader: Loader = botocore.session.Session().get_component("data_loader")
    return loader
