"""A real Elasticsearch for the tests of the search, as it is on Maven Central, started and stopped here.

That distribution has the server and its security, without what the ordinary one adds in modules; the plugin in
`tests/engines/elasticsearch` supplies the analysis of text that the search uses, under the same names. It is compiled
when the server is fetched, with the whole Java from 21 on that both need and the system has to have. The server listens
on 127.0.0.1 only, keeps its data in a directory of its own, and ends with the process that started it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import ssl
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import pooch
import urllib3
from filelock import FileLock

from deploy.local import processes
from deploy.local.instance import HOST, PROJECT, LocalStackError
from deploy.local.maven import locked_jars

SOURCES = Path(__file__).with_name("elasticsearch")
CACHE = PROJECT / ".tools" / "elasticsearch"
#: The folder of the Java that runs Elasticsearch, where it is not the system's.
JAVA_HOME_VARIABLE = "CESTA_ELASTICSEARCH_JAVA_HOME"
_OLDEST_JAVA = 21
_NEEDED_MODULES = {"jdk.attach", "jdk.compiler", "jdk.incubator.vector", "jdk.jdi", "jdk.jlink", "jdk.management.agent"}
_PLUGIN = "cesta-test-analysis"
_START_SECONDS = 180.0
_UNGUARDED = f"""\
discovery.type: single-node
network.host: {HOST}
action.auto_create_index: false
xpack.security.enabled: false
"""
#: Elasticsearch refuses to run as root; a number will do that no account has.
_NOBODY = 65_534


def elasticsearch_home(cache: Path = CACHE) -> Path:
    """The folder of the server with the plugin in it; downloads 132 MB unless it is there.

    Raises `LocalStackError` where it cannot be had, Java is missing or the plugin does not compile.
    """
    java = java_home()
    unpacked = locked_jars("Elasticsearch", SOURCES / "zip.sha256", cache, pooch.Unzip(extract_dir="unpacked"))
    home = next((unpacked / "unpacked").glob("elasticsearch-*"))
    with FileLock(cache / "plugin-lock"):
        _install_plugin(home, java / "bin" / "javac")
    return home


def java_home() -> Path:
    """The folder of a whole Java from 21 on: the one that `JAVA_HOME_VARIABLE` names, else one that is installed.

    Raises `LocalStackError` when there is none.
    """
    named = (os.environ[name] for name in (JAVA_HOME_VARIABLE, "JAVA_HOME") if os.environ.get(name))
    for folder in (*map(Path, named), *sorted(Path("/usr/lib/jvm").glob("*"), reverse=True)):
        try:
            release = (folder / "release").read_text(encoding="utf-8")
        except OSError:
            continue
        said = dict(re.findall(r'^(\w+)="(.*)"$', release, re.MULTILINE))
        whole = said.get("MODULES", "").split()
        if int(said["JAVA_VERSION"].partition(".")[0]) >= _OLDEST_JAVA and _NEEDED_MODULES.issubset(whole):
            return folder
    raise LocalStackError(
        f"Elasticsearch needs a whole Java (JDK) from {_OLDEST_JAVA} on, and none was found: "
        f"install one, and name its folder in {JAVA_HOME_VARIABLE} unless it is in /usr/lib/jvm."
    )


def _install_plugin(home: Path, compiler: Path) -> None:
    source, descriptor = SOURCES / "TestAnalysisPlugin.java", SOURCES / "plugin-descriptor.properties"
    made_of = hashlib.sha256(source.read_bytes() + descriptor.read_bytes()).hexdigest()
    place = home / "plugins" / _PLUGIN
    if (place / f"{made_of}.jar").exists():
        return
    with tempfile.TemporaryDirectory(dir=home) as scratch:
        options = ["--release", str(_OLDEST_JAVA), "-proc:none", "-nowarn", "-cp", f"{home}/lib/*", "-d", scratch]
        command = [str(compiler), *options, str(source)]
        outcome = subprocess.run(command, capture_output=True, text=True, check=False)
        if outcome.returncode:
            raise LocalStackError(f"the plugin for Elasticsearch could not be compiled: {outcome.stderr.strip()}")
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        shutil.copy(descriptor, place)
        unfinished = place / "unfinished"
        with zipfile.ZipFile(unfinished, "w") as jar:
            for file in Path(scratch).rglob("*.class"):
                jar.write(file, file.relative_to(scratch))
        unfinished.rename(place / f"{made_of}.jar")


@dataclass(frozen=True, slots=True)
class ElasticsearchServer:
    """A running server."""

    port: int
    directory: Path
    pid: int
    guard: Guard | None = None

    @property
    def url(self) -> str:
        """Its address, for clients."""
        return f"{'https' if self.guard else 'http'}://{HOST}:{self.port}"

    def answers(self) -> bool:
        """Whether it takes documents."""
        if self.guard:
            headers = urllib3.make_headers(basic_auth=f"elastic:{self.guard.password}")
            trusting = ssl.create_default_context(cadata=self.guard.authority)
            client = urllib3.PoolManager(ssl_context=trusting, assert_hostname=self.guard.host, headers=headers)
        else:
            client = urllib3.PoolManager()
        health = f"{self.url}/_cluster/health"
        try:
            return client.request("GET", health, timeout=2, retries=False).status == HTTPStatus.OK
        except urllib3.exceptions.HTTPError:
            return False


@dataclass(frozen=True, slots=True)
class Guard:
    """What a server with TLS and users begins with: its certificate, its settings, and who may do everything."""

    host: str
    authority: str
    certificate: Path
    key: Path
    password: str
    settings: Path

    def put_into(self, home: Path, config: Path, environment: dict[str, str]) -> str:
        """Put certificate and password where the server looks for them, and return its settings."""
        (config / "tls").mkdir()
        shutil.copy(self.certificate, config / "tls" / "certificate.pem")
        shutil.copy(self.key, config / "tls" / "key.pem")
        tool = ["bash", str(home / "bin" / "elasticsearch-keystore"), "add", "--force", "--stdin", "bootstrap.password"]
        subprocess.run(tool, input=self.password, text=True, env=environment, check=True)
        return self.settings.read_text().replace("network.host: 0.0.0.0", f"network.host: {HOST}")


@contextmanager
def running_elasticsearch(
    port: int, *, heap: str = "512m", java_options: str = "", guard: Guard | None = None
) -> Iterator[ElasticsearchServer]:
    """A server with nothing in it, for as long as the block lasts; raises `LocalStackError` when it does not start."""
    home = elasticsearch_home()
    with tempfile.TemporaryDirectory(prefix="cesta-elasticsearch-") as scratch:
        directory = Path(scratch)
        (directory / "tmp").mkdir()
        settings = directory / "config"
        shutil.copytree(home / "config", settings)
        options = (settings / "jvm.options").read_text()
        # Whoever chooses another collector chooses it instead.
        options = options.replace("-XX:+UseG1GC", "") if "Use" in java_options else options
        (settings / "jvm.options").write_text(f"{options}\n-Xms{heap}\n-Xmx{heap}\n-XX:-AlwaysPreTouch\n")
        environment = {
            **processes.inherited_environment(),
            "ES_JAVA_HOME": str(java_home()),
            "ES_PATH_CONF": str(settings),
            "ES_TMPDIR": str(directory / "tmp"),
            "ES_JAVA_OPTS": java_options,
        }
        written = guard.put_into(home, settings, environment) if guard else _UNGUARDED
        (settings / "elasticsearch.yml").write_text(
            written + "".join(f"{name}: {value}\n" for name, value in _settings(port, directory).items())
        )
        command = [*_as_somebody(directory), "bash", str(home / "bin" / "elasticsearch")]
        process = processes.start(command, environment, directory / "log", directory)
        server = ElasticsearchServer(port, directory, process.pid, guard)
        try:
            _wait(server, process)
            yield server
        finally:
            processes.kill_group(process.pid)  # what is in it is nobody's
            process.wait()


def _settings(port: int, directory: Path) -> dict[str, object]:
    return {
        "cluster.name": "cesta-tests",
        "node.name": "tests",
        "http.port": port,
        "transport.port": port + 1,
        "path.data": directory / "data",
        "path.logs": directory / "logs",
        "cluster.routing.allocation.disk.threshold_enabled": "false",  # a full disk shows itself
    }


def _as_somebody(directory: Path) -> list[str]:
    """What goes before the command so that root becomes somebody else, who may read what root may, and is leashed."""
    if os.getuid() != 0:
        return []
    for place in (directory, *directory.rglob("*")):
        os.chown(place, _NOBODY, _NOBODY)
    rights = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", "--pdeathsig=KILL"]
    return ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", *rights]


def _wait(server: ElasticsearchServer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not server.answers():
        if process.poll() is not None or time.monotonic() > deadline:
            said = (server.directory / "log").read_text(errors="replace")[-2000:]
            raise LocalStackError(f"Elasticsearch did not start: {said}")
        time.sleep(0.1)
