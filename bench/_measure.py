"""What each act of the loop costs over HTTP on one size of database: one client, four clients, CPU of each side, statements."""

from __future__ import annotations

import itertools
import json
import random
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from bench._client import Asking, Link, Person, saturate
from bench._place import COMMON, COUNTY, PROVINCE, RARE, ROOT, VAR, database, say, surroundings
from bench._server import Server, serving

# Signalen 2.50 on two cores, granian or uwsgi, about 200 requests in its database (intake of issue 3): requests a second.
SIGNALEN = {"create": (6.0, 7.5), "list": (1.3, 1.5), "detail": (11.0, 13.0), "reply": (6.0, 7.0)}
NAMES = {
    "create": "create (public form, POST)", "form": "the form (GET)", "list": "list of 50", "desk": "dispatch desk", "inbox": "unit inbox",
    "open county": "open figures, county", "open province": "open figures, province", "open unit": "open figures, unit",
    "problems": "standing problems",
    "county board": "board of a county", "province board": "board of the province", "search common": f"search {COMMON} (common)",
    "search rare": f"search {RARE} (rare)", "detail": "request page", "reply": "reply (officer, POST)",
    "track": "secret link", "api list": "API list of 50", "api create": "API create",
}  # fmt: skip
ONE, FOUR = 5.0, 10.0  # seconds with one client and with four
ANSWER = "已到现场处理完毕：路面修补好，围挡已撤，后续每周巡查一次。如有问题请再来电。"


