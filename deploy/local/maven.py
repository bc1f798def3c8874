"""Jars from Maven Central, each checked against the checksum it is locked with; no Maven takes part."""

from __future__ import annotations

import fcntl
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

from deploy.local.errors import LocalStackError

#: Another address of the same content, such as a company's mirror.
REPOSITORY_VARIABLE = "CESTA_MAVEN_REPOSITORY"
_MAVEN_CENTRAL = "https://repo.maven.apache.org/maven2"
_AT_ONCE, _TRIES, _SILENCE_SECONDS = 8, 3, 30.0


def locked_jars(product: str, lock: Path, cache: Path) -> Path:
    """The folder of the jars that a lock names, one a line; downloads them unless they are there.

    It appears whole or not at all; of several processes one downloads and the others wait. Raises `LocalStackError`
    when a jar cannot be had or is not the one that was locked.
    """
    folder = cache / hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not folder.exists():
            partly = folder.with_suffix(".partial")
            partly.mkdir(exist_ok=True)
            with ThreadPoolExecutor(_AT_ONCE) as threads:
                list(threads.map(partial(_fetch, product, lock, partly), lock.read_text().splitlines()))
            partly.rename(folder)
    return folder


def _fetch(product: str, lock: Path, folder: Path, line: str) -> None:
    checksum, place = line.split()
    jar = folder / place.rpartition("/")[2]
    if jar.exists() and hashlib.sha256(jar.read_bytes()).hexdigest() == checksum:
        return  # of a download that was cut short
    url = f"{os.environ.get(REPOSITORY_VARIABLE, _MAVEN_CENTRAL)}/{place}"
    content = _download(product, url)
    if hashlib.sha256(content).hexdigest() != checksum:
        raise LocalStackError(f"{product} could not be downloaded: {url} is not the file that {lock.name} names.")
    jar.write_bytes(content)


def _download(product: str, url: str, tries: int = _TRIES) -> bytes:
    try:
        with urlopen(url, timeout=_SILENCE_SECONDS) as answer:  # noqa: S310 - an address of ours or of the person
            return bytes(answer.read())
    except (OSError, HTTPException) as error:
        if tries > 1:
            return _download(product, url, tries - 1)
        raise LocalStackError(
            f"{product} could not be downloaded: {url} does not answer as it should ({error})."
        ) from error
