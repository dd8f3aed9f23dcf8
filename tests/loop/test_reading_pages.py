"""The reader's pages: figures and their rows, readers switched and rolled back, stops, samples, questions; who sees what."""

from __future__ import annotations

import datetime as dt
import functools
import io
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from openpyxl import load_workbook

from heli.core.actor import SYSTEM
from heli.core.models import Event
from heli.loop import learning, reader
from heli.loop.models import Category, Request
from heli.loop.queries import desk
from heli.loop.queries import reading as queries
from heli.loop.queries.acts import next_acts
from heli.loop.reading_models import AutoStop, Lesson, Reader, Reading, Sample
from heli.places.models import Area
from heli.rulebook.steps import NewRule, set_rule
from tests.database import race
from tests.loop.staff import NOW, counted, log_in, text_of
from tests.loop.told import AT, LAMP, PAVEMENT, SEWER, tell
from tests.world import COMMUNITY, COUNTY, NEXT_COUNTY

pytestmark = pytest.mark.usefixtures("at_noon")
DAY = dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    reader.forget()
    yield
    reader.forget()


def category(code: str) -> Category:
    return Category.objects.get(code=code)


def a_reader(area: str = COUNTY, state: str = "live", version: int = 1, **more: Any) -> Reader:
    """A row of a reader whose content is no model: pages list it and never read with it."""
    return Reader.objects.create(
        area_path=area, version=version, state=state, made_at=AT, live_at=AT, content=b"x", own=40, lessons=200, **more
    )


NUMBERS = itertools.count(1)


def read_as(
    code: str, *, said: str = "", at: dt.datetime = AT, sure: bool = True, path: str = COMMUNITY,
    text: str = "路灯不亮了，晚上看不见路", kept: str = "open", **more: Any,
) -> Reading:  # fmt: skip
    """A request that was read as one matter, and that people decided was another (or the same)."""
    n = next(NUMBERS)
    request = Request.objects.create(
        code=f"ZF-{n:04d}-AA", title=f"第 {n} 件事", text=text, area_id=area_of(path), area_path=path, channel="web", heard_at=at,
        confidentiality=kept,
    )  # fmt: skip
    values = {
        "request": request, "area_path": path, "read_at": at, "sure": sure, "category_id": category_of(code) if code else None,
        "probability": 0.97 if sure else 0.4, "choices": [[code, 0.5], [SEWER, 0.3]] if code else [],
        "words": ["路灯"] if code else [], "settled_id": category_of(said) if said else None,
        "settled_at": at + dt.timedelta(hours=1) if said else None,
    }  # fmt: skip
    return Reading.objects.create(**values | more)


@functools.cache
def area_of(path: str) -> int:  # those of the world stay as they are
    return int(Area.objects.get(path=path).pk)


@functools.cache
def category_of(code: str) -> int:
    return int(category(code).pk)


def _foreign() -> str:
    return str(Area.objects.filter(path__startswith=NEXT_COUNTY, level=5).order_by("path")[0].path)


def figures(client: Any, **asked: str) -> dict[str, tuple[int, int | None]]:
    found = client.get("/loop/reader/", asked).context["figures"]
    return {f["url"].split("what=")[1].split("&")[0]: (f["n"], f["of"]) for f in found}


# How well it reads ------------------------------------------------------------------------------------------------------
def lived() -> None:
    """Two months of a county: pavements read worse than before, lamps twice as often."""
    by, before, late = {"reader": a_reader()}, AT - 40 * DAY, AT - DAY
    for n in range(20):
        read_as(PAVEMENT, said=PAVEMENT if n < 18 else SEWER, at=before, **by)
        read_as(PAVEMENT if n < 8 else SEWER, said=PAVEMENT, at=late, **by)
    for n in range(3):
        read_as(LAMP, said=LAMP, at=before, sure=n < 2, **by)
    for n in range(16):
        read_as(LAMP, said=LAMP, at=late, sure=n < 12, **by)
    read_as("", rejected="advertising", at=late, sure=False, probability=0, **by)
    read_as("", rejected="empty", at=late, sure=False, probability=0, said=LAMP, **by)
    read_as(LAMP, at=late, auto=True, **by)  # nobody decided on it
    read_as(PAVEMENT, said=PAVEMENT, at=late, path=_foreign(), **by)


