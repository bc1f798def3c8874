"""Where an instance lives: state directory, ports, the lock, and what other programs are told."""

import json
import socket
import stat
from pathlib import Path

import pytest

from deploy.local.board import Board, Condition, Part, Picture, held, holder
from deploy.local.instance import DEFAULT_PORT_BASE, GraphEngine, Instance, LocalStackError
from deploy.local.outputs import outputs_document, read_outputs, save_outputs
from deploy.local.stack import local_stack
from tests.worlds.outputs import STACK_OUTPUTS


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    made = Instance.at(tmp_path / "state", 24_900)
    made.prepare()
    return made


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestPorts:
    def test_follow_the_base_in_a_fixed_order(self, tmp_path: Path) -> None:
        instance = Instance.at(tmp_path)
        names = ("cloud", "graph", "graph-http", "dagster-web", "dagster-code", "search", "page")
        assert [instance.port(name) - DEFAULT_PORT_BASE for name in names] == [0, 1, 2, 3, 4, 5, 6]

    @pytest.mark.parametrize("base", [pytest.param(80, id="needs root"), pytest.param(32_762, id="ephemeral")])
    def test_out_of_range_are_refused_with_the_range(self, tmp_path: Path, base: int) -> None:
        with pytest.raises(LocalStackError, match=r"choose a base from 1024 to 32761"):
            Instance.at(tmp_path, base)

    def test_highest_base_stays_below_the_ephemeral_range(self, tmp_path: Path) -> None:
        assert Instance.at(tmp_path, 32_761).port("page") == 32_767

    def test_taken_port_is_named_and_the_state_stays_unbound(self, instance: Instance) -> None:
        taken = r"port 24901 \(graph\) is taken by another program"
        with socket.create_server(("127.0.0.1", instance.port("graph"))), pytest.raises(LocalStackError, match=taken):
            instance.take_ports()
        assert Instance.at(instance.state, 24_905).port_base == 24_905

    def test_state_remembers_its_base_and_refuses_another(self, instance: Instance) -> None:
        instance.take_ports()
        assert Instance.at(instance.state).port_base == 24_900
        with pytest.raises(LocalStackError, match="was made with --port-base 24900"):
            Instance.at(instance.state, 24_905)


class TestGraphEngine:
    def test_state_remembers_its_engine_and_refuses_another(self, tmp_path: Path) -> None:
        made = Instance.at(tmp_path / "state", 24_900, GraphEngine.NEO4J)
        made.prepare()
        made.take_ports()
        assert Instance.at(made.state) == made
        with pytest.raises(LocalStackError, match="was made with --graph neo4j, whose graph no other engine can read"):
            Instance.at(made.state, graph_engine=GraphEngine.EMBEDDED)

    def test_state_from_before_there_was_a_choice_is_embedded(self, instance: Instance) -> None:
        (instance.state / "instance.json").write_text('{"port_base": 24900}', encoding="utf-8")
        assert Instance.at(instance.state).graph_engine is GraphEngine.EMBEDDED
        with pytest.raises(LocalStackError, match="was made with --graph embedded"):
            Instance.at(instance.state, graph_engine=GraphEngine.NEO4J)


class TestSearchEngine:
    def test_state_remembers_its_engine_and_may_move_to_another(self, instance: Instance) -> None:
        assert instance.search_url == "http://127.0.0.1:24905"
        moved = Instance.at(instance.state, 24_900, search_engine="http://127.0.0.1:9200")
        moved.take_ports()
        assert Instance.at(instance.state).search_url == "http://127.0.0.1:9200"
        assert Instance.at(instance.state, search_engine="embedded") == instance

    def test_what_is_no_address_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(LocalStackError, match=r"--search elastic is no address of an Elasticsearch: give one as"):
            Instance.at(tmp_path, search_engine="elastic")


