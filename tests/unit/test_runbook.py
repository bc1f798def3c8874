"""Whoever is woken by an alarm finds a page that says what it means, how to see it and how to mend it."""

import re
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode.cfn_yaml import load  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]
RUNBOOK = ROOT / "docs" / "runbook"
RESOURCES: dict[str, dict[str, Any]] = load(str(ROOT / "deploy" / "template.yaml"))["Resources"]
ALARMS: dict[str, dict[str, Any]] = {
    name: resource["Properties"] for name, resource in RESOURCES.items() if resource["Type"] == "AWS::CloudWatch::Alarm"
}
#: Dimensions that are no name of a flow's own: one ledger serves all of them.
SHARED = {"Ledger", "QueryState", "QueryType"}
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


@pytest.mark.parametrize("name", ALARMS)
def test_what_an_alarm_watches_is_in_one_column_of_the_table_of_names(name: str) -> None:
    dimensions = ALARMS[name].get("Dimensions") or _asked_of(ALARMS[name])
    watched = {_called(each["Value"]) for each in dimensions if each["Name"] not in SHARED}
    assert watched
    assert any(watched <= column for column in _columns_of_names())


def test_no_page_is_without_an_alarm() -> None:
    named = {page for alarm in ALARMS.values() for page in re.findall(r"[a-z-]+\.md", alarm["AlarmDescription"])}
    assert named == {page.name for page in RUNBOOK.glob("*.md")} - {"README.md"}


def _asked_of(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """What an alarm that asks by a query names, as dimensions."""
    (query,) = alarm["Metrics"]
    named = re.findall(r"(\w+) = '\$\{(\w+)\}'", query["Expression"]["Fn::Sub"])
    return [{"Name": name, "Value": {"Ref": resource}} for name, resource in named]


def _called(value: Any) -> str:
    """What a value of the template is on a deployment, as the pages write it."""
    match value:
        case {"Ref": name}:
            properties = RESOURCES[name]["Properties"]
            return _called(properties.get("FunctionName") or properties["Name"])
        case {"Fn::GetAtt": [name, "QueueName"]}:
            return _called(RESOURCES[name]["Properties"]["QueueName"])
        case {"Fn::Sub": text}:
            return str(text).replace("${Stage}", "$STAGE")
    return str(value)


def _columns_of_names() -> list[set[str]]:
    """The names of each flow, a column of the table each."""
    _, chapter = (RUNBOOK / "README.md").read_text().split("## Names\n")
    rows = [line.split("|")[2:-1] for line in chapter.partition("\n## ")[0].splitlines() if line.startswith("|")]
    return [set(re.findall(r"`([^`]+)`", " ".join(cells))) for cells in zip(*rows, strict=True)]
