"""Every act of the request page beside taking on and replying: through the page, with what it refuses."""

from __future__ import annotations

import datetime as dt

import pytest

from heli.core.actor import SYSTEM
from heli.loop import steps
from heli.loop.models import Clock, Dispatch, Extension, Remark, Request, Review
from heli.orgs.steps import give_grant
from tests.loop.staff import NOW, act, log_in, page_of, rows, text_of
from tests.loop.told import AT, HOUR, tell
from tests.world import COUNTY

pytestmark = pytest.mark.usefixtures("at_noon")


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
    give_grant(
        user_id=world.user("郝回访").pk, role="supervisor", paths=(COUNTY,), reason="代班", by=SYSTEM, at=AT - HOUR
    )
    hao = log_in(world, "郝回访")
    assert "审剔除" in text_of(hao.get(page_of(told)))
    assert act(hao, "exclusion", proposed.pk, told, decide="yes").status_code == 303
    assert told.request.excluded and "已剔除" in text_of(lv.get(page_of(told)))
    assert act(hao, "lift", proposed.pk, told, reason="改判").status_code == 303
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


def test_a_request_that_moves_takes_its_running_clocks_along(world):
    """Whose deadline it is shows in the lists of where it lies now; the deadline itself stays as it began."""
    told = tell(world)
    told.dispatch()
    before = dict(Clock.objects.filter(request=told.request_id).values_list("pk", "due_at"))
    steps.reclassify(request_id=told.request_id, by=world.actor("孙坐席"), at=told.later(0.2), area_path="370602003004")
    clocks = Clock.objects.filter(request=told.request_id)
    assert {c.area_path for c in clocks if c.outcome == "running"} == {"370602003004"}
    assert {c.area_path for c in clocks if c.outcome != "running"} == {"370602003006"}, "what ended stays where it was"
    assert {c.pk: c.due_at for c in clocks} == before
