"""People who go on working while the house burns: they repeat what got no answer, and note what was acknowledged."""

from __future__ import annotations

import http.client
import io
import random
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from tests.faults.house import Answer, Browser, House
from tests.loop.told import LAMP
from tests.world import COMMUNITY

PATIENCE = 120  # seconds after which somebody gives up: the house did not come back


@dataclass
class Matter:
    """What one resident was told was done, and by which answer."""

    form_key: uuid.UUID
    phone: str
    token: str = ""
    pk: int = 0
    done: list[str] = field(default_factory=list)  # acknowledged acts, in order
    photo: bool = False

    @property
    def mark(self) -> str:
        """The key in letters: its digits may look like somebody's number, which no text keeps."""
        return self.form_key.hex.translate(str.maketrans("0123456789", "ghijklmnop"))


class People:
    """`crews` residents, each with a dispatcher and an officer of their own browsers; start, then stop."""

    def __init__(self, house: House, crews: int = 3, seed: int = 1) -> None:
        self.house = house
        self.stop = threading.Event()
        self.matters: list[Matter] = []
        self.answers: Counter[int | str] = Counter()  # status, or the kind of a broken line
        self.acknowledged = 0
        self.retried = 0
        self.errors: list[str] = []
        self.unit = house.rows("SELECT id FROM orgs_organisation WHERE short_name = '城管局'")[0][0]
        staff = [[Browser(house, "sun.zuoxi"), Browser(house, "yu.keyuan")] for _n in range(crews)]
        for browsers in staff[:1]:
            for b in browsers:
                b.log_in()
        for browsers in staff[1:]:
            for b, first in zip(browsers, staff[0], strict=True):
                b.cookies = dict(first.cookies)
        out = io.BytesIO()
        Image.effect_noise((160, 120), 60).convert("RGB").save(out, "JPEG")
        self.photo = out.getvalue()
        self.threads = [
            threading.Thread(target=self._crew, args=(n, *staff[n], random.Random(seed + n)), daemon=True)
            for n in range(crews)
        ]

    def start(self) -> None:
        for t in self.threads:
            t.start()

    def finish(self) -> None:
        """Let everybody bring what they hold to an acknowledged end."""
        self.stop.set()
        for t in self.threads:
            t.join(PATIENCE + 30)
        assert not any(t.is_alive() for t in self.threads), "somebody still waits for an answer"

    def _insist(self, browser: Browser, path: str, typed: dict[str, Any], photo: bytes | None = None) -> Answer:
        """Send until there is an answer that is no 5xx: what people do who press the button once more."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                said = browser.post(path, typed, photo, timeout=15)
            except (OSError, http.client.HTTPException) as error:
                self.answers[type(error).__name__] += 1
                self.retried += 1
                time.sleep(0.15)
                continue
            self.answers[said.status] += 1
            where = said.headers.get("location", "")
            if said.status < 500 and "/account/login" not in where and said.status != 403:
                return said
            if "/account/login" in where or said.status == 403:
                if browser.username:
                    browser.log_in()
                else:
                    browser.cookies.clear()
            self.retried += 1
            time.sleep(0.15)
        raise TimeoutError(f"{path}: no answer in {PATIENCE} s")

    def _crew(self, n: int, desk: Browser, officer: Browser, dice: random.Random) -> None:
        try:
            while not self.stop.is_set():
                self._one(n, desk, officer, dice)
        except Exception as error:
            self.errors.append(f"{type(error).__name__}: {error}")

    def _did(self, m: Matter, act: str) -> None:
        m.done.append(act)
        self.acknowledged += 1

    def _one(self, n: int, desk: Browser, officer: Browser, dice: random.Random) -> None:
        """One matter round the loop, or as far as there is time."""
        m = Matter(uuid.uuid4(), f"139{n:02}{dice.randrange(10**6):06}", photo=dice.random() < 0.5)
        resident = Browser(self.house)
        typed = {
            "text": f"12号楼前路灯不亮 {m.mark}", "area": COMMUNITY, "category": LAMP, "go": "send", "contact": "phone",
            "phone": m.phone, "form_key": str(m.form_key),
        }  # fmt: skip
        said = self._insist(resident, "/submit/", typed, self.photo if m.photo else None)
        if said.status == 429:
            time.sleep(1)
            return
        assert said.status == 303, f"submit: {said.status} {said.body[-600:]}"
        m.token = said.headers["location"].split("/")[2]
        self.matters.append(m)
        self._did(m, "request.hear")
        m.pk, code = self.house.rows("SELECT id, code FROM loop_request WHERE form_key = %s", m.form_key)[0]
        if self.stop.is_set():
            return
        self._act(m, desk, f"/loop/desk/act/{m.pk}/dispatch/", {"unit": self.unit}, "request.dispatch")
        lead = self.house.rows("SELECT id FROM loop_dispatch WHERE request_id = %s AND role = 'lead'", m.pk)[0][0]
        self._act(m, officer, f"/loop/act/{lead}/accept/", {"code": code}, "dispatch.accept")
        words = {"code": code, "text": "换了接头，三盏都亮了。再灭请打 12345。"}
        self._act(m, officer, f"/loop/act/{m.pk}/reply/", words, "handling.write")
        if self.house.rows("SELECT state FROM loop_request WHERE id = %s", m.pk)[0][0] == "replied":
            typed = {"contacted": "yes", "solved": "yes", "satisfaction": "5", "words": ""}
            self._act(m, resident, f"/t/{m.token}/judge/", typed, "request.judge")

    def _act(self, m: Matter, who: Browser, path: str, typed: dict[str, Any], name: str) -> None:
        """303: done now. 409: done before the answer got lost; it says so, and nothing is done twice."""
        said = self._insist(who, path, typed)
        assert said.status in {302, 303, 409}, f"{name}: {said.status} {said.body[-600:]}"
        self._did(m, name)


def account(house: House, people: People) -> list[str]:
    """Everything acknowledged against what is in the database: one sentence for each thing that is not as it was said."""
    wrong = list(people.errors)
    with house.db() as db:
        for m in people.matters:
            found = db.execute("SELECT id, photos FROM loop_request WHERE form_key = %s", [m.form_key]).fetchall()
            said = db.execute("SELECT count(*) FROM loop_request WHERE text LIKE %s", [f"%{m.mark}%"]).fetchone()[0]  # type: ignore[index]
            if len(found) != 1 or said != 1:
                wrong.append(f"{m.form_key}: {len(found)} requests by its key, {said} by its text")
                continue
            pk, photos = found[0]
            if len(photos) != int(m.photo):
                wrong.append(f"request {pk}: {len(photos)} photos, sent {int(m.photo)}")
            steps = Counter(
                row[0]
                for row in db.execute(
                    "SELECT step FROM core_event WHERE subject_type = 'loop.request' AND subject_id = %s", [pk]
                )
            )
            for act in m.done:
                if steps[act] != 1:
                    wrong.append(f"request {pk}: {act} acknowledged, {steps[act]} events")
    return wrong


def news_of(house: House, people: People) -> list[str]:
    """Every message a resident was to get, came; none twice."""
    wrong = []
    got: Counter[tuple[str, str]] = Counter((s["phone"], s["values"]["news"]) for s in house.gateway.sent)
    due = {"request.dispatch": "dispatched", "dispatch.accept": "accepted"}
    for m in people.matters:
        for act, news in due.items():
            if act in m.done and got[m.phone, news] != 1:
                wrong.append(f"{m.phone}: told “{news}” {got[m.phone, news]} times")
    return wrong


def wait_for_jobs(house: House, seconds: float = 60) -> float:
    """Until no job of ours waits or hangs; returns how long it took. Nobody helps."""
    start = time.monotonic()
    sql = "SELECT id, task_name, status, attempts FROM procrastinate_jobs WHERE status IN ('todo', 'doing') AND task_name = 'loop.tell'"
    while rows := house.rows(sql):
        if time.monotonic() - start > seconds:
            raise TimeoutError(str(rows[:5]))
        time.sleep(0.3)
    return time.monotonic() - start
