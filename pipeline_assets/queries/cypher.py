"""Questions to the purchase graph: each a Cypher file in ``cypher/``, read by `queries.named_query`."""

from functools import cache
from importlib.resources import files

from neo4j import Driver, Query, RoutingControl
from neo4j.exceptions import Neo4jError

from pipeline_assets.queries.named_query import Question, QuestionError, named, questions_in

#: What begins a line of comment.
COMMENT = "//"


@cache
def questions() -> tuple[Question, ...]:
    """All questions, in the order of their names."""
    return questions_in(files(__package__) / "cypher", ".cypher", COMMENT)


def question(name: str) -> Question:
    """Question of this name.

    Returns
    -------
    Question
        The question.

    Raises
    ------
    QuestionError
        There is none; the message lists those there are.
    """
    return named(name, questions())


def ask(driver: Driver, name: str, **parameters: object) -> list[dict[str, object]]:
    """Ask the graph a question.

    Parameters
    ----------
    driver
        Driver of the graph.
    name
        Name of the question.
    **parameters
        By name; those that are not given have their defaults.

    Returns
    -------
    list of dict
        A row each, with the columns that the question's `columns` names.

    Raises
    ------
    QuestionError
        Question or parameter do not exist, a value is of the wrong kind, or the graph lacks the memory for the answer.
    neo4j.exceptions.DriverError
        The graph cannot be reached.
    Neo4jError
        The graph fails otherwise.
    """
    asked = question(name)
    bound = asked.bind(parameters)
    try:
        result = driver.execute_query(Query(asked.statement), bound, routing_=RoutingControl.READ)
    except Neo4jError as error:
        if _out_of_memory(error):
            bounds = [p for p in ("min_support", "min_baskets", "limit") if p in bound]
            raise QuestionError(
                f"The graph has not memory enough for `{name}` with {bound}: ask for less ({', '.join(bounds)}) "
                "or give it more."
            ) from error
        raise
    return [record.data() for record in result.records]


def _out_of_memory(error: Neo4jError) -> bool:
    return "OutOfMemory" in (error.code or "") or "heap budget" in (error.message or "")
