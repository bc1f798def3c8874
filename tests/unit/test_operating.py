"""What the operator's commands refuse, and what a trace concludes from what it found."""

import json
import os
from pathlib import Path
from unittest.mock import patch

import pytest
from typer.testing import CliRunner

from deploy.cli.console import plain_failures
from deploy.cli.main import app
from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.graph.lookups import IngestionPlace
from pipeline_assets.graph.ownership import TicketKey
from pipeline_assets.operations.backlog import Waiting
from pipeline_assets.operations.replay import MendError, read_mended, refuse_fewer_rows
from pipeline_assets.operations.trace import KnownVersion, VersionTrace
from pipeline_assets.operations.versions import StoredVersion, split_uri
from pipeline_assets.tickets.ingest import TICKET_FLOW
from pipeline_assets.tickets.trace import ClaimTrace, FileTrace, PurchaseTrace, TicketTrace

HEADER = ",".join(TICKETS.column_names)
GOOD = "T1,Bread,B1,2026-11-20 09:00:00,Bakery,1,S1"
SOURCE = ObjectVersion("b", "a.csv", "v1", "", 10, "2026-11-20T10:00:00.000Z", "1")
NOTHING = Waiting(0, 0, {})


def receipt(*, refused: str = "", counts: Counts | None = None) -> Receipt:
    counts = counts or Counts(2, 1, 1)
    return Receipt("tickets", SOURCE, 1, counts, (), 10, 0.1, "1", "2026-11-20T10:00:05.000Z", refused)


def load(*, done: bool = True, next_row: int = 3) -> IngestionPlace:
    return IngestionPlace(SOURCE.id, SOURCE.uri, SOURCE.stamp, 1, next_row, done=done, stands=True)


def verdict(
    *,
    told: Receipt | None = None,
    place: IngestionPlace | None = None,
    letters: int = 0,
    in_dagster: bool | None = None,
    waiting: Waiting = NOTHING,
) -> str:
    stored = StoredVersion("v1", "2026-11-20T10:00:00.000Z", 10, latest=True, marker=False)
    version = VersionTrace(KnownVersion(SOURCE.id, stored, told, place), 1, in_dagster, {}, letters)
    return FileTrace(SOURCE.uri, (version,), deleted=False, waiting=waiting).verdict


class TestVerdictOnAFile:
    @pytest.mark.parametrize(
        ("said", "expected"),
        [
            pytest.param(verdict(), "no event announces it", id="silent"),
            pytest.param(verdict(waiting=Waiting(3, 0, {})), "should be among the 3 in the queue", id="queued"),
            pytest.param(verdict(letters=1), "was dead-lettered", id="dead"),
            pytest.param(verdict(place=load(done=False)), "is being loaded: 2 rows are in the graph", id="loading"),
            pytest.param(verdict(place=load()), "its receipt is not written yet", id="unrecorded"),
            pytest.param(
                verdict(told=receipt(), place=load(), in_dagster=False),
                "is through since 2026-11-20T10:00:05.000Z (2 received, 1 accepted, 1 quarantined); "
                "Dagster has yet to show it.",
                id="pending",
            ),
            pytest.param(verdict(told=receipt(), place=load(), in_dagster=True), "Dagster shows it.", id="shown"),
            pytest.param(verdict(told=receipt(), in_dagster=True), "The graph has lost it", id="emptied"),
            pytest.param(
                verdict(told=receipt(refused="a.csv: it is empty")), "refused: a.csv: it is empty.", id="refused"
            ),
        ],
    )
    def test_says_where_it_is(self, said: str, expected: str) -> None:
        assert said.startswith("s3://b/a.csv: version v1 ")
        assert expected in said

    def test_never_seen_names_what_waits(self) -> None:
        said = FileTrace("s3://b/a.csv", (), deleted=False, waiting=Waiting(2, 1, {})).verdict
        assert "never seen" in said
        assert said.endswith(
            "2 events wait in the queue and 1 were dead-lettered (`cesta redrive --dry-run` lists them)."
        )


def unseen(key: str, *, stored: bool, told: Receipt | None = None, waiting: Waiting = NOTHING, letters: int = 0) -> str:
    there = StoredVersion("v1", "2026-11-20T10:00:00.000Z", 10, latest=True, marker=False)
    version = VersionTrace(KnownVersion(SOURCE.id, there, told, None), 0, None, {}, letters)
    return FileTrace(f"s3://b/{key}", (version,) if stored else (), deleted=False, waiting=waiting).verdict


@pytest.mark.parametrize("key", ["_SUCCESS", "2026/", "2026/.t.csv.crc", "_temporary/0/t.csv", "_tickets.csv"])
@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("waiting", [NOTHING, Waiting(3, 1, {})], ids=["nothing waits", "others wait"])
@pytest.mark.parametrize("letters", [0, 1])
def test_what_is_left_alone_is_said_to_be(key: str, waiting: Waiting, letters: int, *, stored: bool) -> None:
    said = unseen(key, stored=stored, waiting=waiting, letters=letters)
    assert said.startswith(f"s3://b/{key}: ")
    assert "is left alone and has no receipt, for by its name it is no data" in said
    assert ("not in the bucket" in said) is not stored
    assert not any(words in said for words in ("put it again", "should be among", "never seen", "redrive"))


