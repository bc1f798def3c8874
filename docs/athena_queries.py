"""Writes `docs/athena-queries.sql`, views and queries of purchases for Athena: `python -m docs.athena_queries`.

Placeholders are filled with their defaults, so that each statement runs as it stands.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sqlglot
from sqlglot import TokenType

from pipeline_assets.queries.named_query import NamedQuery
from pipeline_assets.queries.names import read_tables
from pipeline_assets.queries.parameters import Parameter
from pipeline_assets.queries.sql import placeholders, queries
from pipeline_assets.queries.tables import is_of_purchases
from pipeline_assets.queries.views import COMPRAS_VIEWS

FILE: Final = Path(__file__).with_name("athena-queries.sql")
_HEAD: Final = """\
-- Queries of purchases, to be run one by one in Athena's editor with the database <stage>-compras-datacatalog chosen.
-- Written by `python -m docs.athena_queries` from pipeline_assets/queries, where `cesta query sql` has them from.
--
-- The views are made by the template; their statements stand here for a database that was made by hand.
"""


def purchase_queries() -> tuple[NamedQuery, ...]:
    """The named queries that read purchases."""
    return tuple(
        asked
        for asked in queries()
        if any(map(is_of_purchases, read_tables(sqlglot.parse_one(asked.statement, "athena"))))
    )


def filled(asked: NamedQuery) -> str:
    """The statement of a query with the default of each parameter in the place of its mark."""
    defaults = {parameter.name: _default(parameter) for parameter in asked.parameters}
    marks = [
        token
        for token in sqlglot.tokenize(asked.statement, dialect="athena")
        if token.token_type is TokenType.PLACEHOLDER
    ]
    text = asked.statement
    for mark, name in reversed(list(zip(marks, placeholders(asked), strict=True))):
        text = f"{text[: mark.start]}{defaults[name]}{text[mark.end + 1 :]}"
    return text.rstrip()


def _default(parameter: Parameter) -> str:
    text = str(parameter.default)
    if parameter.kind != "day":
        return text
    return f"date_add('day', -{int(text.removeprefix('today').removeprefix('-') or 0)}, current_date)"


def athena_queries() -> str:
    """The text of the file."""
    views = [
        f"{view.text[: view.text.index('SELECT')]}CREATE OR REPLACE VIEW {view.name} AS\n{view.statement};\n"
        for view in COMPRAS_VIEWS
    ]
    asked = [f"-- {one.title}: {one.answer}\n{filled(one)};\n" for one in purchase_queries()]
    return "\n".join([_HEAD, *views, *asked])


if __name__ == "__main__":
    FILE.write_text(athena_queries(), encoding="utf-8")