def cast_of(name: str) -> dict[str, Any]:
    """Sessions, codes, links and statement counts for a database (bench/_cast.py)."""
    env = surroundings(name, HELI_BENCH_VAR=str(VAR), HELI_LOG_LEVEL="ERROR")
    made = subprocess.run([sys.executable, "-m", "bench._cast"], env=env, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return dict(json.loads(made.stdout.splitlines()[-1]))


def anybody(rng: random.Random) -> Person:
    """A resident nobody has seen: another address each time, as behind a proxy."""
    return Person(address=f"10.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}")


class Acts:
    """Each act as a coroutine on a connection; answers that are not what a browser expects are errors."""

    def __init__(self, cast: dict[str, Any]) -> None:
        self.cast = cast
        self.rng = random.Random(7)
        self.staff = {name: Person(session=key) for name, key in cast["sessions"].items()}
        if cast.get("api_token"):
            self.staff["api"] = Person(token=cast["api_token"])
        self.codes = itertools.cycle(cast["codes"])
        self.tokens = itertools.cycle(cast["tokens"])
        self.answers: Iterator[dict[str, Any]] = iter(cast["answers"])
        self.left = len(cast["answers"])
        self.made: list[str] = []  # links that a create was answered with

    def page(self, who: str, path: str | Callable[[], str], marks: bytes = b"</html>") -> Asking:
        person = self.staff[who]

        async def ask(link: Link) -> str:
            answer = await link.ask(person.get(path if isinstance(path, str) else path()))
            return "" if answer.status == 200 and marks in answer.body else f"{answer.status}"

        return ask

    def public(self, path: Callable[[], str]) -> Asking:
        async def ask(link: Link) -> str:
            answer = await link.ask(anybody(self.rng).get(path()))
            return "" if answer.status == 200 and b"</html>" in answer.body else f"{answer.status}"

        return ask

    def told(self) -> dict[str, str]:
        """What one resident types."""
        rng, one = self.rng, self.rng.choice(self.cast["texts"])
        return {
            "text": f"{one['text']}（{rng.randrange(10**6)}）", "category": one["category"], "spot": one["spot"],
            "area": rng.choice(self.cast["places"]), "contact": "phone", "phone": f"139{rng.randrange(20_000):08d}",
            "name": "王女士", "go": "send", "form_key": str(uuid.uuid4()),
        }  # fmt: skip

    async def create(self, link: Link) -> str:
        answer = await link.ask(anybody(self.rng).post("/submit/", self.told()))
        if answer.status != 303:
            return f"{answer.status}"
        self.made.append(answer.location)
        return ""

    async def reply(self, link: Link) -> str:
        one = next(self.answers, None)
        if one is None:
            return "none left to answer"
        person = Person(session=one["session"])
        answer = await link.ask(
            person.post(f"/loop/act/{one['id']}/reply/", {"text": ANSWER, "send": "1", "code": one["code"]})
        )
        return "" if answer.status in {200, 302, 303} and b"L-" not in answer.body[:200] else f"{answer.status}"

    async def api_create(self, link: Link) -> str:
        told = self.told()
        body = {
            "text": told["text"],
            "area": told["area"],
            "category": told["category"],
            "name": told["name"],
            "phone": told["phone"],
        }
        answer = await link.ask(
            self.staff["api"].send_json("/api/v1/requests", json.dumps(body).encode(), str(uuid.uuid4()))
        )
        return "" if answer.status in {200, 201} else f"{answer.status}"

    def all(self) -> dict[str, Asking]:
        def code() -> str:
            return f"/loop/r/{next(self.codes)}/"

        found = {
            "create": self.create,
            "form": self.public(lambda: "/submit/"),
            "list": self.page("desk", "/loop/requests/"),
            "desk": self.page("desk", "/loop/desk/"),
            "inbox": self.page("officer", "/loop/inbox/?tab=hand"),
            "county board": self.page("board", f"/board/{COUNTY}/"),
            "province board": self.page("province", f"/board/{PROVINCE}/"),
            "open county": self.public(lambda: f"/board/public/{COUNTY}/"),
            "open province": self.public(lambda: f"/board/public/{PROVINCE}/"),
            "open unit": self.public(lambda: f"/board/public/unit/{self.cast['unit']}/"),
            "problems": self.page("board", "/board/problems/"),
            "search common": self.page("desk", "/loop/requests/?q=%E8%B7%AF%E7%81%AF"),
            "search rare": self.page("desk", "/loop/requests/?q=%E6%B0%B4%E7%8D%AD"),
            "detail": self.page("desk", code),
            "reply": self.reply,
            "track": self.public(lambda: f"/t/{next(self.tokens)}/"),
        }
        if "api" in self.staff:
            found["api list"] = self.page("api", "/api/v1/requests?size=50", b"{")
            found["api create"] = self.api_create
        return found


def one_act(server: Server, name: str, ask: Asking, acts: Acts) -> dict[str, Any]:
    """Figures of one act. A reply uses its request up, so there are only so many."""
    some = {"most": acts.left // 4} if name == "reply" else {}
    if name != "reply":
        saturate(server.port, ask, clients=4, seconds=20, most=24)  # both workers have seen it
    alone = saturate(server.port, ask, clients=1, seconds=ONE, **some)
    web, base = server.cpu()
    four = saturate(server.port, ask, clients=4, seconds=FOUR, **({"most": acts.left // 2} if name == "reply" else {}))
    web_after, base_after = server.cpu()
    n = max(1, len(four.times) + len(four.errors))
    return {
        "rate": four.rate, "p50_1": alone.at(0.5), "p95_1": alone.at(0.95), "p50_4": four.at(0.5), "p95_4": four.at(0.95),
        "web_ms": round((web_after - web) / n * 1000, 2), "base_ms": round((base_after - base) / n * 1000, 2),
        "client_ms": round(four.client_cpu / n * 1000, 2), "requests": n, "errors": len(four.errors) + len(alone.errors),
        "wrong": sorted({*four.errors, *alone.errors})[:3], "statements": acts.cast["statements"].get(name),
    }  # fmt: skip


def measure(size: int, only: tuple[str, ...] = ()) -> dict[str, dict[str, Any]]:
    """{act: figures} for one size, printed as it comes."""
    name = database(size)
    cast = cast_of(name)
    acts = Acts(cast)
    found: dict[str, dict[str, Any]] = {}
    with serving(name) as server:
        for act, ask in acts.all().items():
            if only and act not in only:
                continue
            f = found[act] = one_act(server, act, ask, acts)
            say(
                f"  {NAMES[act]:32} {f['rate']:7.1f}/s   1 client {f['p50_1']:6.1f} / {f['p95_1']:6.1f} ms   4 clients "
                f"{f['p50_4']:6.1f} / {f['p95_4']:6.1f} ms   CPU web {f['web_ms']:5.1f} + PostgreSQL {f['base_ms']:5.1f} ms   "
                f"{f['statements']} statements" + (f"   ERRORS {f['errors']} {f['wrong']}" if f["errors"] else "")
            )
    return found
