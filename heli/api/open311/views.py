"""The six calls of GeoReport v2, and the discovery."""

from __future__ import annotations

import datetime as dt
import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from heli.api.errors import (
    ApiKeyNeeded,
    BodyTooLarge,
    FormNeeded,
    NoJurisdiction,
    NoService,
    NotProvided,
    TooDeep,
    TooWideSpan,
)
from heli.api.http import KEY, PHOTOS, ApiRequest
from heli.api.open311 import reading
from heli.core import once as keys
from heli.core.errors import Invalid, NotFound
from heli.core.scope import covers
from heli.core.tries import Limit, address, give_back, spend
from heli.engines.identifiers import BadIdentifier, normalise
from heli.engines.identifiers import phone as read_phone
from heli.loop import links, steps
from heli.loop.models import Channel
from heli.loop.views.track import secret_url
from heli.places import queries as places

SPECIFICATION = "http://wiki.open311.org/GeoReport_v2"
LONGEST = 4_000  # characters of a description
CODES = 20  # asked for at once
GUESSES = Limit(30, 600)  # codes that nobody has, from one address: as on the page where a code is typed
FORMS = {"application/x-www-form-urlencoded", "multipart/form-data"}
TRUE_LOCATION = "lat & long, address_string or address_id"
CHINESE = re.compile(r"[\u3400-\u9fff]")


# Reading --------------------------------------------------------------------------------------------------------------
def discovery(_request: ApiRequest) -> tuple[str, Any]:
    """Where the interface is, and when its services last changed. One statement."""
    base, changed = settings.HELI_PUBLIC_URL, reading.changeset()
    return "discovery", {
        "changeset": changed,
        "contact": f"{base}/",
        "key_service": f"{base}/api/v1/docs",
        "endpoints": [
            {
                "specification": SPECIFICATION,
                "url": f"{base}/open311/v2",
                "changeset": changed,
                "type": "test" if settings.DEBUG else "production",
                "formats": ["text/xml", "application/json"],
            }
        ],
    }


def jurisdiction(given: Any) -> str:
    """The county that is spoken of: `jurisdiction_id`, else the home area. One statement, none for the home area."""
    asked = str(given.get("jurisdiction_id", "")).strip()
    if asked in {"", settings.HELI_HOME_AREA}:
        return str(settings.HELI_HOME_AREA)
    if not (asked.isascii() and asked.isdecimal() and len(asked) == 6) or reading.county(asked) is None:
        raise NoJurisdiction(field="jurisdiction_id")
    return asked


def services(request: ApiRequest) -> tuple[str, Any]:
    """The list of matters that can be told: the same in every county."""
    jurisdiction(request.GET)
    return "services", reading.services()


def definition(request: ApiRequest, service_code: str) -> tuple[str, Any]:
    """The further fields of a service."""
    jurisdiction(request.GET)
    return "service_definition", reading.definition(service_code)


def requests(request: ApiRequest) -> tuple[str, Any]:
    """How requests go: the public list, or those whose codes are given (which overrides everything else)."""
    given = request.GET
    if given.get("service_request_id", "").strip():
        typed = [c for v in given.getlist("service_request_id") for c in v.split(",") if c.strip()]
        return "service_requests", known(request, typed)
    now = timezone.now()
    until = when(given, "end_date") or now
    since = when(given, "start_date") or until - reading.SPAN
    if not dt.timedelta() <= until - since <= reading.SPAN:
        raise TooWideSpan(days=reading.SPAN.days, field="start_date")
    size, page = number(given, "page_size", reading.MOST), number(given, "page", reading.DEEPEST, 1)
    if page * size > reading.DEEPEST:
        raise TooDeep(most=reading.DEEPEST, field="page")
    statuses = set(words(given, "status"))
    if not statuses <= {"open", "closed"}:
        raise Invalid(_("It is open, closed, or both with a comma between."), field="status")
    wanted = reading.Wanted(
        jurisdiction=jurisdiction(given),
        since=since,
        until=until,
        services=tuple(words(given, "service_code"))[:200],
        status=statuses.pop() if len(statuses) == 1 else "",
        page=page,
        size=size,
    )
    return "service_requests", reading.requests(wanted)


