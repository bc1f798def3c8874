"""What the `cesta` command says when something is missing, and how it reads its arguments."""

import json
import os
import signal
import subprocess
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

import boto3.exceptions
import pytest
import typer
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from deploy import packaging
from deploy.cli.console import console, ending_on_signal, plain_failures
from deploy.cli.loading import counted
from deploy.cli.main import app
from deploy.cli.queries import answer_table, print_rows
from deploy.local import engine_environment, processes
from deploy.local.board import Board, Condition
from deploy.local.cloud_host import is_from_a_program
from deploy.local.engine_environment import EngineEnvironment, install_engines, require_uv
from deploy.local.instance import PROJECT, Instance, LocalStackError
from deploy.local.outputs import save_outputs
from pipeline_assets.operations.access import Access
from pipeline_assets.operations.following import NotThroughError, Progress, _take_out, follow
from pipeline_assets.operations.status import FlowStatus
from pipeline_assets.queries.cypher import query
from pipeline_assets.tickets.files import TicketFile, TicketFileError, passed_over, ticket_files
from tests.worlds.outputs import STACK_OUTPUTS

STACK_OUTPUTS_OF_NOBODY = {
    "region": "us-east-1",
    "credentials": {"aws_access_key_id": "key", "aws_secret_access_key": "secret"},
    "endpoint_url": "http://127.0.0.1:1",
}
STATUS = FlowStatus(10, 6, 2, 1, 1, pending=3, dead_lettered=0, objects=2, refused=1, queued=1)


def run(*arguments: str) -> tuple[int, str]:
    with patch.dict(os.environ):
        outcome = CliRunner().invoke(app, list(arguments))
    return outcome.exit_code, " ".join(outcome.output.split())


