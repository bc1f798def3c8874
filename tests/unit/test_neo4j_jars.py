"""Neo4j is what was locked: taken from a repository whole, checked, by one process at a time."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from deploy.local.instance import LocalStackError
from deploy.local.neo4j_server import LOCK, neo4j_jars

JARS = {"org/a/1/a-1.jar": b"first", "org/b/2/b-2.jar": b"second"}


class Repository:
    """A Maven repository that remembers what it was asked for."""

    def __init__(self, root: Path) -> None:
        self.root, self.asked = root, list[str]()
        for place, content in JARS.items():
            self.put(place, content)
        self.lock = root / "jars.sha256"
        sums = (f"{hashlib.sha256(content).hexdigest()}  {place}" for place, content in JARS.items())
        self.lock.write_text("\n".join(sums) + "\n")

    def put(self, place: str, content: bytes) -> None:
        (self.root / place).parent.mkdir(parents=True, exist_ok=True)
        (self.root / place).write_bytes(content)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    made = Repository(tmp_path / "repository")

    class Handler(SimpleHTTPRequestHandler):
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            made.asked.append(f"{self.path} {int(code)} {size}")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(made.root))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("CESTA_MAVEN_REPOSITORY", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr("deploy.local.maven._RETRIES", 0)
        yield made
        server.shutdown()


def test_jars_lie_in_one_folder_and_are_fetched_once(repository: Repository, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as two:
        first, second = two.map(lambda _: neo4j_jars(repository.lock, tmp_path / "cache"), range(2))
    assert first == second
    assert {jar.name: jar.read_bytes() for jar in first.iterdir()} == {"a-1.jar": b"first", "b-2.jar": b"second"}
    assert len(repository.asked) == 2


def test_another_file_than_the_locked_one_is_refused(repository: Repository, tmp_path: Path) -> None:
    repository.put("org/b/2/b-2.jar", b"changed")
    with pytest.raises(LocalStackError, match=r"b-2\.jar is not the file that jars\.sha256 names"):
        neo4j_jars(repository.lock, tmp_path / "cache")
    repository.put("org/b/2/b-2.jar", b"second")
    repository.asked.clear()
    assert len(list(neo4j_jars(repository.lock, tmp_path / "cache").iterdir())) == 2
    assert [line.split()[0] for line in repository.asked] == ["/org/b/2/b-2.jar"]


def test_a_repository_without_them_is_named(repository: Repository, tmp_path: Path) -> None:
    (repository.root / "org/a/1/a-1.jar").unlink()
    with pytest.raises(LocalStackError, match=r"/org/a/1/a-1\.jar does not answer as it should \(.*404"):
        neo4j_jars(repository.lock, tmp_path / "cache")


def test_the_lock_is_of_the_version_that_the_pom_names() -> None:
    pom = ET.parse(LOCK.with_name("pom.xml"))  # noqa: S314 - a file of this repository
    version = pom.findtext(".//{*}neo4j.version")
    places = LOCK.read_text().split()[1::2]
    for group, name in (("neo4j", "neo4j"), ("neo4j/app", "neo4j-server")):
        assert f"org/{group}/{name}/{version}/{name}-{version}.jar" in places
    assert len({place.rpartition("/")[2] for place in places}) == len(places)
