"""`cesta load tickets`: no file takes the place of another unseen, and who waits waits for its own files only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.cli import loading
from deploy.local.instance import LocalStackError
from pipeline_assets.events.dead_letters import DeadLetters
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.queue import EventQueue
from pipeline_assets.events.s3_events import notification
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.operations.access import Access
from pipeline_assets.operations.following import NotThroughError, Progress, follow
from pipeline_assets.tickets.files import TicketFile, TicketFileError, put_ticket_file, standing_at, tickets_leaving
from tests.worlds.stack import RunningStack
from tests.worlds.ticket_cloud import HEADER, row

pytestmark = pytest.mark.any_engine

Shown = Callable[[Progress], None]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: Path, *tickets: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADER + "".join(row(ticket) for ticket in tickets))
    return path


def versions(cloud: RunningStack, key: str) -> list[str]:
    listed = cloud.access.s3.list_object_versions(Bucket=cloud.access.bucket("tickets"), Prefix=key)
    return [each["VersionId"] for each in listed.get("Versions", []) if each["Key"] == key]


def dagster_shows_all(cloud: RunningStack) -> Shown:
    """What stands for Dagster, which does not run here: every receipt is seen at once."""
    ledger = Ledger(cloud.access.dynamodb, cloud.access.table("ledger"))
    return lambda _: ledger.reported("tickets", ledger.pending("tickets", limit=10_000))


class TestReplacing:
    def test_files_of_one_name_in_two_folders_stand_beside_each_other(self, cloud: RunningStack, here: Path) -> None:
        write(here / "beside1" / "2026-11-20.csv", "L1")
        write(here / "beside2" / "2026-11-20.csv", "L2")
        for path in (Path("beside1/2026-11-20.csv"), Path("beside2")):
            loading.load_tickets(cloud.instance, path, wait=False, replace=False)
        assert len(versions(cloud, "beside1/2026-11-20.csv")) == len(versions(cloud, "beside2/2026-11-20.csv")) == 1

    def test_the_same_content_again_is_told_and_puts_nothing(
        self, cloud: RunningStack, here: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write(here / "loading" / "again.csv", "L3")
        for _ in range(2):
            loading.load_tickets(cloud.instance, Path("loading/again.csv"), wait=False, replace=False)
        assert len(versions(cloud, "loading/again.csv")) == 1
        assert "1 file is there already with the same content: nothing new to do" in capsys.readouterr().out

    def test_a_file_that_is_refused_is_told_after_the_wait_and_when_it_is_loaded_again(
        self, cloud: RunningStack, here: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (here / "loading").mkdir(exist_ok=True)
        (here / "loading" / "bad.csv").write_text("no,header\n1,2\n", encoding="utf-8")
        put_ticket_file(cloud.access, TicketFile(here / "loading" / "bad.csv", "loading/bad.csv"))
        there = standing_at(cloud.access, TicketFile(here / "loading" / "bad.csv", "loading/bad.csv"))
        assert there
        follow(cloud.access, [there.receipt_id], "tickets", tell=dagster_shows_all(cloud))
        with pytest.raises(LocalStackError, match="1 file of these decided nothing"):
            loading.load_tickets(cloud.instance, Path("loading/bad.csv"), wait=False, replace=False)
        assert "refused: loading/bad.csv: row 0 lacks the columns" in " ".join(capsys.readouterr().err.split())

    def test_other_content_is_told_before_and_put_only_when_it_is_wanted(
        self, cloud: RunningStack, here: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write(here / "loading" / "day.csv", "L4", "L5", "L6")
        loading.load_tickets(cloud.instance, Path("loading/day.csv"), wait=False, replace=False)
        file = TicketFile(here / "loading" / "day.csv", "loading/day.csv")
        there = standing_at(cloud.access, file)
        assert there
        follow(cloud.access, [there.receipt_id], "tickets", tell=dagster_shows_all(cloud))
        capsys.readouterr()

        write(here / "loading" / "day.csv", "L4")
        write(here / "loading" / "new.csv", "L7")
        with pytest.raises(LocalStackError, match=r"nothing was put: 1 file .* would be replaced. Say --replace"):
            loading.load_tickets(cloud.instance, Path("loading"), wait=False, replace=False)
        assert "replaces loading/day.csv, put at 20" in (said := " ".join(capsys.readouterr().err.split()))
        assert "3 rows of it stand; 2 tickets that nobody else has would leave the graph" in said
        assert (len(versions(cloud, "loading/day.csv")), versions(cloud, "loading/new.csv")) == (1, [])

        loading.load_tickets(cloud.instance, Path("loading"), wait=False, replace=True)
        assert (len(versions(cloud, "loading/day.csv")), len(versions(cloud, "loading/new.csv"))) == (2, 1)

    def test_a_file_that_would_decide_nothing_takes_no_ticket_away(self, cloud: RunningStack, here: Path) -> None:
        file = TicketFile(write(here / "stands.csv", "L11", "L12", "L13"), "loading/stands.csv")
        follow(cloud.access, [put_ticket_file(cloud.access, file)], "tickets", tell=dagster_shows_all(cloud))
        good, cut = HEADER + row("L11"), row("L12")[:20]
        leaving = {}
        for name, text in {"whole": good, "cut": good + cut, "none valid": HEADER + "x" * 9, "refused": "?\n"}.items():
            file.path.write_text(text)
            leaving[name] = tickets_leaving(cloud.access, [file])[file.key]
        assert leaving == {"whole": 2, "cut": 0, "none valid": 0, "refused": 0}

    @pytest.mark.parametrize("deleted", [True, False])
    def test_what_was_not_told_of_is_not_replaced(self, cloud: RunningStack, here: Path, *, deleted: bool) -> None:
        key, bucket = f"meanwhile-{deleted}.csv", cloud.access.bucket("tickets")
        file = TicketFile(write(here / key, "L8"), key)
        put_ticket_file(cloud.access, file)
        there = standing_at(cloud.access, file)
        cloud.access.s3.put_object(Bucket=bucket, Key=key, Body=b"of somebody else")
        if deleted:
            cloud.access.s3.delete_object(Bucket=bucket, Key=key)
        write(file.path, "L9")
        assert there
        with pytest.raises(TicketFileError, match="nothing was replaced"):
            put_ticket_file(cloud.access, file, replace(there, same=False))

    def test_what_changes_while_it_is_compared_is_other_content(self, cloud: RunningStack, here: Path) -> None:
        file = TicketFile(write(here / "compared.csv", "L14"), "loading/compared.csv")
        put_ticket_file(cloud.access, file)
        events, other = cloud.access.s3.meta.events, Access(cloud.access.document).s3

        def somebody_else(**_: object) -> None:
            other.put_object(Bucket=cloud.access.bucket("tickets"), Key=file.key, Body=b"of somebody else")

        events.register("before-call.s3.GetObject", somebody_else)
        try:
            there = standing_at(cloud.access, file)
        finally:
            events.unregister("before-call.s3.GetObject", somebody_else)
        assert there
        assert not there.same
        with pytest.raises(TicketFileError, match="nothing was replaced"):
            put_ticket_file(cloud.access, file, there)

    def test_what_came_in_between_is_not_replaced_either(self, cloud: RunningStack, here: Path) -> None:
        file = TicketFile(write(here / "first.csv", "L10"), "loading/first.csv")
        put_ticket_file(cloud.access, file)
        with pytest.raises(TicketFileError, match=r"somebody else put or deleted loading/first\.csv"):
            put_ticket_file(cloud.access, file, None)


class TestWaiting:
    @pytest.fixture
    def others(self, cloud: RunningStack) -> Iterator[None]:
        """Work of others: an event that does not come for a long time, and one that was dead-lettered."""
        sqs, queue = cloud.access.sqs, cloud.access.queue
        sqs.send_message(QueueUrl=queue("tickets"), MessageBody='{"Records": []}', DelaySeconds=900)
        other = ObjectVersion("b", "other.csv", "v", "", 1, "2026-11-20T10:00:00.000Z", "")
        sqs.send_message(QueueUrl=queue("tickets-dlq"), MessageBody=notification(other))
        yield
        sqs.purge_queue(QueueUrl=queue("tickets"))
        sqs.purge_queue(QueueUrl=queue("tickets-dlq"))

    @pytest.mark.usefixtures("others")
    def test_ends_with_its_own_files_whatever_else_hangs(self, cloud: RunningStack, here: Path) -> None:
        good = put_ticket_file(cloud.access, TicketFile(write(here / "w1.csv", "W1"), "wait/w1.csv"))
        (here / "bad.csv").write_text("no,header\n")
        refused = put_ticket_file(cloud.access, TicketFile(here / "bad.csv", "wait/bad.csv"))
        looks: list[Progress] = []
        shows = dagster_shows_all(cloud)

        def tell(now: Progress) -> None:
            looks.append(now)
            shows(now)

        follow(cloud.access, [good, refused], "tickets", tell=tell, patience=60)
        assert looks[-1] == Progress(2, 2)

    @pytest.mark.usefixtures("others")
    def test_tells_when_its_own_file_was_dead_lettered(self, cloud: RunningStack) -> None:
        mine = ObjectVersion(cloud.access.bucket("tickets"), "mine.csv", "v", "", 1, "2026-11-20T10:00:00.000Z", "")
        cloud.access.sqs.send_message(QueueUrl=cloud.access.queue("tickets-dlq"), MessageBody=notification(mine))
        with pytest.raises(NotThroughError, match="1 of 1 files were dead-lettered and lie in the queue tickets-dlq"):
            follow(cloud.access, [mine.id], "tickets", tell=lambda _: None, patience=30)

    @pytest.mark.usefixtures("others")
    def test_what_is_dead_lettered_at_once_lies_with_its_reason_in_the_dead_letters(self, cloud: RunningStack) -> None:
        mine = ObjectVersion(cloud.access.bucket("tickets"), "long.csv", "v", "", 1, "2026-11-20T10:00:00.000Z", "")
        sqs, url = cloud.access.sqs, cloud.access.queue("tickets")
        EventQueue(sqs, url).dead_letter(notification(mine), "it has no end")
        with pytest.raises(NotThroughError, match="1 of 1 files were dead-lettered"):
            follow(cloud.access, [mine.id], "tickets", tell=lambda _: None, patience=30)
        letters = DeadLetters(sqs, url).look(limit=10)
        assert sorted(letter.why for letter in letters) == ["", "it has no end"]

    def test_dagster_is_waited_for_too(self, cloud: RunningStack, here: Path) -> None:
        receipt = put_ticket_file(cloud.access, TicketFile(write(here / "w2.csv", "W2"), "wait/w2.csv"))
        with pytest.raises(NotThroughError, match="1 of 1 files are in, 1 receipts of them not in Dagster"):
            follow(cloud.access, [receipt], "tickets", tell=lambda _: None, patience=8)
