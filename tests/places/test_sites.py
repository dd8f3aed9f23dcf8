"""Sites: who may change them, hours and days, ratings without names, what the pages say."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from heli.core.actor import PUBLIC, SYSTEM, Actor
from heli.core.errors import Forbidden, Invalid, NotFound
from heli.core.models import Event
from heli.engines.opening import parse
from heli.places import site_queries as queries
from heli.places import site_steps as steps
from heli.places.errors import HoursUnclear, PointOutside, RatedAlready, SiteChanged, SiteNameTaken
from heli.places.sites import Site, SitePeriod, SiteRating
from heli.rulebook.steps import NewRule, set_rule
from tests.database import race
from tests.world import COMMUNITY

ZONE = ZoneInfo("Asia/Shanghai")
NOON = dt.datetime(2026, 11, 23, 12, 0, tzinfo=ZONE)  # a Monday
HERE = {"lat": 37.536, "lon": 121.387}
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@pytest.fixture(autouse=True)
def _no_second_factor(settings: Any) -> None:
    settings.HELI_STAFF_MFA = False


def put(world: Any, name: str = "大海阳驿站", *, hours: str = "8:30-17:30", **more: Any) -> Site:
    given = {"address": "大海阳路 62 号", "keeper_id": world.org("银龄队").pk, **HERE, **more}
    at = given.pop("at", NOON)
    area = given.pop("area_path", COMMUNITY)
    return steps.add_site(area_path=area, week=(parse(hours),) * 7, name=name, by=SYSTEM, at=at, **given)


def at(hour: int, minute: int = 0, day: int = 23) -> dt.datetime:
    return dt.datetime(2026, 11, day, hour, minute, tzinfo=ZONE)


def asked(world: Any, name: str) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(world.user(name), backend=BACKEND)
    return client


# Who may ----------------------------------------------------------------------------------------------------------------
def test_the_areas_manager_enters_and_others_do_not(world: Any) -> None:
    said = {"name": "新站", "address": "路 1 号", **HERE}
    made = steps.add_site(area_path=COMMUNITY, by=world.actor("姜管理"), at=NOON, **said)
    assert made.area_path == COMMUNITY
    for name in ("钱站长", "外县人", "李社工", "王桂兰"):
        with pytest.raises(Forbidden):
            steps.add_site(area_path=COMMUNITY, by=world.actor(name), at=NOON, **said | {"name": name})


def test_its_keeper_changes_hours_and_services_but_not_where_it_stands(world: Any) -> None:
    site, keeper = put(world), world.actor("钱站长")
    changed = steps.change_site(
        site_id=site.pk,
        version=site.version,
        services=["wifi", "water"],
        week=(parse("7:00-19:00"),) * 7,
        by=keeper,
        at=NOON,
    )
    assert changed.services == ["water", "wifi"]  # in the order of the vocabulary
    with pytest.raises(Forbidden):
        steps.change_site(site_id=site.pk, version=changed.version, name="我的站", by=keeper, at=NOON)
    other = put(world, "别处", keeper_id=world.org("心桥社工").pk)
    for who in (keeper, world.actor("外县人"), PUBLIC):
        with pytest.raises(NotFound):
            steps.set_day(site_id=other.pk, on=NOON.date(), periods=(), by=who, at=NOON)


def test_two_who_write_at_once_do_not_overwrite_each_other(world: Any) -> None:
    site = put(world)
    steps.change_site(site_id=site.pk, version=1, way="进东门", by=SYSTEM, at=NOON)
    with pytest.raises(SiteChanged):
        steps.change_site(site_id=site.pk, version=1, way="进西门", by=SYSTEM, at=NOON)
    assert Site.objects.get(pk=site.pk).way == "进东门"


@pytest.mark.parametrize(
    ("lat", "lon"), [(121.387, 37.536), (39.9, 116.4), (37.0, 121.387), (37.536, 122.4), (0.0, 0.0)]
)
def test_a_point_elsewhere_is_refused(world: Any, lat: float, lon: float) -> None:
    with pytest.raises(PointOutside):
        put(world, lat=lat, lon=lon)


def test_one_name_once_in_an_area_and_again_when_it_closed(world: Any) -> None:
    first = put(world)
    with pytest.raises(SiteNameTaken):
        put(world)
    put(world, area_path="370602003004")  # another community may have one of that name
    steps.close_site(site_id=first.pk, version=1, on=NOON.date(), reason="搬走", by=SYSTEM, at=NOON)
    again = put(world)
    with pytest.raises(SiteNameTaken):
        steps.reopen_site(site_id=first.pk, version=2, by=SYSTEM, at=NOON)
    assert again.pk != first.pk


def test_hours_that_overlap_are_kept_out_by_the_step_and_by_the_database(world: Any) -> None:
    site = put(world)
    week = [parse("8:00-18:00")] * 7
    week[6] = parse("20:00到次日9:00")
    with pytest.raises(HoursUnclear):
        steps.change_site(site_id=site.pk, version=1, week=week, by=SYSTEM, at=NOON)
    with pytest.raises(IntegrityError), transaction.atomic():
        SitePeriod.objects.create(site=site, weekday=0, opens=600, closes=700)
    with pytest.raises(IntegrityError), transaction.atomic():
        SitePeriod.objects.create(site=site, weekday=0, opens=1300, closes=1200)
    with pytest.raises(Invalid):
        put(world, "第二处", services=["sauna"])


# When it is open --------------------------------------------------------------------------------------------------------
def test_open_now_in_sql_is_what_the_engine_says(world: Any) -> None:
    night = put(world, "夜里", hours="22:00-2:00")
    whole = put(world, "全天", hours="24小时")
    day = put(world, "白天", hours="8:30-12:00 13:30-17:30")
    never = put(world, "没写", hours="")
    steps.set_day(site_id=day.pk, on=at(12).date(), periods=parse("9:00-11:00"), by=SYSTEM, at=at(0))
    steps.set_day(site_id=night.pk, on=at(12, day=24).date(), periods=(), by=SYSTEM, at=at(0))
    sites = [night, whole, day, never]
    moments = [at(h, m, d) for d in (23, 24, 25) for h in range(24) for m in (0, 30)]
    for moment in moments:
        clock = queries.local(moment)
        hours = queries.hours_of([s.pk for s in sites], moment)
        want = {pk for pk, h in hours.items() if h.status(clock).open}
        assert set(Site.objects.open_at(clock).values_list("pk", flat=True)) == want, moment
    assert whole.pk in want and never.pk not in want


def test_closing_early_today_shows_at_once_and_is_taken_back(world: Any) -> None:
    site, keeper = put(world), asked(world, "钱站长")
    now = timezone.localtime()
    steps.change_site(site_id=site.pk, version=1, week=(parse("24小时"),) * 7, by=SYSTEM, at=NOON)
    page = keeper.get(f"/sites/desk/{site.pk}/")
    assert page.status_code == 200
    assert keeper.post(f"/sites/desk/{site.pk}/do/today/", {"hours": "closed", "note": "停水"}).status_code == 302
    shown = Client().get(f"/sites/{site.pk}/").content.decode()
    assert "停水" in shown and queries.hours_of([site.pk], now)[site.pk].status(queries.local(now)).open is False
    assert keeper.post(f"/sites/desk/{site.pk}/do/usual/", {"on": "x"}).status_code == 400
    assert keeper.post(f"/sites/desk/{site.pk}/do/usual/").status_code == 302
    assert "停水" not in Client().get(f"/sites/{site.pk}/").content.decode()
    steps_seen = list(
        Event.objects.filter(subject_type="places.site", subject_id=site.pk).values_list("step", flat=True)
    )
    assert steps_seen == ["site.add", "site.change", "site.day", "site.usual"]


# What people think ------------------------------------------------------------------------------------------------------
def test_once_a_month_and_nobody_can_read_who(world: Any) -> None:
    site, xue = put(world), world.actor("薛师傅")
    steps.rate_site(site_id=site.pk, stars=4, missing=["toilet"], by=xue, at=NOON)
    with pytest.raises(RatedAlready):
        steps.rate_site(site_id=site.pk, stars=1, by=xue, at=NOON)
    steps.rate_site(site_id=site.pk, stars=5, by=xue, at=NOON + dt.timedelta(days=31))
    event = Event.objects.filter(step="site.rate").latest("id")
    assert event.user_id is None and event.data == {}
    kept = {f.name for f in SiteRating._meta.fields}
    assert kept == {"id", "site", "mark", "month", "stars", "missing"}
    with pytest.raises(Forbidden):
        steps.rate_site(site_id=site.pk, stars=5, by=PUBLIC, at=NOON)


def test_few_ratings_are_not_shown_and_enough_are(world: Any) -> None:
    site, now = put(world), timezone.now()
    for n in range(4):
        steps.rate_site(site_id=site.pk, stars=5, missing=["toilet"], by=Actor(9000 + n), at=now)
    page = Client().get(f"/sites/{site.pk}/").content.decode()
    assert "5.0" not in page and "满 5 人" in page
    steps.rate_site(site_id=site.pk, stars=5, missing=["toilet"], by=Actor(9100), at=now)
    page = Client().get(f"/sites/{site.pk}/").content.decode()
    assert "5 人评过，平均 5.0 分" in page and "常说缺：厕所" in page
    missed = queries.missed(world.actor("钱站长"), now, months=12)
    assert missed == [("toilet", 5, 1)] and queries.missed(world.actor("外县人"), now, months=12) == []
    more = NewRule(
        key="site.ratings_shown",
        value=6,
        area_path="370602",
        applies_to={},
        citation="试",
        valid_from=dt.date(2026, 1, 1),
        reason="试",
    )
    set_rule(rule=more, by=SYSTEM, at=now)
    assert "满 6 人" in Client().get(f"/sites/{site.pk}/").content.decode()


def test_one_account_that_rates_twice_at_once_counts_once(fire_db: str, world: Any) -> None:
    site, xue = put(world), world.actor("薛师傅")
    done = race(*(lambda: steps.rate_site(site_id=site.pk, stars=5, by=xue, at=NOON) for _ in range(2)))
    assert sorted(type(d).__name__ for d in done) == ["RatedAlready", "SiteRating"]
    assert SiteRating.objects.count() == 1


# Pages ------------------------------------------------------------------------------------------------------------------
def test_pages_for_everybody_cost_few_statements(world: Any, django_assert_max_num_queries: Any) -> None:
    site = put(world, gate="南门", park="12 号楼前", ebike="push")
    with django_assert_max_num_queries(10):
        page = Client().get(f"/sites/{site.pk}/")
    assert page.status_code == 200 and "下车推行" in page.content.decode()
    with django_assert_max_num_queries(8):
        assert "大海阳驿站" in Client().get("/sites/").content.decode()
    assert Client().get(f"/sites/{site.pk}/door/").status_code == 200
    assert Client().get("/sites/999999/").status_code == 404


def test_near_me_takes_the_point_in_the_body_and_says_when_there_is_none(world: Any) -> None:
    put(world, "远处", lat=37.50, lon=121.35)
    put(world, "近处")
    page = Client().post("/sites/near/", {"lat": "37.5361", "lon": "121.3871"})
    text = page.content.decode()
    assert page.status_code == 200 and text.index("<b>近处</b>") < text.index("<b>远处</b>")
    assert page["Cache-Control"] == "no-store"
    for bad in ({}, {"lat": "x", "lon": "y"}, {"lat": "1", "lon": "1"}, {"lat": "nan", "lon": "121"}):
        assert Client().post("/sites/near/", bad).status_code == 400, bad
    assert Client().get("/sites/near/?lat=37&lon=121").status_code == 405


def test_what_is_missing_goes_into_the_loop_with_the_place_filled_in(world: Any) -> None:
    site = put(world)
    page = Client().get(f"/submit/?site={site.pk}").content.decode()
    assert "在大海阳驿站：" in page and f'value="{COMMUNITY}"' in page and "大海阳路 62 号" in page
    for odd in ("999999", "x", "9" * 30, ""):
        assert Client().get(f"/submit/?site={odd}").status_code == 200


def test_the_desk_lists_ones_own_and_writes(world: Any) -> None:
    site = put(world)
    put(world, "毓东驿站", area_path="370602003004", keeper_id=None)
    keeper, admin, outsider = asked(world, "钱站长"), asked(world, "姜管理"), asked(world, "外县人")
    assert keeper.get("/sites/desk/").url == f"/sites/desk/{site.pk}/"  # type: ignore[attr-defined]
    listed = admin.get("/sites/desk/").content.decode()
    assert "大海阳驿站" in listed and "毓东驿站" in listed
    assert outsider.get("/sites/desk/").status_code == 403
    form = {"name": "新站", "kind": "station", "area": COMMUNITY, "address": "路 9 号", "lat": "37.536", "lon": "121.387",
            "services": ["water"], "day0": "8:00-18:00", "day1": "同上", "day6": "错"}  # fmt: skip
    wrong = admin.post("/sites/desk/new/", form)
    assert (
        wrong.status_code == 400
        and "看不出是什么时间" in wrong.content.decode()
        and "路 9 号" in wrong.content.decode()
    )
    made = admin.post("/sites/desk/new/", form | {"day6": "休息", "keeper": str(world.org("银龄队").pk)})
    assert made.status_code == 302
    new = Site.objects.get(name="新站")
    assert list(new.periods.values_list("weekday", "opens", "closes")) == [(0, 480, 1080), (1, 480, 1080)]
    stale = admin.post(f"/sites/desk/{new.pk}/change/", form | {"version": "7", "day6": ""})
    assert stale.status_code == 400 and "有人改了这一处" in stale.content.decode()
    taken = admin.post("/sites/desk/export/?kind=station", {"purpose": "核对"})
    assert taken.status_code == 200 and taken.content[:2] == b"PK"
    assert admin.post("/sites/desk/export/", {}).status_code == 400


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (dt.datetime(2026, 10, 2, 12, tzinfo=ZONE), "今天放假"),  # 国庆节, a Friday
        (dt.datetime(2026, 9, 20, 12, tzinfo=ZONE), "今天调休上班"),  # a Sunday worked instead
        (NOON, ""),
    ],
)
def test_on_a_holiday_nobody_promises_usual_hours(
    world: Any, monkeypatch: pytest.MonkeyPatch, day: dt.datetime, said: str
) -> None:
    """Its hours are those of the week; whether they hold on such a day is known where it was said, or it never closes."""
    before = dt.datetime(2026, 9, 1, 12, tzinfo=ZONE)
    usual, entered = put(world, "平常站", at=before), put(world, "写明站", at=before)
    never = put(world, "不关站", hours="24小时", at=before)
    steps.set_day(site_id=entered.pk, on=day.date(), periods=parse("9:00-11:00"), by=SYSTEM, at=before)
    monkeypatch.setattr(timezone, "now", lambda: day)
    pages = [Client().get(f"/sites/{s.pk}/").content.decode() for s in (usual, entered, never)]
    pages.append(Client().get("/sites/").content.decode())
    words = ["放假" in p or "调休上班" in p for p in pages]
    assert words == [bool(said), False, False, bool(said)] and said in pages[0]
