"""Neo4j Community as locked in `deploy/neo4j/jars.sha256`, downloaded once from Maven Central.

Every jar is checked against its locked checksum. No Maven takes part, nor a Java of its own: the server runs on the one
that comes with the wheel of the embedded graph.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

from deploy.local.errors import LocalStackError
from deploy.local.instance import PROJECT

LOCK = PROJECT / "deploy" / "neo4j" / "jars.sha256"
CACHE = PROJECT / ".tools" / "neo4j"
#: Another address of the same content, such as a company's mirror.
REPOSITORY_VARIABLE = "CESTA_MAVEN_REPOSITORY"
_MAVEN_CENTRAL = "https://repo.maven.apache.org/maven2"
_AT_ONCE, _TRIES, _SILENCE_SECONDS = 8, 3, 30.0


def neo4j_jars(lock: Path = LOCK, cache: Path = CACHE) -> Path:
    """The folder of Neo4j's jars; downloads 152 MB unless they are there.

    It appears whole or not at all; of several processes one downloads and the others wait. Raises `LocalStackError`
    when a jar cannot be had or is not the one that was locked.
    """
    folder = cache / hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not folder.exists():
            partial = folder.with_suffix(".partial")
            partial.mkdir(exist_ok=True)
            with ThreadPoolExecutor(_AT_ONCE) as threads:
                list(threads.map(lambda line: _fetch(line, partial), lock.read_text().splitlines()))
            partial.rename(folder)
    return folder


def _fetch(line: str, folder: Path) -> None:
    checksum, place = line.split()
    jar = folder / place.rpartition("/")[2]
    if jar.exists() and hashlib.sha256(jar.read_bytes()).hexdigest() == checksum:
        return  # of a download that was cut short
    url = f"{os.environ.get(REPOSITORY_VARIABLE, _MAVEN_CENTRAL)}/{place}"
    content = _download(url)
    if hashlib.sha256(content).hexdigest() != checksum:
        raise LocalStackError(f"Neo4j could not be downloaded: {url} is not the file that {LOCK.name} names.")
    jar.write_bytes(content)


def _download(url: str, tries: int = _TRIES) -> bytes:
    try:
        with urlopen(url, timeout=_SILENCE_SECONDS) as answer:  # noqa: S310 - an address of ours or of the person
            return bytes(answer.read())
    except (OSError, HTTPException) as error:
        if tries > 1:
            return _download(url, tries - 1)
        raise LocalStackError(
            f"Neo4j could not be downloaded: {url} does not answer as it should ({error})."
        ) from error
