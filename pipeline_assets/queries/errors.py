"""The one error of named queries, whoever runs them."""

from __future__ import annotations

from pipeline_assets.errors import UserError


class QueryError(UserError):
    """A query that does not exist or fails, a parameter that it does not take, or an answer too large to be made.

    Parameters
    ----------
    what
        The whole sentence.
    code
        What kind of error it is, for a program: one of the codes that `pipeline_assets.queries.function` lists.
    """

    def __init__(self, what: str, *, code: str = "failed") -> None:
        super().__init__(what)
        self.code = code
