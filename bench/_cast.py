"""Who asks for what: sessions, codes, links and statement counts for one database, as JSON on standard output. Run as a
module in the surroundings of that database."""

from __future__ import annotations

import datetime as dt
import json
import random
import sys
import uuid
from typing import Any

import django

django.setup()

from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bench._place import COMMON, COUNTY, PROVINCE, RARE
from heli.api.steps import mint_token
from heli.core.actor import SYSTEM
from heli.loop.links import token_of
from heli.loop.models import Request, Voice
from heli.orgs.models import Grant, Organisation
from heli.people.models import User
from heli.places.models import Area

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
HOME = {"SERVER_NAME": "localhost", "HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_FOR": "10.0.0.1"}
MARKS = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK", "SET CONSTRAINTS")
REPLIES = 1200


def client(username: str) -> Client:
    made = Client(**HOME)  # type: ignore[arg-type]
    made.force_login(User.objects.get(username=username), BACKEND)
    return made


def session(username: str) -> str:
    return client(username).cookies["__Host-session"].value


def busiest() -> Organisation:
    """The unit of the measured county with most in hand."""
    open_ = Request.objects.filter(
        area_path__startswith=COUNTY, area_path__lt=COUNTY + "~", state__in=("dispatched", "handling")
    )
    counts: dict[int, int] = {}
    for unit in open_.exclude(unit=None).values_list("unit", flat=True):
        counts[unit] = counts.get(unit, 0) + 1
    with_people = set(User.objects.filter(username__startswith="o.").values_list("username", flat=True))
    best = max((pk for pk in counts if f"o.{pk}" in with_people), key=lambda pk: (counts[pk], -pk))
    return Organisation.objects.get(pk=best)


def to_answer() -> list[dict[str, Any]]:
    """Requests in hand, with a session of an officer of their unit."""
    rows = list(
        Request.objects.filter(state="handling", handlings=None, unit__isnull=False)
        .order_by("-id").values_list("pk", "code", "unit")[: REPLIES * 2]
    )  # fmt: skip
    rows.sort(key=lambda r: r[2])
    names = set(User.objects.filter(username__startswith="o.").values_list("username", flat=True))
    made, found = {}, []
    for pk, code, unit in rows:
        if f"o.{unit}" not in names or (len(made) >= 250 and unit not in made) or len(found) >= REPLIES:
            continue
        if unit not in made:
            made[unit] = session(f"o.{unit}")
        found.append({"id": pk, "code": code, "session": made[unit]})
    random.Random(1).shuffle(found)
    return found


def texts() -> list[dict[str, str]]:
    """What residents of the measured county type: words, category, spot."""
    with connection.cursor() as cur:
        cur.execute(
            """SELECT DISTINCT ON (r.category_id) r.text, c.code, r.spot FROM loop_request r JOIN loop_category c ON c.id = r.category_id
               WHERE r.id < 20000 ORDER BY r.category_id, r.id"""
        )
        return [{"text": t, "category": c, "spot": s} for t, c, s in cur.fetchall()]


def places() -> list[str]:
    return list(
        Area.objects.offered()
        .filter(path__startswith=COUNTY, path__lt=COUNTY + "~", level=5)
        .values_list("path", flat=True)
    )


def statements(cast: dict[str, Any]) -> dict[str, int]:
    """Statements of each act, session and account included, transaction marks left out; all rolled back."""
    found: dict[str, int] = {}
    desk, officer = client(f"d.{COUNTY}"), client(f"o.{cast['unit']}")
    board, province = client(f"s.{COUNTY}"), client(f"s.{PROVINCE}")
    one = cast["texts"][0] | {"area": cast["places"][0], "contact": "phone", "phone": "13900000001", "go": "send"}
    runs: dict[str, Any] = {
        "create": lambda: Client(**HOME).post("/submit/", one | {"form_key": str(uuid.uuid4())}),  # type: ignore[arg-type]
        "list": lambda: desk.get("/loop/requests/"),
        "desk": lambda: desk.get("/loop/desk/"),
        "inbox": lambda: officer.get("/loop/inbox/?tab=hand"),
        "county board": lambda: board.get(f"/board/{COUNTY}/"),
        "province board": lambda: province.get(f"/board/{PROVINCE}/"),
        "open county": lambda: Client(**HOME).get(f"/board/public/{COUNTY}/"),  # type: ignore[arg-type]
        "open province": lambda: Client(**HOME).get(f"/board/public/{PROVINCE}/"),  # type: ignore[arg-type]
        "open unit": lambda: Client(**HOME).get(f"/board/public/unit/{cast['unit']}/"),  # type: ignore[arg-type]
        "problems": lambda: board.get("/board/problems/"),
        "search common": lambda: desk.get("/loop/requests/", {"q": COMMON}),
        "search rare": lambda: desk.get("/loop/requests/", {"q": RARE}),
        "detail": lambda: desk.get(f"/loop/r/{cast['codes'][0]}/"),
        "track": lambda: Client(**HOME).get(f"/t/{cast['tokens'][0]}/"),  # type: ignore[arg-type]
    }
    if cast["answers"]:
        act = cast["answers"][0]
        unit = Client(**HOME)  # type: ignore[arg-type]
        unit.cookies["__Host-session"] = act["session"]
        runs["reply"] = lambda: unit.post(
            f"/loop/act/{act['id']}/reply/", {"text": "已到现场处理完毕。", "send": "1", "code": act["code"]}
        )
    for name, run in runs.items():
        run()  # what a process asks once in its life (calendars, content types) is no cost of a page
        with transaction.atomic():
            with CaptureQueriesContext(connection) as caught:
                answer = run()
            transaction.set_rollback(True)
        if answer.status_code >= 400:
            print(f"{name}: answered {answer.status_code}", file=sys.stderr)
        found[name] = len([q for q in caught.captured_queries if not q["sql"].startswith(MARKS)])
    return found


def main() -> None:
    call_command("collectstatic", interactive=False, verbosity=0)  # pages name files by their hashes
    now = timezone.now()
    recent = Request.objects.filter(area_path__startswith=COUNTY, area_path__lt=COUNTY + "~").order_by("-id")
    codes = list(recent.exclude(state="merged").values_list("code", flat=True)[:400])
    voices = Voice.objects.filter(request__in=[*recent.values_list("pk", flat=True)[:400]])
    cast: dict[str, Any] = {
        "unit": busiest().pk, "codes": codes, "tokens": [token_of(v) for v in voices], "texts": texts(), "places": places(),
        "answers": to_answer(),
    }  # fmt: skip
    cast["statements"] = statements(cast)
    cast["answers"] = cast["answers"][1:]
    cast["sessions"] = {
        "desk": session(f"d.{COUNTY}"), "officer": session(f"o.{cast['unit']}"),
        "board": session(f"s.{COUNTY}"), "province": session(f"s.{PROVINCE}"),
    }  # fmt: skip
    grant = Grant.objects.get(user__username=f"d.{COUNTY}")
    cast["api_token"] = mint_token(
        grant_id=grant.pk,
        name="bench",
        caps=["hear", "view_requests"],
        expires_at=now + dt.timedelta(days=7),
        by=SYSTEM,
        at=now,
    ).secret
    print(json.dumps(cast, ensure_ascii=False))


if __name__ == "__main__":
    main()
