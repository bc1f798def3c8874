"""Jars from Maven Central, each checked against the checksum it is locked with; no Maven takes part."""

from __future__ import annotations

import hashlib
import os
import ssl
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pooch
import requests
from filelock import FileLock

from deploy.local.instance import LocalStackError

#: Another address of the same content, such as a company's mirror.
REPOSITORY_VARIABLE = "CESTA_MAVEN_REPOSITORY"
_MAVEN_CENTRAL = "https://repo.maven.apache.org/maven2"
_AT_ONCE, _RETRIES = 8, 2


def locked_jars(product: str, lock: Path, cache: Path, unpack: pooch.Unzip | None = None) -> Path:
    """The folder of the jars that a lock names, one a line; downloads those that are not there, and unpacks each.

    Of several processes one downloads and the others wait. Raises `LocalStackError` when a jar cannot be had or is not
    the one that was locked.
    """
    lines = (line.split() for line in lock.read_text().splitlines())
    locked = {place.rpartition("/")[2]: (checksum, place) for checksum, place in lines}
    repository = os.environ.get(REPOSITORY_VARIABLE, _MAVEN_CENTRAL)
    pooch.get_logger().setLevel("WARNING")
    jars = pooch.create(
        cache / hashlib.sha256(lock.read_bytes()).hexdigest()[:16],
        base_url="",
        registry={name: checksum for name, (checksum, _) in locked.items()},
        urls={name: f"{repository}/{place}" for name, (_, place) in locked.items()},
        retry_if_failed=_RETRIES,
    )
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / "lock"), ThreadPoolExecutor(_AT_ONCE) as threads:
        list(threads.map(partial(_fetch, product, lock, jars, unpack), locked))
    return Path(jars.abspath)


def _fetch(product: str, lock: Path, jars: pooch.Pooch, unpack: pooch.Unzip | None, name: str) -> None:
    # The authorities that Python itself trusts, a company's own among them.
    trusted = ssl.get_default_verify_paths()
    download = pooch.HTTPDownloader(verify=trusted.cafile or trusted.capath or True)
    try:
        jars.fetch(name, downloader=download, processor=unpack)
    except requests.RequestException as error:
        raise LocalStackError(
            f"{product} could not be downloaded: {jars.get_url(name)} does not answer as it should ({error})."
        ) from error
    except ValueError as error:
        raise LocalStackError(
            f"{product} could not be downloaded: {jars.get_url(name)} is not the file that {lock.name} names."
        ) from error
