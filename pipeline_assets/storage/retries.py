"""The one policy by which a busy store is asked again: soon, then later, and never in step with other workers."""

from __future__ import annotations

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

#: Attempts, and seconds: all rests of one write together stay well below what the work of an event may take.
ATTEMPTS = 6
FIRST_REST, LONGEST_REST = 0.1, 2.0


def retries(
    *busy: type[Exception], attempts: int = ATTEMPTS, first: float = FIRST_REST, longest: float = LONGEST_REST
) -> Retrying:
    """Attempts to loop over, each a context: one that raises an error of `busy` is followed by another after a rest.

    A rest is drawn evenly from nothing up to a bound, which begins at `first` seconds and doubles up to `longest`, so
    that workers that met once are unlikely to meet again. After the last attempt its error is raised as it is.
    """
    return Retrying(
        retry=retry_if_exception_type(busy),
        wait=wait_random_exponential(multiplier=first, max=longest),
        stop=stop_after_attempt(attempts),
        reraise=True,
    )
