"""Nothing personal where it does not belong: flows run with marked values, and then everything that was written is searched.

Searched: log lines, the SQL that was sent, every table, every page and file for everybody whose data it is not, events,
and addresses. In plain text, escaped, percent-encoded, hexadecimal and base64.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import re
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from PIL import Image

from heli import localpg
from heli.adapters import sms
from heli.core.actor import PUBLIC
from heli.core.logs import formatter
from heli.core.models import Access, Event
from heli.engines import identifiers
from heli.loop import links, steps
from heli.loop.models import Clock, Dispatch, Exclusion, Extension, Handling, Request, Voice
from tests import database
from tests.invariants import everyone
from tests.invariants.everyone import EVERYBODY, addresses, content, ways
from tests.invariants.laid import Laid, ours_of_other_rooms
from tests.invariants.test_jobs import run_all
from tests.loop.told import LAMP, PAVEMENT
from tests.world import COMMUNITY, PASSWORD

NAME, PHONE, ADDRESS = "金丝雀甲", "19912345670", "金丝雀巷七号"
OTHER_PHONE = "19912345671"  # of an account that signs up here
ID_NUMBER = next(f"37060219900101123{c}" for c in "0123456789X" if identifiers.find_personal(f"37060219900101123{c}"))
MARKED = {"name": NAME, "phone": PHONE, "id": ID_NUMBER, "address": ADDRESS, "other phone": OTHER_PHONE}
SLIP = f"打 {PHONE} 找我，身份证 {ID_NUMBER}"  # what people type into any field they are given


def spellings(value: str) -> Iterator[bytes]:
    """A value as it may lie in text, JSON, an address, a dump of bytes, or base64 (its inner part, at each of three places)."""
    raw = value.encode()
    yield raw
    yield json.dumps(value)[1:-1].encode()
    yield quote(value).encode()
    yield raw.hex().encode()
    yield raw[::-1]
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + raw)
        yield whole[4 if shift else 0 : len(whole) - 4]


def hits(where: str, text: bytes | str) -> list[str]:
    """Which marked values are in it, with what stands around them."""
    raw = text.encode() if isinstance(text, str) else text
    found = []
    for what, value in MARKED.items():
        for spelled in {*spellings(value)}:
            at = raw.find(spelled)
            if at >= 0:
                found.append(f"{where}: {what} in …{raw[max(0, at - 70) : at + 40].decode('utf-8', 'replace')}…")
                break
    return found


class Tab:
    """Somebody's browser; remembers every address it was sent to."""

    def __init__(self, user: Any = None) -> None:
        self.client = Client()
        if user is not None:
            self.client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        self.sent_to: list[str] = []
        self.taken: list[tuple[str, bytes]] = []  # files

    def post(self, url: str, data: dict[str, Any], *, expect: tuple[int, ...] = (302, 303)) -> Any:
        found = self.client.post(url, data)
        assert found.status_code in expect, f"{url}: {found.status_code} {found.content.decode()[:3000]}"
        self.sent_to.append(found.get("Location", ""))
        for value in found.headers.values():
            self.sent_to.append(value)
        return found


def picture() -> io.BytesIO:
    """A photo whose metadata say who took it."""
    image, out = Image.new("RGB", (80, 60), "#38a"), io.BytesIO()
    exif = image.getexif()
    exif[0x013B], exif[0x9286], exif[0x010E] = NAME, f"{NAME} {PHONE}", ADDRESS
    image.save(out, "JPEG", exif=exif)
    assert hits("photo", out.getvalue())
    out.seek(0)
    out.name = f"{PHONE}.jpg"
    return out


