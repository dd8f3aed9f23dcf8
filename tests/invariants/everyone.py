"""Every route with every member of the cast; laid.py has the things they ask for."""

from __future__ import annotations

import datetime as dt
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from django.db import transaction
from django.test import Client
from django.urls import URLResolver, get_resolver

from heli.api.http import Operation
from heli.core.actor import PUBLIC, Actor
from heli.core.caps import Scope
from heli.core.pages import Route
from heli.insight.problem_acts import VERBS as PROBLEM_ACTS
from heli.ledger.hour_views import ACTS as HOUR_ACTS
from heli.ledger.standing_views import AWARD_ACTS, OWN_AWARD_ACTS, SPENDING_ACTS
from heli.loop.forms.desk import FORMS as DESK_FORMS
from heli.loop.views.acts import VERBS
from heli.loop.views.desk_acts import VERBS as DESK_VERBS
from heli.notices.desk_views import ACTS as NOTICE_ACTS
from heli.oversight.desk_views import ACTS as TIP_ACTS
from heli.places.booking_desk_views import BOOKING_ACTS
from heli.places.landmark_views import ACTS as NAME_ACTS
from heli.places.site_desk_views import ACTS as SITE_ACTS
from heli.places.site_import_views import TABLE_ACTS
from heli.places.views import ACTS as PLACE_ACTS
from heli.suggestions.views.desk import DONE as DESK_DONE
from heli.suggestions.views.public import OWN_DONE
from heli.suggestions.views.unit import MEASURE_DONE
from heli.volunteering.views.activity_desk import ACTS as ACTIVITY_ACTS
from heli.volunteering.views.activity_desk import SHIFT_ACTS
from heli.volunteering.views.enrol import OWN_ACTS
from heli.volunteering.views.keep import ACTS as KEEP_ACTS
from heli.volunteering.views.keep import PROOF_ACTS
from heli.wishes.views.staff import ACTS as WISH_ACTS
from heli.wishes.views.staff import PLEDGE_ACTS
from tests.invariants.laid import Laid
from tests.loop.told import PAVEMENT
from tests.world import CAST, COMMUNITY

NOBODY = "public"
HOUR = dt.timedelta(hours=1)
FORM = "application/x-www-form-urlencoded"


# Routes -----------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Way:
    """A route with the whole of its pattern: `loop/act/<int:pk>/<slug:verb>/`."""

    pattern: str
    route: Route
    room: str

    @property
    def arguments(self) -> list[str]:
        return re.findall(r"<(?:\w+:)?(\w+)>", self.pattern)

    def url(self, values: dict[str, Any]) -> str:
        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda m: str(values[m[1]]), self.pattern)

    def __str__(self) -> str:
        return f"{self.room}:{self.route.name}"


def ways() -> list[Way]:
    """All pages that declare themselves; those that do not stop the start (core.checks). Operations for machines are in
    `operations`: other ways in, other answers."""

    def walk(patterns: Any, prefix: str = "", room: str = "") -> Iterator[Way]:
        for p in patterns:
            where = prefix + str(p.pattern)
            if isinstance(p, URLResolver):
                yield from walk(p.url_patterns, where, p.namespace or room)
            elif hasattr(p.callback, "route") and not hasattr(p.callback, "operations"):
                yield Way(where, p.callback.route, room)

    return list(walk(get_resolver().url_patterns))


def operations() -> list[tuple[Way, Operation]]:
    """Every operation for machines with its address; one path may stand twice, for two methods."""
    found = []
    for resolver in get_resolver().url_patterns:
        for p in getattr(resolver, "url_patterns", ()):
            for o in getattr(p.callback, "operations", ()):
                found.append((Way(f"{resolver.pattern}{p.pattern}", o.route, "v1"), o))
    return found