def test_what_has_a_receipt_though_it_would_be_left_alone_today_says_what_became_of_it() -> None:
    assert "was refused: it is empty" in unseen("_old.csv", stored=True, told=receipt(refused="it is empty"))


@pytest.mark.parametrize("key", ["_day=1/t.csv", "a_b.csv", "t.crc.csv"])
def test_data_is_not_said_to_be_left_alone(key: str) -> None:
    assert "put it again" in unseen(key, stored=True)


def gone(replaced_by: IngestionPlace | None = None) -> PurchaseTrace:
    claim = ClaimTrace(f"{SOURCE.stamp}/000001", load(), "", (), ())
    return PurchaseTrace(TicketKey("S1", "T1", "B1", "2026-11-14"), None, (claim,), replaced_by)


def test_a_ticket_that_a_later_run_rejected() -> None:
    trace = TicketTrace("T1", (gone(),), (), (), NOTHING)
    assert trace.verdict.endswith("carried it, and a later run of that version rejected it.")


@pytest.mark.parametrize(
    ("name", "place"),
    [("a/b.csv", ("bucket", "a/b.csv")), ("s3://other/a/b.csv", ("other", "a/b.csv")), ("T-1", ("bucket", "T-1"))],
)
def test_a_file_is_named_by_key_or_address(name: str, place: tuple[str, str]) -> None:
    assert split_uri(name, "bucket") == place


class TestMendedFile:
    def test_is_read_by_the_rules_before_it_is_put(self, tmp_path: Path) -> None:
        file = tmp_path / "a.csv"
        file.write_text("\n".join([HEADER, GOOD, GOOD.replace(",1,", ",0,")]))
        mended = read_mended(file, "a.csv", TICKET_FLOW)
        assert (mended.rows, mended.rejected, mended.rejections[0].number) == (2, 1, 2)
        refuse_fewer_rows(mended, receipt(), file, TICKET_FLOW)
        with pytest.raises(MendError, match="has 2 rows and the file that it replaces has 3"):
            refuse_fewer_rows(mended, receipt(counts=Counts(3, 3)), file, TICKET_FLOW)

    def test_that_would_be_refused_is_not_put(self, tmp_path: Path) -> None:
        file = tmp_path / "a.csv"
        file.write_text("no,header\n")
        with pytest.raises(MendError, match=r"would be refused: a\.csv: row 0 lacks the columns"):
            read_mended(file, "a.csv", TICKET_FLOW)


class TestCommands:
    def run(self, *arguments: str) -> tuple[int, str]:
        with patch.dict(os.environ):
            for name in ("NEO4J_URI", "NEO4J_PASSWORD"):
                os.environ.pop(name, None)
            outcome = CliRunner().invoke(app, list(arguments))
        return outcome.exit_code, " ".join(outcome.output.split())

    @pytest.mark.parametrize(
        "command", ["quarantine list", "quarantine show x", "quarantine replay x", "redrive", "trace x"]
    )
    def test_nothing_was_ever_started(self, tmp_path: Path, command: str) -> None:
        code, said = self.run(*command.split(), "--state", str(tmp_path))
        assert (code, said.startswith("cesta: nothing was ever started")) == (1, True)
        code, said = self.run(*command.split(), "--from-env")
        assert (code, said.startswith("cesta: environment variable NEO4J_URI is not set")) == (1, True)

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            pytest.param((), "give NAMES, or --all, or --rule NAME", id="nothing"),
            pytest.param(("a.csv", "--all"), "give NAMES, or --all, or --rule NAME", id="both"),
            pytest.param(("--all", "--file", __file__), "--file goes with one NAME", id="file for all"),
        ],
    )
    def test_replay_wants_to_know_what(self, arguments: tuple[str, ...], said: str) -> None:
        assert self.run("quarantine", "replay", *arguments)[0] == 2
        assert said in self.run("quarantine", "replay", *arguments)[1]

    def test_trace_of_nothing_is_refused(self) -> None:
        code, said = self.run("trace", " ")
        assert (code, "give a NAME" in said) == (2, True)

    def test_unknown_flow_names_the_known(self) -> None:
        code, said = self.run("redrive", "weather")
        assert (code, "'tickets'" in said, "'stocks'" in said) == (2, True, True)

    def test_only_these_commands_keep_the_persons_own_cloud(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_PROFILE", "the-persons-own")
        seen = {}
        for command in (("trace", "x", "--from-env"), ("outputs", "--state", "/nowhere")):
            with patch.dict(os.environ):
                CliRunner().invoke(app, list(command))
                seen[command[0]] = os.environ.get("AWS_PROFILE")
        assert seen == {"trace": "the-persons-own", "outputs": None}


def test_a_failure_to_mend_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BaseException, match="1"), plain_failures():
        raise MendError("it has fewer rows")
    assert capsys.readouterr().err == "cesta: it has fewer rows\n"


def test_a_trace_is_json_all_the_way() -> None:
    trace = TicketTrace("T1", (gone(load()),), (), ("s3://b/x.csv",), NOTHING)
    assert json.loads(json.dumps(trace.as_dict()))["purchases"][0]["replaced_by"]["id"] == SOURCE.id
