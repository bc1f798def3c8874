"""Handler of the functions behind the HTTP API: access control first, then one route, and every error a document.

A function makes one `Door`, registers its routes on `door.app`, and has `door.lambda_handler` for a handler::

    door = Door()

    @door.app.get("/search/<tenant_id>")
    def search(q: Annotated[str, Query(max_length=200)] = "") -> SearchAnswer:
        return find(SearchRequest(q), door.tenant, index(door.registered))

A route never takes the tenant from its path: `door.tenant` is that of the token, with which the path agrees by then.
"""

from __future__ import annotations

import hmac
import json
import re
import time
from collections.abc import Callable, Collection, Mapping
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import parse_qs, quote, unquote

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError, ServiceError
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)
from aws_lambda_powertools.event_handler.openapi.params import Path
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from lambdas._runtime import http_errors
from lambdas._runtime.http_errors import HttpError
from pipeline_assets.access.caller import Caller, NotAllowedError, NotKnownError, read_caller
from pipeline_assets.access.stores import AccessSettings, AccessStores, open_access
from pipeline_assets.access.tenants import Tenant
from pipeline_assets.errors import TransientError
from pipeline_assets.events.tenants import TenantId, tenant_id

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler.api_gateway import Route
    from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
    from aws_lambda_powertools.utilities.typing import LambdaContext

#: Most bytes of a body.
MOST_BYTES = 65_536
#: Most parameters of a query.
MOST_PARAMETERS = 100
#: Key of the route that API Gateway takes where no other matches.
ELSEWHERE = "$default"
_TENANT = "{tenant_id}"
_CORRELATION_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

#: The tenant in a path, for routes that want it in their description; what it says is no tenant that was checked.
TenantInPath = Annotated[str, Path(description="The tenant, as the token names it.", min_length=1, max_length=256)]

logger = Logger()
metrics = Metrics()


