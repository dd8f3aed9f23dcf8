"""诉 → 转 → 办 → 评 and round again, through the pages: what each does, what it costs, and what the next one reads."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from heli.core.models import Event
from heli.loop import jobs
from heli.loop.models import Clock, Request, Review
from tests.journeys.walk import Walk, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def walk(world: Any, settings: Any) -> Any:
    """A new walk; call it again for another person's."""
    settings.HELI_STAFF_MFA = False
    cache.clear()
    return lambda: Walk(world)


def steps_of(w: Walk) -> list[str]:
    return list(
        Event.objects.filter(subject_type="loop.request", subject_id=w.pk).order_by("id").values_list("step", flat=True)
    )


def test_told_dispatched_answered_judged_and_once_more(walk: Any) -> None:
    w = walk().tell()
    assert w.request.state == "heard" and w.request.code in w.track()
    assert w.request.title in text(w.done(w.at("孙坐席").get("/loop/desk/"), 200))
    w.dispatch()
    assert "城市管理局" in w.track()
    assert w.request.title in text(w.done(w.cost("list", "于科员", "/loop/inbox/"), 200))
    w.accept()
    w.done(w.act("于科员", "contact", way="phone", reached="yes", text="约好明天上午去看"))
    w.reply("11 月 23 日换了接头，三盏都亮了。")
    assert "三盏都亮了" in w.track()
    w.done(w.judge("no", 2, words="又灭了一盏"))
    again = w.request
    assert (again.state, again.lap, again.solved) == ("handling", 2, "no")
    assert "又灭了一盏" in w.page("于科员") and w.clock.kind == "redo"
    w.reply("换了电缆，看了两个晚上。")
    w.done(w.judge("yes", 5))
    closed = w.request
    assert (closed.state, closed.lap, closed.solved, closed.satisfaction) == ("closed", 2, "yes", 5)
    assert steps_of(w) == [
        "request.hear", "request.dispatch", "dispatch.accept", "request.contact", "handling.write", "request.judge",
        "handling.write", "request.judge",
    ]  # fmt: skip
    assert w.judge("no", 1).status_code == 409 and w.request.satisfaction == 5, "judged is judged"
    assert set(Clock.objects.filter(request=w.pk).values_list("outcome", flat=True)) == {"met"}


def test_neighbours_joined_are_each_told_and_one_unhappy_sends_it_round(walk: Any) -> None:
    kept, twin = walk().tell(), walk().tell(text="12号楼那边灯不亮，天天摸黑", phone="13900009999")
    kept.done(twin.desk("merge", into=kept.pk))
    assert twin.request.merged_into_id == kept.pk
    kept.dispatch().accept().reply("三盏都换了。")
    for w in (kept, twin):
        assert "三盏都换了" in w.track()
    kept.done(kept.judge("yes", 5))
    assert kept.request.state == "replied", "the neighbour has not judged"
    twin.done(twin.judge("no", 2))
    assert (kept.request.state, kept.request.lap, kept.request.solved) == ("handling", 2, "no")
    kept.reply("路口那盏也换了。")
    for w in (kept, twin):
        w.done(w.judge("yes", 4))
    assert kept.request.state == "closed" and Review.objects.filter(request=kept.pk).count() == 4


def test_joined_by_mistake_it_waits_by_itself_again(walk: Any) -> None:
    kept, twin = walk().tell(), walk().tell(text="学校门口的红绿灯坏了", phone="13900009999")
    due = twin.request.due_at
    twin.done(twin.desk("merge", into=kept.pk))
    twin.done(twin.desk("unmerge", reason="不是一回事"))
    assert (twin.request.state, twin.request.due_at) == ("heard", due), "joining and parting gain nobody time"
    twin.dispatch()
    assert twin.request.state == "dispatched" and kept.request.state == "heard"