MISSING: dict[str, Any] = {
    "call_id": 10**9, "measure_id": 10**9, "addendum_id": 10**9,
    "problem_id": 10**9, "round_id": 10**9, "candidate_id": 10**9, "hot_id": 10**9,
    "reader_id": 10**9, "stop_id": 10**9,
    "clock_id": 10**9, "order_id": 10**9, "part_id": 10**9, "revisit_id": 10**9, "recheck_id": 10**9,
    "code": "ZF-ZZZZ-ZZ", "token": "A" * 30, "file_id": "00000000-0000-4000-8000-000000000000", "pk": 10**9, "voice_id": 10**9,
    "path": "371399", "area_path": "371399", "org_id": 10**9, "user_id": 10**9, "member_id": 10**9, "grant_id": 10**9, "username": "nobody",
    "rule_id": 10**9, "row_id": 10**9, "category_id": 10**9, "endpoint_id": 10**9, "delivery_id": 10**9, "token_id": 10**9, "batch_id": 10**9,
    "wish_id": 10**9, "pledge_id": 10**9, "site_id": 10**9, "table_id": 10**9, "resource_id": 10**9, "booking_id": 10**9, "partner_id": 10**9, "notice_id": 10**9,
    "enrolment_id": 10**9, "own_act": "accept", "leader_act": "admit", "moment": "a" * 16,
    "activity_id": 10**9, "series_id": 10**9, "shift_id": 10**9, "slot_id": 10**9, "role_id": 10**9, "photo_no": 10**6,
    "snap_id": 10**9, "snap_photo": "00000000-0000-4000-8000-000000000000",
    "remark_id": 10**9, "pairing_id": 10**9,
    "roster_id": 10**9, "roster_act": "take", "parcel_id": 10**9, "parcel_act": "send", "outgoing_id": 10**9,
    "volunteer_id": 10**9, "proof_id": 10**9, "team_id": 10**9, "joining_id": 10**9,
    "held_id": 10**9, "flag_id": 10**9, "dispute_id": 10**9, "dispute_act": "withdraw", "hours_paper": "00000000-0000-4000-8000-000000000000",
    "award_id": 10**9, "spending_id": 10**9, "perk_id": 10**9, "taken_id": 10**9,
    "own_award_act": "withdraw", "award_act": "put_out", "spending_act": "agree",
    "tip_id": 10**9, "tip_photo": "00000000-0000-4000-8000-000000000000", "told": "A" * 30,
    "service_id": 10**9, "level": 9, "rest": "999",
    "certificate_id": 10**9, "serial_number": "0" * 30,
}  # fmt: skip
# Acts of the request page and the desk: the kind of thing, and the request at the right station for it to get deep.
FITS = {
    "accept": "offered", "return": "offered", "opinion": "assist", "decide": "returning", "appeal": "appealed", "force": "returning",
    "exclude": "closed", "judge": "replied", "reclassify": "heard",
}  # fmt: skip
AT_DESK = {"take_back": "offered", "force": "returning"}
ACTS: dict[str, list[tuple[str, str, str]]] = {  # route: (verb, kind, station)
    "loop:act": [(verb, v.of, FITS.get(verb, "handling")) for verb, v in VERBS.items()],
    "loop:desk_act": [(verb, "request", AT_DESK.get(verb, "heard")) for verb in DESK_VERBS],
    "loop:return_decide": [(verb, "dispatch", "returning") for verb in ("uphold", "refuse")],
    "loop:appeal_decide": [("", "request", "appealed")],
    "loop:extension_decide": [("", "extension", "handling")],
    "loop:exclusion_decide": [("", "exclusion", "closed")],
    "insight:supervise": [("", "request", "handling")],
    "loop:order": [("", "order", "")],
    "loop:order_print": [("", "order", "")],
    "loop:order_act": [(verb, "order", "") for verb in ("minutes", "close", "withdraw", "else")],
    "loop:part_act": [(verb, "part", "") for verb in ("read", "report", "accept", "back", "else")],
    "loop:order_file": [("", "paper", "")],
    "loop:reader_look": [("", "sample", "")],
    "loop:reader_ask": [("", "request", "heard")],
    "loop:notice": [("", "clock", "handling")],
    "loop:digest": [("", "digest", "")],
    "loop:digest_rows": [("", "digest", "")],
    "loop:revisit_claim": [("", "call", "")],
    "loop:revisit_release": [("", "call", "")],
    "loop:revisit_pass": [("", "call", "")],
    "loop:recheck": [("", "recheck", "")],
}
CHOICES: dict[str, list[dict[str, Any]]] = {  # arguments that choose among a few words
    "orgs:pick_units": [{"who": "grants"}, {"who": "orgs"}, {"who": "else"}],
    "orgs:pick_areas": [{"who": "grants"}, {"who": "orgs"}],
    "loop:digest_rows": [{"figure": "received"}, {"figure": "orders_open"}, {"figure": "else"}],
    "insight:problem_do": [{"verb": v} for v in (*PROBLEM_ACTS, "else")],
    "insight:public_file": [{"kind": k} for k in ("csv", "xlsx", "json", "else")],
    "insight:public_unit_file": [{"kind": k} for k in ("csv", "xlsx", "json", "else")],
    "places:area_do": [{"act": a} for a in (*PLACE_ACTS, "else")],
    "places:landmark_do": [{"act": a} for a in (*NAME_ACTS, "else")],
    "sites:booking_do": [{"act": a} for a in (*BOOKING_ACTS, "else")],
    "sites:keep_do": [{"act": a} for a in (*SITE_ACTS, "else")],
    "sites:table_do": [{"act": a} for a in (*TABLE_ACTS, "else")],
    "notices:draft_do": [{"act": a} for a in (*NOTICE_ACTS, "else")],
    "rulebook:year": [{"year": 2026}, {"year": 1999}],
    "loop:desk_form": [{"what": w} for w in (*DESK_FORMS, "else")],
    "loop:duty_pick": [{"what": w} for w in ("category", "unit", "assists", "else")],
    "loop:batch_do": [{"verb": v} for v in ("map", "take", "drop", "else")],
    "loop:category": [{"code": PAVEMENT}, {"code": "999999"}],
    "hooks:pick": [{"what": w} for w in ("grant", "area", "else")],
    "oversight:act": [{"verb": v} for v in (*TIP_ACTS, "link", "reveal", "else")],
    "suggestions:item_do": [{"verb": v} for v in (*DESK_DONE, "else")],
    "suggestions:own_do": [{"verb": v} for v in (*OWN_DONE, "else")],
    "suggestions:measure_do": [{"verb": v} for v in (*MEASURE_DONE, "else")],
    "suggestions:call_do": [{"verb": v} for v in ("open", "close", "sum_up", "else")],
    "ledger:act": [{"verb": v} for v in (*HOUR_ACTS, "else")],
    "volunteering:activity_act": [{"verb": v} for v in (*ACTIVITY_ACTS, "else")],
    "volunteering:shift_act": [{"verb": v} for v in (*SHIFT_ACTS, "else")],
    "wishes:act": [{"verb": v} for v in (*WISH_ACTS, "else")],
    "wishes:pledge_act": [{"verb": v} for v in (*PLEDGE_ACTS, "else")],
    "volunteering:own_act": [{"own_act": v} for v in (*OWN_ACTS, "else")],
    "volunteering:leader_act": [{"leader_act": v} for v in ("admit", "refuse", "in", "out", "miss", "else")],
    "volunteering:keep_act": [{"verb": v} for v in (*KEEP_ACTS, "else")],
    "volunteering:proof_act": [{"verb": v} for v in (*PROOF_ACTS, "else")],
    "volunteering:joining_act": [{"verb": v} for v in ("take", "refuse", "else")],
    "ledger:dispute_act": [
        {"dispute_act": a} for a in ("withdraw", "object", "accept", "decline", "take", "grant", "reject", "else")
    ],
    "ledger:own_award": [{"own_award_act": a} for a in (*OWN_AWARD_ACTS, "else")],
    "ledger:award_act": [{"award_act": a} for a in (*AWARD_ACTS, "else")],
    "ledger:spending_act": [{"spending_act": a} for a in (*SPENDING_ACTS, "else")],
    "hooks:endpoint_do": [{"verb": v} for v in ("pause", "resume", "test", "replay", "else")],
}


