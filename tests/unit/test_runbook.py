"""Whoever is woken by an alarm finds a page that says what it means, how to see it and how to mend it."""

import re
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode.cfn_yaml import load  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]
RUNBOOK = ROOT / "docs" / "runbook"
ALARMS: dict[str, dict[str, Any]] = {
    name: resource["Properties"]
    for name, resource in load(str(ROOT / "deploy" / "template.yaml"))["Resources"].items()
    if resource["Type"] == "AWS::CloudWatch::Alarm"
}
CHAPTERS = ["## What it means", "## How to see it", "## How to mend it"]


@pytest.mark.parametrize("name", ALARMS)
def test_every_alarm_names_a_page_with_the_three_chapters(name: str) -> None:
    (page,) = re.findall(r"See (docs/runbook/[a-z-]+\.md)\.", ALARMS[name]["AlarmDescription"])
    chapters = [line for line in (ROOT / page).read_text().splitlines() if line.startswith("## ")]
    assert chapters == CHAPTERS


@pytest.mark.parametrize("name", ALARMS)
def test_the_contents_list_every_alarm_by_its_name(name: str) -> None:
    called = ALARMS[name]["AlarmName"]["Fn::Sub"].removeprefix("cesta-${Stage}-")
    assert f"| `{called}` |" in (RUNBOOK / "README.md").read_text()


def test_no_page_is_without_an_alarm() -> None:
    named = {page for alarm in ALARMS.values() for page in re.findall(r"[a-z-]+\.md", alarm["AlarmDescription"])}
    assert named == {page.name for page in RUNBOOK.glob("*.md")} - {"README.md"}
