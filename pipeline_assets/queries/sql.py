"""Named queries of the lake: each an SQL file in ``sql/``, in Athena's dialect, read by `queries.named_query`.

A placeholder is followed by the name of its parameter, ``? /* first_day */``, which one may use more than once.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import sqlglot
from sqlglot import TokenType
from sqlglot.errors import SqlglotError

from pipeline_assets.queries.named_query import Question, QuestionError, named, questions_in

#: What begins a line of comment.
COMMENT = "--"


@cache
def queries() -> tuple[Question, ...]:
    """All queries, in the order of their names."""
    return questions_in(files(__package__) / "sql", ".sql", COMMENT)


def query(name: str) -> Question:
    """The query of this name; raises `QuestionError` listing those there are when there is none."""
    return named(name, queries())


def placeholders(asked: Question) -> list[str]:
    """Parameters of the placeholders of a query, in the order of the text.

    Returns
    -------
    list of str
        A name for each placeholder; one may come more than once.

    Raises
    ------
    QuestionError
        A placeholder names no parameter, a parameter has no placeholder, or a quote is not closed.
    """
    try:
        tokens = sqlglot.tokenize(asked.statement, dialect="athena")
    except SqlglotError as error:
        raise QuestionError(f"`{asked.name}` could not be read: {error}") from error
    marks = [token.comments for token in tokens if token.token_type is TokenType.PLACEHOLDER]
    names = [comments[0].strip() if comments else "" for comments in marks]
    if set(names) != {parameter.name for parameter in asked.parameters}:
        raise QuestionError(f"`{asked.name}.sql`: its placeholders are not those of its parameters: {names}.")
    return names