def test_given_back_twice_a_lead_is_named_who_cannot_give_it_back(walk: Any) -> None:
    papers = {"reason_code": "not_ours", "reason": "不在养护范围", "legal_basis": "养护分工清单第 12 行"}
    w = walk().tell()
    for unit, officer in (("城管局", "于科员"), ("住建局", "曲科员")):
        w.dispatch(unit)
        due = w.request.due_at
        assert w.act(officer, "return", w.lead.pk, **papers | {"legal_basis": ""}).status_code == 400
        w.done(w.act(officer, "return", w.lead.pk, **papers))
        assert w.request.due_at == due, "the clocks run while the desk decides"
        w.done(w.at("孙坐席").post(f"/loop/returns/{w.lead.pk}/uphold/", {}))
    assert (w.request.state, w.request.bounces) == ("heard", 2)
    refused = w.desk("dispatch", unit=w.unit("城管局"))
    assert refused.status_code == 409 and w.request.state == "heard"
    named = {"unit": w.unit("住建局"), "decision": "区府办会议纪要〔2026〕12 号"}
    assert w.desk("force", **named).status_code == 403, "not the desk itself"
    w.done(w.desk("force", "吕部长", **named))
    assert w.request.state == "handling" and "住房和建设局" in w.track()
    assert w.act("曲科员", "return", w.lead.pk, **papers).status_code == 409
    w.reply("已修好。", "曲科员")
    assert w.request.state == "replied"


def test_a_refused_return_stays_where_it_is(walk: Any) -> None:
    w = walk().tell().dispatch()
    w.done(w.act("于科员", "return", w.lead.pk, reason_code="not_ours", reason="不归我们", legal_basis="三定规定"))
    assert w.at("孙坐席").post(f"/loop/returns/{w.lead.pk}/refuse/", {"reason": ""}).status_code == 400
    w.done(w.at("孙坐席").post(f"/loop/returns/{w.lead.pk}/refuse/", {"reason": "目录第 31 行写明由你局主办"}))
    assert (w.request.state, w.request.bounces, w.lead.state) == ("dispatched", 0, "offered")
    w.accept().reply()


def test_more_time_is_asked_given_by_another_and_read_by_the_resident(walk: Any) -> None:
    w = walk().tell().dispatch().accept()
    due = w.clock.due_at
    asked = {"kind": "more", "days": "3", "reason": "等一个电缆接头到货", "basis": "供电合同第 5 条"}
    w.done(w.act("于科员", "extend", w.clock.pk, **asked))
    assert w.clock.due_at == due and "电缆接头" not in w.track(), "asked is not given"
    assert w.act("于科员", "extend", w.clock.pk, **asked).status_code == 409, "asked once"
    extension = w.clock.extensions.get()
    assert w.act("于科员", "extension", extension.pk, decide="yes").status_code in {403, 404}
    w.done(w.act("吕部长", "extension", extension.pk, decide="yes", reason=""))
    assert w.clock.due_at > due
    page = w.track()
    assert "等一个电缆接头到货" in page and "供电合同第 5 条" in page


def test_who_is_protected_is_named_to_the_desk_and_not_to_the_unit(walk: Any) -> None:
    w = walk().tell(name="章大姐", protected="on").dispatch().accept()
    assert "139****5678" in w.page("孙坐席")
    page = w.page("于科员")
    assert "139****5678" not in page and "章**" not in page
    voice = w.voice().pk
    asked = {f"v{voice}-purpose": "other", f"v{voice}-other": "约时间"}
    refused = w.act("于科员", f"reveal/{voice}", **asked)
    assert refused.status_code == 403 and "L-131" in text(refused) and "13912345678" not in text(refused)
    shown = w.act("孙坐席", f"reveal/{voice}", **asked)
    assert shown.status_code == 200 and "13912345678" in text(shown)
    assert "约时间" in text(w.done(w.at().get(f"/t/{w.token}/seen/"), 200)), (
        "and the resident reads who looked and what for"
    )


def test_split_a_part_is_declined_and_the_whole_is_judged_once(walk: Any) -> None:
    w = walk().tell(text="路灯不亮；还有邻居欠我钱不还")
    parts = {"title": ["路灯不亮", "邻居欠钱"], "words": ["12号楼前路灯不亮", "邻居欠钱不还"]}
    w.done(w.desk("split", **parts))
    lamp, debt = (Walk(w.world) for _ in range(2))
    lamp.pk, debt.pk = Request.objects.filter(parent=w.pk).order_by("id").values_list("pk", flat=True)
    for part in (lamp, debt):
        part.clients = w.clients
    lamp.dispatch().accept().reply("换好了。")
    assert w.request.state == "split", "one part is still open"
    debt.done(
        debt.desk("decline", reason="民事纠纷", legal_basis="信访工作条例第三十一条", route="区法院立案庭 0535-6210000")
    )
    assert w.request.state == "replied", "nothing is left to wait for"
    page = w.track()
    assert "换好了" in page
    w.done(w.judge("yes", 4))
    assert w.request.state == "closed"


