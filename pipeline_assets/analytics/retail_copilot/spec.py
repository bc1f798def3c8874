"""Tables of the Retail Copilot."""

from __future__ import annotations

from pipeline_assets.datasets.spec import Between, Column, Dataset, Rule

_OWNER = "team:analytics"
_TEXT = ("query_log.text",)

QUERY_TEMPLATES = Dataset(
    name="query_templates",
    description="Kinds of questions: what is left of their texts without numbers, dates, quotes and masked digits.",
    owner=_OWNER,
    columns=(
        Column("template", "text", "the kind of question, in lower case, `?` for what differs", derived_from=_TEXT),
        Column("queries", "integer", "how many there were", unit="questions", derived_from=_TEXT),
        Column(
            "zero_result_share",
            "number",
            "share of them that found nothing; empty where of none the results are known",
            nullable=True,
            derived_from=("query_log.results",),
        ),
        Column(
            "p95_seconds",
            "number",
            "how long the slowest of twenty takes; empty where of none the time is known",
            nullable=True,
            unit="s",
            derived_from=("query_log.seconds",),
        ),
        Column(
            "example", "text", "the first text of the kind by the alphabet", personal="free_text", derived_from=_TEXT
        ),
    ),
    key=("template",),
    rules=(
        Rule("queries_counted", "halt", "at least 1", Between("queries", 1)),
        Rule("share_0_to_1", "halt", "a share of 0 to 1", Between("zero_result_share", 0, 1)),
        Rule("seconds_not_negative", "halt", "at least 0", Between("p95_seconds", 0)),
    ),
)
QUERY_REFORMULATIONS = Dataset(
    name="query_reformulations",
    description="What the same person asked the same system next, within five minutes and in other words.",
    owner=_OWNER,
    columns=(
        Column("template", "text", "the kind of the first question", derived_from=_TEXT),
        Column("next_template", "text", "the kind of the next one", derived_from=_TEXT),
        Column(
            "pairs",
            "integer",
            "how often that was so",
            unit="pairs of questions",
            derived_from=("query_log.text", "query_log.asked_at", "query_log.asked_by", "query_log.system"),
        ),
    ),
    key=("template", "next_template"),
    rules=(Rule("pairs_counted", "halt", "at least 1", Between("pairs", 1)),),
)
