"""Pages of activities: what everybody finds, the organiser's desk, the reviewer's list; and how many statements they cost."""

from __future__ import annotations

import datetime as dt
import html
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from icalendar import Calendar

from heli.loop import ways
from heli.rulebook.models import Rule
from heli.volunteering.models import Activity, RoleSkill, Series, Shift, Skill, Slot
from heli.volunteering.queries import activities as found
from heli.volunteering.queries import fitting
from heli.volunteering.steps import activities, shifts
from tests.loop.staff import log_in
from tests.volunteering.made import DAY, HOUR, PLAN, drafted, enrolled, posted, times, volunteer, who
from tests.volunteering.places import volunteer as verified
from tests.volunteering.test_activities import asked
from tests.world import COMMUNITY

pytestmark = pytest.mark.django_db


def soon(days: int = 3, hour: int = 9) -> dt.datetime:
    """So many days from now, at an hour: pages live in the present."""
    day = timezone.localtime() + DAY * days
    return day.replace(hour=hour, minute=0, second=0, microsecond=0)


@pytest.fixture(autouse=True)
def _plain(settings: Any) -> None:
    settings.HELI_STAFF_MFA = False


def text(page: Any) -> str:
    said = re.sub(r"<(script|style)\b.*?</\1>", " ", page.content.decode(), flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", said)))


def now_posted(world: Any, **more: Any) -> Activity:
    starts = more.pop("starts", soon())
    return posted(world, at=timezone.now() - HOUR, starts=starts, **more)


# What everybody finds ----------------------------------------------------------------------------------------------------
def test_everybody_finds_what_is_posted_with_the_places_left(world: Any) -> None:
    made = now_posted(world)
    drafted(world, title="还没写完的活动")
    enrolled(world, made.shifts.get())
    page = Client().get("/volunteering/")
    said = text(page)
    assert page.status_code == 200 and PLAN.title in said and "还剩 3 / 4 个名额" in said and "还没写完" not in said
    one = text(Client().get(f"/volunteering/a/{made.pk}/"))
    assert PLAN.risks in one and "还剩 3 / 4 个名额" in one and PLAN.plan not in one  # the plan is the reviewer's
    assert Client().get(f"/volunteering/a/{drafted(world).pk}/").status_code == 404


@pytest.mark.parametrize(
    ("asked_for", "fits"),
    [
        ({}, True), ({"field": "elders"}, True), ({"field": "nature"}, False), ({"area": "370602003"}, True),
        ({"area": "370602001"}, False), ({"q": "读报"}, True), ({"q": "银龄队"}, True), ({"q": "钓鱼"}, False),
        ({"part": "0"}, True), ({"part": "1"}, False), ({"free": "1"}, True), ({"field": "x' OR 1=1"}, True),
    ],
)  # fmt: skip
def test_filters(world: Any, asked_for: dict[str, str], fits: bool) -> None:
    now_posted(world)
    f = found.Filters.read(asked_for)
    assert bool(found.listed(f, timezone.now()).rows) is fits


def test_a_day_of_the_week_shows_the_shift_of_that_day(world: Any) -> None:
    made = now_posted(world, starts=soon(3))
    shifts.add_shift(activity_id=made.pk, times=times(soon(4, 14)), by=who(world), at=timezone.now())
    day = str(soon(4).weekday())
    row = found.listed(found.Filters(day=day), timezone.now()).rows[0]
    assert row.starts == soon(4, 14)
    assert not found.listed(found.Filters(day=day, part="0"), timezone.now()).rows


def test_a_full_one_is_left_out_where_places_are_asked_for_and_a_begun_one_always(world: Any) -> None:
    made = now_posted(world)
    shift = made.shifts.get()
    Slot.objects.filter(shift=shift).update(most=1, least=1)
    enrolled(world, shift)
    assert found.listed(found.Filters(), timezone.now()).rows[0].left == 0
    assert not found.listed(found.Filters(free=True), timezone.now()).rows
    later = shift.starts + HOUR
    assert not found.listed(found.Filters(), later).rows  # still planned in the tables, and over for who looks


def test_a_volunteer_sees_what_is_open_to_them_with_reasons_and_why_the_rest_is_not(world: Any) -> None:
    """Each thing they say or lack takes the only activity away, with a sentence on what to do; taken back it is there."""
    at = soon()
    made = now_posted(world)
    me = verified(world, "赵志愿", timezone.now())
    me.fields, me.free = ["elders"], [found.part_of(at)]
    me.save()
    client = log_in(world, "赵志愿")

    def page(query: str = "") -> str:
        return text(client.get(f"/volunteering/fits/{query}"))

    said = page()
    assert PLAN.title in said and "您填过：为老服务" in said and "有空" in said and "别的为什么" not in said
    assert "适合您的" in text(client.get("/volunteering/fits/", headers={"HX-Request": "true"}))
    assert client.get("/volunteering/fits/")["Cache-Control"] == "no-store"
    assert Client().get("/volunteering/fits/").status_code == 302 and "您填过" not in text(client.get("/volunteering/"))
    assert "您还没有登记" in text(log_in(world, "薛师傅").get("/volunteering/fits/"))
    for name, value, why in (
        ("limits", ["stairs"], "不爬楼"), ("most_minutes", 60, "2 小时"), ("reach", 1, ""), ("state", "registered", "姓名还没核对"),
    ):  # fmt: skip
        before = getattr(me, name)
        setattr(me, name, value)
        me.save()
        said = page()
        if why:
            assert "眼下没有适合您的" in said and why in said and PLAN.title in said, name
        setattr(me, name, before)
        me.save()
    assert "在别的街道" in page("?area=370602001") and "您填过" in page("?area=370602003")
    me.free = []
    me.save()
    assert PLAN.title in page("?when=1"), "nothing was said about when: nothing is left out"
    me.free = [(found.part_of(at) + 1) % 21]
    me.save()
    assert "不在您有空的时候" in page("?when=1")
    later = shifts.add_shift(activity_id=made.pk, times=times(soon(9)), by=who(world), at=timezone.now())
    enrolled(world, made.shifts.exclude(pk=later.pk).get())
    assert f"{later.starts.astimezone():%d}".lstrip("0") in page(), "the first one is theirs: the next is shown"
    Rule.objects.filter(key="volunteering.silver.age").update(valid_to=timezone.localdate())
    assert "缺一条规则" in page() and "您填过" not in page()


def test_the_list_of_fifty_and_one_activity_cost_few_statements(world: Any) -> None:
    first = now_posted(world)
    shift = first.shifts.get()
    now = timezone.now()
    same = {
        f.attname: getattr(first, f.attname)
        for f in Activity._meta.concrete_fields
        if f.attname not in {"id", "form_key"}
    }
    many = Activity.objects.bulk_create(Activity(**same) for _ in range(54))
    role = first.roles.get()
    made = Shift.objects.bulk_create(
        Shift(
            activity=a, starts=shift.starts, ends=shift.ends, closes_at=shift.starts, made_at=shift.made_at,
            secret=shift.secret,
        )
        for a in many
    )  # fmt: skip
    Slot.objects.bulk_create(Slot(shift=s, role=role, least=1, most=3) for s in made)
    with CaptureQueriesContext(connection) as seen:
        page = found.listed(found.Filters(), now, size=50)
    assert len(page.rows) == 50 and page.next and len(seen) == 1
    for person, most in ((Client(), 8), (log_in(world, "赵志愿"), 8)):
        volunteer(world)
        person.get("/volunteering/")
        with CaptureQueriesContext(connection) as seen:
            person.get("/volunteering/")
        assert len(seen) <= most, [q["sql"][:90] for q in seen]
    for n in range(30):
        shifts.add_shift(activity_id=first.pk, times=times(soon(5 + n)), by=who(world), at=now)
    with CaptureQueriesContext(connection) as seen:
        found.shown(first.pk, now)
    assert len(seen) <= 8, [q["sql"][:90] for q in seen]
    verified(world, "赵志愿", now)
    RoleSkill.objects.create(role=role, skill=Skill.objects.all()[0])
    actor = who(world, "赵志愿")
    with CaptureQueriesContext(connection) as seen:
        fit = fitting.fits(actor, now)
    assert fit is not None
    assert fit.looked == 55 and len(seen) <= 8, [q["sql"][:90] for q in seen]


def test_its_calendar(world: Any) -> None:
    made = now_posted(world)
    gone = shifts.add_shift(activity_id=made.pk, times=times(soon(6)), by=who(world), at=timezone.now())
    shifts.cancel_shift(shift_id=gone.pk, by=who(world), at=timezone.now(), reason="下雨")
    answer = Client().get(f"/volunteering/a/{made.pk}/calendar.ics")
    book = Calendar.from_ical(answer.content)
    events = {str(e["uid"]).split("@")[0]: e for e in book.walk("VEVENT")}
    assert {str(e["status"]) for e in events.values()} == {"CONFIRMED", "CANCELLED"}
    first = events[f"shift-{made.shifts.get(state='planned').pk}"]
    assert first.decoded("dtstart") == soon() and str(first["summary"]) == PLAN.title
    again = Client().get(f"/volunteering/a/{made.pk}/calendar.ics", headers={"if-none-match": answer["ETag"]})
    assert again.status_code == 304
    shifts.move_shift(
        shift_id=made.shifts.get(state="planned").pk,
        starts=soon(3, 15),
        ends=soon(3, 16),
        by=who(world),
        at=timezone.now(),
    )
    assert (
        Client().get(f"/volunteering/a/{made.pk}/calendar.ics", headers={"if-none-match": answer["ETag"]}).status_code
        == 200
    )


def test_the_picture_that_is_passed_on(world: Any) -> None:
    made = now_posted(world)
    answer = Client().get(f"/volunteering/a/{made.pk}/share.png")
    assert answer.status_code == 200 and answer.content[:8] == b"\x89PNG\r\n\x1a\n"
    page = Client().get(f"/volunteering/a/{made.pk}/").content.decode()
    assert 'property="og:image"' in page and f"/volunteering/a/{made.pk}/share.png" in page
    assert Client().get(f"/volunteering/a/{drafted(world).pk}/share.png").status_code == 404


# The organiser ------------------------------------------------------------------------------------------------------------
FORM = {
    "title": "周六读报", "field": "elders", "content": "陪老人读报", "area": COMMUNITY, "place": "大海阳路 62 号",
    "risks": "地面可能湿滑", "plan": "两人一组，先打 120",
}  # fmt: skip


def test_from_an_empty_form_to_what_everybody_finds(world: Any) -> None:
    leader, reviewer = log_in(world, "钱站长"), log_in(world, "吕部长")
    assert leader.get("/volunteering/desk/new/").status_code == 200
    wrong = leader.post("/volunteering/desk/new/", FORM | {"title": ""})
    assert wrong.status_code == 400 and "陪老人读报" in wrong.content.decode()
    sent = leader.post("/volunteering/desk/new/", FORM)
    assert sent.status_code == 303
    made = Activity.objects.get(title="周六读报")
    here = f"/volunteering/desk/{made.pk}/"
    assert "还差 2 样" in text(leader.get(here))
    assert leader.post(f"{here}submit/").status_code == 400  # the step says what is missing, on the page
    assert (
        leader.post(
            f"{here}role/new/", {"role-name": "读报", "role-least": 1, "role-most": 4, "role-min_age": 14}
        ).status_code
        == 303
    )
    when = {
        "how": "weekly",
        "interval": 1,
        "on": soon().date(),
        "begins": "09:00",
        "minutes": 120,
        "until": (soon() + DAY * 70).date(),
    }
    look = leader.post(f"{here}series/new/", when | {"go": "look"})
    assert look.status_code == 200 and "这样会排出 11 场" in text(look) and not Series.objects.exists()
    assert leader.post(f"{here}series/new/", when | {"go": "make"}).status_code == 303
    bad = leader.post(
        f"{here}shift/new/",
        {"shift-on": "2020-01-01", "shift-begins": "09:00", "shift-ends": "11:00", "shift-close_hours": 0},
    )
    assert bad.status_code == 400 and "不能补排" in text(bad)
    assert leader.post(f"{here}submit/").status_code == 303
    assert "周六读报" in text(reviewer.get("/volunteering/review/"))
    assert "规则要求的" in text(reviewer.get(here))
    assert leader.post(f"{here}post/").status_code in {400, 403, 404}
    assert reviewer.post(f"{here}back/", {"reason": "写清楚谁带队"}).status_code == 303
    assert "写清楚谁带队" in text(leader.get(here)) and "改退回来的方案" in text(leader.get("/volunteering/desk/"))
    assert leader.post(f"{here}submit/").status_code == 303 and reviewer.post(f"{here}post/").status_code == 303
    assert "周六读报" in text(Client().get("/volunteering/"))


def test_what_was_typed_stays_where_somebody_was_faster(world: Any) -> None:
    made = drafted(world, at=timezone.now())
    leader = log_in(world, "钱站长")
    here = f"/volunteering/desk/{made.pk}/edit/"
    assert leader.get(here).status_code == 200
    assert leader.post(here, FORM | {"version": 1}).status_code == 303
    late = leader.post(here, FORM | {"version": 1, "title": "我写的题目"})
    assert late.status_code == 409 and "我写的题目" in late.content.decode()


def test_a_shift_is_moved_cancelled_and_given_more_places_on_its_page(world: Any) -> None:
    made = now_posted(world)
    shift, leader = made.shifts.get(), log_in(world, "钱站长")
    pk = shift.pk
    when = {f"move{pk}-on": soon(4).date(), f"move{pk}-begins": "14:00", f"move{pk}-ends": "16:00"}
    assert leader.post(f"/volunteering/shift/{pk}/move/", when).status_code == 303
    shift.refresh_from_db()
    assert shift.starts == soon(4, 14)
    enrolled(world, shift)
    slot = shift.slots.get().pk
    low = leader.post(f"/volunteering/slot/{slot}/places/", {"least": 0, "most": 0})
    assert low.status_code == 400
    assert leader.post(f"/volunteering/slot/{slot}/places/", {"least": 1, "most": 9}).status_code == 303
    assert leader.post(f"/volunteering/shift/{pk}/cancel/", {f"cancel{pk}-reason": ""}).status_code == 400
    assert leader.post(f"/volunteering/shift/{pk}/cancel/", {f"cancel{pk}-reason": "下雨"}).status_code == 303
    assert "下雨" in text(leader.get(f"/volunteering/desk/{made.pk}/"))


def test_the_desk_says_what_to_do_and_the_first_page_too(world: Any) -> None:
    made = now_posted(world, starts=soon(1))
    leader = log_in(world, "钱站长")
    assert "人还不够" in text(leader.get("/volunteering/desk/")) and "人还不够" in text(leader.get("/"))
    assert PLAN.title in text(leader.get("/volunteering/desk/?do=thin"))
    shifts.cancel_shift(shift_id=made.shifts.get().pk, by=who(world), at=timezone.now(), reason="下雨")
    assert "人还不够" not in text(leader.get("/volunteering/desk/"))
    book = leader.post("/volunteering/desk/export/", {"purpose": "核对"})
    assert book.status_code == 200 and book.content[:2] == b"PK"
    for somebody in ("赵志愿", "外县人"):
        answer = log_in(world, somebody).get(f"/volunteering/desk/{made.pk}/")
        assert answer.status_code in {403, 404}


def test_an_emergency_stands_before_the_reviewer_until_it_was_looked_at(world: Any) -> None:
    made = drafted(world, at=timezone.now(), emergency=True, title="清理倒下的树")
    shifts.add_shift(activity_id=made.pk, times=times(timezone.now() - HOUR, 4), by=who(world), at=timezone.now())
    activities.post_emergency(activity_id=made.pk, by=who(world), at=timezone.now())
    reviewer = log_in(world, "吕部长")
    assert "清理倒下的树" in text(reviewer.get("/volunteering/review/")) and "补看应急活动" in text(reviewer.get("/"))
    assert reviewer.post(f"/volunteering/desk/{made.pk}/look/", {"words": "方案可行"}).status_code == 303
    assert "清理倒下的树" not in text(reviewer.get("/volunteering/review/"))


# The way from a request ----------------------------------------------------------------------------------------------------
def test_the_units_page_offers_an_activity_beside_the_reply(world: Any) -> None:
    heard = asked(world)
    worker = log_in(world, "李社工")
    page = text(worker.get(reverse("loop:request", args=[heard.request.code])))
    assert "用一场志愿活动来办" in page and "写答复" in page  # the plain reply stays
    form = worker.get(f"/volunteering/desk/new/?request={heard.request.code}")
    assert heard.request.code in text(form)
    answer = worker.post("/volunteering/desk/new/", FORM | {"request": heard.request.code})
    assert answer.status_code == 303 and Activity.objects.get(title="周六读报").request == heard.request
    assert [w.kind for w in ways.others("help")] == ["activity"] and ways.way_of("help") is None
    made = now_posted(world, org="心桥社工", who="李社工", request_code=heard.request.code)
    track = Client().get(reverse("loop:track", args=[heard.token]))
    assert f"/volunteering/a/{made.pk}/" in track.content.decode()
