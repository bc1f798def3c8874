"""What the `cesta` command says when something is missing, and how it reads its arguments."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli.console import console
from deploy.cli.main import app
from deploy.cli.questions import answer_table
from deploy.local import engine_environment
from deploy.local.engine_environment import EngineEnvironment, find_uv, install_engines
from deploy.local.errors import LocalStackError
from deploy.local.flows import FlowStatus
from deploy.local.tickets_load import TicketFile, ticket_files

STATUS = FlowStatus(10, 6, 2, 1, 1, pending=3, dead_lettered=0, objects=2, refused=1, queued=1)


def run(*arguments: str) -> tuple[int, str]:
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
        assert "choose a base from 1024 to 32763" in said

    @pytest.mark.parametrize("arguments", [(), (".", "--sample")], ids=["neither", "both"])
    def test_load_wants_files_or_the_sample(self, arguments: tuple[str, ...]) -> None:
        code, said = run("load", "tickets", *arguments)
        assert code == 2
        assert "FILE or a DIR, or --sample" in said


class TestEngines:
    def test_missing_uv_says_what_to_do(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr(engine_environment, "PROJECT", tmp_path)
        with pytest.raises(LocalStackError, match="uv was not found: run `make bootstrap`"):
            find_uv()

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
        for name in ("b.csv", "store/a.CSV", "readme.txt"):
            (tmp_path / name).touch()
        assert [file.key for file in ticket_files(tmp_path)] == ["b.csv", "store/a.CSV"]

    def test_named_one_is_taken_whatever_its_suffix(self, tmp_path: Path) -> None:
        file = tmp_path / "tickets.txt"
        file.touch()
        assert ticket_files(file) == [TicketFile(file, "tickets.txt")]

    def test_folder_without_any_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(LocalStackError, match=r"holds no \.csv file"):
            ticket_files(tmp_path)


class TestQuestions:
    def test_unknown_one_lists_the_known(self, tmp_path: Path) -> None:
        code, said = run("query", "graph", "weather", "--state", str(tmp_path))
        assert code == 1
        assert "There is no question `weather`; there are" in said
        assert "`bought-together`" in said

    def test_parameter_without_a_value_is_refused(self, tmp_path: Path) -> None:
        code, said = run("query", "graph", "bought-together", "--param", "limit", "--state", str(tmp_path))
        assert (code, said) == (1, "cesta: --param limit is not of the form NAME=VALUE.")

    def test_list_needs_no_instance(self, tmp_path: Path) -> None:
        code, said = run("query", "graph", "--json", "--state", str(tmp_path))
        assert code == 0
        known = {one["name"]: one for one in json.loads(said)}
        assert known["bought-together"]["parameters"]["limit"]["default"] == 20

    def test_answer_is_a_table_of_the_named_columns(self) -> None:
        rows = [{"product": "[RED] APPLES", "baskets": 1200, "lift": 2.34567}]
        with console.capture() as printed:
            console.print(answer_table("Apples", ("product", "baskets", "lift"), rows))
        assert [cell.strip() for cell in printed.get().splitlines()[-2].strip("│").split("│")] == [
            "[RED] APPLES",
            "1,200",
            "2.346",
        ]


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
    }