def told(world: Any) -> tuple[list[Tab], list[Request]]:
    """The loop, walked with marked values in every field that takes words. Everything real: pages where there are some."""
    resident = Tab()
    sun, han, yu, hao, lv, jiang = (
        Tab(world.user(n)) for n in ("孙坐席", "韩网格", "于科员", "郝回访", "吕部长", "姜管理")
    )
    about = {"area": COMMUNITY, "category": PAVEMENT, "picked": "1", "name": NAME, "phone": PHONE}
    # 诉: on the web, at the counter, by an address in the vault; looked up again
    sent = resident.post(
        "/submit/",
        about
        | {
            "go": "send",
            "contact": "phone",
            "form_key": str(uuid.uuid4()),
            "text": f"人行道塌了。{SLIP}",
            "spot": SLIP,
            "photos": picture(),
        },
    )
    token = re.search(r"/t/([\w-]+)/", sent["Location"])[1]  # type: ignore[index]
    web = links.voice_of(token, timezone.now()).request
    han.post(
        "/counter/",
        about
        | {
            "go": "send",
            "channel": "counter",
            "form_key": str(uuid.uuid4()),
            "text": f"坑更大了。{SLIP}",
            "protected": "on",
        },
    )
    counter = Request.objects.order_by("-id")[0]
    han.post("/counter/earlier/", {"phone": PHONE}, expect=(200,))
    sun.post("/loop/requests/phone/", {"p-phone": PHONE}, expect=(200,))
    heard = steps.hear(
        by=PUBLIC,
        at=timezone.now(),
        text="路灯不亮",
        area_path=COMMUNITY,
        category=LAMP,
        name=NAME,
        phone=PHONE,
        address=ADDRESS,
    )
    resident.post("/find/", {"code": web.code, "phone": PHONE})
    resident.post("/find/", {"code": web.code, "phone": OTHER_PHONE}, expect=(404,))
    # 转
    unit = world.org("城管局").pk
    act = "/loop/act/{}/{}/".format
    sun.post(act(web.pk, "note"), {"text": SLIP})
    sun.post(act(web.pk, "ask"), {"text": SLIP})
    resident.post(f"/t/{token}/words/", {"text": SLIP})
    for request in (web, counter):
        steps.offer(
            request_id=request.pk, unit_id=unit, by=world.actor("孙坐席"), at=timezone.now(), push_down_rule=SLIP
        )
    lead = Dispatch.objects.get(request=web)
    # 办
    yu.post(act(lead.pk, "return"), {"reason_code": "not_ours", "reason": SLIP, "legal_basis": SLIP})
    sun.post(act(lead.pk, "decide"), {"decide": "no", "reason": SLIP})
    yu.post(act(lead.pk, "accept"), {})
    yu.post(act(web.pk, "contact"), {"way": "phone", "reached": "yes", "text": SLIP})
    yu.post(act(web.pk, "help"), {"unit_id": world.org("住建局").pk, "reason": SLIP})
    clock = Clock.objects.get(request=web, kind="reply")
    yu.post(act(clock.pk, "extend"), {"kind": "more", "days": "1", "reason": SLIP, "basis": SLIP})
    lv.post(act(Extension.objects.get(request=web).pk, "extension"), {"decide": "no", "reason": SLIP})
    lv.post(act(web.pk, "supervise"), {"text": SLIP})
    shown = yu.post(
        act(web.pk, f"reveal/{web.voices.get().pk}"),
        {f"v{web.voices.get().pk}-purpose": "other", f"v{web.voices.get().pk}-other": SLIP},
        expect=(200,),
    )
    assert NAME in shown.content.decode() and "no-store" in shown["Cache-Control"], "this is where they may be read"
    yu.post(act(web.pk, "reply"), {"text": f"铺好了。{SLIP}", "photos": picture()})
    # 评
    resident.post(f"/t/{token}/judge/", {"contacted": "yes", "solved": "no", "satisfaction": "2", "words": SLIP})
    yu.post(act(web.pk, "reply"), {"text": f"又铺了。{SLIP}"})
    voice = Voice.objects.get(request=web)
    hao.post(f"/loop/revisits/{voice.pk}/unreached/", {"u-words": SLIP})
    hao.post(
        f"/loop/revisits/{voice.pk}/judged/", {"contacted": "yes", "solved": "yes", "satisfaction": "4", "words": SLIP}
    )
    lv.post(act(web.pk, "exclude"), {"reason": "court", "evidence": SLIP})
    # joined, taken apart, not taken, taken back
    twin = heard.request.pk
    steps.merge(request_id=twin, into_id=counter.pk, by=world.actor("孙坐席"), at=timezone.now())
    steps.unmerge(request_id=twin, by=world.actor("孙坐席"), at=timezone.now(), reason=SLIP)
    steps.decline(
        request_id=twin, by=world.actor("孙坐席"), at=timezone.now(), reason=SLIP, legal_basis=SLIP, route=SLIP
    )
    resident_of_counter = links.bearer(counter.voices.get())
    steps.withdraw(request_id=counter.pk, by=resident_of_counter, at=timezone.now(), reason=SLIP)
    # taken away as files
    for tab, url in ((sun, "/loop/requests/export/"), (lv, "/board/370602/export/")):
        for purpose in ("purpose", "x-purpose"):
            found = tab.client.post(url, {purpose: SLIP})
        tab.taken.append((url, content(found)))
    # accounts
    newcomer = Tab()
    newcomer.post(
        "/account/signup/",
        {"phone": OTHER_PHONE, "password1": PASSWORD, "name": NAME, "call_name": "新来的"},
        expect=(200, 302),
    )
    newcomer.post("/account/login/", {"login": OTHER_PHONE, "password": "not-the-password"}, expect=(200, 302))
    newcomer.post("/account/login/code/", {"phone": OTHER_PHONE}, expect=(200, 302))
    jiang.post(
        "/orgs/grants/new/",
        {"username": PHONE, "role": "viewer", "paths": COMMUNITY, "reason": SLIP},
        expect=(200, 400, 302),
    )
    return [resident, sun, han, yu, hao, lv, jiang, newcomer], [web, counter, heard.request]


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Everything that is logged at any level, as production writes it."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter(as_json=True))
    root, level = logging.getLogger(), logging.getLogger().level
    named = [logging.getLogger(n) for n in ("procrastinate", "axes", "django.request", "django", "heli")]
    levels = [x.level for x in named]
    root.addHandler(handler)
    for log in (root, *named):
        log.setLevel(logging.DEBUG)
    yield out
    root.removeHandler(handler)
    root.setLevel(level)
    for log, was in zip(named, levels, strict=True):
        log.setLevel(was)