def one_request(request: ApiRequest, service_request_id: str) -> tuple[str, Any]:
    """How one request goes, by its code."""
    jurisdiction(request.GET)
    found = known(request, [service_request_id])
    if not found:
        raise NotFound(field="service_request_id")
    return "service_requests", found


def known(request: ApiRequest, typed: list[str]) -> list[dict[str, Any]]:
    """Those of these codes that exist; one that does not counts as a guess."""
    if len(typed) > CODES:
        raise Invalid(_("At most %(n)s codes at once.") % {"n": CODES}, field="service_request_id")
    codes = set()
    for code in typed:
        try:
            codes.add(normalise(code))
        except BadIdentifier:
            continue
    if not codes:
        return []
    who = address(request)
    spend("find", who, GUESSES)
    found = reading.by_codes(codes)
    if len(found) == len(codes):
        give_back("find", who)
    return found


def token(request: ApiRequest, open311_token: str) -> tuple[str, Any]:
    """The code behind a token: here the secret of a resident's link. One statement."""
    jurisdiction(request.GET)
    voice = links.voice_of(open311_token, timezone.now())
    return "service_requests", [{"service_request_id": voice.request.code, "token": open311_token}]


def words(given: Any, name: str) -> list[str]:
    """Values of a parameter that may come several times, or with commas."""
    return [x.strip() for v in given.getlist(name) for x in v.split(",") if x.strip()]


def when(given: Any, name: str) -> dt.datetime | None:
    """A moment with its zone, as 2010-01-01T00:00:00Z."""
    typed = given.get(name, "").strip().replace(" ", "+")
    if not typed:
        return None
    try:
        at = parse_datetime(typed)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or not 2000 <= at.year <= 2100:
        raise Invalid(_("Write the time like 2026-11-01T00:00:00+08:00."), field=name)
    return at


def number(given: Any, name: str, most: int, default: int | None = None) -> int:
    """A whole number from 1 to `most`; `default` (else the most) without one."""
    typed = given.get(name, "").strip()
    if not typed:
        return default or most
    if not (typed.isascii() and typed.isdecimal() and len(typed) < 9 and 1 <= int(typed) <= most):
        raise Invalid(_("A number from 1 to %(most)s.") % {"most": most}, field=name)
    return int(typed)


# Telling --------------------------------------------------------------------------------------------------------------
def submit(request: ApiRequest) -> tuple[str, Any]:
    """Take a request in, through the same step as the page. With the header Idempotency-Key it is taken once.

    The picture behind `media_url` is never fetched: an address somebody else chooses could point into our own network.
    `email`, `device_id` and `account_id` are not kept.
    """
    if request.content_type not in FORMS or not in_utf8(request):
        raise FormNeeded
    if settings.HELI_OPEN311_KEY and request.holder is None:
        raise ApiKeyNeeded(field="api_key")
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        return "service_requests", [tell(request)]
    if KEY.fullmatch(key) is None:
        raise Invalid(_("1 to 80 letters, digits or signs."), field="Idempotency-Key")
    asked = keys.fingerprint(
        request.get_full_path(), *(f"{k}={v}" for k, vs in sorted(request.POST.lists()) for v in vs)
    )
    who = f"token:{request.holder.token_id}" if request.holder else f"public:{asked[:16].hex()}"
    made = keys.once(who=who, key=key, asked=asked, at=timezone.now(), act=lambda: (200, json.dumps(tell(request))))
    return "service_requests", [json.loads(made.body)]


def in_utf8(request: ApiRequest) -> bool:
    """Whether a plain form came in UTF-8: Django reads any other bytes as Latin letters."""
    if request.content_type == "multipart/form-data":
        return True  # its texts are looked at one by one (text_of)
    try:
        request.body.decode()
    except UnicodeDecodeError:
        return False
    return True