def test_every_figure_opens_exactly_its_rows(world: Any) -> None:
    lived()
    client = log_in(world, "吕部长")
    shown = figures(client)
    assert shown == {
        "read": (39, None), "decided": (36, None), "right": (24, 36), "sure": (32, 36), "sure_right": (20, 32),
        "rejected": (2, 39),
    }  # fmt: skip
    page = client.get("/loop/reader/")
    for f in page.context["figures"]:
        for where, n in ((f["url"], f["n"]), (f["before_url"], None)):
            rows = _all_rows(client, where) if where else []
            assert n is None or len(rows) == n, where
            assert all(r.area_path.startswith(COUNTY) for r in rows)
    for m in page.context["matters"]:
        for what in ("decided", "right", "sure", "sure_right"):
            f = queries.Filters(what=what, category=m.category.code, area=COUNTY)
            assert queries.listed(world.actor("吕部长"), f, NOW).count() == getattr(m.now, what), f


def _all_rows(client: Any, where: str) -> list[Reading]:
    found: list[Reading] = []
    after = ""
    while True:
        page = client.get(f"{where}&after={after}" if after else where).context["page"]
        found += page.rows
        if not (after := page.next):
            return found


def test_what_has_changed_is_said_in_words_and_not_for_chance(world: Any) -> None:
    lived()
    page = log_in(world, "孙坐席").get("/loop/reader/?drift=1")
    said = {m.category.code: [str(d) for d in m.drift] for m in page.context["matters"]}
    assert said == {PAVEMENT: ["比以前读错得多"], LAMP: ["比以前多了一倍以上"]}
    assert not queries.more_than_chance(2, 4, 1, 4), "one more of four is chance"
    assert queries.more_than_chance(20, 40, 10, 40) and not queries.more_than_chance(1, 0, 0, 5)
    everything = [m.category.code for m in log_in(world, "孙坐席").get("/loop/reader/").context["matters"]]
    assert everything == [PAVEMENT, LAMP, SEWER], "the most frequent now first, those of before last"


def test_who_does_not_read_requests_sees_figures_and_no_titles(world: Any) -> None:
    lived()
    admin = log_in(world, "姜管理")
    assert figures(admin)["decided"] == (36, None)
    rows = admin.get("/loop/reader/rows/?what=decided")
    assert "件事" not in text_of(rows) and "您的岗位不看这件诉求" in text_of(rows)
    book = admin.post("/loop/reader/rows/export/?what=decided", {"purpose": "看看"})
    cells = list(load_workbook(io.BytesIO(book.content)).worksheets[0].values)
    assert len(cells) == 37 and {row[0] for row in cells[1:]} <= {"", None}
    sun = log_in(world, "孙坐席")
    assert "件事" in text_of(sun.get("/loop/reader/rows/?what=decided"))
    book = sun.post("/loop/reader/rows/export/?what=decided", {"purpose": "看看"})
    assert all(row[0] for row in list(load_workbook(io.BytesIO(book.content)).worksheets[0].values)[1:])
    book = sun.post("/loop/reader/export/", {"purpose": "看看"})
    cells = list(load_workbook(io.BytesIO(book.content)).worksheets[0].values)
    assert [row[:6] for row in cells[1:3]] == [
        (PAVEMENT, "人行道破损", 20, 8, 20, 8), (LAMP, "路灯不亮", 16, 16, 12, 12),
    ]  # fmt: skip
    assert Event.objects.filter(step="list.export", data__list__in=["reader", "readings"]).count() == 3
    for who in ("于科员", "郝回访", "韩网格", "王桂兰"):
        assert log_in(world, who).get("/loop/reader/").status_code == 403
    outside = log_in(world, "外县人")
    assert figures(outside)["decided"] == (1, None)
    assert outside.get(f"/loop/reader/?area={COUNTY}").context["path"] == NEXT_COUNTY


