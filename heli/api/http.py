"""How an operation is declared, entered and answered. The counterpart of core.pages for machines.

    @operation("POST", "dispatches/{dispatch_id}/accept", needs=STEP, scope=Scope.OWN_UNIT, out=DispatchOut, tag="handle")
    def accept(request: ApiRequest, dispatch_id: Id) -> DispatchOut: ...

Only a bearer token says who asks; cookies are never looked at, so nothing can be forged from another site. Whatever
goes wrong has one shape (`ErrorOut`), and each status an operation can answer with is in its OpenAPI description.
"""

from __future__ import annotations

import inspect
import logging
import math
import re
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation, TooManyFilesSent
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.urls import URLPattern, path
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import HttpError
from ninja.errors import ValidationError as NinjaValidation
from pydantic import BaseModel, ValidationError

from heli.api import queries, steps
from heli.api.errors import BodyTooLarge, KeyNeeded, MethodUnknown, NoToken, TooFast, Unreadable
from heli.api.shapes import ErrorOut, FieldError
from heli.core import once as keys
from heli.core import shared, tries
from heli.core.actor import PUBLIC, Actor
from heli.core.caps import Cap, Scope
from heli.core.errors import Forbidden, HeliError, Invalid, NotFound
from heli.core.files import NotAllowed
from heli.core.outages import outage
from heli.core.pages import Route

log = logging.getLogger("heli.api")
JSON = "application/json; charset=utf-8"
NAME = re.compile(r"\w{1,60}")  # of a field, or a place in a list; pydantic also names the kinds of a choice
NOT_FIELDS = {"body", "query", "path", "header", "form", "filters"}
KEY = re.compile(r"[\x21-\x7e]{1,80}")
MINUTE = 60
PHOTOS = 6
WRITES = ("POST",)
ALWAYS = (400, 401, 403, 404, 405, 422, 429, 500, 503)
OF_WRITES = (409, 413, 507)


class ApiRequest(HttpRequest):
    """What an operation gets: the actor behind the token (PUBLIC without one) and the token."""

    actor: Actor
    holder: queries.Holder | None


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation's declaration."""

    route: Route
    name: str
    method: str
    write: bool
    statuses: tuple[int, ...]
    tag: str
    steps: tuple[str, ...]  # the steps it calls, by name


@dataclass(frozen=True, slots=True)
class Uploads:
    """The files of a multipart request."""

    photos: Sequence[Any] = ()
    papers: Sequence[Any] = ()


api = NinjaAPI(title="Heli", version="1", urls_namespace="v1", docs_url=None, openapi_url=None)
OPERATIONS: list[Operation] = []


