"""The search host as far as it is no machine of EC2: its secrets, files and users, tried on a real Elasticsearch.

The engine runs with the settings, the certificate and the users of the host; what runs on the host runs here, on this
Python.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509

from deploy.local.instance import LocalStackError
from deploy.search_host.certificates import make_authority
from deploy.search_host.names import host_name, secret_name
from deploy.search_host.secrets import write_secrets
from deploy.template_blocks.search_host import HOST_FILES
from pipeline_assets.errors import TransientError, UserError
from pipeline_assets.events.tenants import tenant_id
from pipeline_assets.operations.access import Access
from pipeline_assets.search.elasticsearch_index import ElasticsearchIndex
from pipeline_assets.search.engine import SharedEngine, open_engine
from pipeline_assets.search.index import Outcome, Write
from pipeline_assets.search.mappings import index_body
from pipeline_assets.search.names import alias, building
from tests.engines.elasticsearch_server import Guard, elasticsearch_home, running_elasticsearch
from tests.worlds.stack import free_port_base

STAGE = "prod"
HOST = host_name(STAGE)
PROGRAM = HOST_FILES / "cesta_search.py"
_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


@dataclass(frozen=True, slots=True)
class Host:
    """A search host: an engine with its port, and the folders that its program works in."""

    port: int
    environment: Mapping[str, str]
    pem: str

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}"

    def does(self, *command: str, given: str = "") -> str:
        """Run the program of the host; what it prints."""
        words = [sys.executable, str(PROGRAM), *command]
        done = subprocess.run(
            words, input=given, env={**os.environ, **self.environment}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def written(client: Any) -> dict[str, dict[str, Any]]:
    """The secrets as they are after they were written once more, by holder."""
    read = {name: client.get_secret_value(SecretId=name)["SecretString"] for name in write_secrets(client, STAGE)}
    return {name.rpartition("/")[2]: json.loads(value) for name, value in read.items()}


@pytest.fixture(scope="module")
def secrets(bare_cloud: Access) -> dict[str, dict[str, Any]]:
    """The secrets of the stage, by holder."""
    return written(bare_cloud.client("secretsmanager"))


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, secrets: dict[str, dict[str, Any]]) -> Iterator[Host]:
    """A running host; skipped without Elasticsearch, unless it is required."""
    try:
        elasticsearch_home()
    except LocalStackError as error:
        if os.environ.get("CESTA_REQUIRE_ELASTICSEARCH"):
            raise
        pytest.skip(f"not run on Elasticsearch: {error}")
    place, port = tmp_path_factory.mktemp("host"), free_port_base()
    (place / "settings").write_text(f"HOST={HOST}\n")
    environment = {"CESTA_RUN": f"{place}/run", "CESTA_DATA": f"{place}/data", "CESTA_SETTINGS": f"{place}/settings"}
    made = Host(port, environment, secrets["host"]["ca"])
    made.does("unpack", given=json.dumps(secrets["host"]))
    # Of the machine the ports begin at 9200; here somebody else's engine may listen there.
    (place / "data" / "containers").mkdir(parents=True)
    (place / "data" / "containers" / "shared.env").write_text(f"PORT={port}\nMEMORY=1g\n")
    tls = place / "run" / "tls"
    guard = Guard(
        *(HOST, made.pem, tls / "certificate.pem", tls / "key.pem"),
        password=(place / "run" / "elastic-password").read_text(),
        settings=HOST_FILES / "elasticsearch.yml",
    )
    with running_elasticsearch(port, java_options=_JAVA, guard=guard):
        made.does("users", str(port))
        yield made


@pytest.fixture(autouse=True)
def known_to_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The private zone of the VPC: the host's name is this machine."""
    asked = socket.getaddrinfo

    def answer(name: Any, *others: Any, **named: Any) -> Any:
        return asked("127.0.0.1" if name == HOST else name, *others, **named)

    monkeypatch.setattr(socket, "getaddrinfo", answer)