def test_an_empty_page_says_why(world: Any) -> None:
    client = log_in(world, "姜管理")
    page = text_of(client.get("/loop/reader/"))
    for said in ("还没有可用的", "还没有可算的", "一个也没有", "没有开：每件都由人看过再派", "您可以写一条规则"):
        assert said in page, said
    assert "管本地规则的人" in text_of(log_in(world, "孙坐席").get("/loop/reader/"))
    sun = log_in(world, "孙坐席")
    assert "没有要抽查的" in text_of(sun.get("/loop/reader/samples/"))
    assert "现在没有要问的" in text_of(sun.get("/loop/reader/asks/"))
    assert "由派单员来答" in text_of(client.get("/loop/reader/asks/"))
    assert "这段时间没有" in text_of(client.get("/loop/reader/rows/?what=sure"))
    for odd in ("?what=x&category=x'&period=y&area=%27", "?after=zz", "?what=read&category=9999999"):
        assert client.get(f"/loop/reader/rows/{odd}").status_code in {200, 400}
    assert client.get("/loop/reader/?area=99&readers=zz").status_code == 400


def test_statements(world: Any) -> None:
    lived()
    a_reader(state="ready", version=2)
    auto_on(LAMP)
    for _n in range(3):
        sampled(LAMP)
    stopped(PAVEMENT)
    sun, admin = log_in(world, "孙坐席"), log_in(world, "姜管理")
    asked = (
        (admin, "/loop/reader/", 12),
        (admin, "/loop/reader/list/", 6),
        (sun, "/loop/reader/samples/", 8),
        (sun, "/loop/reader/rows/", 6),
        (sun, "/loop/reader/asks/", 8),
    )
    for client, where, most in asked:
        client.get("/loop/reader/rows/")  # what a process remembers
        page, cost = counted(lambda client=client, where=where: client.get(where))
        assert page.status_code == 200 and cost <= most, (where, cost)


# What the rule sends on -------------------------------------------------------------------------------------------------
def auto_on(code: str, *, value: bool = True, area: str = COUNTY) -> Any:
    rule = NewRule(
        key="text.auto",
        area_path=area,
        value=value,
        citation="芝政办发〔2026〕12 号第三条",
        valid_from=AT.date() - DAY,
        applies_to={"category": code},
        reason="试行",
    )  # fmt: skip - DAY, "试行")
    return set_rule(rule=rule, by=SYSTEM, at=AT)


def sampled(code: str, *, right: bool | None = None, path: str = COMMUNITY) -> Sample:
    reading = read_as(code, auto=True, path=path)
    return Sample.objects.create(
        reading=reading, area_path=path, category=category(code), drawn_at=AT, right=right,
        looked_at=AT if right is not None else None,
    )  # fmt: skip


def stopped(code: str, why: str = "precision") -> AutoStop:
    return AutoStop.objects.create(
        area_path=COUNTY, category=category(code), why=why, right=36, looked=40, stopped_at=AT
    )


def test_what_the_rule_sends_on_and_what_came_of_it(world: Any) -> None:
    rule = auto_on("0404")
    auto_on(PAVEMENT, area=COMMUNITY[:9])
    auto_on(SEWER, area=NEXT_COUNTY)
    for right in (True, True, False, None):
        sampled(LAMP, right=right)
    read_as(PAVEMENT, auto=True)
    client = log_in(world, "吕部长")
    page = client.get("/loop/reader/")
    lines = {line.rule.applies_to["category"]: (line.n, line.looked, line.right) for line in page.context["auto"].lines}
    assert lines == {"0404": (4, 3, 2), PAVEMENT: (1, 0, 0)} and page.context["auto"].waiting == 1
    assert f"/rules/{rule.pk}/" in text_of(page) and "芝政办发〔2026〕12 号第三条" in text_of(page)
    assert "最近 40 件里对的不到 95%" in text_of(page)
    for what, n in (("auto", 4), ("looked", 3), ("looked_right", 2), ("looked_wrong", 1)):
        assert len(_all_rows(client, f"/loop/reader/rows/?what={what}&category=0404")) == n
    auto_on("0404", value=False, area=COMMUNITY[:9])  # nearer, and only there
    assert "0404" in {x.rule.applies_to["category"] for x in client.get("/loop/reader/").context["auto"].lines}


