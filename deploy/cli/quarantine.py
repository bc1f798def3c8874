"""`cesta quarantine list` and `show`: what was rejected, by file and row by row."""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from deploy.cli.commands import FlowOption, JsonOption, LimitOption, Where
from deploy.cli.console import complaints, console, number_of, print_json, say
from deploy.cli.deployment import Deployment, deployment_of
from deploy.cli.progress import bars
from pipeline_assets.events.flow import Correctable, capability
from pipeline_assets.events.quarantine import Contents
from pipeline_assets.operations.rejected import Progress as Report
from pipeline_assets.operations.rejected import RejectedFile, files_named, rejected_files
from pipeline_assets.operations.replay import MendError

#: So many digits of a receipt id are shown; they are enough to name it.
DIGITS = 12
#: The rule that a message broke which announces no object: no dataset has it.
FOREIGN = "foreign_message"


RuleOption = Annotated[str | None, typer.Option("--rule", help="Only what broke this rule.")]


def list_quarantine(
    where: Where,
    *,
    settled: Annotated[bool, typer.Option("--all", help="Also what newer versions and later runs settled.")] = False,
    rule: RuleOption = None,
    key: Annotated[str, typer.Option("--key", help="Only files whose key begins like this.")] = "",
    limit: LimitOption = 50,
    flow: FlowOption = "tickets",
    as_json: JsonOption = False,
) -> None:
    """Show the files with rejected rows, the refused files and the foreign messages, newest first."""
    with deployment_of(flow, where) as deployment:
        print_list(deployment, settled=settled, rule=rule, key=key, limit=limit, as_json=as_json)


def show_quarantine(
    where: Where,
    name: Annotated[str, typer.Argument(help="A receipt id or its beginning, a key, an s3:// address, a message id.")],
    *,
    rule: RuleOption = None,
    limit: LimitOption = 50,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write the rejected rows to this file.")] = None,
    flow: FlowOption = "tickets",
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON per row.")] = False,
) -> None:
    """Show the rejected rows of a file, each with its rule and reason; or one foreign message."""
    with deployment_of(flow, where) as deployment:
        if csv_file:
            write_rejected_rows(deployment, name, rule=rule, path=csv_file)
        else:
            print_documents(deployment, name, rule=rule, limit=limit, as_json=as_json)


def print_list(
    deployment: Deployment[Any], *, settled: bool, rule: str | None, key: str, limit: int, as_json: bool
) -> None:
    """Print a line per file and per foreign message, at most `limit` (0 is all), and how much is not shown."""
    require_rule(deployment, rule)
    contents = deployment.stores.quarantine.contents()
    seen: Counter[str] = Counter()
    with search_bar("files looked at") as report:
        files = _chosen(deployment, contents, seen, settled=settled, rule=rule, key=key, report=report)
        shown = list(islice(files, limit or None))
        more = bool(limit) and next(files, None) is not None
    messages = sorted(contents.messages, key=lambda each: contents.messages[each], reverse=True)
    kept = [deployment.stores.quarantine.messages.read(each) for each in ([] if key else messages[: limit or None])]
    foreign = [message for message in kept if message and (rule is None or message["rule"] == rule)]
    if as_json:
        print_json({"files": [file.as_dict() for file in shown], "messages": foreign, "more": more})
        return
    if shown:
        print_files(deployment, shown)
    elif not foreign:
        say(none_matches(seen["open"], settled=settled), style="green" if not seen["open"] else "")
    _print_messages(foreign)
    if more:
        say(f"There are more among the {len(contents.receipts):,} files of the quarantine; --limit 0 shows all.")
    if len(messages) > len(kept) and not key:
        say(f"{len(messages) - len(kept):,} more messages are not shown.")


def _chosen(  # the choice is made before the limit counts
    deployment: Deployment[Any],
    contents: Contents,
    seen: Counter[str],
    *,
    settled: bool,
    rule: str | None,
    key: str,
    report: Report,
) -> Iterator[RejectedFile]:
    for file in rejected_files(deployment.stores, contents, progress=report):
        seen[file.standing] += 1
        chosen = (settled or file.standing == "open") and (rule is None or rule in file.rules)
        if chosen and str(file.receipt.source.place.get("key", "")).startswith(key):
            yield file


def open_files(deployment: Deployment[Any]) -> list[RejectedFile]:
    """Everything that is open."""
    with search_bar("files looked at") as report:
        files = rejected_files(deployment.stores, deployment.stores.quarantine.contents(), progress=report)
        return [file for file in files if file.standing == "open"]


def none_matches(waiting: int, *, settled: bool = False) -> str:
    """Sentence for a search that found no file, although `waiting` files are open."""
    if settled:
        return f"No file matches; {number_of(waiting, 'file')} of all are open."
    return f"No open file matches; open: {number_of(waiting, 'file')}." if waiting else "No file is open."


def require_rule(deployment: Deployment[Any], name: str | None) -> None:
    """Refuse a rule that nothing in the quarantine can have broken; the `MendError` names those that the flow has."""
    known = [*deployment.flow.rule_names, FOREIGN]
    if name is not None and name not in known:
        raise MendError(f"{deployment.flow.name} have no rule {name}; there are {', '.join(known)}.")