def dumped() -> str:
    """All tables as text, read by the owner."""
    url = localpg.urls(database.var(), database.current()).owner_url
    bin_dir = localpg.ensure(database.var(), fsync=False).bin
    done = subprocess.run(
        [bin_dir / "pg_dump", "--data-only", "--inserts", url], capture_output=True, text=True, check=True
    )
    return done.stdout


def laid_of(requests: list[Request]) -> Laid:
    """The requests and what hangs on them, as the matrix of routes asks for it."""
    laid = Laid("", requests={r.code: r for r in requests})
    kinds: dict[str, Any] = {
        "dispatch": Dispatch,
        "clock": Clock,
        "handling": Handling,
        "extension": Extension,
        "exclusion": Exclusion,
        "voice": Voice,
    }
    for kind, model in kinds.items():
        laid.things[kind] = {str(x.pk): x.pk for x in model.objects.filter(request__in=requests)}
    laid.things["request"] = {r.code: r.pk for r in requests}
    laid.things["file"] = {str(f): f for r in Request.objects.filter(pk__in=[r.pk for r in requests]) for f in r.photos}
    laid.tokens = [links.token_of(v) for v in Voice.objects.filter(request__in=requests)]
    return laid


def test_nothing_personal_is_written_shown_or_said(fire_db: str, world: Any, settings: Any, lines: io.StringIO) -> None:
    settings.HELI_STAFF_MFA = False
    cache.clear()
    box = sms.sender().box  # type: ignore[attr-defined]
    box.clear()
    connection.force_debug_cursor = True
    with CaptureQueriesContext(connection) as sql:
        tabs, _requests = told(world)
        assert run_all() == 0
    connection.force_debug_cursor = False
    assert {m.phone for m in box} >= {PHONE, OTHER_PHONE}, "messages reach those they are for"
    wrong: list[str] = []
    for m in box:
        wrong += hits("what a message says", json.dumps(dict(m.values), ensure_ascii=False))
    wrong += hits("SQL", "\n".join(q["sql"] for q in sql.captured_queries))
    wrong += hits("a log line", lines.getvalue())
    for tab in tabs:
        wrong += hits("an address", "\n".join(tab.sent_to)) + [h for url, raw in tab.taken for h in hits(url, raw)]
    for event in Event.objects.values():
        wrong += hits(f"event {event['step']}", json.dumps(event, default=str, ensure_ascii=False))
    assert Access.objects.count() == 1
    for statement in dumped().splitlines():
        table = re.match(r"INSERT INTO public\.(\w+)", statement)
        wrong += hits(f"table {table[1]}" if table else "the dump", statement)
    for file in Path(django_settings.HELI_FILES).rglob("*"):
        if file.is_file() and file.stat().st_mtime > timezone.now().timestamp() - 600:
            wrong += hits(f"file {file.name}", file.read_bytes()) + hits("name of a file", str(file))
    if wrong:
        pytest.fail("\n".join(dict.fromkeys(wrong)), pytrace=False)


def test_no_page_shows_whose_it_is(fire_db: str, world: Any, settings: Any) -> None:
    """Every page for everybody: masks at most. The only place where a number is read is the answer to `reveal`."""
    settings.HELI_STAFF_MFA = False
    _tabs, requests = told(world)
    laid = laid_of(requests)
    laid.values = ours_of_other_rooms(world)
    wrong: list[str] = []
    for name in EVERYBODY:
        if name == "曲科员" or (name not in {everyone.NOBODY, "王桂兰"} and not world.actor(name).caps):
            continue  # sees what 王桂兰 sees; as 于科员, of another unit
        asker = everyone.Asker(world, name)
        for way in ways():
            if "GET" in way.route.methods and everyone.may_enter(asker, way):
                for asked in addresses(way, laid):
                    found = asker.ask("GET", asked.url)
                    wrong += hits(f"{name}: {asked.url}", content(found)) + hits(
                        f"{name}: headers of {asked.url}", str(found.headers)
                    )
    if wrong:
        pytest.fail("\n".join(dict.fromkeys(wrong)), pytrace=False)
