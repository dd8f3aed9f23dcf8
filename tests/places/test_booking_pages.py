"""Pages, feeds and operations of what sites lend: what is shown to whom, and at what cost."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from icalendar import Calendar

from heli.core.actor import SYSTEM
from heli.core.days import midnight
from heli.core.feeds import FeedEvent, written
from heli.places import booking_queries as queries
from heli.places import booking_steps as bookings
from heli.places.resources import Booking, Resource
from tests.api.asking import minted
from tests.places.test_bookings import thing
from tests.places.test_sites import asked, put

HOUR = dt.timedelta(hours=1)


@pytest.fixture(autouse=True)
def _no_second_factor(settings: Any) -> None:
    settings.HELI_STAFF_MFA = False


def soon(days: int, hour: int) -> dt.datetime:
    """An hour some days from now: pages ask the real clock."""
    return timezone.localtime().replace(hour=hour, minute=0, second=0, microsecond=0) + dt.timedelta(days=days)


def fields(day: dt.datetime, begin: str = "09:00", until: str = "11:00", **more: Any) -> dict[str, Any]:
    return {"on": f"{day:%Y-%m-%d}", "begin": begin, "until": until, "purpose": "合唱排练", **more}


def test_from_the_page_of_a_place_to_a_booking_and_back(world: Any) -> None:
    room = thing(world, asks=True)
    site, wang, day = room.site, asked(world, "王桂兰"), soon(3, 9)
    assert "会议室" in wang.get(f"/sites/{site.pk}/").content.decode()
    week = f"/sites/{site.pk}/calendar/?what={room.pk}&week={day:%Y-%m-%d}"
    shown = wang.get(week).content.decode()
    link = re.search(rf'href="(/sites/book/{room.pk}/\?on={day:%Y-%m-%d}[^"]+)">8:30–17:30', shown)
    assert link is not None
    form = wang.get(link[1].replace("&amp;", "&"))
    assert form.status_code == 200 and 'value="08:30"' in form.content.decode()
    assert wang.post(f"/sites/book/{room.pk}/", fields(day)).status_code == 302
    made = Booking.objects.get()
    assert made.state == "asked" and "等同意" in wang.get("/sites/bookings/").content.decode()
    shown = Client().get(week).content.decode()
    assert "9:00–11:00" in shown and "8:30–9:00" in shown and "合唱" not in shown and "王桂兰" not in shown
    again = asked(world, "薛师傅").post(f"/sites/book/{room.pk}/", fields(day))
    assert again.status_code == 409 and "11:00–13:00空着" in again.content.decode()
    keeper = asked(world, "钱站长")
    desk = f"/sites/desk/{site.pk}/bookings/"
    assert "合唱排练" in keeper.get(desk).content.decode()
    assert keeper.post(f"/sites/desk/bookings/{made.pk}/refuse/").status_code == 400
    assert keeper.post(f"/sites/desk/bookings/{made.pk}/confirm/").status_code == 302
    assert keeper.post(f"/sites/desk/bookings/{made.pk}/publish/", {"shown": "合唱，都能来"}).status_code == 302
    assert "合唱，都能来" in Client().get(week).content.decode()
    assert keeper.post(f"{desk}export/?tab=ahead", {"purpose": "排班"}).status_code == 200
    assert wang.post(f"/sites/bookings/{made.pk}/cancel/", {"reason": ""}).status_code == 400
    assert wang.post(f"/sites/bookings/{made.pk}/cancel/", {"reason": "下雨"}).status_code == 302
    assert "下雨" in wang.get("/sites/bookings/?past=1").content.decode()
    for other in ("薛师傅", "外县人"):
        assert asked(world, other).get(f"/sites/bookings/{made.pk}/cancel/").status_code == 404


def test_the_keeper_lends_something_and_names_a_partner(world: Any) -> None:
    site, keeper = put(world), asked(world, "钱站长")
    where = f"/sites/desk/{site.pk}/things/"
    said = {"kind": "room", "name": "活动室", "units": 1, "open_to": "all", "seats": 20}
    assert keeper.post(where, said).status_code == 302
    assert keeper.post(where, said).status_code == 400  # the name is taken
    expert = {"kind": "expert", "name": "法律咨询", "units": 1, "open_to": "all", "username": "li.shegong"}
    assert keeper.post(where, expert).status_code == 302
    asked_one = Resource.objects.get(kind="expert")
    li = asked(world, "李社工")
    assert f"/sites/experts/{asked_one.pk}/" in li.get("/sites/bookings/").content.decode()
    assert "法律咨询" not in Client().get(f"/sites/{site.pk}/").content.decode()
    assert li.post(f"/sites/experts/{asked_one.pk}/", {"call_name": "小李"}).status_code == 302
    assert "法律咨询 · 小李" in Client().get(f"/sites/{site.pk}/").content.decode()
    assert asked(world, "王桂兰").get(f"/sites/experts/{asked_one.pk}/").status_code == 404
    found = keeper.post(where, {"org_typed": "鲁新", "find": "1"}).content.decode()
    assert "鲁新超市" in found
    partner = {"org_typed": "鲁新", "org": world.org("鲁新超市").pk, "brings": "早餐", "since": "2026-01-01"}
    assert keeper.post(where, partner).status_code == 302
    assert "鲁新超市" in Client().get(f"/sites/{site.pk}/").content.decode()
    room = Resource.objects.get(name="活动室")
    assert keeper.post(f"/sites/desk/things/{room.pk}/", said | {"name": "大活动室"}).status_code == 302
    assert keeper.post(f"/sites/desk/things/{room.pk}/", {"close": "2020-01-01"}).status_code == 400
    assert keeper.post(f"/sites/desk/things/{room.pk}/", {"close": f"{timezone.localdate()}"}).status_code == 302


def test_a_service_position_is_found_by_what_it_is(world: Any) -> None:
    put(world, "所城实践站", kind="service", position="post")
    put(world, "别的阵地", kind="service", position="other")
    shown = Client().get("/sites/?kind=service.post").content.decode()
    assert "所城实践站" in shown and "别的阵地" not in shown
    both = Client().get("/sites/?kind=service").content.decode()
    assert "所城实践站" in both and "别的阵地" in both


# Feeds ------------------------------------------------------------------------------------------------------------------
def test_a_feed_folds_lines_names_the_zone_and_changes_with_what_it_tells(world: Any) -> None:
    at = dt.datetime(2026, 12, 1, 1, 0, tzinfo=dt.UTC)
    event = FeedEvent("booking-7", at, at + HOUR, "会议室；" + "很长的名字" * 20, at, place="一楼, 东", cancelled=True)
    raw = written("合力", [event])
    assert raw == written("合力", [event]) and max(map(len, raw.split(b"\r\n"))) <= 75
    read = Calendar.from_ical(raw)
    (one,) = read.walk("VEVENT")
    assert one["UID"].startswith("booking-7@") and one["STATUS"] == "CANCELLED" and one["SUMMARY"] == event.title
    assert one["DTSTART"].params["TZID"] == "Asia/Shanghai" and one.start == at and one["LOCATION"] == event.place
    assert [z["TZID"] for z in read.walk("VTIMEZONE")] == ["Asia/Shanghai"]


def test_the_feed_of_a_place_tells_no_person_and_answers_304(world: Any) -> None:
    room = thing(world)
    made = bookings.book(
        resource_id=room.pk,
        begin=soon(3, 9),
        end=soon(3, 11),
        purpose="合唱排练",
        by=world.actor("王桂兰"),
        at=timezone.now(),
    )
    url = f"/sites/{room.site_id}/calendar.ics"
    first = Client().get(url)
    said = first.content.decode()
    assert first["Content-Type"].startswith("text/calendar") and "会议室" in said
    assert "合唱" not in said and "王桂兰" not in said
    assert Client().get(url, headers={"If-None-Match": first["ETag"]}).status_code == 304
    bookings.cancel(booking_id=made.pk, reason="下雨", by=world.actor("王桂兰"), at=timezone.now())
    changed = Client().get(url, headers={"If-None-Match": first["ETag"]})
    assert changed.status_code == 200 and b"STATUS:CANCELLED" in changed.content


def test_ones_own_feed_is_secret_renewed_and_closed(world: Any) -> None:
    room, wang = thing(world), asked(world, "王桂兰")
    bookings.book(
        resource_id=room.pk,
        begin=soon(3, 9),
        end=soon(3, 11),
        purpose="合唱排练",
        by=world.actor("王桂兰"),
        at=timezone.now(),
    )
    assert "feed.ics" not in wang.get("/me/calendar/").content.decode()

    def link() -> str:
        found = re.search(r"/me/calendar/[\w-]+/feed\.ics", wang.get("/me/calendar/").content.decode())
        return found[0] if found else ""

    wang.post("/me/calendar/link/", {"go": "new"})
    old = link()
    got = Client().get(old)
    (one,) = Calendar.from_ical(got.content).walk("VEVENT")
    assert one["DESCRIPTION"] == "合唱排练" and one.start == soon(3, 9) and got["Cache-Control"].startswith("private")
    wang.post("/me/calendar/link/", {"go": "new"})
    assert Client().get(old).status_code == 404 and Client().get(link()).status_code == 200
    newest = link()
    wang.post("/me/calendar/link/", {"go": "close"})
    assert Client().get(newest).status_code == 404 and link() == ""
    wang.post("/me/calendar/link/", {"go": "new"})
    assert Client().get(newest).status_code == 404  # closing and opening does not bring an old one back
    for wrong in ("A" * 30, old[:-20] + "A/feed.ics"):
        assert Client().get(wrong if wrong.startswith("/") else f"/me/calendar/{wrong}/feed.ics").status_code == 404


# For machines -----------------------------------------------------------------------------------------------------------
def test_a_machine_finds_books_and_cancels(world: Any) -> None:
    room, secret = thing(world), minted(world, "李社工").secret
    assert [r["title"] for r in Client().get(f"/api/v1/sites/{room.site_id}/resources").json()["rows"]] == ["会议室"]
    day = soon(3, 9)
    free = Client().get(f"/api/v1/resources/{room.pk}/free", {"day": f"{day:%Y-%m-%d}", "days": 1}).json()["rows"]
    assert [(dt.datetime.fromisoformat(s["end"]) - dt.datetime.fromisoformat(s["begin"])) for s in free] == [9 * HOUR]

    def send(url: str, body: Any, key: str, *, token: str = secret) -> Any:
        headers = {"Idempotency-Key": key} | ({"Authorization": f"Bearer {token}"} if token else {})
        return Client().post(url, json.dumps(body), content_type="application/json", headers=headers)

    body = {"begin": day.isoformat(), "end": (day + HOUR).isoformat(), "purpose": "小组活动"}
    url = f"/api/v1/resources/{room.pk}/bookings"
    assert send(url, body, "a", token="").status_code == 403
    made = send(url, body, "b")
    assert made.status_code == 201 and send(url, body, "b").json() == made.json()
    taken = send(url, body, "c")
    assert taken.status_code == 409 and taken.json()["code"] == "L-270" and "10:00–11:00" in taken.json()["sentence"]
    ended = send(f"/api/v1/bookings/{made.json()['id']}/cancel", {"reason": "改期"}, "d")
    assert ended.status_code == 200 and ended.json()["state"] == "cancelled"


# Cost -------------------------------------------------------------------------------------------------------------------
def test_a_week_of_ten_thousand_bookings_costs_six_statements(world: Any, django_assert_max_num_queries: Any) -> None:
    site = put(world)
    rooms = [thing(world, f"房间{n}", site=site, units=2) for n in range(20)]
    start, now = midnight(timezone.localdate()) - dt.timedelta(days=40), timezone.now()
    Booking.objects.bulk_create(
        (
            Booking(
                resource=rooms[n % 20], unit=1 + n // 20 % 2, period=(begin, begin + HOUR), purpose="排练", state="booked",
                made_at=now, changed_at=now, by_id=world.wang_resident.pk,
            )
            for n in range(10_000)
            for begin in [start + n // 40 * dt.timedelta(hours=6)]
        ),
        batch_size=2000,
    )  # fmt: skip
    for address in (f"/sites/{site.pk}/calendar/", f"/sites/{site.pk}/calendar/?what={rooms[0].pk}"):
        with django_assert_max_num_queries(6):
            assert Client().get(address).status_code == 200
    with django_assert_max_num_queries(4):
        assert len(queries.at_desk(SYSTEM, site.pk, "ahead", now).rows) == 50
    with django_assert_max_num_queries(6):
        assert Client().get(f"/sites/{site.pk}/calendar.ics").status_code == 200
    free = (
        midnight(timezone.localdate()) + 86 * HOUR
    )  # two in the afternoon: what is booked begins at twelve and at six
    with django_assert_max_num_queries(14):
        bookings.book(
            resource_id=rooms[0].pk,
            begin=free,
            end=free + HOUR,
            purpose="开会",
            by=world.actor("钱站长"),
            at=now,
        )
