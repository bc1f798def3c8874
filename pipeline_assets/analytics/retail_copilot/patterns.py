"""Patterns of questions: templates, questions without results, reformulations, latency.

Definition. The template of a question is its text in lower case, in which quoted words, masked numbers, dates, times
and numbers are `?`, with single spaces and no mark at its end. The share without results is of the questions whose
results are known. The latency is the 95th percentile, interpolated linearly between two questions. A reformulation is
the next question of the same person to the same system, within five minutes, of another template.

Reference: literal stripping as of pg_stat_statements; sessions by a gap in time as of Jansen and others 2007, with a
shorter one, since a reformulation is sooner than another errand. Assumptions: what is quoted or a number tells
questions of a kind apart, words tell kinds apart. Limits: two wordings of one wish are two templates; who did not say
who they are is in no pair. There is nothing to compare with: what was asked is counted, not foretold.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import narwhals as nw

from pipeline_assets.analytics.prod_set import Made

if TYPE_CHECKING:
    from pipeline_assets.analytics.day_features import Features
    from pipeline_assets.analytics.known_day import Frame, KnownDay

#: What differs between questions of a kind, in the syntax that RE2, Rust and Java share; the first that fits is taken.
_LITERALS: Final = (
    r"\"[^\"]*\"|'[^']*'|«[^»]*»|“[^”]*”",
    r"\[(?:card|ssn) ending \d+\]|\[security code\]",
    r"\d{4}-\d\d?-\d\d?(?:[t ]\d\d?:\d\d(?::\d\d(?:\.\d+)?)?z?)?",
    r"[#$€£]?\d+(?:[.,:/-]\d+)*%?",
)
#: Marks and spaces around a text.
_EDGES: Final = r"^[\s¿¡]+|[\s.?!…]+$"
_PAUSE: Final = timedelta(minutes=5)
_NO_LOG: Final = "There is no log of questions up to the day."
_NO_PAIR: Final = "Nobody asked again in other words within five minutes."


def asked_questions(features: KnownDay) -> Frame:
    """Questions up to the day with their templates.

    Parameters
    ----------
    features
        The features of the day.

    Returns
    -------
    nw.LazyFrame
        ``query_id``, ``asked_at``, ``asked_by``, ``system``, ``text``, ``seconds`` (float), ``results``, ``template``.
    """
    end = nw.lit(features.as_of + timedelta(days=1)).cast(nw.Datetime("us"))
    asked = features.lake.table("query_log").filter(nw.col("asked_at") < end)
    columns = ("query_id", "asked_at", "asked_by", "system", "text", "results", "seconds")
    return features.row_by_row(asked.select(*columns), _with_template).sort("query_id")


def _with_template(asked: Frame) -> Frame:
    template = nw.col("text").str.to_lowercase().str.replace_all(_EDGES, "")
    for literal in _LITERALS:
        template = template.str.replace_all(literal, "?")
    template = template.str.replace_all(r"\s+", " ")
    return asked.with_columns(seconds=nw.col("seconds").cast(nw.Float64), template=template)


def find_patterns(features: Features) -> Mapping[str, Made]:
    """Find the kinds of questions, and what is asked next.

    Parameters
    ----------
    features
        The features of the day.

    Returns
    -------
    Mapping[str, Made]
        Tables ``query_templates`` and ``query_reformulations``.
    """
    asked = features.of(asked_questions)
    templates = asked.group_by("template").agg(
        queries=nw.len(),
        zero_result_share=(nw.col("results") == 0).cast(nw.Float64).mean(),
        p95_seconds=nw.col("seconds").quantile(0.95, interpolation="linear"),
        example=nw.col("text").min(),
    )
    order = ["asked_at", "query_id"]
    who = ["asked_by", "system"]
    pairs = (
        asked.filter(~nw.col("asked_by").is_null())
        .with_columns(
            next_template=nw.col("template").shift(-1).over(*who, order_by=order),
            next_at=nw.col("asked_at").shift(-1).over(*who, order_by=order),
        )
        .filter(nw.col("next_template") != nw.col("template"), nw.col("next_at") <= nw.col("asked_at") + _PAUSE)
        .group_by("template", "next_template")
        .agg(pairs=nw.len())
    )
    any_asked, any_pair = (bool(rows.to_native().limit(1).fetchall()) for rows in (templates, pairs))
    return {
        "query_templates": Made(templates.to_native(), "" if any_asked else _NO_LOG),
        "query_reformulations": Made(pairs.to_native(), "" if any_pair else _NO_PAIR if any_asked else _NO_LOG),
    }