def test_a_stop_is_lifted_for_a_reason_by_one(world: Any) -> None:
    stop = stopped(LAMP)
    admin, sun = log_in(world, "姜管理"), log_in(world, "孙坐席")
    assert "停了：路灯不亮" in text_of(sun.get("/loop/reader/")) and "恢复按规则直接派" not in text_of(
        sun.get("/loop/reader/")
    )
    where = f"/loop/reader/stops/{stop.pk}/lift/"
    assert sun.post(where, {"reason": "已经改好"}).status_code == 403
    empty = admin.post(where, {"reason": " "})
    assert empty.status_code == 400 and "aria-invalid" in text_of(empty)
    assert [str(a.title) for a in next_acts(world.actor("姜管理"), NOW) if a.count and "停下" in a.title]
    assert admin.post(where, {"reason": "例子补上了"}).status_code == 303
    again = admin.post(where, {"reason": "再来一次"}, follow=True)
    assert "同事已经恢复了" in text_of(again) and "停了：" not in text_of(again)
    stop.refresh_from_db()
    assert stop.reason == "例子补上了"
    theirs = AutoStop.objects.create(
        area_path=NEXT_COUNTY, category=category(LAMP), why="unseen", stopped_at=AT, right=0, looked=0
    )
    assert admin.post(f"/loop/reader/stops/{theirs.pk}/lift/", {"reason": "不归我"}).status_code == 404


# Samples ----------------------------------------------------------------------------------------------------------------
def test_samples_are_looked_at_one_by_one(world: Any) -> None:
    first, second, third = (sampled(LAMP) for _n in range(3))
    client = log_in(world, "孙坐席")
    assert "有 3 件规则直接派的要抽查" in text_of(client.get("/loop/desk/counts/"))
    assert ("要抽查的件", 3) in [(str(a.title), a.count) for a in next_acts(world.actor("孙坐席"), NOW)]
    page = client.get("/loop/reader/samples/")
    assert page.context["sample"].pk == first.pk and "<mark>路灯</mark>" in text_of(page)
    assert "对，是路灯不亮" in text_of(page) and "0 / 3" in text_of(page)
    assert [c.code for c in page.context["x"].others] == [SEWER]
    done = client.post(f"/loop/reader/samples/{first.pk}/", {"category": LAMP}, follow=True)
    assert "1 / 3" in text_of(done) and done.context["sample"].pk == second.pk and "派对了" in text_of(done)
    nothing = client.post(f"/loop/reader/samples/{second.pk}/", {})
    assert nothing.status_code == 400 and nothing.context["sample"].pk == second.pk
    wrong = client.post(f"/loop/reader/samples/{second.pk}/", {"category": SEWER}, follow=True)
    assert "认错了" in text_of(wrong) and wrong.context["sample"].pk == third.pk
    late = client.post(f"/loop/reader/samples/{second.pk}/", {"category": LAMP}, follow=True)
    assert "同事看过了" in text_of(late)
    last = client.post(f"/loop/reader/samples/{third.pk}/", {"category": LAMP}, follow=True)
    assert "今天的都看完了" in text_of(last) and "3 / 3" in text_of(last)
    assert list(Sample.objects.order_by("pk").values_list("right", flat=True)) == [True, False, True]
    trail = text_of(client.get(f"/loop/r/{second.reading.request.code}/"))
    assert "抽查了规则直接派出的这一件" in trail and "事项认错了" in trail
    theirs = sampled(LAMP, path=_foreign())
    assert client.post(f"/loop/reader/samples/{theirs.pk}/", {"category": LAMP}).status_code == 404
    assert log_in(world, "姜管理").get("/loop/reader/samples/").status_code == 403


def test_too_many_wrong_samples_stop_the_rule_and_the_page_says_so(world: Any) -> None:
    client = log_in(world, "孙坐席")
    for sample in [sampled(LAMP) for _n in range(3)]:
        client.post(f"/loop/reader/samples/{sample.pk}/", {"category": SEWER})
    page = text_of(client.get("/loop/reader/"))
    assert "停了：路灯不亮" in page and "最近抽查的 3 件里只有 0 件对" in page