def named(deployment: Deployment[Any], name: str) -> list[RejectedFile]:
    """Files in the quarantine that a person named, oldest first; raises `MendError` when there is none."""
    bucket, key = deployment.object(name)
    found = files_named(name, bucket, key, deployment.stores, deployment.stores.quarantine.contents())
    if not found:
        raise MendError(f"nothing of {name} is in the quarantine: `cesta trace` tells where it is.")
    return found


def print_documents(deployment: Deployment[Any], name: str, *, rule: str | None, limit: int, as_json: bool) -> None:
    """Print a foreign message, or at most `limit` rejected rows (0 is all) of the newest version of a file."""
    message = deployment.stores.quarantine.messages.read(name)
    if message:
        print_json(message)
        return
    require_rule(deployment, rule)
    file = named(deployment, name)[-1]
    rows = _rows(deployment, file, rule)
    shown = islice(rows, limit or None)
    if as_json:
        for row in shown:
            sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
        return
    print_files(deployment, [file])
    table = Table("row", "rule", "reason", "fields")
    table.columns[0].justify = "right"
    for column in table.columns[1:]:
        column.overflow = "fold"
    for row in shown:
        fields = row.get("fields", row.get("shown", row.get("new") or row.get("old") or ""))
        values = map(str, fields.values()) if isinstance(fields, dict) else fields
        text = fields if isinstance(fields, str) else ",".join(values)
        place = row.get("row", row.get("sequence_number", "file"))
        table.add_row(str(place), row["rule"], escape(row["reason"]), escape(text))
    console.print(table)
    if left := sum(1 for _ in rows):
        say(f"Not shown: {number_of(left, 'more row')}; --limit 0 shows all, --csv FILE writes them.")


def write_rejected_rows(deployment: Deployment[Any], name: str, *, rule: str | None, path: Path) -> None:
    """Write the rejected rows of the newest version of a file as a CSV with its header.

    Raises `MendError` when the file was refused whole, so that no row of it was read.
    """
    require_rule(deployment, rule)
    file = named(deployment, name)[-1]
    rows = [row for row in _rows(deployment, file, rule) if "fields" in row]
    if not rows:
        raise MendError(f"{deployment.name_of(file.receipt.source)} was refused whole: no row of it was read.")
    named_fields = (list(row["fields"]) for row in rows if isinstance(row["fields"], dict))
    correctable = capability(deployment.flow, Correctable)
    header = next(named_fields, correctable.column_names if correctable else ())
    with path.open("w", encoding="utf-8", newline="") as output:
        writer = csv.writer(output)
        writer.writerow(header)
        for row in rows:
            writer.writerow(row["fields"].values() if isinstance(row["fields"], dict) else row["fields"])
    say(f"{path} holds {number_of(len(rows), 'rejected row')} of {file.receipt.version.uri}.")
    if correctable is None:
        say("Mend them where they come from: what is exported again replaces them.", style="yellow")
        return
    say(
        f"Mend them in the whole file and put that under its key: a file is replaced whole, and {correctable.left_out}"
        f". This puts it there and waits: `cesta quarantine replay {file.receipt.id[:DIGITS]} --file WHOLE.csv`",
        style="yellow",
    )


def print_files(deployment: Deployment[Any], files: Sequence[RejectedFile]) -> None:
    """Print a table of files: how much of each was rejected, and why."""
    table = Table("file", "arrived", "rejected", "rules", "receipt")
    table.columns[0].overflow = table.columns[3].overflow = "fold"
    for number in (1, 2, 4):
        table.columns[number].no_wrap = True
    for file in files:
        receipt, counts = file.receipt, file.receipt.counts
        rules = "\n".join(f"{number:,} {rule}" for rule, number in file.rules.items())
        settled = f"\n[dim]{file.standing}[/]" if file.standing != "open" else ""
        refused = "\n[red]refused whole[/]" if receipt.refused else ""
        table.add_row(
            f"{escape(deployment.name_of(receipt.source))}{refused}{settled}",
            receipt.source.event_time[:19],
            f"{counts.quarantined:,} of {counts.received:,}",
            escape(rules),
            receipt.id[:DIGITS],
        )
    console.print(table)


def _print_messages(messages: Sequence[dict[str, Any]]) -> None:
    if not messages:
        return
    table = Table("foreign message", "reason")
    for message in messages:
        table.add_row(message["message_id"], escape(message["reason"]))
    console.print(table)


def _rows(deployment: Deployment[Any], file: RejectedFile, rule: str | None) -> Iterator[dict[str, Any]]:
    documents = deployment.stores.quarantine.documents(file.receipt)
    return (document for document in documents if rule is None or document["rule"] == rule)


@contextmanager
def search_bar(doing: str) -> Iterator[Report]:
    """A bar on standard error for what looks at many files."""
    with bars(complaints) as progress:
        progress.live.transient = True
        bar = progress.add_task(doing, total=None)
        yield lambda done, of: progress.update(bar, completed=done, total=of)
