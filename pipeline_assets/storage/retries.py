"""The one policy by which a busy store is asked again: soon, then later, and never in step with other workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenacity import Retrying

#: Attempts, and seconds: all rests of one write together stay well below what the work of an event may take.
ATTEMPTS = 6
FIRST_REST, LONGEST_REST = 0.1, 2.0


def retries(
    *busy: type[Exception], attempts: int = ATTEMPTS, first: float = FIRST_REST, longest: float = LONGEST_REST
) -> Retrying:
    """Attempts at what a busy store may refuse: to loop over, each a context, or to call with a function.

    A rest is drawn evenly from nothing up to a bound that doubles, so that workers that met once are unlikely to meet
    again. After the last attempt its error is raised as it is.

    Parameters
    ----------
    *busy
        Errors upon which there is another attempt.
    attempts
        How many there are at most, the first included.
    first, longest
        Seconds: the bound of the first rest, and the greatest.

    Returns
    -------
    Retrying
        Attempts that count from the beginning each time.
    """
    # Loaded by the first that writes: a function that only reads, or fails before, goes without.
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential  # noqa: PLC0415

    return Retrying(
        retry=retry_if_exception_type(busy),
        wait=wait_random_exponential(multiplier=first, max=longest),
        stop=stop_after_attempt(attempts),
        reraise=True,
    )