# What it wants to ask ---------------------------------------------------------------------------------------------------
def test_it_asks_those_who_read_requests_and_learns_from_the_answer(world: Any) -> None:
    texts = ("门口的灯晚上不亮", "下水道往外冒水", "楼下有人打牌到半夜", "公交站牌被撞歪了")
    asked = []
    for text in texts:
        asked.append(read_as(LAMP, sure=False, text=text).pk)
    read_as(LAMP, sure=True)
    read_as(LAMP, sure=False, said=LAMP)
    read_as(LAMP, sure=False, at=AT - 40 * DAY)
    read_as(LAMP, sure=False, kept="protected")
    theirs = read_as(LAMP, sure=False, path=_foreign())
    client = log_in(world, "孙坐席")
    page = client.get("/loop/reader/asks/")
    assert {a.reading.pk for a, _place in page.context["asks"]} == set(asked)
    assert "都不是，我来选" in text_of(page)
    where = f"/loop/reader/asks/{asked[1]}/"
    assert "是路灯不亮" in text_of(page) and "目录" in text_of(client.get(where))
    assert client.post(where, {}).status_code == 400
    said = client.post(where, {"category": SEWER}, headers={"HX-Request": "true"})
    assert "记住了" in text_of(said) and "<html" not in text_of(said)
    late = client.post(where, {"category": LAMP}, follow=True)
    assert "那一件同事答过了" in text_of(late)
    assert Lesson.objects.get(request=asked[1]).category.code == SEWER
    assert Request.objects.get(pk=asked[1]).category is None, "the request stays as it is"
    assert {a.reading.pk for a, _place in client.get("/loop/reader/asks/").context["asks"]} == {*asked} - {asked[1]}
    assert "有人告诉读件助手这是什么事" in text_of(client.get(f"/loop/r/{Request.objects.get(pk=asked[1]).code}/"))
    admin = log_in(world, "姜管理")
    for who, pk in ((client, theirs.pk), (admin, asked[0])):
        assert who.get(f"/loop/reader/asks/{pk}/").status_code == 404
        assert who.post(f"/loop/reader/asks/{pk}/", {"category": LAMP}).status_code == 404


# Readers ----------------------------------------------------------------------------------------------------------------
def test_too_few_lessons_are_said_beside_the_button(world: Any) -> None:
    admin = log_in(world, "姜管理")
    answer = admin.post("/loop/reader/learn/", {"area": COUNTY})
    assert answer.status_code == 409 and 'id="learn-error"' in text_of(answer) and "60" in text_of(answer)
    assert log_in(world, "孙坐席").post("/loop/reader/learn/", {"area": COUNTY}).status_code == 403
    assert not Reader.objects.exists()


def test_the_list_says_how_each_is_and_asks_again_while_one_learns(world: Any) -> None:
    a_reader(area="", version=3)
    a_reader(state="learning", version=1)
    Reader.objects.filter(state="learning").update(progress=35, content=None)
    a_reader(state="failed", version=2)
    a_reader(area=NEXT_COUNTY, state="ready", version=7)
    admin = log_in(world, "姜管理")
    page = text_of(admin.get("/loop/reader/"))
    assert "软件自带的第 3 版" in page and 'value="35"' in page and 'hx-trigger="every 2s"' in page and "没学成" in page
    assert "现在学一次" not in page and "第 7 版" not in page
    Reader.objects.filter(state="learning").update(progress=100, state="ready", content=b"x", measures={"n": 40, "right": 38, "sure": 30, "sure_right": 30}, against={"n": 40, "right": 31, "sure": 25, "sure_right": 24})  # fmt: skip
    part = text_of(admin.get(f"/loop/reader/list/?area={COUNTY}", headers={"HX-Request": "true"}))
    assert "hx-trigger" not in part and "用这一个" in part and "38 / 40" in part and "96.0%" in part
    assert "用这一个" not in text_of(log_in(world, "孙坐席").get("/loop/reader/")), "who only looks has no button"
    country = Reader.objects.get(area_path="")
    assert admin.post(f"/loop/reader/{country.pk}/switch/", {"area": COUNTY}).status_code == 403
    theirs = Reader.objects.get(area_path=NEXT_COUNTY)
    assert admin.post(f"/loop/reader/{theirs.pk}/switch/", {"area": COUNTY}).status_code == 404


def test_two_who_switch_at_once(fire_db: str, world: Any) -> None:
    """To the same one or to two: one reads afterwards, and the second is told."""
    a_reader()
    for versions in ((2, 2), (3, 4)):
        made = [a_reader(state="ready", version=v) for v in sorted(set(versions))]
        clients = [log_in(world, "姜管理") for _n in range(2)]
        answers = race(
            *(
                lambda c=c, pk=pk: text_of(c.post(f"/loop/reader/{pk}/switch/", {"area": COUNTY}, follow=True))
                for c, pk in zip(clients, (made[0].pk, made[-1].pk), strict=True)
            )
        )
        told = ["没有换：同事先换了" in a for a in answers]
        assert Reader.objects.filter(state="live").count() == 1
        assert sorted(told) in ([False, True], [False, False]) if len(made) == 2 else sorted(told) == [False, True]


