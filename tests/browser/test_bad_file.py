"""A person finds a bad file by its red, reads its rows by the command that the page names, and mends it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.pages import NEWS, DagsterPages
from tests.worlds.stack import RunningStack
from tests.worlds.ticket_cloud import HEADER, row

#: The tenth of last month: shops are open then.
DAY = (datetime.now(UTC).date().replace(day=1) - timedelta(days=1)).replace(day=10).isoformat()
KEY = f"browser/{DAY}.csv"
SOUND = row("B1", timestamp=f"{DAY} 09:30:00")
BROKEN = [row("B2", "Bread", 0, timestamp=f"{DAY} 09:31:00"), row("B3", "Eggs", timestamp="soon")]
MENDED = [row("B2", "Bread", 2, timestamp=f"{DAY} 09:31:00"), row("B3", "Eggs", timestamp=f"{DAY} 09:32:00")]


def typed(stack: RunningStack, command: str) -> str:
    """What a command says that is typed as the page has it, on this instance."""
    program, *arguments = shlex.split(command)
    assert program == "cesta"
    instance = {"CESTA_STATE": str(stack.instance.state), "CESTA_PORT_BASE": str(stack.instance.port_base)}
    done = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *arguments],
        env=os.environ | instance | {"COLUMNS": "200"},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.timeout(900)
def test_from_red_to_the_broken_rows_and_back_to_green(
    stack: RunningStack, pages: DagsterPages, tmp_path: Path
) -> None:
    bucket = stack.access.bucket("tickets")
    stack.access.s3.put_object(Bucket=bucket, Key=KEY, Body="".join([HEADER, SOUND, *BROKEN]).encode())

    pages.open_graph('group:"tickets"')
    pages.expect_red("tickets")
    pages.open_asset("tickets", "checks")
    pages.open_check("few_rejected")
    expect(pages.evaluation()).to_contain_text("Failed")
    with pages.unfolded("rejected") as table:
        expect(table).to_contain_text(KEY)
        for rule in ("quantity_positive", "timestamp_readable"):
            expect(table).to_contain_text(rule)
        command = table.get_by_text("cesta quarantine show").first.inner_text()
    told = typed(stack, command)
    assert "'soon'" in told
    assert "found '0'" in told

    # As the guide has it: the whole file, mended, under its key.
    whole = tmp_path / "whole.csv"
    whole.write_text("".join([HEADER, SOUND, *MENDED]))
    receipt = shlex.split(command)[3]
    assert "2 rejected rows before, 0 now" in typed(stack, f"cesta quarantine replay {receipt} --file {whole}")

    pages.open_asset("tickets", "checks", checkDetail="few_rejected")
    expect(pages.evaluation()).to_contain_text("Passed", timeout=NEWS)
    pages.open_graph('group:"tickets"')
    pages.expect_no_red("tickets")
    three = pages.value("dagster/partition_row_count").get_by_text("3", exact=True)
    pages.reload_until(lambda: pages.open_partition("tickets", DAY), three, shown=True)
