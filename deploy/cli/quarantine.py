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
from typing import Any

from rich.markup import escape
from rich.table import Table

from deploy.cli.console import complaints, console, number_of, print_json, say
from deploy.cli.deployment import Deployment
from deploy.cli.loading import bars
from pipeline_assets.csv_files.ingest import FileFlow
from pipeline_assets.events.quarantine import Contents
from pipeline_assets.operations.rejected import Progress as Told
from pipeline_assets.operations.rejected import RejectedFile, files_named, rejected_files
from pipeline_assets.operations.replay import MendError

#: So many digits of a receipt id are shown; they are enough to name it.
DIGITS = 12
#: The rule that a message broke which announces no object: no dataset has it.
FOREIGN = "foreign_message"


def print_list(there: Deployment[Any], *, settled: bool, rule: str | None, key: str, limit: int, as_json: bool) -> None:
    """Print a line per file and per foreign message, and how much is not shown."""
    require_rule(there, rule)
    contents = there.stores.quarantine.contents()
    seen: Counter[str] = Counter()
    with looking("files looked at") as tell:
        files = _chosen(there, contents, seen, settled=settled, rule=rule, key=key, tell=tell)
        shown = list(islice(files, limit or None))
        more = bool(limit) and next(files, None) is not None
    messages = sorted(contents.messages, key=lambda each: contents.messages[each], reverse=True)
    kept = [there.stores.quarantine.message(each) for each in ([] if key else messages[: limit or None])]
    foreign = [message for message in kept if message and (rule is None or message["rule"] == rule)]
    if as_json:
        print_json({"files": [file.as_dict() for file in shown], "messages": foreign, "more": more})
        return
    if shown:
        print_files(there, shown)
    elif not foreign:
        say(none_matches(seen["open"], settled=settled), style="green" if not seen["open"] else "")
    _print_messages(foreign)
    if more:
        say(f"There are more among the {len(contents.receipts):,} files of the quarantine; --limit 0 shows all.")
    if len(messages) > len(kept) and not key:
        say(f"{len(messages) - len(kept):,} more messages are not shown.")


def _chosen(  # the choice is made before the limit counts
    there: Deployment[Any],
    contents: Contents,
    seen: Counter[str],
    *,
    settled: bool,
    rule: str | None,
    key: str,
    tell: Told,
) -> Iterator[RejectedFile]:
    for file in rejected_files(there.stores, contents, progress=tell):
        seen[file.standing] += 1
        wanted = (settled or file.standing == "open") and (rule is None or rule in file.rules)
        if wanted and str(file.receipt.source.place.get("key", "")).startswith(key):
            yield file


def open_files(there: Deployment[Any]) -> list[RejectedFile]:
    """Everything that is open."""
    with looking("files looked at") as tell:
        files = rejected_files(there.stores, there.stores.quarantine.contents(), progress=tell)
        return [file for file in files if file.standing == "open"]


def none_matches(waiting: int, *, settled: bool = False) -> str:
    """What is said where no file was found though `waiting` files are open."""
    if settled:
        return f"No file matches; {number_of(waiting, 'file')} of all are open."
    return f"No open file matches; open: {number_of(waiting, 'file')}." if waiting else "No file is open."


def require_rule(there: Deployment[Any], name: str | None) -> None:
    """Raise `MendError` for a rule that nothing in the quarantine can have broken."""
    known = [*there.flow.rule_names, FOREIGN]
    if name is not None and name not in known:
        raise MendError(f"{there.flow.name} have no rule {name}; there are {', '.join(known)}.")


def named(there: Deployment[Any], name: str) -> list[RejectedFile]:
    """The files in the quarantine that a person named; raises `MendError` when there is none."""
    bucket, key = there.object(name)
    found = files_named(name, bucket, key, there.stores, there.stores.quarantine.contents())
    if not found:
        raise MendError(f"nothing of {name} is in the quarantine: `cesta trace` tells where it is.")
    return found


def print_documents(there: Deployment[Any], name: str, *, rule: str | None, limit: int, as_json: bool) -> None:
    """Print the rejected rows of the newest version of a file, or a foreign message."""
    message = there.stores.quarantine.message(name)
    if message:
        print_json(message)
        return
    require_rule(there, rule)
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
        fields = row.get("fields", row.get("shown", row.get("new") or row.get("old") or ""))
        values = map(str, fields.values()) if isinstance(fields, dict) else fields
        text = fields if isinstance(fields, str) else ",".join(values)
        place = row.get("row", row.get("sequence_number", "file"))
        table.add_row(str(place), row["rule"], escape(row["reason"]), escape(text))
    console.print(table)
    if left := sum(1 for _ in rows):
        say(f"Not shown: {number_of(left, 'more row')}; --limit 0 shows all, --csv FILE writes them.")


def write_rejected_rows(there: Deployment[Any], name: str, *, rule: str | None, path: Path) -> None:
    """Write the rejected rows of the newest version of a file as a CSV with its header."""
    require_rule(there, rule)
    file = named(there, name)[-1]
    rows = [row for row in _rows(there, file, rule) if "fields" in row]
    if not rows:
        raise MendError(f"{there.name_of(file.receipt.source)} was refused whole: no row of it was read.")
    named_fields = (list(row["fields"]) for row in rows if isinstance(row["fields"], dict))
    header = next(named_fields, there.flow.dataset.column_names if isinstance(there.flow, FileFlow) else ())
    with path.open("w", encoding="utf-8", newline="") as output:
        writer = csv.writer(output)
        writer.writerow(header)
        for row in rows:
            writer.writerow(row["fields"].values() if isinstance(row["fields"], dict) else row["fields"])
    say(f"{path} holds {number_of(len(rows), 'rejected row')} of {file.receipt.source.uri}.")
    if not isinstance(there.flow, FileFlow):
        say("Mend them where they come from: what is exported again replaces them.", style="yellow")
        return
    say(
        f"Mend them in the whole file and put that under its key: a file is replaced whole, and {there.flow.left_out}. "
        f"This puts it there and waits: `cesta quarantine replay {file.receipt.id[:DIGITS]} --file WHOLE.csv`",
        style="yellow",
    )


def print_files(there: Deployment[Any], files: Sequence[RejectedFile]) -> None:
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


def _print_messages(messages: Sequence[dict[str, Any]]) -> None:
    if not messages:
        return
    table = Table("foreign message", "reason")
    for message in messages:
        table.add_row(message["message_id"], escape(message["reason"]))
    console.print(table)


def _rows(there: Deployment[Any], file: RejectedFile, rule: str | None) -> Iterator[dict[str, Any]]:
    documents = there.stores.quarantine.documents(file.receipt)
    return (document for document in documents if rule is None or document["rule"] == rule)


@contextmanager
def looking(doing: str) -> Iterator[Told]:
    """A bar on standard error for what looks at many files."""
    with bars(complaints) as progress:
        progress.live.transient = True
        bar = progress.add_task(doing, total=None)
        yield lambda done, of: progress.update(bar, completed=done, total=of)