# A journey --------------------------------------------------------------------------------------------------------------
WORDS = {
    LAMP: ("路灯坏了不亮", "晚上路灯一直不亮", "楼前路灯一闪一闪", "路灯杆上的灯灭了"),
    PAVEMENT: ("人行道的砖塌了", "人行道地砖松动翘起", "门口人行道塌下去一块", "人行道破了一大片"),
    SEWER: ("下水井往外冒污水", "污水管堵了冒水", "下水道堵住返水", "雨水口堵了积水"),
}
TWISTED = "广场的喷泉雕塑又停了，第{n}天了"  # of nothing it has examples of


def small_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three matters with few examples: a model is learned in a moment."""
    Category.objects.filter(level=3).exclude(code__in=WORDS).update(closed_on=AT.date())
    rows = [(code, f"{text}，{more}") for code, texts in WORDS.items() for text in texts for more in ("请来看看", "好几天了", "老人走路不方便")]  # fmt: skip
    monkeypatch.setattr(learning.examples, "everything", lambda: iter(rows))


def test_corrected_twice_it_is_right_the_third_time_and_a_retrain_is_compared_switched_on_and_rolled_back(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_tree(monkeypatch)
    assert learning.start(AT) is not None
    sun, admin = log_in(world, "孙坐席"), log_in(world, "姜管理")

    def proposed(n: int) -> tuple[Request, str]:
        told = tell(world, TWISTED.format(n=n), category="")
        learning.read_all(NOW)
        shown = sun.get(f"/loop/desk/{told.request.code}/")
        return told.request, shown.context["item"].guessed[0].category.code

    request, first = proposed(1)
    wanted = next(code for code in WORDS if code != first)
    for n in (2, 3):
        assert sun.post(f"/loop/desk/act/{request.pk}/category/", {"category": wanted}).status_code == 303
        request, now = proposed(n)
    assert now == wanted, "corrected twice, right the third time"

    lessons = []
    for n in range(160):
        code = list(WORDS)[n % 3]
        r = read_as(code, said=code, text=f"{WORDS[code][n % 4]}，第{n}天")
        lessons.append(
            Lesson(request_id=r.pk, area_path=COMMUNITY, category_id=category_of(code), how="sent", said_at=AT, said_by=world.sun_dispatcher)
        )  # fmt: skip
    Lesson.objects.bulk_create(lessons)
    assert admin.post("/loop/reader/learn/", {"area": COUNTY}).status_code == 303
    assert "同事先" in text_of(admin.post("/loop/reader/learn/", {"area": COUNTY})), "one learns at a time"
    made = Reader.objects.get(area_path=COUNTY)
    assert 'hx-trigger="every 2s"' in text_of(admin.get("/loop/reader/"))
    assert learning.learn(made.pk, NOW) == "ready"
    page = admin.get("/loop/reader/")
    line = next(x for x in page.context["readers"].rows if x.reader.pk == made.pk)
    assert [len(row) for row in line.compared] == [3, 3, 3] and line.reader.measures["n"] == line.reader.against[
        "n"
    ] == 32
    assert "软件自带的" in text_of(page) and ("新的读件助手", 1) in [
        (str(a.title), a.count) for a in next_acts(world.actor("姜管理"), NOW)
    ]

    def reads() -> int:
        loaded = reader.live(COMMUNITY)
        return loaded.reader_id if loaded is not None else 0

    before = reads()
    assert admin.post(f"/loop/reader/{made.pk}/switch/", {"area": COUNTY}).status_code == 303 and reads() == made.pk
    assert "芝罘区第 1 版" in text_of(admin.get("/loop/reader/")) and before != made.pk
    assert admin.post("/loop/reader/learn/", {"area": COUNTY}).status_code == 303
    second = Reader.objects.get(area_path=COUNTY, version=2)
    learning.learn(second.pk, NOW)
    assert admin.post(f"/loop/reader/{second.pk}/switch/", {"area": COUNTY}).status_code == 303 and reads() == second.pk
    assert "换回这一个" in text_of(admin.get("/loop/reader/"))
    assert admin.post(f"/loop/reader/{made.pk}/switch/", {"area": COUNTY}).status_code == 303 and reads() == made.pk
    assert desk.counts(world.actor("孙坐席"), NOW)["samples"] == 0