# Declaring ------------------------------------------------------------------------------------------------------------
def operation(
    method: str,
    where: str,
    *,
    scope: Scope,
    tag: str,
    out: type[BaseModel] | None,
    needs: Cap | Sequence[Cap] | None = None,
    status: int = 200,
    write: bool | None = None,
    also: tuple[int, ...] = (),
    uploads: type[BaseModel] | None = None,
    files: tuple[str, ...] = ("photos",),
    calls: str | tuple[str, ...] = (),
    media: str = "",
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare an operation: method, path below /api/v1/, capability (any one of several), scope, what it answers.

    `write` (every POST unless told otherwise) asks for an Idempotency-Key and runs in one transaction with it. `calls`
    names the steps it stands for. `uploads` is the body of a request that may also come as a form, with files in the
    fields `files`; `media` the kind of a file that is answered. `also`: further statuses it may answer with.
    """
    caps = () if needs is None else (needs,) if isinstance(needs, Cap) else tuple(needs)
    if not caps and scope in {Scope.AREA, Scope.OWN_UNIT}:
        raise TypeError(f"{where}: an operation with scope {scope} names the capability it needs")
    writes = method in WRITES if write is None else write
    statuses = (status, *ALWAYS, *(OF_WRITES if method in WRITES else ()), *also)

    def declare(run: Callable[..., Any]) -> Callable[..., Any]:
        declared = Operation(
            Route(where, run.__name__, caps, scope, (method,)), run.__name__, method, writes, statuses, tag,
            (calls,) if isinstance(calls, str) else calls,
        )  # fmt: skip

        @wraps(run)
        def asked(request: ApiRequest, **given: Any) -> HttpResponse:
            if uploads is not None:
                given |= _form(request, uploads, files)

            def act() -> tuple[int, str]:
                made = run(request, **given)
                return status, made.model_dump_json() if made is not None else ""

            if media:
                return cast(HttpResponse, run(request, **given))
            if not writes:
                return _json(*act())
            answer = keys.once(
                **_key(request, given.get("token", "")), at=timezone.now(), act=act
            )  # in one transaction: the key, the step, its event and jobs
            response = _json(answer.status, answer.body)
            if answer.again:
                response["Idempotent-Replayed"] = "true"
            return response

        hints = typing.get_type_hints(run, include_extras=True)
        hidden = {"uploads"} | ({"body"} if uploads is not None else set())
        asked.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                p.replace(annotation=hints.get(p.name, p.annotation))
                for p in inspect.signature(run).parameters.values()
                if p.name not in hidden
            ]
        )
        OPERATIONS.append(declared)
        said = inspect.getdoc(run) or run.__name__
        api.default_router.add_api_operation(
            f"/{where}",
            [method],
            asked,
            response={status: out},  # errors: describe.py; a model for each of them would cost seconds at every start
            operation_id=run.__name__,
            summary=said.split("\n")[0],
            description=said,
            tags=[tag],
            openapi_extra=_described(declared, uploads, files, media, status),
        )
        return asked

    return declare


def _described(
    o: Operation, uploads: type[BaseModel] | None, fields: tuple[str, ...], media: str, status: int
) -> dict[str, Any]:
    """What OpenAPI says of it beyond its types."""
    extra: dict[str, Any] = {"security": [{"token": []}] if o.route.needs else [{}, {"token": []}]}
    if o.write:
        extra["parameters"] = [
            {
                "in": "header",
                "name": "Idempotency-Key",
                "required": True,
                "description": "A new key for each thing done; the same one when it is repeated.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 80, "pattern": "^[\\x21-\\x7e]{1,80}$"},
            }
        ]
    if uploads is not None:
        shape = uploads.model_json_schema(ref_template="#/components/schemas/{model}")
        shape.pop("$defs", None)
        files = {"type": "array", "items": {"type": "string", "format": "binary"}, "maxItems": PHOTOS}
        whole = {**shape, "properties": {**shape["properties"], **dict.fromkeys(fields, files)}}
        extra["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": shape}, "multipart/form-data": {"schema": whole}},
        }
    if media:
        kinds = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in media.split()}
        extra["responses"] = {status: {"content": kinds}}
    if o.route.needs:
        extra["x-needs"] = [c.value for c in o.route.needs]
    extra["x-scope"] = o.route.scope.value
    if o.steps:
        extra["x-steps"] = list(o.steps)
    return extra


# Reading --------------------------------------------------------------------------------------------------------------
def _form(request: ApiRequest, shape: type[BaseModel], fields: tuple[str, ...]) -> dict[str, Any]:
    """A body that comes as JSON, or as a form with files in these fields."""
    if (request.content_type or "").startswith("multipart/"):
        given = {k: v[-1] for k, v in request.POST.lists()}
        if strange := set(request.FILES).difference(fields):
            raise NotAllowed(field=min(strange)[:40])
        files = Uploads(request.FILES.getlist("photos"), request.FILES.getlist("papers"))
        if len(files.photos) > PHOTOS or len(files.papers) > PHOTOS:
            raise Invalid(_("At most %(n)s files fit.") % {"n": PHOTOS}, field="photos")
        return {"body": shape.model_validate(given), "uploads": files}
    return {"body": shape.model_validate_json(request.body), "uploads": Uploads()}


def _key(request: ApiRequest, link: str) -> dict[str, Any]:
    """Whose key it is, the key, and the fingerprint of what is asked."""
    key = request.headers.get("Idempotency-Key", "")
    if KEY.fullmatch(key) is None:
        raise KeyNeeded(field="Idempotency-Key")
    parts: list[bytes | str] = [request.method or "", request.get_full_path()]
    if (request.content_type or "").startswith("multipart/"):
        for name, values in sorted(request.POST.lists(), key=lambda pair: str(pair[0])):
            parts += [str(name), *(str(v) for v in values)]
        for name, files in sorted(request.FILES.lists(), key=lambda pair: str(pair[0])):
            for one in files:
                parts += [str(name), one.read()]
                one.seek(0)
    else:
        parts.append(request.body)
    asked = keys.fingerprint(*parts)
    if request.holder is not None:
        who = f"token:{request.holder.token_id}"
    elif link:
        who = f"link:{keys.fingerprint(link)[:12].hex()}"
    else:  # strangers share no key: what somebody else asked with the same one is another matter
        who = f"public:{asked[:16].hex()}"
    return {"who": who, "key": key, "asked": asked}


def _bearer(request: HttpRequest, now: Any) -> queries.Holder | None:
    """Who asks, by the header Authorization; None without one. NoToken (L-803) for anything that does not let in."""
    said = request.headers.get("Authorization")
    if said is None:
        return None
    kind, _blank, secret = said.partition(" ")
    found = queries.holder(secret.strip(), now) if kind.lower() == "bearer" else None
    if found is None:
        raise NoToken
    return found


def spend_rate(request: ApiRequest, now: Any) -> dict[str, str]:
    """Count this request; the headers that say how many are left in this minute. TooFast (L-806) when none is."""
    most, who = settings.HELI_API_RATE, ""
    if request.holder is not None:
        who = f"token:{request.holder.token_id}"
    else:
        most, who = settings.HELI_API_PUBLIC_RATE, tries.address(request)
    minute, into = divmod(now.timestamp(), MINUTE)
    rest = max(1, math.ceil(MINUTE - into))
    used = shared.hit(f"api:{who}:{int(minute)}", seconds=MINUTE)
    headers = {
        "X-RateLimit-Limit": str(most),
        "X-RateLimit-Remaining": str(max(0, most - used)),
        "X-RateLimit-Reset": str(rest),
    }
    if used > most:
        raise Stopped(headers | {"Retry-After": str(rest)}, TooFast(seconds=rest))
    return headers


class Stopped(Exception):
    """A refusal with headers of its own."""

    def __init__(self, headers: dict[str, str], error: HeliError) -> None:
        self.headers, self.error = headers, error
        super().__init__(error.code)


# Answering ------------------------------------------------------------------------------------------------------------
def _json(status: int, body: str) -> HttpResponse:
    return HttpResponse(body, status=status, content_type=JSON)


def refusal(error: HeliError, errors: Sequence[FieldError] = ()) -> HttpResponse:
    """An error in the one shape that all have."""
    shown = ErrorOut(code=error.code, sentence=error.words, field=error.field, errors=list(errors))
    return _json(error.status, shown.model_dump_json())


def _unreadable(problems: Sequence[Any]) -> HttpResponse:
    """What pydantic found, field by field."""
    found = []
    for p in problems[:50]:
        way = [str(x) for x in p["loc"] if x not in NOT_FIELDS and NAME.fullmatch(str(x))]
        found.append(FieldError(field=".".join(way)[:120], sentence=str(p["msg"])[:300]))
    return refusal(Unreadable(field=(found[0].field or None) if found else None), found)


def on_error(_request: HttpRequest, error: Any) -> HttpResponse:
    """Every exception of an operation, as an answer."""
    if isinstance(error, NinjaValidation):
        return _unreadable(error.errors)
    if isinstance(error, ValidationError):
        return _unreadable(error.errors(include_url=False, include_context=False, include_input=False))
    if isinstance(error, HeliError):
        if error.status >= 500:
            log.error("%s", error, exc_info=error)
        return refusal(error)
    if isinstance(error, RequestDataTooBig | TooManyFilesSent):
        return refusal(BodyTooLarge())
    if isinstance(error, HttpError | SuspiciousOperation | MultiPartParserError | UnreadablePostError | UnicodeError):
        return refusal(Unreadable())
    away = outage(error)
    if away is not None:
        return refusal(away)
    log.error("operation failed", exc_info=error)
    return refusal(HeliError())


for _kind in (Exception, HttpError, NinjaValidation):
    api.add_exception_handler(_kind, on_error)


# Entering -------------------------------------------------------------------------------------------------------------
def entered(view: Callable[..., HttpResponse], declared: Sequence[Operation]) -> Callable[..., HttpResponse]:
    """The view of one path: method, token, rate and capability are looked at before anything else."""
    by_method = {o.method: o for o in declared}
    allowed = sorted({*by_method, *(["HEAD"] if "GET" in by_method else [])})

    def enter(request: ApiRequest, *args: Any, **given: Any) -> HttpResponse:
        now, headers = timezone.now(), {}
        english = request.headers.get("Accept-Language", "").lower().startswith("en")
        before = translation.get_language() or settings.LANGUAGE_CODE
        translation.activate("en" if english else settings.LANGUAGE_CODE)
        asked = request.method or ""
        try:
            o = by_method.get("GET" if asked == "HEAD" else asked)
            if o is None:
                raise Stopped({"Allow": ", ".join(allowed)}, MethodUnknown())
            request.method = o.method
            request.holder = None
            request.actor = PUBLIC
            request.holder = _bearer(request, now)
            headers = spend_rate(request, now)
            if request.holder is not None:
                request.actor = request.holder.actor
                if request.holder.stale:
                    steps.mark_used(request.holder.token_id, now)
            if o.route.needs and request.holder is None:
                raise NoToken
            if o.route.needs and not request.actor.caps.intersection(o.route.needs):
                raise Forbidden
            if "%00" in request.META.get("QUERY_STRING", "") or "\0" in request.path:
                raise Unreadable
            response = view(request, *args, **given)
        except Stopped as stopped:
            response = refusal(stopped.error)
            headers = headers | stopped.headers
        except Exception as error:  # what is raised before the operation itself: its shape is the same
            response = on_error(request, error)
        finally:
            request.method = asked
            translation.activate(
                before
            )  # the thread's next answer may be one that chooses no language: a page of outages
        if response.status_code == 401:
            headers["WWW-Authenticate"] = 'Bearer realm="Heli"'
        for name, value in headers.items():
            response[name] = value
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response["X-Robots-Tag"], response["Referrer-Policy"] = "noindex", "no-referrer"
        return response

    enter.csrf_exempt = True  # type: ignore[attr-defined]
    enter.operations = tuple(declared)  # type: ignore[attr-defined]
    enter.route = Route(  # type: ignore[attr-defined]
        declared[0].route.path,
        declared[0].name,
        tuple(dict.fromkeys(c for o in declared for c in o.route.needs)),
        declared[0].route.scope,
        tuple(by_method),
    )
    return enter


def routes() -> list[URLPattern]:
    """The URL patterns of all operations, one for each path; declared for core.checks like pages."""
    found: list[URLPattern] = []
    for pattern in api.urls[0]:
        where = str(pattern.pattern)
        declared = [o for o in OPERATIONS if _django(o.route.path) == where]
        if declared:
            found.append(path(where, cast(Any, entered(cast(Any, pattern).callback, declared)), name=declared[0].name))
    nothing = Route("", "unknown", (), Scope.PUBLIC, ("GET", "POST"))
    unknown = entered(_unknown, [Operation(nothing, "unknown", m, False, (404,), "", ()) for m in nothing.methods])
    return [*found, path("<path:rest>", cast(Any, unknown), name="unknown")]


def _django(where: str) -> str:
    """'dispatches/{dispatch_id}/accept' → 'dispatches/<dispatch_id>/accept'."""
    return re.sub(r"\{(\w+)\}", r"<\1>", where)


def _unknown(_request: HttpRequest, rest: str) -> HttpResponse:  # noqa: ARG001
    raise NotFound
