"""`cesta query graph`: asks the purchase graph one of the known questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.markup import escape
from rich.table import Table

from deploy.cli.console import console, print_json, say
from deploy.cli.loading import access_to
from deploy.local.instance import Instance
from pipeline_assets.graph.questions import Question, QuestionError, ask, question, questions


def print_questions(*, as_json: bool) -> None:
    """List the questions with their parameters."""
    if as_json:
        print_json([described(one) for one in questions()])
        return
    table = Table("name", "answers", "parameters")
    for one in questions():
        parameters = "\n".join(
            f"{p.name}{'' if p.required else f'={_cell(p.default)}'}  {p.meaning}" for p in one.parameters
        )
        table.add_row(one.name, escape(one.answer), escape(parameters))
    console.print(table)


def described(one: Question) -> dict[str, object]:
    """A question for a program: what it answers, takes and gives."""
    parameters = {
        p.name: {"takes": p.takes, "default": p.default, "required": p.required, "meaning": p.meaning}
        for p in one.parameters
    }
    return {
        "name": one.name,
        "title": one.title,
        "answer": one.answer,
        "parameters": parameters,
        "columns": dict(one.columns),
    }


def print_answer(instance: Instance, name: str, given: Sequence[str], *, as_json: bool) -> None:
    """Ask a question and print the answer as a table or as JSON.

    Raises `QuestionError` for an unknown question or parameter, naming those that there are.
    """
    asked = question(name)
    parameters = asked.read(dict(_named(text) for text in given))
    with access_to(instance).graph() as driver:
        rows = ask(driver, name, **parameters)
    if as_json:
        print_json(rows)
    else:
        console.print(answer_table(asked.title, tuple(asked.columns), rows))
        say(f"{len(rows)} rows. {asked.answer}", style="dim")


def answer_table(title: str, columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> Table:
    """An answer as a table of some of its columns; numbers are never cut off, texts are on narrow terminals."""
    table = Table(title=title, title_justify="left")
    for name in columns:
        number = bool(rows) and isinstance(rows[0].get(name), int | float)
        table.add_column(name.replace("_", " "), justify="right" if number else "left", no_wrap=number)
    for row in rows:
        table.add_row(*(escape(_cell(row.get(name))) for name in columns))
    return table


def _named(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise QuestionError(f"--param {text} is not of the form NAME=VALUE.")
    return name, value


def _cell(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
