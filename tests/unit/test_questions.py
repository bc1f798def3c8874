"""Questions as data: what their files say, which parameters they take, and the sentences for what they do not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import pytest
from neo4j.exceptions import Neo4jError

from pipeline_assets.queries.cypher import COMMENT, ask, queries, query
from pipeline_assets.queries.errors import QueryError
from pipeline_assets.queries.named_query import NamedQuery, parse_query

if TYPE_CHECKING:
    from neo4j import Driver

NAMES = ["baskets-by-hour", "best-sellers", "bought-together", "category-affinity", "companions"]

SMALL = """\
// Products of a store
//
// Which products does
// a store sell?
//
// Parameters
//   store     text              The store
//   least     share = 0.5       Least share
//   by        name|age = age    Order
//   hint      text = none       Anything
//
// Columns
//   product   Its name

// Only the header is read.
MATCH (p:Product) RETURN p.name AS product
"""


class RecordingDriver:
    """Takes the place of the graph: keeps what it is asked, and fails when told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.error = error

    def execute_query(self, query: Any, parameters: dict[str, Any], **_: Any) -> Any:
        self.asked.append((query.text, parameters))
        if self.error:
            raise self.error
        return cast("Any", type("Answer", (), {"records": []}))


class GraphError(Neo4jError):
    """An error of the graph with a code and a message of our choosing."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self._texts = (code, message)

    @property
    def code(self) -> str:
        return self._texts[0]

    @property
    def message(self) -> str:
        return self._texts[1]


def test_all_questions_are_there_in_the_order_of_their_names() -> None:
    assert [one.name for one in queries()] == NAMES


@pytest.mark.parametrize("one", queries(), ids=lambda one: one.name)
def test_a_file_says_what_its_cypher_does(one: NamedQuery) -> None:
    body = re.sub(r"//.*", "", one.statement)
    assert {parameter.name for parameter in one.parameters} == set(re.findall(r"\$(\w+)", body))
    returned = body[body.rindex("RETURN") : body.rindex("ORDER BY")]
    assert all(re.search(rf"\b{column}\b", returned) for column in one.columns)
    assert one.answer.count("?") == 1


def test_a_file_is_read_into_a_question() -> None:
    small = parse_query("small.cypher", SMALL, COMMENT)
    assert (small.title, small.answer) == ("Products of a store", "Which products does a store sell?")
    assert [(p.name, p.kind, p.required, p.default) for p in small.parameters] == [
        ("store", "text", True, None),
        ("least", "share", False, 0.5),
        ("by", "name|age", False, "age"),
        ("hint", "text", False, None),
    ]
    assert small.columns == {"product": "Its name"}
    assert small.statement.splitlines()[-1] == "MATCH (p:Product) RETURN p.name AS product"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("MATCH (n) RETURN n", "must begin with comments: title, answer, Parameters, Columns", id="none"),
        pytest.param(SMALL.replace("Columns", "Fields"), "must begin with comments", id="no columns"),
        pytest.param(SMALL.replace("= 0.5", "="), "cannot read the comment line 'least", id="no default"),
        pytest.param(SMALL.replace("= 0.5", "= 2"), "`least` must be a number from 0 to 1, not 2.0", id="bad default"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(QueryError, match=re.escape(sentence)):
        parse_query("small.cypher", text, COMMENT)


def test_an_unknown_question_lists_those_there_are() -> None:
    with pytest.raises(QueryError) as raised:
        query("bought")
    assert str(raised.value) == "There is no query `bought`; there are " + ", ".join(f"`{n}`" for n in NAMES) + "."


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        pytest.param({}, "`small` needs `store`.", id="missing"),
        pytest.param(
            {"store": "S", "size": 1},
            "`small` has no parameter `size`; it takes `store`, `least`, `by`, `hint`.",
            id="unknown",
        ),
        pytest.param({"store": ""}, "`store` must be a text that is not empty, not ''.", id="empty text"),
        pytest.param({"store": None}, "`store` must be a text that is not empty, not None.", id="none"),
        pytest.param({"store": "S", "least": 1.5}, "`least` must be a number from 0 to 1, not 1.5.", id="share"),
        pytest.param({"store": "S", "least": True}, "`least` must be a number from 0 to 1, not True.", id="bool"),
        pytest.param({"store": "S", "least": "0.5"}, "`least` must be a number from 0 to 1, not '0.5'.", id="as text"),
        pytest.param({"store": "S", "by": "size"}, "`by` must be one of name, age, not 'size'.", id="choice"),
        pytest.param({"store": "S", "hint": 3}, "`hint` must be a text that is not empty, or none, not 3.", id="hint"),
    ],
)
def test_parameters_are_checked(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(QueryError) as raised:
        parse_query("small.cypher", SMALL, COMMENT).bind(given)
    assert str(raised.value) == sentence


def test_what_is_not_given_takes_its_default() -> None:
    bound = parse_query("small.cypher", SMALL, COMMENT).bind({"store": "S-1", "least": 1})
    assert bound == {"store": "S-1", "least": 1.0, "by": "age", "hint": None}


def test_text_is_read_by_kind() -> None:
    texts = {"store": "330", "least": "0.25", "by": "name", "hint": "none"}
    assert parse_query("small.cypher", SMALL, COMMENT).read(texts) == {
        "store": "330",
        "least": 0.25,
        "by": "name",
        "hint": None,
    }
    assert query("bought-together").read({"limit": "7"}) == {"limit": 7}
    with pytest.raises(QueryError, match=r"`limit` must be a whole number from 1 to 2147483647, not '2.5'\."):
        query("bought-together").read({"limit": "2.5"})
    with pytest.raises(QueryError, match=r"`limit` must be a whole number from 1 to 2147483647, not 0\."):
        query("bought-together").read({"limit": "0"})
    assert query("bought-together").read({"limit": "2147483647"}) == {"limit": 2**31 - 1}
    with pytest.raises(QueryError, match=r"from 1 to 2147483647, not 2147483648\."):
        query("bought-together").read({"limit": "2147483648"})


def test_parameters_are_bound_and_never_part_of_the_text() -> None:
    driver = RecordingDriver()
    hostile = "x'}) DETACH DELETE product //"
    assert ask(cast("Driver", driver), "companions", product=hostile) == []
    text, parameters = driver.asked[0]
    assert hostile not in text
    assert parameters == {"product": hostile, "min_baskets": 2, "limit": 20}


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(GraphError("Neo.TransientError.General.MemoryPoolOutOfMemoryError", "full"), id="Neo4j"),
        pytest.param(GraphError("Neo.DatabaseError.General.UnknownError", "Query heap budget exceeded"), id="ArcadeDB"),
    ],
)
def test_too_large_an_answer_says_what_to_ask_for(error: Neo4jError) -> None:
    with pytest.raises(QueryError, match=r"not memory enough .* ask for less \(min_support, limit\)"):
        ask(cast("Driver", RecordingDriver(error)), "bought-together")


def test_other_errors_of_the_graph_are_its_own() -> None:
    with pytest.raises(Neo4jError):
        ask(cast("Driver", RecordingDriver(GraphError("Neo.ClientError.Security", "no"))), "bought-together")