@dataclass(frozen=True)
class Asked:
    """One address of a way, and what of the loop it speaks of (kind, id)."""

    url: str
    about: tuple[str, Any] | None = None


def addresses(way: Way, laid: Laid) -> list[Asked]:
    """A way's addresses with the things of a county; none for an argument that this file was not told about (which fails
    a test of its own)."""
    try:
        return _addresses(way, laid)
    except (KeyError, StopIteration):
        return []


def _addresses(way: Way, laid: Laid) -> list[Asked]:
    names, found = set(way.arguments), []
    for choice in CHOICES.get(str(way), [{}]):
        values = laid.values | laid.read | choice
        if str(way) in ACTS:
            for verb, kind, station in ACTS[str(way)]:
                pk = laid.pick(kind, station)
                names_it = {"pk": pk, "verb": verb, "file_id": pk, "clock_id": pk}
                found.append(Asked(way.url(values | names_it), (kind, pk)))
        elif way.room == "suggestions" and names & {"code", "token", "file_id"}:
            told = values["suggestion"]
            own = {"code": told.code, "token": values["suggestion_token"], "file_id": values["suggestion_photo"]}
            found.append(Asked(way.url(values | own), ("request", told.pk)))
        elif "code" in names and "code" not in choice:
            chosen = list(laid.requests.values())[: 1 if choice else None]
            found += [Asked(way.url(values | {"code": r.code}), ("request", r.pk)) for r in chosen]
        elif "token" in names:
            thing = {"token": laid.tokens[0], "file_id": laid.pick("file", "heard")}
            found.append(Asked(way.url(values | thing), ("voice", laid.pick("voice", "heard"))))
        elif "file_id" in names:
            found.append(
                Asked(
                    way.url(values | {"file_id": laid.pick("file", "heard")}),
                    ("request", laid.pick("request", "heard")),
                )
            )
        elif "voice_id" in names:
            thing = {"pk": laid.pick("request", "replied"), "voice_id": laid.pick("voice", "replied")}
            found.append(Asked(way.url(values | thing), ("request", thing["pk"])))
        else:
            found.append(Asked(way.url(values)))
    return found


