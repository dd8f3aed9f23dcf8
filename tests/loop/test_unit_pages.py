"""The unit's pages: its lists, the page of one request, and every act on it."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image

from heli.core.models import Access, Event
from heli.loop import hints, steps
from heli.loop.models import Clock, Dispatch, Extension, Handling, Remark, Request, Review
from heli.loop.queries import parts
from heli.loop.queries import unit as queries
from heli.loop.queries.detail import detail
from heli.orgs.models import Organisation
from heli.rulebook.models import Rule
from tests.database import race
from tests.loop.told import AT, HOUR, TEXT, tell

NOW = AT + dt.timedelta(hours=3)
PHONE = "13800000017"
UNCOUNTED = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")


@pytest.fixture(autouse=True)
def _at_noon(settings):
    settings.HELI_STAFF_MFA = False
    with time_machine.travel(NOW, tick=False):
        yield


def log_in(world: Any, who: str) -> Client:
    client = Client()
    client.force_login(world.user(who))
    return client


def counted(ask: Any) -> tuple[Any, int]:
    """The response and how many statements it cost, with nothing remembered from before."""
    parts._calendar_of_minute.cache_clear()
    queries._rules_of_minute.cache_clear()
    with CaptureQueriesContext(connection) as said:
        response = ask()
    return response, sum(not q["sql"].startswith(UNCOUNTED) for q in said.captured_queries)


def page_of(told: Any) -> str:
    return f"/loop/r/{told.request.code}/"


def act(client: Client, verb: str, pk: int, told: Any, **typed: Any) -> Any:
    return client.post(f"/loop/act/{pk}/{verb}/", {"code": told.request.code} | typed)


def text_of(response: Any) -> str:
    return str(response.content.decode())


def picture() -> io.BytesIO:
    made = io.BytesIO()
    Image.new("RGB", (60, 40), (90, 120, 90)).save(made, "PNG")
    made.seek(0)
    made.name = "看.png"
    return made


# What it costs -----------------------------------------------------------------------------------------------------------
def test_statements(world):
    for _ in range(51):
        tell(world).dispatch()
    told = tell(world)
    told.dispatch(assists=[world.org("毓璜顶街道").pk])
    yu = log_in(world, "于科员")
    response, n = counted(lambda: yu.get("/loop/inbox/"))
    assert response.content.count(b'class="main"') == 50 and n <= 8
    where, lead, pk = page_of(told), told.lead.pk, told.request_id

    def post(verb: str, of: int, **typed: Any) -> tuple[Any, int]:
        return counted(lambda: yu.post(f"/loop/act/{of}/{verb}/", {"code": where.split("/")[-2]} | typed))

    response, n = post("accept", lead)
    assert (response.status_code, told.request.state) == (303, "handling") and n <= 14
    for who in ("于科员", "许股长", "孙坐席", "吕部长", "郝回访", "韩网格"):
        client = log_in(world, who)
        response, n = counted(lambda client=client: client.get(where))
        assert response.status_code == 200 and n <= 10, (who, n)
    assert post("reply", pk, text="先存着", **{"as": "draft"})[0].status_code == 303
    response, n = post("reply", pk, text="已于今天修好，再塌请打 12345", **{"as": "send"})
    assert (response.status_code, told.request.state) == (303, "replied")
    assert n <= 14


def test_a_long_story_costs_the_same(world):
    told = tell(world)
    told.dispatch("住建局")
    give_back(world, told, "曲科员")
    told.dispatch()
    told.accept()
    for n in range(8):
        steps.note(request_id=told.request_id, by=world.actor("于科员"), at=told.later(0), text=f"记 {n}")
    twin = tell(world, "人行道塌了，求修", phone="13900000077")
    steps.merge(request_id=twin.request_id, into_id=told.request_id, by=world.actor("孙坐席"), at=told.later(0))
    yu, where = log_in(world, "于科员"), page_of(told)
    response, n = counted(lambda: yu.get(where))
    assert n <= 10
    assert "有 2 位居民说了这件事" in text_of(response)
    assert twin.request.code in text_of(response)


def give_back(world: Any, told: Any, who: str) -> None:
    steps.ask_return(
        dispatch_id=told.lead.pk,
        by=world.actor(who),
        at=told.later(0),
        reason_code="not_ours",
        reason="不归我们",
        legal_basis="三定规定",
    )
    returning = Dispatch.objects.get(request=told.request_id, state="returning")
    steps.decide_return(
        dispatch_id=returning.pk, by=world.actor("孙坐席"), at=told.later(0), uphold=True, reason="成立"
    )


# Who sees it -------------------------------------------------------------------------------------------------------------
def test_another_unit_and_another_county_find_nothing(world):
    told = tell(world)
    told.dispatch()
    missing = log_in(world, "外县人").get("/loop/r/ZF-0000-00/")
    for who in ("外县人", "曲科员"):
        client = log_in(world, who)
        there = client.get(page_of(told))
        assert there.status_code == missing.status_code == 404
        assert told.request.title not in text_of(there)
        assert client.get(page_of(told) + "place/").status_code == 404
        assert act(client, "accept", told.lead.pk, told).status_code == 404
        assert act(client, "note", told.request_id, told, text="看看").status_code == 404
        assert (
            client.post(
                f"/loop/act/{told.request_id}/reveal/{told.voice.pk}/", {f"v{told.voice.pk}-purpose": "回访"}
            ).status_code
            == 404
        )
    assert text_of(log_in(world, "外县人").get(page_of(told))).count("L-404") == text_of(missing).count("L-404")
    assert log_in(world, "邓登记").get(page_of(told)).status_code == 403
    assert Client().get(page_of(told)).status_code == 302


def test_a_photo_is_only_for_those_who_see_the_request(world):
    told = tell(world, photos=[picture()])
    told.dispatch()
    where = f"/loop/files/{told.request.photos[0]}/"
    assert where.encode() in log_in(world, "于科员").get(page_of(told)).content
    shown = log_in(world, "于科员").get(where)
    assert (shown.status_code, shown.headers["Content-Type"]) == (200, "image/jpeg")
    for who in ("曲科员", "外县人"):
        assert log_in(world, who).get(where).status_code == 404
    assert log_in(world, "于科员").get("/loop/files/00000000-0000-4000-8000-000000000000/").status_code == 404


# Reading a number --------------------------------------------------------------------------------------------------------
def reveal(client: Client, told: Any, **typed: str) -> Any:
    form = {f"v{told.voice.pk}-{k}": v for k, v in typed.items()}
    return client.post(f"/loop/act/{told.request_id}/reveal/{told.voice.pk}/", form)


def test_a_number_is_shown_once_for_a_purpose(world):
    told = tell(world)
    told.dispatch()
    yu = log_in(world, "于科员")
    assert PHONE not in text_of(yu.get(page_of(told)))
    for typed in ({}, {"purpose": "other"}, {"purpose": "随便"}):
        refused = reveal(yu, told, **typed)
        assert refused.status_code == 400 and PHONE not in text_of(refused)
    assert not Access.objects.filter(subject_id=told.request_id).exists()
    shown = reveal(yu, told, purpose="other", other="约看现场")
    assert PHONE in text_of(shown) and "王桂兰" in text_of(shown) and shown.headers["Cache-Control"] == "no-store"
    reading = Access.objects.get(record=told.voice.record)
    assert (reading.user_id, reading.org_name, reading.purpose) == (world.user("于科员").pk, "城管局", "约看现场")
    event = Event.objects.get(step="record.reveal")
    assert (event.subject_id, event.data["reason"], event.public) == (told.request_id, "约看现场", False)
    assert PHONE not in str(event.data)
    after = text_of(yu.get(page_of(told)))
    assert PHONE not in after and "看了联系方式" in after and "约看现场" in after


def test_a_protected_resident_is_named_to_the_desk_but_not_to_the_unit(world):
    told = tell(world, confidentiality="protected")
    told.dispatch()
    yu = log_in(world, "于科员")
    seen = text_of(yu.get(page_of(told)))
    assert (
        "居民要求不告诉承办单位是谁说的" in seen
        and "138****0017" not in seen
        and "王" not in seen.split("谁说的")[-1][:80]
    )
    refused = reveal(yu, told, purpose="首次联系")
    assert refused.status_code == 403 and "L-131" in text_of(refused) and PHONE not in text_of(refused)
    assert not Access.objects.exists()
    assert PHONE in text_of(reveal(log_in(world, "孙坐席"), told, purpose="首次联系"))
    told.accept()
    assert (
        queries.next_act(detail(world.actor("于科员"), told.request.code, NOW), world.actor("于科员"), NOW).tab == "ask"
    )


def test_who_may_not_read_personal_data_reads_none(world):
    told = tell(world)
    for who, status in (("韩网格", 403), ("吕部长", 403), ("郝回访", 200)):
        assert reveal(log_in(world, who), told, purpose="回访").status_code == status


def test_a_voice_of_another_request_is_missing(world):
    told, other = tell(world), tell(world, phone="13900000088")
    told.dispatch()
    other.dispatch("住建局")
    yu = log_in(world, "于科员")
    answer = yu.post(
        f"/loop/act/{told.request_id}/reveal/{other.voice.pk}/", {f"v{other.voice.pk}-purpose": "首次联系"}
    )
    assert answer.status_code == 404


# Two at once -------------------------------------------------------------------------------------------------------------
def test_two_accept_at_the_same_moment(fire_db, world):
    told = tell(world)
    made = told.dispatch()
    clients = [log_in(world, "于科员"), log_in(world, "许股长")]
    answers = race(*(lambda c=c: act(c, "accept", made.pk, told) for c in clients))
    assert sorted(a.status_code for a in answers) == [303, 409]
    late = next(a for a in answers if a.status_code == 409)
    first = Dispatch.objects.get(pk=made.pk).accepted_by
    assert f"同事先一步签收了：{first}" in text_of(late)
    assert told.request.state == "handling"


def test_a_return_is_asked_once(world):
    told = tell(world)
    told.dispatch()
    yu = log_in(world, "于科员")
    typed = {"reason_code": "not_ours", "reason": "不在养护范围", "legal_basis": "养护清单第 12 行"}
    assert act(yu, "return", told.lead.pk, told, **typed).status_code == 303
    again = act(yu, "return", told.lead.pk, told, **typed)
    assert again.status_code == 409 and "L-101" in text_of(again)
    assert "退单等派单台审" in text_of(again)
    assert Event.objects.filter(step="dispatch.ask_return").count() == 1


# What the lists say ------------------------------------------------------------------------------------------------------
def rows(client: Client, where: str = "/loop/inbox/") -> list[str]:
    return [r.request.title for r in client.get(where).context["page"].rows]


def test_what_to_do_is_told_apart(world):
    offered, called, given, praised = (tell(world, title=t) for t in ("待签", "待联", "投诉件", "评好的"))
    offered.dispatch()
    for t in (called, given):
        t.dispatch()
        t.accept()
    Request.objects.filter(pk=given.request_id).update(kind="complaint")
    steps.write_reply(request_id=given.request_id, by=world.actor("于科员"), at=given.later(0), text="已于今天核查")
    praised.answered()
    yu, xu = log_in(world, "于科员"), log_in(world, "许股长")
    assert set(rows(yu)) == {"待签", "待联"} and set(rows(xu)) == {"待签", "待联", "投诉件"}
    assert rows(yu, "/loop/inbox/?do=accept") == ["待签"]
    assert rows(xu, "/loop/inbox/?do=approve") == ["投诉件"]
    assert set(rows(yu, "/loop/inbox/?tab=hand")) == {"待签", "待联", "投诉件"}
    assert rows(yu, "/loop/inbox/?tab=done") == ["评好的"]
    assert rows(log_in(world, "曲科员")) == []
    page = text_of(yu.get("/loop/inbox/"))
    assert '要做的 <span class="h-num">2</span>' in page and '在办 <span class="h-num">3</span>' in page


def test_not_solved_stands_on_top_and_the_rest_by_deadline(world):
    urgent, again, slow = (
        tell(world, title=t, urgency=u) for t, u in (("急", "urgent"), ("又坏", "normal"), ("慢", "normal"))
    )
    again.answered()
    again.judge("no", 2, words="又塌了")
    for t in (slow, urgent):
        t.dispatch()
    yu = log_in(world, "于科员")
    assert rows(yu) == ["又坏", "急", "慢"]
    page = text_of(yu.get(page_of(again)))
    assert "居民说没解决，要重办" in page and "又塌了" in page and 'data-lap="again"' in page


def test_filters_and_search(world):
    pavement, lamp = (
        tell(world, title="人行道塌了"),
        tell(world, title="路灯不亮", category="040401", area_path="370602003004", urgency="urgent"),
    )
    for t in (pavement, lamp):
        t.dispatch()
    yu = log_in(world, "于科员")
    top = lamp.request.category.code[:2]
    for query, found in (
        ("q=路灯", ["路灯不亮"]),
        (f"q={pavement.request.code.lower()}", ["人行道塌了"]),
        ("urgency=urgent", ["路灯不亮"]),
        ("category=040401", ["路灯不亮"]),
        (f"category={top}&street=370602003&q=道", ["人行道塌了"]),
        ("street=370602004", []),
        ("due=late&q=没有", []),
    ):
        assert rows(yu, f"/loop/inbox/?{query}") == found, query
    assert "没有符合条件的" in text_of(yu.get("/loop/inbox/?street=370602004"))
    for odd in ("street=abc&category=';&urgency=x&due=y&do=z&tab=w", "after=%00", "q=%00"):
        assert yu.get(f"/loop/inbox/?{odd}").status_code in {200, 400}


def test_pages_follow_each_other(world):
    for n in range(53):
        tell(world, title=f"第 {n} 件").dispatch()
    yu = log_in(world, "于科员")
    first = yu.get("/loop/inbox/").context["page"]
    second = yu.get(f"/loop/inbox/?after={first.next}").context["page"]
    titles = [r.request.title for r in (*first.rows, *second.rows)]
    assert len(titles) == len(set(titles)) == 53 and second.next == ""


def test_an_assisting_unit_does_its_part(world):
    told = tell(world)
    told.dispatch("住建局", assists=[world.org("城管局").pk])
    yu = log_in(world, "于科员")
    assert rows(yu, "/loop/inbox/?tab=assist") == rows(yu, "/loop/inbox/?do=help") == [told.request.title]
    part = Dispatch.objects.get(request=told.request_id, role="assist")
    assert "签收协办" in text_of(yu.get(page_of(told)))
    assert act(yu, "accept", part.pk, told).status_code == 303
    assert rows(yu, "/loop/inbox/?do=opinion") == [told.request.title]
    assert act(yu, "reply", told.request_id, told, text="不该我写").status_code == 403
    assert act(yu, "opinion", part.pk, told, text="路基没空").status_code == 303
    assert rows(yu) == [] and rows(yu, "/loop/inbox/?tab=assist") == [told.request.title]
    assert "路基没空" in text_of(log_in(world, "曲科员").get(page_of(told)))


# The reply ---------------------------------------------------------------------------------------------------------------
def test_draft_then_the_lead_reads_it_then_it_goes_out(world):
    told = tell(world, kind="complaint")
    told.dispatch()
    told.accept()
    yu, xu = log_in(world, "于科员"), log_in(world, "许股长")
    kept = act(yu, "reply", told.request_id, told, text="您好，我们已经去看过了", photos=[picture()], **{"as": "draft"})
    assert kept.status_code == 303 and kept.headers["Location"].endswith("?tab=reply#act")
    again = text_of(yu.get(page_of(told) + "?tab=reply"))
    assert "我们已经去看过了" in again and "还没写哪天办的" in again and "送负责人看" in again
    draft = Handling.objects.get(request=told.request_id)
    assert (draft.state, len(draft.photos)) == ("draft", 1)
    assert (
        act(yu, "reply", told.request_id, told, text="已于 11 月 17 日修好，再塌打 12345", **{"as": "send"}).status_code
        == 303
    )
    draft.refresh_from_db()
    assert (draft.state, len(draft.photos)) == ("in_review", 1)
    assert act(yu, "review", draft.pk, told, decide="yes").status_code == 403
    missing = act(xu, "review", draft.pk, told, decide="no")
    assert missing.status_code == 400 and "这里还没写，要写上才行" in text_of(missing)
    assert act(xu, "review", draft.pk, told, decide="no", reason="写清怎么修的").status_code == 303
    back = text_of(yu.get(page_of(told)))
    assert "答复退回了，要重写" in back and "写清怎么修的" in back
    act(yu, "reply", told.request_id, told, text="已于 11 月 17 日换砖修好，再塌打 12345", **{"as": "send"})
    assert "看一遍答复" in text_of(xu.get(page_of(told)))
    assert act(xu, "review", draft.pk, told, decide="yes").status_code == 303
    draft.refresh_from_db()
    assert (draft.state, draft.reviewed_by, told.request.state) == ("sent", world.user("许股长"), "replied")
    shown = text_of(yu.get(page_of(told)))
    assert "许股长看过" in shown and "换砖修好" in shown and "现在等居民评价" in shown


def test_nobody_reads_their_own_reply(world):
    told = tell(world, kind="complaint")
    told.dispatch()
    told.accept("许股长")
    xu = log_in(world, "许股长")
    act(xu, "reply", told.request_id, told, text="已修好", **{"as": "send"})
    own = Handling.objects.get(request=told.request_id)
    assert 'id="tab-review"' not in text_of(xu.get(page_of(told)))
    assert act(xu, "review", own.pk, told, decide="yes").status_code == 403
    own.refresh_from_db()
    assert own.state == "in_review"


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("您好，11 月 18 日下午已到现场修好，再塌请打 12345。", []),
        ("您好，我们已经修好了，谢谢支持理解。", ["when", "whom"]),
        ("11 月 18 日，请联系城管局热线问一问。", ["done"]),
        ("计划 3 个工作日内换好，联系电话 0535-6220000。", []),
        ("您好您好您好您好您好", ["done", "when", "whom"]),
        ("好", []),
    ],
)
def test_hints_name_what_a_reply_leaves_out(text, missing):
    assert [h.key for h in hints.of_reply(text)] == missing


def test_hints_come_while_writing(world):
    said = text_of(log_in(world, "于科员").post("/loop/hints/", {"text": "您好，我们已经修好了，谢谢。"}))
    assert "发出前再看 2 处" in said and "只是提醒" in said


# What was typed is kept --------------------------------------------------------------------------------------------------
def test_what_does_not_fit_comes_back_with_its_reason(world):
    told = tell(world)
    told.dispatch()
    told.accept()
    yu = log_in(world, "于科员")
    long = act(yu, "reply", told.request_id, told, text="长" * 10_001, **{"as": "send"})
    assert long.status_code == 400 and "最多 10000 个" in text_of(long) and "长" * 10_001 in text_of(long)
    page = io.BytesIO(b"%PDF-1.4 not a photo")
    page.name = "看.jpg"
    wrong = act(yu, "reply", told.request_id, told, text="已修好", photos=[page], **{"as": "send"})
    assert wrong.status_code == 400 and "已修好" in text_of(wrong) and "invalid-feedback" in text_of(wrong)
    empty = act(yu, "return", told.lead.pk, told, reason="不归我们")
    assert empty.status_code == 400 and "不归我们" in text_of(empty)
    assert Event.objects.filter(step__in=("handling.write", "dispatch.ask_return")).count() == 0
    assert act(yu, "nothing", told.request_id, told).status_code == 404
    assert yu.get(f"/loop/act/{told.request_id}/note/").status_code == 405


def test_a_closed_unit(world):
    told = tell(world)
    told.dispatch()
    told.accept()
    yu, other = log_in(world, "于科员"), world.org("住建局")
    Organisation.objects.filter(pk=other.pk).update(closed_at=NOW - HOUR)
    assert "住建局" not in text_of(yu.get(f"/loop/units/?path={told.request.area_path}&unit=住建"))
    refused = act(yu, "help", told.request_id, told, unit_id=other.pk, reason="看看路基")
    assert refused.status_code == 409 and "L-601" in text_of(refused) and "看看路基" in text_of(refused)
    Organisation.objects.filter(pk=world.org("城管局").pk).update(closed_at=NOW - HOUR)
    assert yu.get(page_of(told)).status_code == 403 and yu.get("/loop/inbox/").status_code == 403


def test_a_rule_that_is_missing_stops_the_act_by_name(world):
    told = tell(world)
    told.dispatch()
    told.accept()
    Rule.objects.filter(key="reply.needs_review").update(valid_to=F("valid_from"))
    refused = act(log_in(world, "于科员"), "reply", told.request_id, told, text="已于今天修好", **{"as": "send"})
    assert refused.status_code >= 400 and "L-301" in text_of(refused) and "reply.needs_review" in text_of(refused)
    assert "已于今天修好" in text_of(refused) and told.request.state == "handling"


# Every other act ---------------------------------------------------------------------------------------------------------
def test_more_time_is_asked_and_decided(world):
    told = tell(world)
    told.dispatch()
    told.accept()
    clock = Clock.objects.get(request=told.request_id, kind="reply")
    yu, lv = log_in(world, "于科员"), log_in(world, "吕部长")
    assert "一共最多 10 个工作日" in text_of(yu.get(page_of(told) + "?tab=extend"))
    wrong = act(yu, "extend", clock.pk, told, kind="more", days="99", reason="等雨停", basis="气象预警")
    assert wrong.status_code == 400 and "等雨停" in text_of(wrong)
    assert act(yu, "extend", clock.pk, told, kind="pause", reason="等雨停", basis="预警").status_code == 400
    assert (
        act(yu, "extend", clock.pk, told, kind="more", days="3", reason="等雨停", basis="气象预警").status_code == 303
    )
    asked = Extension.objects.get(clock=clock)
    assert "审延期" in text_of(lv.get(page_of(told))) and 'id="tab-extend"' not in text_of(yu.get(page_of(told)))
    assert act(yu, "extension", asked.pk, told, decide="yes").status_code == 403
    assert act(lv, "extension", asked.pk, told, decide="yes").status_code == 303
    was = clock.due_at
    clock.refresh_from_db()
    assert clock.due_at > was


def test_a_clock_is_stopped_until_a_day(world):
    told = tell(world)
    told.dispatch()
    told.accept()
    clock = Clock.objects.get(request=told.request_id, kind="reply")
    yu = log_in(world, "于科员")
    assert (
        act(yu, "extend", clock.pk, told, kind="pause", until="2026-11-20", reason="等雨停", basis="预警").status_code
        == 303
    )
    asked = Extension.objects.get(clock=clock)
    assert (asked.kind, asked.until.astimezone(AT.tzinfo).date()) == ("pause", dt.date(2026, 11, 20))


def test_words_on_the_way(world):
    told = tell(world)
    told.dispatch()
    told.accept()
    yu = log_in(world, "于科员")
    assert act(yu, "contact", told.request_id, told, way="phone", reached="yes", text="约好下午去").status_code == 303
    assert act(yu, "ask", told.request_id, told, text="是哪一边的人行道").status_code == 303
    assert act(yu, "note", told.request_id, told, text="路基可能空了").status_code == 303
    assert act(yu, "help", told.request_id, told, unit_id=world.org("住建局").pk, reason="看看路基").status_code == 303
    twice = act(yu, "help", told.request_id, told, unit_id=world.org("住建局").pk, reason="再看看路基")
    assert twice.status_code == 409 and "再看看路基" in text_of(twice)
    assert act(log_in(world, "吕部长"), "supervise", told.request_id, told, text="三天内修好").status_code == 303
    page = text_of(yu.get(page_of(told)))
    assert all(
        t in page for t in ("约好下午去", "是哪一边的人行道", "路基可能空了", "三天内修好", "芝罘区住房和建设局")
    )
    steps.add_words(request_id=told.request_id, by=told.resident, at=NOW, text="东边，公交站旁")
    assert "居民有补充" in text_of(yu.get(page_of(told)))
    assert rows(yu, "/loop/inbox/?do=answer") == [told.request.title]
    assert set(Remark.objects.values_list("kind", flat=True)) == {"contact", "question", "note", "supervise", "answer"}


def test_the_desk_decides_on_a_return_and_a_lead_is_named(world):
    told = tell(world)
    sun, lv = log_in(world, "孙坐席"), log_in(world, "吕部长")
    for unit, who in (("城管局", "于科员"), ("住建局", "曲科员")):
        told.dispatch(unit)
        steps.ask_return(
            dispatch_id=told.lead.pk,
            by=world.actor(who),
            at=told.later(0),
            reason_code="law",
            reason="另有程序",
            legal_basis="条例",
        )
        asked = Dispatch.objects.get(request=told.request_id, state="returning")
        assert "要退单" in text_of(sun.get(page_of(told)))
        assert act(sun, "decide", asked.pk, told, decide="no").status_code == 400
        assert act(sun, "decide", asked.pk, told, decide="yes", reason="成立").status_code == 303
    assert (told.request.state, told.request.bounces) == ("heard", 2)
    assert 'id="tab-force"' not in text_of(sun.get(page_of(told)))
    assert "指定主办单位" in text_of(lv.get(page_of(told)))
    assert act(sun, "force", told.request_id, told, unit_id=world.org("城管局").pk, decision="会商").status_code == 403
    assert (
        act(lv, "force", told.request_id, told, unit_id=world.org("城管局").pk, decision="会商纪要 3 号").status_code
        == 303
    )
    yu = log_in(world, "于科员")
    page = text_of(yu.get(page_of(told)))
    assert "会商纪要 3 号" in page and 'id="tab-return"' not in page
    assert act(yu, "return", told.lead.pk, told, reason_code="law", reason="不办", legal_basis="无").status_code == 409


def test_the_desk_corrects_what_it_is(world):
    told = tell(world)
    sun = log_in(world, "孙坐席")
    assert "污水外溢" in text_of(sun.get(page_of(told) + "?tab=reclassify"))
    typed = {"category": "040201", "area_path": told.request.area_path, "spot": "26 号门前", "urgency": "urgent"}
    assert act(sun, "reclassify", told.request_id, told, **typed).status_code == 303
    assert (told.request.category.code, told.request.urgency, told.request.spot) == ("040201", "urgent", "26 号门前")
    wrong = act(sun, "reclassify", told.request_id, told, **(typed | {"category": "999999"}))
    assert wrong.status_code == 400 and "已经停用" in text_of(wrong)


def test_a_supervisor_decides_after_the_last_round(world):
    told = tell(world).answered()
    for _ in range(2):
        told.judge("no", 1)
        told.reply()
    told.judge("no", 1)
    assert told.request.state == "appealed"
    lv = log_in(world, "吕部长")
    assert "再办一次，还是结束" in text_of(lv.get(page_of(told)))
    missing = act(lv, "appeal", told.request_id, told, decide="no")
    assert missing.status_code == 400 and "这里还没写" in text_of(missing)
    assert act(lv, "appeal", told.request_id, told, decide="no", reason="已按标准修复三次").status_code == 303
    assert told.request.state == "closed"


def test_leaving_out_takes_two(world):
    told = tell(world).answered()
    lv = log_in(world, "吕部长")
    assert act(lv, "exclude", told.request_id, told, reason="court", evidence="(2026) 鲁民初 1 号").status_code == 303
    page = text_of(lv.get(page_of(told)))
    assert "第二个人定下来之前，照常计入" in page and 'id="tab-exclusion"' not in page
    proposed = Request.objects.get(pk=told.request_id).exclusions.get()
    assert act(lv, "exclusion", proposed.pk, told, decide="yes").status_code == 403
    assert not told.request.excluded


def test_a_clerk_records_a_judgement_but_not_of_what_they_handled(world):
    told = tell(world).answered()
    han = log_in(world, "韩网格")
    typed = {"contacted": "yes", "solved": "yes", "satisfaction": "4", "words": "修好了"}
    assert 'id="tab-judge"' in text_of(han.get(page_of(told)))
    assert act(han, "judge", told.voice.pk, told, contacted="yes").status_code == 400
    assert act(han, "judge", told.voice.pk, told, **typed).status_code == 303
    assert (Review.objects.get().source, told.request.state) == ("counter", "closed")
    own = tell(world)
    own.dispatch("大海阳社区", push_down_rule="社区职责清单第 3 条")
    own.accept("韩网格")
    own.reply("韩网格")
    assert 'id="tab-judge"' not in text_of(han.get(page_of(own)))
    assert act(han, "judge", own.voice.pk, own, **typed).status_code == 403


# What to do now ----------------------------------------------------------------------------------------------------------
def next_of(world: Any, told: Any, who: str, limit: int | None = 2) -> str:
    found = queries.next_act(detail(world.actor(who), told.request.code, NOW), world.actor(who), NOW, limit=limit)
    return found.key if found else ""


def test_the_next_act_follows_the_request(world):
    told = tell(world)
    assert (next_of(world, told, "孙坐席"), next_of(world, told, "吕部长")) == ("dispatch", "")
    told.dispatch()
    assert (next_of(world, told, "于科员"), next_of(world, told, "孙坐席")) == ("accept", "")
    told.accept()
    assert next_of(world, told, "于科员") == "contact"
    steps.contact(request_id=told.request_id, by=world.actor("于科员"), at=told.later(0), way="phone", reached=True)
    assert next_of(world, told, "于科员") == "reply"
    told.reply()
    assert (next_of(world, told, "于科员"), next_of(world, told, "郝回访")) == ("waits_resident", "revisit")
    told.judge("no", 2)
    assert next_of(world, told, "于科员") == "redo"
    told.reply()
    told.judge()
    assert [next_of(world, told, who) for who in ("于科员", "郝回访", "孙坐席", "吕部长")] == ["", "", "", ""]


def test_the_supervisor_writes_to_who_is_late(world):
    told = tell(world, urgency="emergency")
    told.dispatch()
    assert next_of(world, told, "吕部长") == "overdue"
    steps.supervise(request_id=told.request_id, by=world.actor("吕部长"), at=NOW, text="马上办")
    assert next_of(world, told, "吕部长") == ""


def test_this_place_within_a_year(world):
    told, same, other = tell(world), tell(world, title="也塌过"), tell(world, TEXT, category="040401", title="灯坏")
    for t in (told, same, other):
        t.dispatch()
    shown = text_of(log_in(world, "于科员").get(page_of(told) + "place/"))
    assert "<b>2</b>" in shown and "也塌过" in shown and "灯坏" not in shown