class TestSentences:
    @pytest.mark.parametrize("command", [("status",), ("outputs",), ("status", "--json"), ("query", "graph", "x")])
    def test_nothing_was_ever_started(self, tmp_path: Path, command: tuple[str, ...]) -> None:
        code, said = run(*command, "--state", str(tmp_path))
        assert code == 1
        assert said.startswith("cesta: ")
        assert "Traceback" not in said

    def test_down_without_an_instance_is_no_failure(self, tmp_path: Path) -> None:
        code, said = run("down", "--state", str(tmp_path))
        assert (code, said) == (0, f"no instance runs on {tmp_path}.")

    def test_state_comes_from_the_environment_too(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CESTA_STATE", str(tmp_path / "elsewhere"))
        assert "elsewhere" in run("down")[1]

    def test_bad_port_base(self, tmp_path: Path) -> None:
        code, said = run("up", "--state", str(tmp_path), "--port-base", "40000")
        assert code == 1
        assert "choose a base from 1024 to 32761" in said

    @pytest.mark.parametrize("arguments", [(), (".", "--sample")], ids=["neither", "both"])
    def test_load_wants_files_or_the_sample(self, arguments: tuple[str, ...]) -> None:
        code, said = run("load", "tickets", *arguments)
        assert code == 2
        assert "FILE or a DIR, or --sample" in said

    @pytest.mark.parametrize(
        ("error", "said"),
        [
            pytest.param(
                boto3.exceptions.S3UploadFailedError("no bucket"), "the instance did not answer (no bucket)", id="boto3"
            ),
            pytest.param(OSError(28, "No space left on device"), "No space left on device", id="full disk"),
            pytest.param(ConnectionRefusedError(111, "refused"), "the instance did not answer", id="refused"),
        ],
    )
    def test_failure_of_the_machine(self, error: Exception, said: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(typer.Exit), plain_failures():
            raise error
        heard = capsys.readouterr().err
        assert heard.startswith("cesta: ")
        assert said in heard
        assert heard.count("\n") == 1

    def test_failure_of_other_stores_does_not_send_to_the_doctor(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(typer.Exit), plain_failures(from_env=True):
            raise ConnectionRefusedError(111, "refused")
        heard = capsys.readouterr().err
        assert (heard.count("\n"), "refused" in heard, "cesta doctor" in heard) == (1, True, False)

    @pytest.mark.parametrize("command", ["status", "doctor"])
    def test_why_the_last_one_ended(self, tmp_path: Path, command: str) -> None:
        instance = Instance.at(tmp_path / "state", 24_905)
        instance.prepare()
        save_outputs(instance, STACK_OUTPUTS)
        Board.of(instance, []).turn(Condition.FAILED, "the graph is broken.")
        code, said = run(command, "--state", str(instance.state))
        assert (code, "The last one could not go on:" in said, "is broken." in said) == (1, True, True), said


class TestSurroundings:
    @pytest.fixture(autouse=True)
    def surroundings(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("NO_PROXY", "no_proxy", *processes.AWS_SETTINGS, "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            monkeypatch.setenv(name, "")
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        monkeypatch.setenv("AWS_PROFILE", "the-persons-own")

    def test_proxy_and_profile_do_not_come_between(self) -> None:
        """A client of this process finds nobody at the port, rather than the proxy or the profile."""
        processes.keep_to_this_machine()
        client = boto3.Session("key", "secret", region_name="us-east-1").client(
            "sts", endpoint_url="http://127.0.0.1:1", config=Config(retries={"total_max_attempts": 1})
        )
        with pytest.raises(EndpointConnectionError):
            client.get_caller_identity()

    @pytest.mark.parametrize(
        ("given", "made"),
        [
            pytest.param("", "127.0.0.1,localhost", id="none"),
            pytest.param("shop.example, localhost", "shop.example,localhost,127.0.0.1", id="some"),
            pytest.param("*", "*", id="all"),
        ],
    )
    def test_what_the_person_reaches_directly_stays(
        self, monkeypatch: pytest.MonkeyPatch, given: str, made: str
    ) -> None:
        monkeypatch.setenv("NO_PROXY", given)
        assert processes.direct_addresses() == {"NO_PROXY": made, "no_proxy": made}

    def test_env_leads_a_shell_past_them(self, tmp_path: Path) -> None:
        instance = Instance.at(tmp_path / "state", 24_905)
        instance.prepare()
        save_outputs(instance, STACK_OUTPUTS)
        with patch.dict(os.environ):
            printed = CliRunner().invoke(app, ["env", "--state", str(instance.state), "--port-base", "24905"]).output
        shown = 'echo "$AWS_ENDPOINT_URL $NO_PROXY $no_proxy ${AWS_PROFILE-none} $LEDGER_TABLE"'
        shell = subprocess.run(
            ["/bin/sh", "-c", f"{printed}\n{shown}"],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "AWS_PROFILE": "the-persons-own"},
        )
        direct = "127.0.0.1,localhost"
        assert shell.stdout.split() == ["http://127.0.0.1:24905", direct, direct, "none", "cesta-dev-ledger"]

    def test_json_is_plain_whatever_colours_are_asked_for(self) -> None:
        environment = {**os.environ, "FORCE_COLOR": "1"}
        done = subprocess.run(
            [sys.executable, "-m", "deploy.cli.main", "query", "graph", "--json"],
            capture_output=True,
            text=True,
            check=True,
            cwd=PROJECT,
            env=environment,
        )
        assert json.loads(done.stdout)

    def test_ignored_signal_stays_ignored(self) -> None:
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            with ending_on_signal():
                assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
                assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        finally:
            signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("headers", "program"),
    [
        pytest.param({b"host": b"127.0.0.1:24500"}, True, id="address"),
        pytest.param({b"host": b"tickets.localhost:24500"}, True, id="bucket"),
        pytest.param({b"host": b"127.0.0.1:24500", b"sec-fetch-site": b"none"}, True, id="typed into a browser"),
        pytest.param({b"host": b"127.0.0.1:24500", b"origin": b"null"}, False, id="page"),
        pytest.param({b"host": b"127.0.0.1:24500", b"sec-fetch-site": b"same-site"}, False, id="picture in a page"),
        pytest.param({b"host": b"127.0.0.1.rebound.example"}, False, id="name that points here"),
        pytest.param({b"host": b"evillocalhost"}, False, id="name that looks local"),
    ],
)
def test_local_cloud_tells_programs_from_web_pages(headers: dict[bytes, bytes], *, program: bool) -> None:
    assert is_from_a_program(headers) is program


class TestEngines:
    def test_missing_uv_says_what_to_do(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr(packaging, "TOOLS", tmp_path)
        with pytest.raises(LocalStackError, match="uv was not found: run `make bootstrap`"):
            require_uv()

    def test_unsupported_python_says_which_are(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(engine_environment, "FIRST_UNTRIED_PYTHON", (3, 10))
        with pytest.raises(LocalStackError, match=r"is not supported: use Python 3\.11, 3\.12 or 3\.13"):
            install_engines()

    def test_environment_of_another_lock_is_not_current(self, tmp_path: Path) -> None:
        (tmp_path / "cesta-lock").write_text("something else")
        assert not EngineEnvironment(tmp_path).is_current()

    def test_lock_holds_the_engines_in_their_exact_versions(self) -> None:
        lock = (engine_environment.ENGINES / "uv.lock").read_text()
        assert 'name = "ministack"\nversion = "1.5.33"' in lock
        assert 'name = "arcadedb-embedded"\nversion = "26.10.2.post1"' in lock


class TestTicketFiles:
    def test_of_a_folder_keep_their_relative_path(self, tmp_path: Path) -> None:
        (tmp_path / "store").mkdir()
        for name in ("b.csv", "c.csv.gz", "store/a.CSV", "readme.txt", "other.gz"):
            (tmp_path / name).touch()
        files = ticket_files(tmp_path, tmp_path)
        assert [file.key for file in files] == ["b.csv", "c.csv.gz", "store/a.CSV"]
        assert passed_over(tmp_path, files) == 2

    @pytest.mark.parametrize(
        ("path", "keys"),
        [
            pytest.param("2026-11-20.csv", ["2026-11-20.csv"], id="file here"),
            pytest.param("store1/2026-11-20.csv", ["store1/2026-11-20.csv"], id="file in a folder"),
            pytest.param("./store1/../store1//2026-11-20.csv", ["store1/2026-11-20.csv"], id="the same by a detour"),
            pytest.param("{here}/store1/2026-11-20.csv", ["store1/2026-11-20.csv"], id="the same from the root"),
            pytest.param("store2", ["store2/2026-11-20.csv", "store2/old/2026-11-20.csv"], id="folder"),
            pytest.param("store2/", ["store2/2026-11-20.csv", "store2/old/2026-11-20.csv"], id="folder with a slash"),
            pytest.param("../other/2026-11-20.csv", ["{above}/other/2026-11-20.csv"], id="file beside"),
            pytest.param("{above}/other/2026-11-20.csv", ["{above}/other/2026-11-20.csv"], id="the same, whole"),
            pytest.param("../other", ["{above}/other/2026-11-20.csv"], id="folder beside"),
        ],
    )
    def test_a_path_has_one_key_and_keeps_its_folder(
        self, path: str, keys: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here, above = tmp_path / "here", tmp_path
        for name in ("2026-11-20.csv", "store1/2026-11-20.csv", "store2/2026-11-20.csv", "store2/old/2026-11-20.csv"):
            (here / name).parent.mkdir(parents=True, exist_ok=True)
            (here / name).write_text(name)
        (above / "other").mkdir()
        (above / "other" / "2026-11-20.csv").write_text("other")
        monkeypatch.chdir(here)
        found = ticket_files(Path(path.format(here=here, above=above)))
        assert [file.key for file in found] == [key.format(above=str(above)[1:]) for key in keys]

    @pytest.mark.parametrize("name", ["_SUCCESS.csv", ".hidden.csv", "_temporary/0/a.csv", ".git/a.csv", "a/._b.csv"])
    def test_what_is_no_data_is_passed_over_in_a_folder_and_refused_by_its_name(
        self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for each in (name, "day.csv"):
            (tmp_path / each).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / each).touch()
        monkeypatch.chdir(tmp_path)
        files = ticket_files(Path())
        assert [file.key for file in files] == ["day.csv"]
        assert passed_over(Path(), files) == 1
        with pytest.raises(TicketFileError, match=r"would get the key .* such objects are left alone"):
            ticket_files(Path(name))

    def test_a_folder_within_a_hidden_one_is_not_loaded_for_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / ".exports" / "store1").mkdir(parents=True)
        (tmp_path / ".exports" / "store1" / "a.csv").touch()
        monkeypatch.chdir(tmp_path)
        with pytest.raises(TicketFileError, match=r"the key \.exports/store1/a\.csv"):
            ticket_files(Path(".exports"))
        monkeypatch.chdir(tmp_path / ".exports")
        assert [file.key for file in ticket_files(Path("store1"))] == ["store1/a.csv"]

    def test_a_detour_by_a_link_has_the_key_of_the_file_that_it_leads_to(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for folder in ("here", "far/store2"):
            (tmp_path / folder).mkdir(parents=True)
            (tmp_path / folder / "day.csv").write_text(folder)
        (tmp_path / "far" / "day.csv").write_text("far")
        (tmp_path / "here" / "link").symlink_to(tmp_path / "far" / "store2")
        monkeypatch.chdir(tmp_path / "here")
        keys = {}
        for path in ("day.csv", "link/day.csv", "link/../day.csv"):
            (file,) = ticket_files(Path(path))
            keys[file.key] = file.path.read_text()
        assert keys == {
            "day.csv": "here",
            "link/day.csv": "far/store2",
            f"{tmp_path.as_posix()[1:]}/far/day.csv": "far",
        }

    @pytest.mark.parametrize("name", [b"caf\xe9.csv", b"\xff/day.csv", b"/".join([b"f" * 250] * 4) + b"/" + b"d" * 40])
    def test_a_name_that_no_key_can_be_is_told_before_anything_is_put(
        self, name: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = Path(os.fsdecode(name))
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
        monkeypatch.chdir(tmp_path)
        with pytest.raises(TicketFileError, match=r"not UTF-8 or has more than 1,024 bytes") as raised:
            ticket_files(path)
        assert str(raised.value).encode()

    def test_are_counted_in_words_that_fit(self) -> None:
        assert [counted(number) for number in (1, 2, 1200)] == ["1 file is", "2 files are", "1,200 files are"]

    def test_named_one_is_taken_whatever_its_suffix(self, tmp_path: Path) -> None:
        file = tmp_path / "tickets.txt"
        file.touch()
        assert ticket_files(file, tmp_path) == [TicketFile(file, "tickets.txt")]

    def test_folder_without_any_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(TicketFileError, match=r"holds no \.csv or \.csv\.gz file"):
            ticket_files(tmp_path)


class TestQuestions:
    def test_unknown_one_lists_the_known(self, tmp_path: Path) -> None:
        code, said = run("query", "graph", "weather", "--state", str(tmp_path))
        assert code == 1
        assert "There is no query `weather`; there are" in said
        assert "`bought-together`" in said

    def test_parameter_without_a_value_is_refused(self, tmp_path: Path) -> None:
        code, said = run("query", "graph", "bought-together", "--param", "limit", "--state", str(tmp_path))
        assert (code, said) == (1, "cesta: --param limit is not of the form NAME=VALUE.")

    def test_list_needs_no_instance(self, tmp_path: Path) -> None:
        code, said = run("query", "graph", "--json", "--state", str(tmp_path))
        assert code == 0
        known = {one["name"]: one for one in json.loads(said)}
        assert known["bought-together"]["parameters"]["limit"]["default"] == 20

    @pytest.mark.parametrize("width", [80, 120, 160])
    def test_names_of_products_are_readable_on_any_terminal(self, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
        monkeypatch.setattr(console, "width", width)
        numbers = dict.fromkeys(query("bought-together").columns, 0.12345)
        row = {**numbers, "product_a": "FLUID MILK WHITE ONLY #1029743", "product_b": "BANANAS #1082185"}
        with console.capture() as printed:
            print_rows("Bought together", tuple(row), [row, row])
        lines = printed.get().splitlines()
        assert max(map(len, lines)) <= width
        said = " ".join(printed.get().split())
        assert "…" not in said
        assert all(word in said for word in ("FLUID MILK", "#1029743", "BANANAS #1082185", "0.1235"))

    def test_answer_is_a_table_of_the_named_columns(self) -> None:
        rows = [{"product": "[RED] APPLES", "baskets": 1200, "lift": 2.34567}]
        with console.capture() as printed:
            console.print(answer_table("Apples", ("product", "baskets", "lift"), rows))
        assert [cell.strip() for cell in printed.get().splitlines()[-2].strip("│").split("│")] == [
            "[RED] APPLES",
            "1,200",
            "2.346",
        ]


def test_a_cloud_that_does_not_answer_is_waited_for() -> None:
    nobody = {**STACK_OUTPUTS_OF_NOBODY, "tables": {"ledger": "l"}, "queues": {"tickets": "q", "tickets-dlq": "d"}}
    looks: list[Progress] = []
    with pytest.raises(NotThroughError, match="nothing moved for 0 s: 0 of 1 files are in"):
        follow(Access(nobody), ["some-id"], "tickets", tell=looks.append, patience=0.1)
    assert looks == [Progress()] * len(looks)


@given(st.lists(st.booleans(), max_size=80), st.integers(0, 80))
def test_what_is_found_moves_on_once_whatever_breaks_off_a_look(there: list[bool], breaks: int) -> None:
    queue, found, asked = deque(enumerate(there)), deque[int](), 0

    def look(one: tuple[int, bool]) -> int | None:
        nonlocal asked
        asked += 1
        if asked == breaks:
            raise ConnectionError
        return one[0] if one[1] else None

    for _ in range(len(there) + 2):
        with suppress(ConnectionError):
            _take_out(queue, look, found)
    assert sorted(found) == [number for number, is_there in enumerate(there) if is_there]
    assert sorted(number for number, _ in queue) == [number for number, is_there in enumerate(there) if not is_there]


def test_status_counts_have_the_names_that_programs_read() -> None:
    assert json.loads(json.dumps(STATUS.as_dict())) == {
        "received": 10,
        "accepted": 6,
        "quarantined": 2,
        "duplicate": 1,
        "superseded": 1,
        "pending": 3,
        "dead_lettered": 0,
        "objects": 2,
        "refused": 1,
        "foreign_messages": 0,
    }