def missing(way: Way, asked: Asked) -> str:
    """The same address with something that does not exist; words that choose stay as they are."""
    said = re.fullmatch("/" + re.sub(r"<(?:\w+:)?(\w+)>", r"(?P<\1>[^/]+)", way.pattern), asked.url)
    assert said is not None
    return way.url(said.groupdict() | {k: v for k, v in MISSING.items() if k in said.groupdict()})


# Those who ask ----------------------------------------------------------------------------------------------------------
class Asker:
    """One member of the cast (or nobody) at a browser; each request is rolled back."""

    def __init__(self, world: Any, name: str) -> None:
        self.name = name
        self.actor: Actor = PUBLIC if name == NOBODY else world.actor(name)
        self.client = Client(raise_request_exception=False)
        if name != NOBODY:
            self.client.force_login(world.user(name), backend="allauth.account.auth_backends.AuthenticationBackend")
        self.lost: dict[tuple[str, str, bool], tuple[int, str]] = {}  # answers for what does not exist
        self.session = {k: m.value for k, m in self.client.cookies.items()}

    def ask(self, method: str, url: str, data: dict[str, Any] | None = None, **more: Any) -> Any:
        """The response; nothing it did stays, and no limit counts it."""
        self.client.cookies.clear()
        self.client.cookies.load(self.session)
        with transaction.atomic():
            if method == "POST":  # as a plain form: reading one in parts costs more than many an answer
                response = self.client.post(url, urlencode(data or {}), FORM, **more)
            else:
                response = getattr(self.client, method.lower())(url, data or {}, **more)
            if response.streaming:
                response.streamed = b"".join(response.streaming_content)
            transaction.set_rollback(True)
        return response

    def __str__(self) -> str:
        return self.name


def may_enter(asker: Asker, way: Way) -> bool:
    if way.route.needs:
        return bool(asker.actor.caps.intersection(way.route.needs))
    return way.route.scope is not Scope.SELF or asker.actor.user_id is not None


EVERYBODY = (NOBODY, *(c.name for c in CAST))
# Who may do the same as somebody else and has nothing of their own laid out: the long walks leave them out.
THE_SAME = {"薛师傅": "王桂兰", "周银龄": "王桂兰", "梁秘书": "邓登记"}
OF_EACH_KIND = tuple(name for name in EVERYBODY if name not in THE_SAME)
FILLED: dict[str, Any] = {
    "text": "说一句", "reason": "有理由", "decision": "会商定", "legal_basis": "三定规定", "basis": "三定规定", "reason_code": "not_ours",
    "way": "phone", "reached": "yes", "contacted": "yes", "solved": "yes", "satisfaction": "4", "words": "好", "kind": "more", "days": "1",
    "decide": "yes", "evidence": "民初 1 号", "urgency": "urgent", "purpose": "核对", "x-purpose": "核对", "category": PAVEMENT,
    "area": COMMUNITY, "area_path": COMMUNITY, "spot": "26 号门前", "phone": "13700000009", "contact": "phone", "name": "章大姐",
    "go": "send", "channel": "counter", "checked": "看过本人", "code": "ZF-ZZZZ-ZZ", "route": "去法院", "title": "题目", "language": "en", "theme": "dark",
    "username": "wai.xianren", "role": "viewer", "paths": "370602", "valid_to": "2027-05-01", "short_name": "短名", "unit_id": "1",
    "next": "https://evil.example/", "q": "标记", "note": "备注", "citation": "区委 3 号文", "valid_from": "2027-01-01",
}  # fmt: skip


def body(response: Any, *said: str) -> str:
    """What a reader sees of a page: without tokens against forgery, keys of forms, and the address that was asked."""
    raw = response.streamed if response.streaming else response.content
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
    text = re.sub(r'(csrfmiddlewaretoken" value="|"X-CSRFToken": ")[^"]+', r"\1", text)
    text = re.sub(r'(name="next" value=")[^"]*', r"\1", text)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}", "<uuid>", text)
    text = re.sub(r"(L-\d{3} · )[0-9a-f]{16}", r"\1<id>", text)
    text = re.sub(r'( nonce=")[^"]+', r"\1", text)  # drawn anew for each page (content security policy)
    for word in said:
        text = text.replace(word, "<asked>").replace(quote(word), "<asked>")
    return text


def content(response: Any) -> bytes:
    """All bytes of a response, spreadsheets unpacked."""
    import zipfile

    raw: bytes = response.streamed if response.streaming else response.content
    if raw[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(raw)) as book:
            return b"".join(book.read(n) for n in book.namelist())
    return raw
