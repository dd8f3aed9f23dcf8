"""SQL statements of the loop's main acts, over HTTP, beside what was measured of Amsterdam's Signalen.

    ./run bench loop_statements          (after ./run demo: it measures on the demo county, and rolls everything back)

Counted: every statement of the whole request (session, account, grants included), without the marks of transactions.
Signalen 2.50 in process, about 200 rows: create 45, list of 50 263, detail 17, status change 41.
The ratio at the end is Signalen's sum over ours for the four acts both have.
"""

from __future__ import annotations

import os
import sys
import uuid

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "heli.settings")
os.environ["HELI_DEMO"] = "1"

import django

django.setup()

from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rich.console import Console
from rich.table import Table

from heli.loop.models import Dispatch, Request
from heli.people.models import User

MARKS = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")
SIGNALEN = {"create": 45, "list of 50": 263, "request page": 17, "reply": 41}
LIMITS = {"create": 12, "list of 50": 8, "request page": 10, "accept": 14, "reply": 14}
TYPED = {
    "text": "大海阳社区 12 号楼前三盏路灯不亮，晚上老人下楼看不清", "area": "370602003006", "category": "040401",
    "spot": "12 号楼前", "contact": "phone", "phone": "13900000017", "name": "王桂兰", "go": "send",
}  # fmt: skip


def as_(username: str) -> Client:
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(username=username), "allauth.account.auth_backends.AuthenticationBackend")
    return client


def main() -> None:
    officer = User.objects.filter(username="yu.keyuan").first()
    offered = Dispatch.objects.filter(state="offered", role="lead").select_related("request", "unit").first()
    if officer is None or offered is None:
        sys.exit("Nothing to measure on: run ./run demo --once first.")
    found: dict[str, int] = {}

    def count(name: str, answer: HttpResponse, caught: CaptureQueriesContext) -> None:
        if answer.status_code >= 400:
            sys.exit(f"{name}: answered {answer.status_code}")
        found[name] = len([q for q in caught.captured_queries if not q["sql"].startswith(MARKS)])

    with transaction.atomic():
        unit = as_(User.objects.get(grants__org=offered.unit, grants__role__key="unit_officer").username)
        desk, officer_client = as_("sun.zuoxi"), as_("yu.keyuan")
        for name, run in (
            (
                "create",
                lambda: Client(SERVER_NAME="localhost").post("/submit/", TYPED | {"form_key": str(uuid.uuid4())}),
            ),
            ("list of 50", lambda: desk.get("/loop/requests/")),
            ("inbox", lambda: officer_client.get("/loop/inbox/?tab=hand")),
            ("request page", lambda: unit.get(f"/loop/r/{offered.request.code}/")),
            ("accept", lambda: unit.post(f"/loop/act/{offered.pk}/accept/", {"code": offered.request.code})),
            (
                "reply",
                lambda: unit.post(
                    f"/loop/act/{offered.request_id}/reply/",
                    {"text": "11 月 18 日已修好。", "send": "1", "code": offered.request.code},
                ),
            ),
        ):
            with CaptureQueriesContext(connection) as caught:
                answer = run()
            count(name, answer, caught)
        transaction.set_rollback(True)
    table = Table("act", "statements", "at most", "Signalen")
    for name, n in found.items():
        table.add_row(name, str(n), str(LIMITS.get(name, "")), str(SIGNALEN.get(name, "")))
    Console().print(table)
    print(f"requests in the county: {Request.objects.count()}")
    ours = sum(found[name] for name in SIGNALEN)
    print(f"ratio: {sum(SIGNALEN.values()) / ours:.1f}")


if __name__ == "__main__":
    main()
