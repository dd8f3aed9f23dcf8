"""A walk through the pages: who does what, what it cost, and what the resident then reads."""

from __future__ import annotations

import html
import re
import uuid
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from heli.loop.models import Clock, Dispatch, Handling, Request, Voice
from tests.loop.told import LAMP
from tests.world import COMMUNITY

# The whole request: session, account, grants and the act itself; without the marks of transactions.
MARKS = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")
MOST = {"create": 12, "list": 8, "page": 10, "accept": 14, "reply": 14}
TOLD = {
    "text": "12号楼前三盏路灯不亮，晚上下楼看不清",
    "area": COMMUNITY,
    "category": LAMP,
    "spot": "12号楼前",
    "picked": "1",
}


class Walk:
    """One request and everybody's screens."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self.clients: dict[str, Client] = {}
        self.token = ""
        self.pk = 0

    # Screens ------------------------------------------------------------------------------------------------------------
    def at(self, name: str = "") -> Client:
        """Somebody's browser; without a name the resident's, who has no account."""
        if name not in self.clients:
            self.clients[name] = Client()
            if name:
                self.clients[name].force_login(
                    self.world.user(name), "allauth.account.auth_backends.AuthenticationBackend"
                )
        return self.clients[name]

    def cost(self, what: str, who: str, url: str, typed: dict[str, Any] | None = None) -> Any:
        """The response to an act that has a budget; without `typed` a look at a page."""
        client = self.at(who)
        with CaptureQueriesContext(connection) as said:
            response = client.get(url) if typed is None else client.post(url, typed)
        spent = [q["sql"] for q in said.captured_queries if not q["sql"].startswith(MARKS)]
        assert len(spent) <= MOST[what], f"{what}: {len(spent)} statements\n" + "\n".join(s[:160] for s in spent)
        return response

    @staticmethod
    def done(response: Any, status: int = 303) -> Any:
        assert response.status_code == status, f"{response.status_code}\n{text(response)[:3000]}"
        return response

    # What is so now -------------------------------------------------------------------------------------------------------
    @property
    def request(self) -> Request:
        return Request.objects.select_related("unit").get(pk=self.pk)

    @property
    def lead(self) -> Dispatch:
        return Dispatch.objects.get(request=self.pk, role="lead", state__in=Dispatch.LIVE)

    @property
    def clock(self) -> Clock:
        """The unit's deadline of this round."""
        return Clock.objects.get(request=self.pk, kind__in=("reply", "redo"), outcome="running")

    def unit(self, name: str) -> int:
        return int(self.world.org(name).pk)

    # The resident -----------------------------------------------------------------------------------------------------------
    def tell(self, **typed: Any) -> Walk:
        sent = {
            **TOLD,
            "go": "send",
            "contact": "phone",
            "phone": "13912345678",
            "form_key": str(uuid.uuid4()),
            **typed,
        }
        to = self.done(self.cost("create", "", "/submit/", sent))["Location"]
        self.token = to.split("/")[2]
        self.pk = Request.objects.order_by("-id").values_list("pk", flat=True)[0]
        return self

    def track(self) -> str:
        """What the resident's page says."""
        return text(self.done(self.at().get(f"/t/{self.token}/"), 200))

    def judge(self, solved: str, satisfaction: int, **more: Any) -> Any:
        typed = {"contacted": "yes", "solved": solved, "satisfaction": str(satisfaction), "words": ""} | more
        return self.at().post(f"/t/{self.token}/judge/", typed)

    # Staff ------------------------------------------------------------------------------------------------------------------
    def act(self, who: str, verb: str, pk: int | None = None, **typed: Any) -> Any:
        """An act of the request page; `pk` where it is about something else than the request."""
        return self.at(who).post(
            f"/loop/act/{self.pk if pk is None else pk}/{verb}/", {"code": self.request.code, **typed}
        )

    def desk(self, verb: str, who: str = "孙坐席", **typed: Any) -> Any:
        return self.at(who).post(f"/loop/desk/act/{self.pk}/{verb}/", typed)

    def dispatch(self, unit: str = "城管局", **typed: Any) -> Walk:
        self.done(self.desk("dispatch", unit=self.unit(unit), **typed))
        return self

    def accept(self, who: str = "于科员") -> Walk:
        self.done(self.act(who, "accept", self.lead.pk, budget="accept"))
        return self

    def reply(self, words: str = "换了接头，三盏都亮了。再灭请打 12345。", who: str = "于科员") -> Walk:
        self.done(self.act(who, "reply", text=words, budget="reply"))
        waiting = Handling.objects.filter(request=self.pk, state="in_review").first()
        if waiting is not None:
            self.done(self.act("许股长", "review", waiting.pk, decide="yes"))
        return self

    def page(self, who: str) -> str:
        return text(self.done(self.cost("page", who, f"/loop/r/{self.request.code}/"), 200))

    def voice(self) -> Voice:
        return Voice.objects.get(request=self.pk)


def text(response: Any) -> str:
    """The words of a page, without its marks."""
    body = re.sub(r"<(script|style|svg)\b.*?</\1>", "", response.content.decode(), flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))