class HttpEvent(APIGatewayProxyEventV2):
    """A request, with parameters as they were sent: API Gateway joins those of one name with commas."""

    @property
    def path(self) -> str:
        """Path with everything escaped that is no letter, digit or mark of a path, so that routes match any name."""
        return quote(super().path, safe="/%", errors="surrogatepass")

    @property
    def resolved_query_string_parameters(self) -> dict[str, list[str]]:
        """Values of each parameter, in their order; raises `HttpError` where they are too many."""
        try:
            return parse_qs(self.raw_query_string, keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
        except ValueError as error:
            raise http_errors.bad_request(f"A query may have at most {MOST_PARAMETERS} parameters.") from error


class _Resolver(APIGatewayHttpResolver):
    """powertools' resolver over `HttpEvent`."""

    def _to_proxy_event(self, event: dict[str, Any]) -> HttpEvent:
        return HttpEvent(event)

    def _convert_matches_into_route_keys(self, match: re.Match[str]) -> dict[str, str]:
        return {name: unquote(value) for name, value in match.groupdict().items()}


class Door:
    """Way into a function: who may pass, and what becomes of what goes wrong behind it.

    Parameters
    ----------
    public
        Keys of routes, such as ``GET /openapi.json``, that ask for no token.
    scopes
        By the key of a route that is of no tenant: the scope that it asks for.
    elsewhere
        Answers for routes that there are not, from method and path; nothing is there unless given.
    opened
        Gives the stores of the door; those that the environment names, opened at the first request, unless given.
    """

    def __init__(
        self,
        *,
        public: Collection[str] = (),
        scopes: Mapping[str, str] | None = None,
        elsewhere: Callable[[str, str], HttpError] = lambda _method, _path: http_errors.not_found(),
        opened: Callable[[], AccessStores] | None = None,
    ) -> None:
        self.app = _Resolver(enable_validation=True, response_validation_error_http_code=500)
        self.public = frozenset(public)
        self.scopes = dict(scopes or {})
        self._elsewhere = elsewhere
        self._opened = opened or cache(lambda: open_access(AccessSettings.from_environment()))
        self._caller: Caller | None = None
        self._tenant: Tenant | None = None
        self.app.use(middlewares=[_only_known_parameters])
        self.app.exception_handler(RequestUnsupportedContentType)(self._tell_content_type)
        self.app.exception_handler(RequestValidationError)(self._tell_invalid)
        self.app.exception_handler(NotFoundError)(lambda _: self._told(http_errors.not_found()))
        self.app.exception_handler(ServiceError)(self._tell_status)
        self.app.exception_handler(HttpError)(self._told)
        self.app.exception_handler(TransientError)(self._tell_unavailable)
        self.app.exception_handler(Exception)(self._tell_failure)

    @property
    def routes(self) -> list[Route]:
        """Routes of the function."""
        return [*self.app._static_routes, *self.app._dynamic_routes]  # noqa: SLF001 - powertools tells them nowhere else

    @property
    def registered(self) -> Tenant:
        """What the registry says of the tenant that asks; raises `HttpError` (403) where no tenant does."""
        if self._tenant is None:
            raise http_errors.not_allowed()
        return self._tenant

    @property
    def tenant(self) -> TenantId:
        """The tenant that asks, whose data alone may be answered with."""
        return self.registered.id

    @property
    def requests_per_minute(self) -> int:
        """How often the tenant that asks may ask."""
        return self.registered.requests_per_minute or self._opened().settings.requests_per_minute

    @property
    def caller(self) -> Caller:
        """Who asks; raises `HttpError` (401) where nobody known does."""
        if self._caller is None:
            raise http_errors.not_known()
        return self._caller

    @property
    def key(self) -> bytes:
        """Key that is the same in all processes and known to nobody else, for tokens of pages."""
        return hmac.digest(self._opened().key.secret, b"pages", "sha256")

    @property
    def caller_token(self) -> str:
        """Keyed token of the caller, which stands for them in logs."""
        return self._opened().key.token("caller", self.caller.subject)

    def lambda_handler(self, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Answer one request; whatever a caller can send, they get an answer."""
        answer: dict[str, Any] = _answer(event, context, self)
        return answer

    def answer(self, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Let a request in, or say why not."""
        self._caller = self._tenant = None
        correlation_id = _correlation_id(event)
        logger.set_correlation_id(correlation_id)
        began = time.perf_counter()
        try:
            self._admit(event)
            answer = self.app.resolve(event, context)
        except HttpError as problem:
            answer = problem.answer(correlation_id)
        except TransientError as error:
            logger.warning("a store does not answer", extra=error.attributes())
            answer = http_errors.unavailable().answer(correlation_id)
        except Exception:
            logger.exception("a request failed as nobody foresaw")
            answer = http_errors.failed().answer(correlation_id)
        answer["headers"] = {**answer.get("headers", {}), **_HEADERS, "X-Correlation-Id": correlation_id}
        self._tell(event, int(answer["statusCode"]), time.perf_counter() - began)
        return answer

    def _admit(self, event: Mapping[str, Any]) -> None:
        """Find out who asks, whether they may, and whether not too often; raises `HttpError`."""
        route = str(event.get("routeKey", ""))
        if route == ELSEWHERE:
            raise self._elsewhere(event["requestContext"]["http"]["method"], str(event.get("rawPath", "")))
        if route in self.public:
            return
        stores = self._opened()
        claims = event.get("requestContext", {}).get("authorizer", {}).get("jwt", {}).get("claims", {})
        try:
            self._caller = caller = read_caller(claims, stores.settings.rules, time.time())
            if _TENANT not in route:
                self._require_scope(caller, route)
                _require_readable(event)
                return
            tenant = caller.of_tenant(_tenant_in_path(event))
        except NotKnownError as error:
            raise http_errors.not_known() from error
        except NotAllowedError as error:
            raise http_errors.not_allowed() from error
        known = stores.tenants.find(tenant, caller.tenant)
        if known.state != "active":
            raise http_errors.not_allowed()
        self._tenant = known
        if wait := stores.limits.take(tenant, self.requests_per_minute, time.time()):
            raise http_errors.too_many(wait)
        _require_readable(event)

    def _require_scope(self, caller: Caller, route: str) -> None:
        if route not in self.scopes:
            raise NotAllowedError(f"the route {route} is not open to anybody")
        caller.require(self.scopes[route])

    def _told(self, problem: HttpError) -> Response[Any]:
        answer = problem.answer(logger.get_correlation_id() or "")
        headers = {name: value for name, value in answer["headers"].items() if name != "Content-Type"}
        return Response(answer["statusCode"], http_errors.CONTENT_TYPE, answer["body"], headers)

    def _tell_invalid(self, error: RequestValidationError) -> Response[Any]:
        told = [{"where": _place(each), "what": str(each.get("msg", ""))} for each in error.errors()]
        return self._told(http_errors.bad_request("The request is not as the API describes it.", *told))

    def _tell_content_type(self, _: Exception) -> Response[Any]:
        detail = "A body must be JSON, with the content type application/json."
        return self._told(http_errors.bad_request(detail))

    def _tell_status(self, error: ServiceError) -> Response[Any]:
        return self._told(HttpError(HTTPStatus(error.status_code), str(error.msg)))

    def _tell_unavailable(self, error: TransientError) -> Response[Any]:
        logger.warning("a store does not answer", extra=error.attributes())
        return self._told(http_errors.unavailable())

    def _tell_failure(self, error: Exception) -> Response[Any]:
        logger.error("a request failed as nobody foresaw", exc_info=error)
        return self._told(http_errors.failed())

    def _tell(self, event: Mapping[str, Any], status: int, seconds: float) -> None:
        """One line for whoever audits: who asked for what of whom, and what became of it."""
        said = {"route": event.get("routeKey", ""), "status": status, "milliseconds": round(seconds * 1000, 1)}
        if self._caller is not None:
            said["caller"] = self.caller_token
            said["tenant"] = tenant_id(self._caller.tenant) if self._caller.tenant else ""
        logger.info("request answered", extra=said)
        kind = "RequestsFailed" if status >= 500 else "RequestsRefused" if status >= 400 else "RequestsAnswered"  # noqa: PLR2004 - kinds of a status
        metrics.add_metric(name=kind, unit=MetricUnit.Count, value=1)
        metrics.add_metric(name="RequestTime", unit=MetricUnit.Milliseconds, value=seconds * 1000)


@logger.inject_lambda_context
@metrics.log_metrics
def _answer(event: dict[str, Any], context: LambdaContext, door: Door) -> dict[str, Any]:
    return door.answer(event, context)


def _correlation_id(event: Mapping[str, Any]) -> str:
    """The caller's own, where it is a short plain name; else that of API Gateway."""
    own = {str(name).lower(): value for name, value in (event.get("headers") or {}).items()}.get("x-correlation-id", "")
    return own if _CORRELATION_ID.fullmatch(str(own)) else str(event.get("requestContext", {}).get("requestId", ""))


def _tenant_in_path(event: Mapping[str, Any]) -> str:
    """The tenant as the path has it; API Gateway leaves an escaped per cent sign escaped."""
    return str((event.get("pathParameters") or {}).get("tenant_id", "")).replace("%25", "%")


def _require_readable(event: Mapping[str, Any]) -> None:
    """Raise `HttpError` for a body that is too large or no JSON, and for one that no store could be given."""
    body = event.get("body") or ""
    if len(body) > MOST_BYTES * (4 / 3 if event.get("isBase64Encoded") else 1) + 4:
        raise http_errors.too_large(MOST_BYTES)
    if not body:
        return
    try:
        text = HttpEvent(dict(event)).decoded_body or ""
        if len(text.encode()) > MOST_BYTES:
            raise http_errors.too_large(MOST_BYTES)
        json.dumps(json.loads(text, parse_constant=_no_number), ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise http_errors.bad_request("The body is no JSON document.") from error


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _place(error: Mapping[str, Any]) -> str:
    """Where in a request something is wrong, such as ``query.size``; names of the caller's own are cut."""
    return ".".join(str(each) for each in error.get("loc", ()))[:100]


def _names(alias: str, kind: Any) -> set[str]:  # noqa: ANN401 - any annotation
    """Names of the parameters that one argument of a route takes: its own, or those of the fields of a model."""
    fields = getattr(kind, "model_fields", None)
    return {alias} if fields is None else {field.alias or name for name, field in fields.items()}


def _only_known_parameters(app: APIGatewayHttpResolver, next_middleware: NextMiddleware) -> Response[Any]:
    """Refuse a query that has a parameter which the route does not know: a misspelt filter would filter nothing."""
    known = {name for each in app.context["_route"].dependant.query_params for name in _names(each.alias, each.type_)}
    unknown = set(app.current_event.resolved_query_string_parameters).difference(known)
    if unknown:
        expected = ", ".join(sorted(known)) or "none"
        raise http_errors.bad_request(f"The query has a parameter that there is not; there are: {expected}.")
    return next_middleware(app)