@pytest.fixture
def named(host: Host, bare_cloud: Access, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a function on the deployment."""
    document = bare_cloud.document
    for name, value in {
        "AWS_ENDPOINT_URL": document["endpoint_url"],
        "AWS_DEFAULT_REGION": document["region"],
        "AWS_ACCESS_KEY_ID": document["credentials"]["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": document["credentials"]["aws_secret_access_key"],
    }.items():
        monkeypatch.setenv(name, value)
    return {"ELASTICSEARCH_URL": host.url, "ELASTICSEARCH_SECRET": secret_name(STAGE, "functions")}


def bring_in(index: ElasticsearchIndex, name: str) -> Outcome:
    (result,) = index.write([Write(name, "P1", b'{"sequence": "a/1", "deleted": false}')])
    return result.outcome


class TestWhoAsks:
    def test_functions_do_with_their_secret_all_that_is_done_with_an_index(self, named: dict[str, str]) -> None:
        index, name = SharedEngine.from_environment(named).open(), alias(STAGE, "products", tenant_id("acme"))
        index.create_index(name, index_body("products"))
        assert bring_in(index, name) is Outcome.WRITTEN
        new = index.begin_generation(name, index_body("products"))
        assert bring_in(index, building(new)) is Outcome.WRITTEN
        before = index.generations(name).current
        index.switch(name, before, new)
        index.freeze(before)
        index.delete(before)
        assert index.generations(name).current == new
        assert index.aliases(f"cesta-{STAGE}-") == [name]
        (found,) = index.stored([(name, "P1")])
        assert found

    def test_functions_reach_no_index_of_another_stage_and_issue_no_key(self, named: dict[str, str]) -> None:
        index = SharedEngine.from_environment(named).open()
        with pytest.raises(TransientError, match="does not let this deployment create an index"):
            index.create_index(alias("dev", "products", tenant_id("acme")), index_body("products"))
        with pytest.raises(TransientError, match="does not let this deployment make a key"):
            index.issue_key("acme", (alias(STAGE, "products", tenant_id("acme")),))

    def test_a_key_that_the_operator_issues_reaches_one_tenant_alone(
        self, named: dict[str, str], host: Host, bare_cloud: Access
    ) -> None:
        mine, other = (alias(STAGE, "products", tenant_id(tenant)) for tenant in ("uno", "dos"))
        operator = open_engine(environment=named | {"ELASTICSEARCH_SECRET": secret_name(STAGE, "operator")})
        for name in (mine, other):
            operator.create_index(name, index_body("products"))
        key = operator.issue_key("uno", (mine,))
        held = f"cesta/{STAGE}/tenants/uno"
        bare_cloud.client("secretsmanager").create_secret(Name=held, SecretString=json.dumps({"api_key": key}))
        # By its own address, as where a tenant has a container of its own on the same host.
        for endpoint in ("", host.url):
            index = open_engine(endpoint, held, named)
            assert bring_in(index, mine) in {Outcome.WRITTEN, Outcome.CONFLICT}
            assert bring_in(index, other) is Outcome.BUSY, "not let in, it is tried again and may be mended"
        assert operator.stored([(mine, "P1"), (other, "P1")])[1] is None
        operator.revoke_keys("uno")
        with pytest.raises(TransientError, match="does not let this deployment"):
            bring_in(open_engine("", held, named), mine)

    def test_without_a_user_nobody_is_let_in(self, named: dict[str, str], authority: Path) -> None:
        bare = {"ELASTICSEARCH_URL": named["ELASTICSEARCH_URL"], "ELASTICSEARCH_CA_FILE": str(authority)}
        with pytest.raises(TransientError, match="does not let this deployment"):
            SharedEngine.from_environment(bare).open().stored([("a", "b")])

    @pytest.fixture
    def authority(self, host: Host, tmp_path: Path) -> Path:
        file = tmp_path / "ca.pem"
        file.write_text(host.pem)
        return file


class TestWhoIsTrusted:
    @pytest.mark.parametrize("how", ["none", "another", "another name"])
    def test_a_certificate_that_is_not_the_host_s_is_told_as_such(
        self, how: str, named: dict[str, str], host: Host, tmp_path: Path
    ) -> None:
        """Nothing is sent to it: neither the password nor what is searched for."""
        file = tmp_path / "ca.pem"
        file.write_text(make_authority(HOST).certificate if how == "another" else host.pem)
        url = named["ELASTICSEARCH_URL"].replace(HOST, "localhost") if how == "another name" else host.url
        engine = SharedEngine(url, ca_file="" if how == "none" else str(file)).open()
        with pytest.raises(TransientError, match=r"certificate is not trusted, so it was not asked to read documents"):
            engine.stored([("a", "b")])

    def test_the_secret_s_authority_counts_before_that_of_the_file(self, named: dict[str, str], tmp_path: Path) -> None:
        file = tmp_path / "ca.pem"
        file.write_text(make_authority(HOST).certificate)
        engine = SharedEngine.from_environment(named | {"ELASTICSEARCH_CA_FILE": str(file)})
        assert engine.open().aliases("cesta-absent-") == []

    def test_what_is_no_certificate_is_refused_before_anything_is_asked(self, tmp_path: Path) -> None:
        file = tmp_path / "ca.pem"
        with pytest.raises(UserError, match=r"ELASTICSEARCH_CA_FILE \(.*ca.pem\): it cannot be read: No such file"):
            SharedEngine("https://127.0.0.1:1", ca_file=str(file)).open()
        file.write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
        with pytest.raises(
            UserError, match="it holds no certificate; expected the certificate of an authority, in PEM"
        ):
            SharedEngine("https://127.0.0.1:1", ca_file=str(file)).open()

    def test_the_credential_of_the_shared_engine_is_sent_to_no_other_host(self, named: dict[str, str]) -> None:
        shared = SharedEngine.from_environment(named)
        beside = shared.url.replace(str(urlsplit(shared.url).port), "9201")
        assert shared.is_beside(beside)
        assert not shared.is_beside("https://elsewhere.example:9200")
        with pytest.raises(TransientError, match="did not answer"):
            open_engine("http://127.0.0.1:1", environment=named).stored([("a", "b")])


class TestWhatTheHostTells:
    def test_it_tells_that_all_is_well_and_how_long(self, host: Host) -> None:
        told = {each["MetricName"]: each for each in json.loads(host.does("metrics"))}
        assert told.keys() == {"SearchUnavailable", "SearchDiskUsed", "SearchCertificateDays"}
        assert told["SearchUnavailable"]["Value"] == 0
        assert 0 < told["SearchDiskUsed"]["Value"] < 100
        assert told["SearchCertificateDays"]["Value"] in {395, 396}
        assert {str(each["Dimensions"]) for each in told.values()} == {str([{"Name": "Host", "Value": HOST}])}
        host.does("ready")

    def test_an_engine_that_does_not_answer_is_counted_and_the_others_still_tell(self, host: Host) -> None:
        data = Path(host.environment["CESTA_DATA"])
        beside = replace(host, environment={**host.environment, "CESTA_DATA": f"{data}-beside"})
        beside.does("add", "acme", "9299", "2g")
        folder = Path(beside.environment["CESTA_DATA"])
        assert (folder / "containers" / "acme.env").read_text() == "PORT=9299\nMEMORY=2g\n"
        (folder / "containers" / "shared.env").write_text(f"PORT={host.port}\nMEMORY=1g\n")
        told = {each["MetricName"]: each["Value"] for each in json.loads(beside.does("metrics"))}
        assert told["SearchUnavailable"] == 1
        assert told["SearchCertificateDays"] in {395, 396}

    def test_a_cloud_takes_what_it_tells(self, host: Host, bare_cloud: Access) -> None:
        watch = bare_cloud.client("cloudwatch")
        watch.put_metric_data(Namespace="Cesta", MetricData=json.loads(host.does("metrics")))
        told = {each["MetricName"] for each in watch.list_metrics(Namespace="Cesta")["Metrics"]}
        assert "SearchUnavailable" in told


class TestSecrets:
    def test_made_again_they_have_a_new_certificate_and_the_same_users_and_authority(
        self, secrets: dict[str, dict[str, Any]], bare_cloud: Access
    ) -> None:
        again = written(bare_cloud.client("secretsmanager"))
        renewed = {key for key in again["host"] if again["host"][key] != secrets["host"][key]}
        assert renewed == {"certificate", "key"}
        assert {holder for holder in again if again[holder] != secrets[holder]} == {"host"}

    def test_only_the_host_has_the_key_of_its_certificate_and_nobody_that_of_the_authority(
        self, secrets: dict[str, dict[str, Any]]
    ) -> None:
        assert [holder for holder, held in secrets.items() if secrets["host"]["key"] in held.values()] == ["host"]
        assert [holder for holder, held in secrets.items() if secrets["authority"]["key"] in held.values()] == [
            "authority"
        ]

    def test_the_authority_signs_for_the_host_and_no_other_name(self, secrets: dict[str, dict[str, Any]]) -> None:
        read = x509.load_pem_x509_certificate(secrets["host"]["ca"].encode())
        constraint = read.extensions.get_extension_for_class(x509.NameConstraints)
        assert constraint.critical
        assert constraint.value.permitted_subtrees == [x509.DNSName(HOST)]
        assert read.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