def test_a_reply_keeps_an_offices_number_and_hides_a_persons(walk: Any) -> None:
    w = walk().tell().dispatch().accept()
    w.reply("换好了。再灭请打区城管局 0535-6210000，或张工 13812345678。")
    page = w.track()
    assert "0535-6210000" in page and "13812345678" not in page


def test_taken_down_at_the_counter_found_by_code_and_called_afterwards(walk: Any) -> None:
    w = walk()
    typed = {
        "text": "12号楼前路灯不亮", "area": "370602003006", "category": "040401", "picked": "1", "channel": "counter",
        "phone": "13912345678", "name": "王大爷", "go": "send",
    }  # fmt: skip
    slip = w.done(w.cost("create", "韩网格", "/counter/", typed))["Location"]
    w.pk = Request.objects.order_by("-id").values_list("pk", flat=True)[0]
    page = text(w.done(w.at("韩网格").get(slip), 200))
    assert w.request.code in page and "13912345678" not in page
    assert w.at().post("/find/", {"code": w.request.code, "phone": "13912345679"}).status_code == 404
    found = w.done(w.at().post("/find/", {"code": w.request.code, "phone": "139 1234 5678"}))["Location"]
    w.token = found.split("/")[2]
    w.dispatch().accept().reply()
    voice = w.voice().pk
    answer = {"contacted": "yes", "solved": "yes", "satisfaction": "4", "words": "亮了"}
    assert w.at("于科员").post(f"/loop/revisits/{voice}/judged/", answer).status_code == 403, "the handler never asks"
    assert w.request.title in text(w.at("郝回访").get("/loop/revisits/"))
    w.done(w.at("郝回访").post(f"/loop/revisits/{voice}/unreached/", {"u-words": "没人接"}))
    assert w.request.satisfaction is None
    w.done(w.at("郝回访").post(f"/loop/revisits/{voice}/judged/", answer))
    assert (w.request.state, w.request.satisfaction) == ("closed", 4)
    assert w.judge("no", 1).status_code == 409


def test_what_nobody_judges_is_neither_satisfied_nor_dissatisfied(walk: Any) -> None:
    w = walk().tell().dispatch().accept().reply()
    assert jobs.lapse_due(timezone.now() + dt.timedelta(days=30)) == 1
    left = w.request
    assert (left.state, left.satisfaction, left.solved) == ("lapsed", None, "")
    w.done(w.judge("no", 1))
    assert w.request.state == "handling", "late is not too late to say that it is not solved"


def test_taken_back_by_the_resident_and_by_the_desk(walk: Any) -> None:
    w = walk().tell().dispatch()
    w.done(w.desk("take_back"))
    assert (w.request.state, w.request.unit) == ("heard", None)
    w.dispatch("住建局")
    w.done(w.at().post(f"/t/{w.token}/withdraw/", {"reason": "自己亮了"}))
    assert w.request.state == "withdrawn"
    assert w.act("曲科员", "accept", 10**9).status_code == 404
    assert w.at("曲科员").get(f"/loop/r/{w.request.code}/").status_code == 404, "no longer theirs"
    assert not Clock.objects.filter(request=w.pk, outcome="running").exists()


def test_after_the_last_redo_a_supervisor_decides_and_the_resident_reads_why(walk: Any) -> None:
    w = walk().tell().dispatch().accept().reply()
    for _round in range(2):
        w.done(w.judge("no", 2))
        w.reply()
    w.done(w.judge("no", 1))
    assert w.request.state == "appealed"
    assert w.act("孙坐席", "appeal", decide="no", reason="不再办").status_code == 403
    w.done(w.act("吕部长", "appeal", decide="no", reason="线路归供电公司，已移交，办到 12 月 20 日"))
    assert (w.request.state, w.request.solved) == ("closed", "no"), "closed, and still not solved"
    assert "已移交" in w.track()


def test_what_happens_elsewhere_is_not_there(walk: Any) -> None:
    w = walk().tell().dispatch()
    for who in ("外县人", "曲科员", "邓登记", "王桂兰"):
        assert w.at(who).get(f"/loop/r/{w.request.code}/").status_code in {403, 404}
        assert w.act(who, "accept", w.lead.pk).status_code in {403, 404}
    assert w.lead.state == "offered"