class TestState:
    def test_password_is_made_once_and_private(self, instance: Instance) -> None:
        password = instance.graph_password()
        assert password.isalnum()
        assert len(password) >= 32
        assert instance.graph_password() == password
        assert mode(instance.state / "graph-password") == 0o600
        assert mode(instance.state) == 0o700

    def test_key_of_the_tokens_is_made_once_and_private(self, instance: Instance) -> None:
        key = instance.token_key()
        assert len(bytes.fromhex(key["key"])) == 32
        assert instance.token_key() == key
        assert mode(instance.state / "token-key.json") == 0o600

    def test_unwritable_directory_gives_one_sentence(self, tmp_path: Path) -> None:
        file = tmp_path / "file"
        file.touch()
        with pytest.raises(LocalStackError, match=r"cannot be written .*choose another with --state"):
            Instance.at(file / "state").prepare()

    def test_full_disk_gives_one_sentence(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("deploy.local.instance._NEEDED_BYTES", 10**18)
        with pytest.raises(LocalStackError, match="MB are needed: free some space"):
            Instance.at(tmp_path / "state").prepare()


class TestLock:
    def test_second_holder_is_refused_and_the_first_is_known(self, instance: Instance) -> None:
        assert holder(instance) is None
        with held(instance):
            assert holder(instance) is not None
            with pytest.raises(LocalStackError, match="an instance already runs on"), held(instance):
                pass
        assert holder(instance) is None


class TestBoard:
    def test_file_reads_back_as_the_picture(self, instance: Instance) -> None:
        board = Board.of(instance, [Part("cloud", "local cloud"), Part("graph", "purchase graph")])
        board.update("cloud", condition=Condition.HEALTHY, pid=7, seconds=0.5)
        board.note("a sentence")
        board.turn(Condition.FAILED, "it broke")
        assert Picture.read(instance) == board.picture
        assert board.part("cloud").pid == 7
        assert board.picture.failure == "it broke"

    def test_full_disk_does_not_end_what_runs(self, instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        board = Board.of(instance, [Part("cloud", "local cloud")])
        with monkeypatch.context() as disk:
            disk.setattr("deploy.local.board.write_private", fail)
            board.update("cloud", condition=Condition.HEALTHY)
        board.note("space again")
        assert Picture.read(instance) == board.picture
        assert board.part("cloud").condition is Condition.HEALTHY

    def test_failed_step_is_marked_and_the_error_goes_on(self, instance: Instance) -> None:
        board = Board.of(instance, [Part("template", "template deployed")])
        with pytest.raises(ValueError, match="no"), board.step("template"):
            raise ValueError("no")
        assert board.part("template").condition is Condition.FAILED


class TestEnd:
    @pytest.mark.parametrize(
        ("phase", "killed"),
        [
            pytest.param(Condition.HEALTHY, True, id="killed while it ran"),
            pytest.param(Condition.STOPPING, True, id="killed while it stopped"),
            pytest.param(Condition.STOPPED, False, id="stopped"),
            pytest.param(Condition.FAILED, False, id="failed and stopped"),
        ],
    )
    def test_next_start_says_what_a_kill_took(self, instance: Instance, phase: Condition, *, killed: bool) -> None:
        Board.of(instance, []).turn(phase)
        with local_stack(instance) as stack:
            said = "the instance was killed: its queues and tables may have lost their last moments"
            assert any(note.startswith(said) for note in stack.board.picture.notes) is killed

    def test_the_very_first_start_speaks_of_no_kill(self, instance: Instance) -> None:
        with local_stack(instance) as stack:
            assert stack.board.picture.notes == ()


class TestOutputs:
    def test_names_are_kebab_case_and_arguments_are_those_of_boto3(self, instance: Instance) -> None:
        document = outputs_document(instance, STACK_OUTPUTS)
        password = document["graph"].pop("password")
        assert password == instance.graph_password()
        assert document == {
            "region": "us-east-1",
            "endpoint_url": "http://127.0.0.1:24900",
            "credentials": {"aws_access_key_id": "test", "aws_secret_access_key": "test"},
            "buckets": {
                "tickets": "cesta-dev-tickets",
                "quarantine": "cesta-dev-quarantine",
                "stocks": "cesta-dev-stocks",
                "raw": "cesta-dev-ecommerce-raw",
                "curated": "cesta-dev-ecommerce-curated",
                "inbox": "cesta-dev-ecommerce-inbox",
                "compras": "dev-compras-backup-s3-bucket",
                "market-intelligence-hub": "market-intelligence-hub-prod-dev",
                "demand-insights-engine": "demand-insights-engine-prod-dev",
                "compliance-guardian": "compliance-guardian-prod-dev",
                "global-market-pulse": "global-market-pulse-prod-dev",
                "retail-copilot": "retail-copilot-prod-dev",
                "page": "cesta-dev-page",
            },
            "queues": {
                "tickets": "http://127.0.0.1:24500/0/cesta-dev-tickets",
                "tickets-dlq": "http://127.0.0.1:24500/0/cesta-dev-tickets-dlq",
                "stocks": "http://127.0.0.1:24500/0/cesta-dev-StockQueue",
                "raw": "http://127.0.0.1:24500/0/cesta-dev-raw",
                "inbox": "http://127.0.0.1:24500/0/cesta-dev-inbox",
                "curated": "http://127.0.0.1:24500/0/cesta-dev-curated",
                "compras-dlq": "http://127.0.0.1:24500/0/cesta-dev-compras-dlq",
                "products-search-dlq": "http://127.0.0.1:24500/0/cesta-dev-products-search-dlq",
                "compras-search-dlq": "http://127.0.0.1:24500/0/cesta-dev-compras-search-dlq",
            },
            "tables": {
                "ledger": "cesta-dev-ledger",
                "stocks": "cesta-dev-StockData",
                "compras": "dev-t_MS3_compras",
                "products": "dev-t_MS3_productos",
                "tenants": "cesta-dev-tenants",
                "requests": "cesta-dev-requests",
                "asked-queries": "cesta-dev-asked-queries",
            },
            "databases": {"compras": "dev-compras-datacatalog", "lake": "cesta_dev_lake"},
            "workgroups": {"lake": "cesta-dev-lake"},
            "functions": {"tickets-ingestion": "cesta-dev-tickets-ingestion"},
            "rules": {},
            "crawlers": {
                "market-intelligence-hub": "cesta-dev-market-intelligence-hub",
                "demand-insights-engine": "cesta-dev-demand-insights-engine",
                "compliance-guardian": "cesta-dev-compliance-guardian",
                "global-market-pulse": "cesta-dev-global-market-pulse",
                "retail-copilot": "cesta-dev-retail-copilot",
            },
            "settings": {"tickets-day-begins": "00:00"},
            "graph": {"uri": "bolt://127.0.0.1:24901", "user": "neo4j"},
            "search": {"url": "http://127.0.0.1:24905"},
            "web": {
                "dagster": "http://127.0.0.1:24903",
                "api": "http://127.0.0.1:24900/_aws/execute-api/0a1b2c3d",
                "page": "http://127.0.0.1:24906/page/index.html",
            },
        }

    def test_file_is_private(self, instance: Instance) -> None:
        document = save_outputs(instance, STACK_OUTPUTS)
        assert mode(instance.outputs_file) == 0o600
        assert read_outputs(instance) == document == json.loads(instance.outputs_file.read_text())

    def test_before_the_first_start_says_so(self, instance: Instance) -> None:
        with pytest.raises(LocalStackError, match="run `cesta up` first"):
            read_outputs(instance)
