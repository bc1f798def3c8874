"""Which engine has the indexes of a tenant: the shared one, or one of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from typing import TYPE_CHECKING, Final, Literal, Protocol

from pipeline_assets.errors import TransientError, UserError

if TYPE_CHECKING:
    from pipeline_assets.events.tenants import TenantId
    from pipeline_assets.search.index import SearchIndex

#: Seconds for which what is known of a tenant is not asked again.
KEPT_SECONDS: Final = 60.0


class UnusableEngineError(TransientError):
    """What is registered of one tenant opens no engine; changes of the tenant wait until somebody mends it."""


class TenantAddress(Protocol):
    """What is known of a tenant, as far as its indexes are concerned."""

    @property
    def state(self) -> Literal["active", "removed"]:
        """Whether it is served."""

    @property
    def endpoint(self) -> str:
        """Address of its engine; empty for the shared one."""

    @property
    def secret(self) -> str:
        """Name of the secret with the credential of its engine; empty where that asks for none."""


class TenantAddresses(Protocol):
    """The table of tenants."""

    def find(self, tenant: TenantId) -> TenantAddress:
        """What is known of a tenant; raises `TransientError`."""


class SearchEngines:
    """Engines of tenants, each opened once.

    Parameters
    ----------
    shared
        The engine of all tenants without one of their own.
    tenants
        The table of tenants; None where all are in the shared engine.
    opened
        Opens the engine at an address, with the name of a secret, which may be empty.
    """

    def __init__(
        self,
        shared: SearchIndex,
        tenants: TenantAddresses | None = None,
        opened: Callable[[str, str], SearchIndex] | None = None,
    ) -> None:
        self.shared = shared
        self._tenants = tenants
        self._opened = opened
        self._engines: dict[tuple[str, str], SearchIndex] = {}
        self._known: dict[TenantId, tuple[float, SearchIndex | None]] = {}
        self._failed: dict[str, TransientError] | None = None

    def of_batch(self) -> SearchEngines:
        """The same engines for one batch, in which whatever failed once is not waited for again."""
        batch = copy(self)
        batch._failed = {}  # noqa: SLF001 - of this class
        return batch

    def of(self, tenant: TenantId) -> SearchIndex | None:
        """The engine that has the indexes of a tenant.

        Parameters
        ----------
        tenant
            The tenant.

        Returns
        -------
        SearchIndex or None
            None for a tenant that was removed, of which nothing is to be written or searched.

        Raises
        ------
        TransientError
            The table of tenants does not answer, or what has the secret.
        UnusableEngineError
            A `TransientError` of this tenant alone: its secret is not to be had, or holds what opens no engine.
        """
        if self._tenants is None:
            return self.shared
        asked, engine = self._known.get(tenant, (-KEPT_SECONDS, None))
        if time.monotonic() - asked < KEPT_SECONDS:
            return engine
        with self._once(f"tenant {tenant}", of_one_tenant=True):
            with self._once("the table"):
                found = self._tenants.find(tenant)
            engine = self._engine(tenant, found)
        self._known[tenant] = time.monotonic(), engine
        return engine

    def _engine(self, tenant: TenantId, found: TenantAddress) -> SearchIndex | None:
        if found.state == "removed":
            return None
        if not (found.endpoint or found.secret) or self._opened is None:
            return self.shared
        place = found.endpoint, found.secret
        if place not in self._engines:
            try:
                with self._once("the secrets"):
                    self._engines[place] = self._opened(*place)
            except (UserError, ValueError) as error:
                # What the client says of an address or a key may show them: it is not passed on.
                said = str(error) if isinstance(error, UserError) else "its address or its key is none"
                raise UnusableEngineError(f"the engine of the tenant {tenant} cannot be opened: {said}") from None
        return self._engines[place]

    @contextmanager
    def _once(self, what: str, *, of_one_tenant: bool = False) -> Iterator[None]:
        """Ask something, which fails at once where the same has failed in this batch."""
        failed = self._failed if self._failed is not None else {}
        if what in failed:
            raise failed[what]
        try:
            yield
        except TransientError as error:
            if isinstance(error, UnusableEngineError) is of_one_tenant:
                failed[what] = error
            raise
