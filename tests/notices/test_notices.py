"""Notices: draft, published, replaced, withdrawn; readings are counts and nothing else."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client
from django.utils import timezone

from heli.core.actor import SYSTEM
from heli.core.errors import Forbidden, Invalid, NotFound, PaperMissing, WrongState
from heli.notices import queries, steps
from heli.notices.errors import NextVersion, NoticeChanged, SecondPerson
from heli.notices.models import Notice, NoticeDay, State, Unclear
from heli.notices.states import NOTICE
from heli.rulebook import steps as rules
from tests.database import race
from tests.world import COUNTY, NEXT_COUNTY

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
SAID = {
    "title": "冬天到驿站歇脚",
    "meaning": "能喝热水。",
    "todo": "什么也不用办。",
    "groups": ["riders"],
    "area_path": COUNTY,
}


@pytest.fixture(autouse=True)
def _no_second_factor(settings: Any) -> None:
    settings.HELI_STAFF_MFA = False


def asked(world: Any, name: str) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(world.user(name), backend=BACKEND)
    return client


def draft(world: Any, **more: Any) -> Notice:
    return steps.write_notice(by=world.actor("宋建言"), at=timezone.now(), **SAID | more)


def published(world: Any, **more: Any) -> Notice:
    made = draft(world, **more)
    return steps.publish_notice(notice_id=made.pk, version=made.version, by=world.actor("宋建言"), at=timezone.now())


# Its life ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("arrow", [a.name for a in NOTICE])
@pytest.mark.parametrize("state", list(State))
def test_every_arrow_leaves_only_its_own_states(world: Any, arrow: str, state: str) -> None:
    notice = published(world)
    fields: dict[str, Any] = {"state": state}
    if state == State.DRAFT:
        fields |= {"published_at": None}
    if state == State.WITHDRAWN:
        fields |= {"reason": "错了", "ended_at": timezone.now()}
    Notice.objects.filter(pk=notice.pk).update(**fields)
    by: dict[str, Any] = {"notice_id": notice.pk, "by": world.actor("宋建言"), "at": timezone.now()}
    takes = {
        "publish": lambda: steps.publish_notice(version=notice.version, **by),
        "withdraw": lambda: steps.withdraw_notice(reason="有变", **by),
        "replace": lambda: steps._replace(notice.pk, timezone.now()),
    }
    if state in NOTICE.arrows[arrow].sources:
        takes[arrow]()
        assert Notice.objects.get(pk=notice.pk).state == NOTICE.arrows[arrow].target
    elif arrow == "replace":  # the version before was withdrawn in the meantime: it stays so
        takes[arrow]()
        assert Notice.objects.get(pk=notice.pk).state == state
    else:
        with pytest.raises(WrongState):
            takes[arrow]()


def test_only_who_publishes_there_writes(world: Any) -> None:
    with pytest.raises(Forbidden):
        steps.write_notice(by=world.actor("于科员"), at=timezone.now(), **SAID)
    with pytest.raises(Invalid):
        draft(world, area_path=NEXT_COUNTY)
    notice = draft(world)
    for name in ("外县人", "王桂兰", "姜管理"):
        with pytest.raises(NotFound):
            steps.publish_notice(notice_id=notice.pk, version=1, by=world.actor(name), at=timezone.now())
    for field, bad, error in (
        ("title", " ", PaperMissing), ("groups", [], Invalid), ("groups", ["x"], Invalid), ("source_url", "javascript:1", Invalid),
        ("valid_to", dt.date(2020, 1, 1), Invalid), ("meaning", "长" * 1201, Invalid),
    ):  # fmt: skip
        with pytest.raises(error):
            draft(world, **{field: bad})


def test_a_second_person_publishes_where_the_rule_says_so(world: Any) -> None:
    rule = rules.NewRule("notice.second_person", COUNTY, True, "区里定的", dt.date(2026, 1, 1), {})
    rules.set_rule(rule=rule, by=SYSTEM, at=timezone.now())
    notice = draft(world)
    with pytest.raises(SecondPerson):
        steps.publish_notice(notice_id=notice.pk, version=1, by=world.actor("宋建言"), at=timezone.now())
    Notice.objects.filter(pk=notice.pk).update(written_by_id=1)
    assert steps.publish_notice(notice_id=notice.pk, version=1, by=world.actor("宋建言"), at=timezone.now())


def test_a_next_version_replaces_in_the_same_moment_and_only_one_is_begun(fire_db: str, world: Any) -> None:
    old, song = published(world), world.actor("宋建言")
    begun = race(*(lambda: steps.next_version(notice_id=old.pk, by=song, at=timezone.now()) for _ in range(2)))
    assert sorted(type(b).__name__ for b in begun) == ["NextVersion", "Notice"]
    new = next(b for b in begun if isinstance(b, Notice))
    assert (new.number, new.state, Notice.objects.get(pk=old.pk).state) == (2, "draft", "published")
    steps.change_notice(notice_id=new.pk, version=1, by=song, at=timezone.now(), meaning="还能充电。")
    with pytest.raises(NoticeChanged):
        steps.publish_notice(notice_id=new.pk, version=1, by=song, at=timezone.now())
    steps.publish_notice(notice_id=new.pk, version=2, by=song, at=timezone.now())
    assert Notice.objects.get(pk=old.pk).state == "replaced"
    page = Client().get(f"/notices/{old.pk}/").content.decode()
    assert f"/notices/{new.pk}/" in page and "旧版" in page
    with pytest.raises(WrongState):
        steps.change_notice(notice_id=new.pk, version=2, by=song, at=timezone.now(), meaning="改一改")
    with pytest.raises(WrongState):
        steps.next_version(notice_id=old.pk, by=song, at=timezone.now())
    assert issubclass(NextVersion, Exception)


def test_an_old_link_leads_to_the_newest_version_over_those_between(world: Any) -> None:
    song, now = world.actor("宋建言"), timezone.now()
    versions = [published(world)]
    for _ in range(3):
        begun = steps.next_version(notice_id=versions[-1].pk, by=song, at=now)
        if len(versions) < 3:  # the last stays a draft, of which nobody learns
            steps.publish_notice(notice_id=begun.pk, version=1, by=song, at=now)
            versions.append(begun)
    first, second, third = (n.pk for n in versions)

    def leads(pk: int) -> set[int]:
        page = Client().get(f"/notices/{pk}/").content.decode()
        return {int(n) for n in re.findall(r"/notices/(\d+)/\"", page)} - {pk}

    assert (leads(first), leads(second), leads(third)) == ({third}, {third}, set())
    steps.withdraw_notice(notice_id=third, reason="办法停了", by=song, at=now)
    assert leads(first) == {third}, "whoever has the old link learns that it is withdrawn"


def test_the_feed_is_what_readers_of_feeds_take(world: Any) -> None:
    published(world, title="早\x0b晚", meaning="收入<3000 元 &\x01\n再看")
    feed = ElementTree.fromstring(Client().get("/notices/feed/").content)
    atom = "{http://www.w3.org/2005/Atom}"
    assert all(feed.findtext(f"{atom}{part}") for part in ("id", "title", "updated"))
    assert feed.findtext(f"{atom}author/{atom}name"), "RFC 4287: an author in every entry, or one of the feed"
    entry = feed.find(f"{atom}entry")
    assert entry is not None and entry.findtext(f"{atom}title") == "早 晚"
    summary = entry.find(f"{atom}summary")
    assert summary is not None and summary.get("type") == "html"
    assert summary.text == "<p>收入&lt;3000 元 &amp; <br>再看</p>"


# Reading ----------------------------------------------------------------------------------------------------------------
def test_the_list_shows_what_concerns_the_group_that_stays_on_the_device(
    world: Any, django_assert_max_num_queries: Any
) -> None:
    published(world)
    published(world, title="给所有人", groups=["everybody"])
    published(world, title="给家长", groups=["parents"])
    published(world, title="过了期", groups=["riders"], valid_from=dt.date(2020, 1, 1), valid_to=dt.date(2020, 2, 1))
    draft(world, title="没写完")
    reader = Client()
    with django_assert_max_num_queries(3):
        chosen = reader.get("/notices/?group=riders")
    text = chosen.content.decode()
    assert "冬天到驿站歇脚" in text and "给所有人" in text
    assert not any(t in text for t in ("给家长", "过了期", "没写完"))
    assert (
        reader.get("/notices/").content.decode().count("n-list") == 1
        and "给家长" not in reader.get("/notices/").content.decode()
    )
    assert "给家长" in reader.get("/notices/?group=").content.decode()
    assert "给家长" in reader.get("/notices/?group=nonsense").content.decode()
    feed = reader.get("/notices/feed/")
    assert feed["Content-Type"].startswith("application/atom+xml") and "没写完" not in feed.content.decode()


def test_a_reading_counts_once_a_session_and_names_nobody(world: Any) -> None:
    notice, reader = published(world), Client()
    assert "hx-post" in reader.get(f"/notices/{notice.pk}/").content.decode()
    assert not NoticeDay.objects.exists()  # looking writes nothing
    reader.get("/notices/?group=riders")
    for _twice in range(2):
        assert reader.post(f"/notices/{notice.pk}/read/").status_code == 204
    assert reader.cookies["heli_read"]["max-age"] == ""  # it ends with the browser
    assert Client().post(f"/notices/{notice.pk}/read/").status_code == 204
    rows = list(NoticeDay.objects.order_by("group").values_list("group", "read"))
    assert rows == [("", 1), ("riders", 1)]
    assert {f.name for f in NoticeDay._meta.fields} == {"id", "notice", "day", "group", "read", "clear", "unclear"}
    assert Client().post("/notices/999999/read/").status_code == 404


def test_two_readings_at_once_are_two(fire_db: str, world: Any) -> None:
    notice = published(world)
    now = timezone.now()
    done = race(*(lambda: steps.count_reading(notice_id=notice.pk, group="riders", at=now) for _ in range(4)))
    assert done == [None] * 4
    assert queries.counts([notice.pk])[notice.pk].read == 4


def test_what_is_not_clear_reaches_the_writer_without_numbers_of_people(world: Any) -> None:
    notice, reader = published(world), Client()
    assert (
        reader.post(f"/notices/{notice.pk}/clear/", {"clear": "no", "words": "周末呢？我电话 13912345678"}).status_code
        == 302
    )
    assert reader.post(f"/notices/{notice.pk}/clear/", {"clear": "yes", "words": "好"}).status_code == 302
    assert reader.post(f"/notices/{notice.pk}/clear/", {}).status_code == 200
    said = Unclear.objects.get()
    assert "周末呢" in said.words and "13912345678" not in said.words
    page = asked(world, "宋建言").get(f"/notices/desk/{notice.pk}/").content.decode()
    assert "周末呢" in page and "1 人说清楚，1 人说不清楚" in page


# The desk ---------------------------------------------------------------------------------------------------------------
def test_a_notice_is_written_looked_at_and_published_on_its_pages(world: Any) -> None:
    song = asked(world, "宋建言")
    form = {
        "title": "到驿站歇脚",
        "meaning": "符合条件的人员予以安排。",
        "groups": ["riders", "drivers"],
        "area": COUNTY,
        "valid_from": "2026-11-01",
    }
    wrong = song.post("/notices/desk/new/", form | {"groups": []})
    assert wrong.status_code == 400 and "予以安排" in wrong.content.decode()
    made = song.post("/notices/desk/new/", form)
    notice = Notice.objects.get()
    assert made.status_code == 302 and notice.state == "draft" and notice.groups == ["riders", "drivers"]
    page = song.get(f"/notices/desk/{notice.pk}/").content.decode()
    assert "符合条件" in page and "写出是什么条件" in page  # the hint, which stops nothing
    assert Client().get(f"/notices/{notice.pk}/").status_code == 404
    assert song.post(f"/notices/desk/{notice.pk}/do/publish/", {"version": "1"}).status_code == 302
    assert Client().get(f"/notices/{notice.pk}/").status_code == 200
    assert song.post(f"/notices/desk/{notice.pk}/do/withdraw/", {"reason": ""}).status_code == 400
    assert song.post(f"/notices/desk/{notice.pk}/do/withdraw/", {"reason": "写错了"}).status_code == 302
    assert "写错了" in Client().get(f"/notices/{notice.pk}/").content.decode()
    assert "到驿站歇脚" not in Client().get("/notices/").content.decode()
    assert song.post("/notices/desk/export/", {"purpose": "核对"}).content[:2] == b"PK"
    assert asked(world, "外县人").get(f"/notices/desk/{notice.pk}/").status_code == 403


def test_the_first_page_shows_the_newest_two(world: Any) -> None:
    for n in range(3):
        published(world, title=f"通知{n}", groups=["everybody"])
    page = Client().get("/").content.decode()
    assert "通知2" in page and "通知1" in page and "通知0" not in page
