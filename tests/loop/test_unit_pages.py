"""The unit's pages: its lists, the page of one request, and every act on it."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.db.models import F
from django.test import Client

from heli.core.models import Access, Event
from heli.loop import steps
from heli.loop.models import Dispatch, Handling, Request
from heli.loop.queries import unit as queries
from heli.loop.queries.detail import detail
from heli.orgs.models import Organisation
from heli.rulebook.models import Rule
from tests.database import race
from tests.loop.staff import NOW, PHONE, act, counted, give_back, log_in, page_of, picture, rows, text_of
from tests.loop.told import HOUR, TEXT, tell

pytestmark = pytest.mark.usefixtures("at_noon")


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
    assert n <= 15  # one reads the message, to see whether this answers it


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
    act(xu, "reply", told.request_id, told, text="已修好", **{"as": "asis"})
    own = Handling.objects.get(request=told.request_id)
    assert 'id="tab-review"' not in text_of(xu.get(page_of(told)))
    assert act(xu, "review", own.pk, told, decide="yes").status_code == 403
    own.refresh_from_db()
    assert own.state == "in_review"


def test_hints_come_while_writing(world):
    told = tell(world)
    told.dispatch()
    yu = log_in(world, "于科员")
    said = text_of(yu.post("/loop/hints/", {"text": "您好，我们已经修好了，谢谢。", "code": told.request.code}))
    assert "发出前再看 2 处" in said and "只是提醒" in said
    assert yu.post("/loop/hints/", {"text": "修好了，谢谢您的来信", "code": "ZF-NOTHERE"}).status_code == 404


def test_a_reply_that_lacks_something_is_looked_at_once_more_and_goes_out_as_it_is(world):
    told = tell(world)
    told.dispatch()
    told.accept()
    yu = log_in(world, "于科员")
    thin = "您反映的问题已转交有关单位处理，感谢您的支持。"
    asked = act(yu, "reply", told.request_id, told, text=thin, photos=[picture()], **{"as": "send"})
    draft = Handling.objects.get(request=told.request_id)
    assert (asked.status_code, draft.state) == (303, "draft")
    again = text_of(yu.get(asked["Location"]))
    assert "还没发出" in again and "转交不算答复" in again and thin in again and "就这样发出" in again
    assert "就这样发出" not in text_of(yu.get(f"{page_of(told)}?tab=reply"))
    assert act(yu, "reply", told.request_id, told, text=thin, **{"as": "asis"}).status_code == 303
    draft.refresh_from_db()
    assert (draft.state, told.request.state, len(draft.photos)) == ("sent", "replied", 1)


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
    wrong = act(yu, "reply", told.request_id, told, text="已修好", photos=[page], **{"as": "asis"})
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
    refused = act(log_in(world, "于科员"), "reply", told.request_id, told, text="已于今天修好", **{"as": "asis"})
    assert refused.status_code >= 400 and "L-301" in text_of(refused) and "reply.needs_review" in text_of(refused)
    assert "已于今天修好" in text_of(refused) and told.request.state == "handling"


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