def tell(request: ApiRequest) -> dict[str, Any]:
    """The step, and what is answered of it."""
    given, files = request.POST, request.FILES.getlist("media")
    if set(request.FILES) - {"media"} or len(files) > PHOTOS:
        raise BodyTooLarge if len(files) > PHOTOS else Invalid(_("Pictures come as the field media."), field="media")
    code = text_of(given, "service_code", 12)
    if not code:
        raise NotProvided(name="service_code", field="service_code")
    if code != reading.ANYTHING and not (len(code) == 6 and code.isascii() and code.isdecimal()):
        raise NoService(field="service_code")
    description = text_of(given, "description", LONGEST)
    if not description:
        raise NotProvided(name="description", field="description")
    path, spot = place(given)
    lat, lon = point(given)
    heard = steps.hear(
        by=request.actor,
        at=timezone.now(),
        text=description,
        area_path=path,
        kind=chosen(given, "kind") or "help",
        channel=Channel.API,
        category="" if code == reading.ANYTHING else code,
        spot=spot,
        lat=lat,
        lon=lon,
        confidentiality=chosen(given, "confidentiality") or "open",
        name=name_of(given),
        phone=phone_of(given),
        reach=chosen(given, "reach"),
        photos=files,
    )
    notice = _("Received. Follow it, and judge the outcome, here: %(link)s") % {"link": secret_url(heard.voice)}
    if text_of(given, "media_url", 2_000):
        notice += " " + _("The picture behind media_url was not fetched; send it as the field media.")
    return {"service_request_id": heard.request.code, "service_notice": notice, "account_id": None}


def text_of(given: Any, name: str, most: int) -> str:
    """A field as text; Invalid (L-400) when it is longer, or was not sent in UTF-8."""
    text = str(given.get(name, "")).strip()
    if "\ufffd" in text or "\0" in text:
        raise FormNeeded(field=name)
    if len(text) > most:
        raise Invalid(_("At most %(most)s characters.") % {"most": most}, field=name)
    return text


def chosen(given: Any, code: str) -> str:
    """The answer to an attribute of the service definition, '' without one."""
    typed = text_of(given, f"attribute[{code}]", 120)
    known_keys = {key for name, _q, _h, choices in reading.ATTRIBUTES if name == code for key, _said in choices}
    if typed and typed not in known_keys:
        raise Invalid(_("Choose one of the values of the service definition."), field=f"attribute[{code}]")
    return typed


def place(given: Any) -> tuple[str, str]:
    """(area path, where exactly). `address_id` is the code of an area; an address in words is read; a point alone leaves
    the community to the desk. NotProvided (L-831) for none of the three."""
    county, spot = jurisdiction(given), text_of(given, "attribute[spot]", 120)
    area, said = text_of(given, "address_id", 24), text_of(given, "address_string", 200)
    if area:
        if not (area.isascii() and area.isalnum() and covers((county,), area)):
            raise Invalid(_("This is no area of the county."), field="address_id")
        return area, spot or said[:120]
    if said:
        read = places.resolve(said, within=county)
        inside = read.area is not None and covers((county,), read.area.path)
        return (read.area.path, spot or read.rest[:120]) if inside and read.area else (county, spot or said[:120])
    if not (given.get("lat", "").strip() and given.get("long", "").strip()):
        raise NotProvided(name=TRUE_LOCATION, field="address_string")
    return county, spot


def point(given: Any) -> tuple[Decimal | None, Decimal | None]:
    """(lat, long) in WGS 84 within China's frame; both or none."""
    lat, lon = given.get("lat", "").strip(), given.get("long", "").strip()
    if not (lat and lon):
        return None, None
    try:
        made = Decimal(lat[:20]).quantize(Decimal("0.000001")), Decimal(lon[:20]).quantize(Decimal("0.000001"))
        if not (made[0].is_finite() and made[1].is_finite()):
            raise InvalidOperation
    except InvalidOperation as error:
        raise Invalid(_("Two numbers: degrees of latitude and longitude."), field="lat") from error
    if not (3 <= made[0] <= 54 and 73 <= made[1] <= 136):
        raise Invalid(_("This point lies outside the country."), field="lat")
    return made


def name_of(given: Any) -> str:
    """A Chinese name is written family name first, without a blank."""
    first, last = text_of(given, "first_name", 40), text_of(given, "last_name", 40)
    return (f"{last}{first}" if CHINESE.search(last + first) else f"{first} {last}".strip())[:40]


def phone_of(given: Any) -> str:
    """A mobile number or a land line with its area code, as digits."""
    typed = text_of(given, "phone", 30)
    try:
        return read_phone(typed) if typed else ""
    except BadIdentifier as error:
        said = _("That is not a whole phone number: 11 digits, or a land line with its area code.")
        raise Invalid(said, field="phone") from error
