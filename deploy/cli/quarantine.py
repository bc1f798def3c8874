"""`cesta quarantine list` and `show`: what was rejected, by file and row by row."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from deploy.cli.console import complaints, console, print_json, say
from deploy.cli.deployment import Deployment
from deploy.cli.loading import bars
from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.tickets.quarantine import Contents
from pipeline_assets.tickets.rejected import Progress as Told
from pipeline_assets.tickets.rejected import RejectedFile, files_named, rejected_files
from pipeline_assets.tickets.replay import MendError

#: So many digits of a receipt id are shown; they are enough to name it.
DIGITS = 12


def print_list(there: Deployment, *, settled: bool, rule: str | None, key: str, limit: int, as_json: bool) -> None:
    """Print a line per file and per foreign message, and how much is not shown."""
    contents = there.stores.quarantine.contents()
    with looking("files looked at") as tell:
        files = _chosen(there, contents, settled=settled, rule=rule, key=key, tell=tell)
        shown = list(islice(files, limit or None))
        more = bool(limit) and next(files, None) is not None
    messages = sorted(contents.messages, key=lambda each: contents.messages[each], reverse=True)
    kept = [there.stores.quarantine.message(each) for each in ([] if key else messages[: limit or None])]
    foreign = [message for message in kept if message and (rule is None or message["rule"] == rule)]
    if as_json:
        print_json({"files": [file.as_dict() for file in shown], "messages": foreign, "more": more})
        return
    _print_files(there, shown)
    _print_messages(foreign)
    if more:
        say(f"There are more among the {len(contents.receipts):,} files of the quarantine; --limit 0 shows all.")
    if len(messages) > len(kept) and not key:
        say(f"{len(messages) - len(kept):,} more messages are not shown.")


def _chosen(  # the choice is made before the limit counts
    there: Deployment,
    contents: Contents,
    *,
    settled: bool,
    rule: str | None,
    key: str,
    tell: Told,
) -> Iterator[RejectedFile]:
    return (
        file
        for file in rejected_files(there.stores, contents, progress=tell)
        if (settled or file.standing == "open")
        and (rule is None or rule in file.rules)
        and file.receipt.source.key.startswith(key)
    )


def open_files(there: Deployment, rule: str | None) -> list[RejectedFile]:
    """Everything that is open, or what of it broke a rule."""
    contents = there.stores.quarantine.contents()
    with looking("files looked at") as tell:
        return list(_chosen(there, contents, settled=False, rule=rule, key="", tell=tell))


def named(there: Deployment, name: str) -> list[RejectedFile]:
    """The files in the quarantine that a person named; raises `MendError` when there is none."""
    bucket, key = there.object(name)
    found = files_named(name, bucket, key, there.stores, there.stores.quarantine.contents())
    if not found:
        raise MendError(f"nothing of {name} is in the quarantine: `cesta trace` tells where it is.")
    return found


def print_documents(there: Deployment, name: str, *, rule: str | None, limit: int, as_json: bool) -> None:
    """Print the rejected rows of the newest version of a file, or a foreign message."""
    message = there.stores.quarantine.message(name)
    if message:
        print_json(message)
        return
    file = named(there, name)[-1]
    rows = _rows(there, file, rule)
    shown = islice(rows, limit or None)
    if as_json:
        for row in shown:
            sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
        return
    print_files(there, [file])
    table = Table("row", "rule", "reason", "fields")
    table.columns[0].justify = "right"
    for column in table.columns[1:]:
        column.overflow = "fold"
    for row in shown:
        fields = row.get("fields", row.get("shown", ""))
        values = fields.values() if isinstance(fields, dict) else fields
        text = fields if isinstance(fields, str) else ",".join(values)
        table.add_row(str(row.get("row", "file")), row["rule"], escape(row["reason"]), escape(text))
    console.print(table)
    if left := sum(1 for _ in rows):
        say(f"{left:,} more rows are not shown; --limit 0 shows all, --csv FILE writes them.")


def write_rejected_rows(there: Deployment, name: str, *, rule: str | None, path: Path) -> None:
    """Write the rejected rows of the newest version of a file as a CSV with its header."""
    file = named(there, name)[-1]
    rows = [row for row in _rows(there, file, rule) if "fields" in row]
    if not rows:
        raise MendError(f"{file.receipt.source.key} was refused whole: no row of it was read.")
    header = next((list(row["fields"]) for row in rows if isinstance(row["fields"], dict)), TICKETS.column_names)
    with path.open("w", encoding="utf-8", newline="") as output:
        writer = csv.writer(output)
        writer.writerow(header)
        for row in rows:
            writer.writerow(row["fields"].values() if isinstance(row["fields"], dict) else row["fields"])
    say(f"{len(rows):,} rejected rows of {file.receipt.source.uri} are in {path}.")
    say(
        "Mend them in the whole file and put that under its key: a file is replaced whole, and tickets that it no "
        "longer carries leave the graph. This puts it there and waits: "
        f"`cesta quarantine replay {file.receipt.id[:DIGITS]} --file WHOLE.csv`",
        style="yellow",
    )


def print_files(there: Deployment, files: Sequence[RejectedFile]) -> None:
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
            f"{escape(there.name_of(receipt.source))}{refused}{settled}",
            receipt.source.event_time[:19],
            f"{counts.quarantined:,} of {counts.received:,}",
            escape(rules),
            receipt.id[:DIGITS],
        )
    console.print(table)


def _print_files(there: Deployment, files: Sequence[RejectedFile]) -> None:
    if files:
        print_files(there, files)
    else:
        say("No file is in the quarantine.", style="green")


def _print_messages(messages: Sequence[dict[str, Any]]) -> None:
    if not messages:
        return
    table = Table("foreign message", "reason")
    for message in messages:
        table.add_row(message["message_id"], escape(message["reason"]))
    console.print(table)


def _rows(there: Deployment, file: RejectedFile, rule: str | None) -> Iterator[dict[str, Any]]:
    documents = there.stores.quarantine.documents(file.receipt.id, file.receipt.run)
    return (document for document in documents if rule is None or document["rule"] == rule)


@contextmanager
def looking(doing: str) -> Iterator[Told]:
    """A bar on standard error for what looks at many files."""
    with bars(complaints) as progress:
        progress.live.transient = True
        bar = progress.add_task(doing, total=None)
        yield lambda done, of: progress.update(bar, completed=done, total=of)
