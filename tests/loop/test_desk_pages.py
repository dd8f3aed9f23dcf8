"""The dispatch desk: queue, item, proposal and every act on it; what is taken back; two dispatchers at once."""

from __future__ import annotations

import datetime as dt
import re
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.db.models import F
from django.test import Client

from heli.core import errors as core
from heli.core.models import Event
from heli.loop import steps
from heli.loop.errors import TooLateToTakeBack
from heli.loop.models import Category, Clock, Dispatch, DutyRow, Request
from heli.loop.queries import desk as queries
from heli.orgs.models import Organisation
from heli.rulebook.models import Rule
from tests.database import race
from tests.loop.staff import NOW, counted, log_in, text_of
from tests.loop.told import AT, HOUR, LAMP, SEWER, tell

MINUTE = dt.timedelta(minutes=1)


pytestmark = pytest.mark.usefixtures("at_noon")


def desk_of(world: Any) -> Client:
    return log_in(world, "孙坐席")


def act(client: Client, told: Any, verb: str, query: str = "", *, htmx: bool = False, **typed: Any) -> Any:
    headers = {"HX-Request": "true"} if htmx else {}
    return client.post(f"/loop/desk/act/{told.request_id}/{verb}/{query}", typed, headers=headers)


def item_of(told: Any) -> str:
    return f"/loop/desk/{told.request.code}/"


def unit(world: Any, name: str = "城管局") -> int:
    return int(world.org(name).pk)


# The page ----------------------------------------------------------------------------------------------------------------
def test_statements_of_the_desk(world):
    for n in range(55):
        tell(world, at=AT + MINUTE * n)
    client = desk_of(world)
    page, cost = counted(lambda: client.get("/loop/desk/"))
    assert text_of(page).count('class="it"') == 50 and "派给城管局" in text_of(page)
    assert cost <= 11
    one = tell(world)
    where = item_of(one)
    fragment, cost = counted(lambda: client.get(where, headers={"HX-Request": "true"}))
    assert fragment.status_code == 200 and cost <= 10
    acted, cost = counted(lambda: act(client, one, "dispatch", htmx=True, unit=unit(world)))
    assert acted.status_code == 200 and cost <= 30


def test_the_queue_begins_with_what_is_due_first_and_pages_through_everything(world):
    late = tell(world, text="早上没人管的井盖", at=AT - HOUR * 30)
    urgent = tell(world, text="燃气味道很重", urgency="emergency")
    for n in range(51):
        tell(world, at=AT + MINUTE * n)
    client = desk_of(world)
    first = text_of(client.get("/loop/desk/"))
    codes = re.findall(r'data-code="(ZF-[^"]+)" hx-get', first)
    assert codes[:2] == [late.request.code, urgent.request.code]
    following = re.search(r'href="(\?after=[^"]+)"', first)
    rest = re.findall(r'data-code="(ZF-[^"]+)" hx-get', text_of(client.get("/loop/desk/" + following[1])))
    assert len(set(codes) | set(rest)) == 53 and not set(codes) & set(rest)


def test_segments_hold_what_is_due_soon_and_what_came_back(world):
    tell(world, text="随便问问图书馆几点开门")
    soon = tell(world, text="消防通道被堵", at=NOW - HOUR * 23.5)
    back = tell(world, text="楼顶广告牌松动")
    made = back.dispatch()
    ask_back(world, made)
    steps.decide_return(dispatch_id=made.pk, by=world.actor("孙坐席"), at=NOW, uphold=True)
    client = desk_of(world)
    counts = text_of(client.get("/loop/desk/counts/", headers={"HX-Request": "true"}))
    assert "待派 3 件" in counts
    assert re.findall(r'h-num">(\d+)</span>', counts)[:3] == ["3", "1", "1"]
    assert soon.request.code in text_of(client.get("/loop/desk/rows/?seg=soon"))
    returned = text_of(client.get("/loop/desk/?seg=back"))
    assert back.request.code in returned and soon.request.code not in returned
    assert "城管局退回过" in returned and "三定规定" in returned


def test_the_item_marks_what_was_found_and_masks_who_called(world):
    told = tell(world, text="毓璜顶街道大海阳社区 3 号楼前路灯不亮，幸福路那边也黑。", category=LAMP, spot="3 号楼前")
    page = text_of(desk_of(world).get(item_of(told)))
    words = re.search(r'<p class="h-words">(.*?)</p>', page)[1]
    assert words.startswith("<mark>毓璜顶街道大海阳社区</mark>") and "<mark>3 号楼前路灯不亮</mark>，幸福路" in words
    assert "王**" in page and "王桂兰" not in page and "13800000017" not in page
    assert "从原话认出" in page and "为什么" in page


def test_a_road_is_not_the_street_it_is_called_after():
    assert queries.cut("幸福路路灯", ["路灯"]) == [("幸福路", False), ("路灯", True)]
    assert re.search(f"幸福{queries.NOT_A_ROAD}", "幸福路口的烧烤") is None
    assert re.search(f"幸福{queries.NOT_A_ROAD}", "幸福街道的烧烤") is not None


def test_without_a_category_the_desk_proposes_some(world):
    told = tell(world, text="三号楼前的路灯全灭了，灯不亮看不见路", category="")
    page = text_of(desk_of(world).get(item_of(told)))
    assert "建议，把握较大" in page and 'name="category" value="040401"' in page
    act(desk_of(world), told, "category", category=LAMP)
    assert told.request.category.code == LAMP


# Dispatch, and taking it back ---------------------------------------------------------------------------------------------
def test_dispatch_brings_up_the_next_one_with_a_line_of_what_was_done(world):
    first, then = tell(world), tell(world, text="第二件：井盖响", at=AT + MINUTE)
    client = desk_of(world)
    page = text_of(client.get("/loop/desk/"))
    assist = re.search(r'name="assist" value="(\d+)"', page)
    row = re.search(r'name="row" value="(\d+)"', page)
    sent = act(client, first, "dispatch", unit=unit(world), row=row[1], assist=assist[1] if assist else "")
    assert sent.status_code == 303
    assert sent["Location"] == f"/loop/desk/{then.request.code}/?done=dispatch-{first.request_id}"
    after = text_of(client.get(sent["Location"]))
    assert "已派给城管局" in after and f"/loop/desk/act/{first.request_id}/take_back/" in after
    lead = first.lead
    assert (lead.unit.short_name, lead.duty_row_id) == ("城管局", int(row[1]))
    back = act(client, first, "take_back")
    assert back["Location"].startswith(item_of(first)) and first.request.state == "heard"


def test_htmx_gets_the_next_item_the_queue_and_the_address(world):
    first, then = tell(world), tell(world, text="第二件：井盖响", at=AT + MINUTE)
    sent = act(desk_of(world), first, "dispatch", "?seg=soon", htmx=True, unit=unit(world))
    said = text_of(sent)
    assert sent.status_code == 200 and "<html" not in said
    assert sent["HX-Push-Url"].endswith("?seg=soon") and sent["HX-Trigger"] == "desk:changed"
    assert 'id="desk-proposal"' in said and 'id="desk-rows"' in said and "已派给城管局" in said
    plain = act(desk_of(world), then, "dispatch", htmx=True, unit=unit(world))
    assert "都派出去了" in text_of(plain)


def test_a_duty_row_of_another_unit_is_not_written_down(world):
    told = tell(world)
    row = re.search(r'name="row" value="(\d+)"', text_of(desk_of(world).get(item_of(told))))
    act(desk_of(world), told, "dispatch", unit=unit(world, "住建局"), row=row[1])
    assert told.lead.duty_row_id is None


def test_taken_back_the_clocks_are_as_if_nothing_had_been(world):
    told = tell(world)
    before = Clock.objects.get(request=told.request_id)
    made = steps.offer(
        request_id=told.request_id,
        unit_id=unit(world),
        by=world.actor("孙坐席"),
        at=NOW,
        assists=[unit(world, "住建局")],
    )
    steps.take_back(request_id=told.request_id, by=world.actor("孙坐席"), at=NOW + MINUTE * 4)
    after = told.request
    assert (after.state, after.unit, after.dispatched_at) == ("heard", None, None)
    assert (after.due_at, after.due_kind) == (before.due_at, "dispatch")
    clock = Clock.objects.get(request=told.request_id, outcome="running")
    assert (clock.pk, clock.started_at, clock.stopped_at) == (before.pk, before.started_at, None)
    assert set(
        Clock.objects.filter(request=told.request_id).exclude(pk=clock.pk).values_list("outcome", flat=True)
    ) == {"cancelled"}
    assert set(Dispatch.objects.filter(request=told.request_id).values_list("state", flat=True)) == {"withdrawn"}
    said = Event.objects.get(step="request.take_back", subject_id=told.request_id)
    assert (said.before, said.after, said.public, said.object_id) == ("offered", "heard", True, made.pk)
    again = steps.offer(
        request_id=told.request_id, unit_id=unit(world, "住建局"), by=world.actor("孙坐席"), at=NOW + MINUTE * 5
    )
    assert again.state == "offered"


def test_nothing_is_taken_back_once_it_is_too_late(world):
    sun = world.actor("孙坐席")
    late, taken = tell(world), tell(world)
    for told in (late, taken):
        steps.offer(request_id=told.request_id, unit_id=unit(world), by=sun, at=NOW)
    with pytest.raises(TooLateToTakeBack) as over:
        steps.take_back(request_id=late.request_id, by=sun, at=NOW + MINUTE * 6)
    assert "5 分钟" in over.value.words
    steps.accept(dispatch_id=taken.lead.pk, by=world.actor("于科员"), at=NOW + MINUTE)
    with pytest.raises(core.TakenAlready):
        steps.take_back(request_id=taken.request_id, by=sun, at=NOW + MINUTE)
    with pytest.raises(core.WrongState):
        steps.take_back(request_id=tell(world).request_id, by=sun, at=NOW)
    with pytest.raises(core.Forbidden):
        steps.take_back(request_id=late.request_id, by=world.actor("吕部长"), at=NOW + MINUTE)
    client = desk_of(world)
    assert f"{late.request_id}/take_back/" in text_of(client.get(f"/loop/desk/?done=dispatch-{late.request_id}"))
    with time_machine.travel(NOW + MINUTE * 6, tick=False):
        page = text_of(client.get(f"/loop/desk/?done=dispatch-{late.request_id}"))
        assert "已派给城管局" in page and "/take_back/" not in page
        assert act(client, late, "take_back").status_code == 409


def test_push_down_is_refused_without_a_rule_and_kept_with_one(world):
    told, client = tell(world, category=SEWER), desk_of(world)
    street = unit(world, "毓璜顶街道")
    assert 'name="push_down_rule"' in text_of(client.get(item_of(told)))
    refused = act(client, told, "dispatch", htmx=True, unit=street)
    assert refused.status_code == 400 and refused["HX-Retarget"] == "#desk-item"
    assert f'id="wrong-{street}"' in text_of(refused) and "得写明依据哪条规定" in text_of(refused)
    assert told.request.state == "heard"
    community = act(client, told, "dispatch", unit=unit(world, "大海阳社区"), push_down_rule=" ")
    assert community.status_code == 400 and "大海阳社区" in text_of(community)
    act(client, told, "dispatch", unit=street, push_down_rule="烟政发〔2026〕3 号第五条")
    assert (told.request.state, told.lead.push_down_rule) == ("dispatched", "烟政发〔2026〕3 号第五条")


def test_another_unit_is_found_by_name_with_the_rule_it_needs(world):
    told = tell(world, category=SEWER)
    found = text_of(desk_of(world).get(f"{item_of(told)}units/?unit=毓璜顶街道", headers={"HX-Request": "true"}))
    assert found.index("毓璜顶街道") < found.index("push_down_rule")
    plain = text_of(desk_of(world).get(f"{item_of(told)}units/?unit=住建局", headers={"HX-Request": "true"}))
    assert "住建局" in plain and "push_down_rule" not in plain
    assert "莱山" not in text_of(desk_of(world).get(f"{item_of(told)}units/?unit=城管局"))


def test_a_closed_unit_is_not_proposed_and_takes_nothing(world):
    told, client = tell(world), desk_of(world)
    assert "派给城管局" in text_of(client.get(item_of(told)))
    Organisation.objects.filter(pk=unit(world)).update(closed_at=NOW - HOUR)
    assert "派给城管局" not in text_of(client.get(item_of(told)))
    refused = act(client, told, "dispatch", unit=unit(world))
    assert refused.status_code >= 400 and f'id="wrong-{unit(world)}"' in text_of(refused)
    assert told.request.state == "heard"


def test_a_desk_of_a_street_goes_by_the_rows_for_its_level(world):
    told = tell(world)
    county, street = world.actor("孙坐席"), SimpleNamespace(paths=lambda _cap: ("370602003",))
    assert queries.level_of(county, told.request.area_path) == 3
    assert queries.level_of(street, told.request.area_path) == 4
    rows = {d.level for d in DutyRow.objects.filter(area_path="370602")}
    assert rows == {3, 4, 5}


def test_two_dispatchers_the_second_is_told_who_was_first(fire_db, world):
    told = tell(world)
    units = ["城管局", "住建局"]
    clients = [desk_of(world), desk_of(world)]
    answers = race(
        *(lambda c=c, u=u: act(c, told, "dispatch", unit=unit(world, u)) for c, u in zip(clients, units, strict=True))
    )
    assert sorted(a.status_code for a in answers) == [303, 409]
    lost = next(a for a in answers if a.status_code == 409)
    assert Dispatch.objects.filter(request=told.request_id, state__in=Dispatch.LIVE).count() == 1
    assert f"孙坐席刚派给了{told.lead.unit.short_name}。" in text_of(lost)
    assert "打开这一件" in text_of(lost) and "派给谁" in text_of(lost)


# Joining, splitting, asking, declining ---------------------------------------------------------------------------------------
def test_joined_and_taken_apart_every_voice_stays(world):
    one, other = tell(world), tell(world, phone="13900000456", name="李大爷", at=AT + MINUTE)
    before = Clock.objects.get(request=other.request_id)
    client = desk_of(world)
    near = text_of(client.get(f"{item_of(one)}near/", headers={"HX-Request": "true"}))
    assert f'name="twin" value="{other.request_id}"' in near and "并成一件" in near
    joined = act(client, one, "merge_in", twin=other.request_id)
    assert joined["Location"] == f"{item_of(one)}?done=merge_in-{other.request_id}"
    assert other.request.merged_into_id == one.request_id
    page = text_of(client.get(joined["Location"]))
    assert "李**" in page and "王**" in page and "已并进来的 1 件" in page
    assert f"/loop/desk/act/{other.request_id}/unmerge/" in page
    apart = act(client, other, "unmerge")
    assert apart["Location"].startswith(item_of(one)), "it stays with the one that kept them"
    assert (other.request.state, other.request.merged_into_id) == ("heard", None)
    assert other.voice.request_id == other.request_id and one.voice.request_id == one.request_id
    clock = Clock.objects.get(request=other.request_id, outcome="running")
    assert (clock.pk, clock.due_at) == (before.pk, before.due_at), "joining and parting gain nobody time"


def test_joined_to_one_that_a_unit_has(world):
    known, new = tell(world), tell(world, at=AT + MINUTE)
    known.dispatch()
    client = desk_of(world)
    assert f'name="into" value="{known.request_id}"' in text_of(client.get(f"{item_of(new)}near/"))
    act(client, new, "merge", into=known.request_id)
    assert (new.request.state, new.request.merged_into_id) == ("merged", known.request_id)
    twice = act(client, new, "merge", into=known.request_id)
    assert twice.status_code == 409 and "已经不在待派里了" in text_of(twice)
    with time_machine.travel(NOW + HOUR, tick=False):
        act(desk_of(world), new, "unmerge", reason="不是同一处")  # an hour later: logged in once more
    assert new.request.state == "heard"
    assert act(client, tell(world), "merge", into="x").status_code == 400


def test_after_a_unit_had_it_a_new_clock_starts(world):
    known, sent = tell(world), tell(world, at=AT + MINUTE)
    sent.dispatch()
    steps.merge(request_id=sent.request_id, into_id=known.request_id, by=world.actor("孙坐席"), at=NOW)
    steps.unmerge(request_id=sent.request_id, by=world.actor("孙坐席"), at=NOW + HOUR, reason="不是同一件")
    clock = Clock.objects.get(request=sent.request_id, outcome="running")
    assert (clock.kind, clock.started_at) == ("dispatch", NOW + HOUR)


def test_split_the_whole_waits_for_its_parts(world):
    told, client = tell(world, text="路灯不亮，楼下还有人占道卖菜。"), desk_of(world)
    alone = act(client, told, "split", title=["路灯", ""], words=["路灯不亮", ""])
    assert alone.status_code == 400 and "路灯不亮" in text_of(alone), "what was typed stays"
    act(client, told, "split", title=["路灯", "占道"], words=["路灯不亮", "楼下有人占道卖菜"])
    assert told.request.state == "split"
    made = Request.objects.filter(parent=told.request_id).order_by("id")
    assert [p.title for p in made] == ["路灯", "占道"]
    page = text_of(client.get(item_of(told)))
    assert "拆成了" in page and made[0].code in page
    assert "王**" in text_of(client.get(f"/loop/desk/{made[0].code}/")), "a part is spoken for by who said the whole"
    for part in made:
        made_offer = steps.offer(request_id=part.pk, unit_id=unit(world), by=world.actor("孙坐席"), at=NOW)
        assert told.request.state == "split"
        steps.accept(dispatch_id=made_offer.pk, by=world.actor("于科员"), at=NOW)
        done = steps.write_reply(request_id=part.pk, by=world.actor("于科员"), at=NOW, text="已办好，有事打 12345。")
        if done.state == "in_review":
            steps.approve_reply(handling_id=done.pk, by=world.actor("许股长"), at=NOW)
    assert told.request.state == "replied"


def test_declined_the_resident_reads_reason_basis_and_way(world):
    told, client = tell(world), desk_of(world)
    empty = act(client, told, "decline", reason="法院在审", legal_basis="", route="")
    assert empty.status_code == 400 and "法院在审" in text_of(empty)
    papers = {"reason": "法院正在审这件事", "legal_basis": "民事诉讼法第一百二十二条", "route": "等判决，咨询打 12348"}
    act(client, told, "decline", **papers)
    assert told.request.state == "declined"
    resident = text_of(Client().get(f"/t/{told.token}/"))
    for words in papers.values():
        assert words in resident


def test_a_question_goes_to_the_resident_and_the_clock_runs_on(world):
    told, then = tell(world), tell(world, at=AT + MINUTE)
    due = told.request.due_at
    asked = act(desk_of(world), told, "ask", text="是几号楼前面？")
    assert then.request.code in asked["Location"]
    assert "是几号楼前面" in text_of(Client().get(f"/t/{told.token}/"))
    assert told.request.due_at == due
    assert "是几号楼前面" in text_of(desk_of(world).get(item_of(told)))


@pytest.mark.parametrize(
    ("verb", "typed", "is_so"),
    [
        (
            "place",
            {"area": "370602003004", "spot": "2 号楼东侧"},
            lambda r: (r.area_path, r.spot) == ("370602003004", "2 号楼东侧"),
        ),
        ("category", {"category": LAMP}, lambda r: r.category.code == LAMP),
        ("urgency", {"urgency": "emergency"}, lambda r: r.urgency == "emergency" and r.due_at == AT + HOUR),
    ],
)
def test_facts_are_corrected_in_place(world, verb, typed, is_so):
    told, client = tell(world), desk_of(world)
    assert client.get(f"{item_of(told)}form/{verb}/").status_code == 200
    assert "<html" not in text_of(client.get(f"{item_of(told)}form/{verb}/", headers={"HX-Request": "true"}))
    same = act(client, told, verb, category=told.request.category.code, urgency="normal", area="370602003006", spot="")
    assert same.status_code == 400 and "没有" in text_of(same)
    assert act(client, told, verb, **typed)["Location"].startswith(item_of(told))
    assert is_so(told.request)


def test_a_place_of_another_county_is_not_taken(world):
    told = tell(world)
    for area in ("370613001", "nowhere", ""):
        assert act(desk_of(world), told, "place", area=area).status_code == 400
    assert told.request.area_path == "370602003006"


def test_the_chooser_of_categories_opens_proposals_and_the_whole_tree(world):
    told = tell(world)
    form = text_of(desk_of(world).get(f"{item_of(told)}form/category/", headers={"HX-Request": "true"}))
    assert form.count("<summary>") == Category.objects.filter(level__lte=2, closed_on=None).count()
    assert "看起来是" in form and 'data-desk-filter="#desk-tree"' in form


# What came back too often -----------------------------------------------------------------------------------------------------
def ask_back(world: Any, made: Dispatch, who: str = "于科员") -> None:
    papers = {"reason_code": "not_ours", "reason": "不归我局管", "legal_basis": "三定规定"}
    steps.ask_return(dispatch_id=made.pk, by=world.actor(who), at=made.offered_at, **papers)


def bounced(world: Any, times: int = 2) -> Any:
    """A request that came back so often."""
    told = tell(world)
    for _ in range(times):
        made = told.dispatch()
        ask_back(world, made)
        steps.decide_return(dispatch_id=made.pk, by=world.actor("孙坐席"), at=told.at, uphold=True)
    return told


def test_at_the_limit_a_lead_is_named_from_above(world):
    told = bounced(world)
    page = text_of(desk_of(world).get(item_of(told)))
    assert "到了上限（2 次）" in page and "吕部长" in page and "/dispatch/" not in page
    refused = act(desk_of(world), told, "dispatch", unit=unit(world, "住建局"))
    assert refused.status_code == 409 and told.request.state == "heard"
    above = log_in(world, "吕部长")
    assert told.request.code in text_of(above.get("/loop/desk/"))
    empty = act(above, told, "force", unit=unit(world), decision="")
    assert empty.status_code == 400 and f'id="wrong-{unit(world)}"' in text_of(empty)
    assert act(desk_of(world), told, "force", unit=unit(world), decision="会议纪要").status_code == 403
    act(above, told, "force", unit=unit(world), decision="区府办会议纪要〔2026〕12 号")
    assert (told.request.state, told.lead.forced) == ("handling", True)


def test_a_unit_that_gave_it_back_is_not_proposed_first(world):
    told = bounced(world, 1)
    page = text_of(desk_of(world).get(item_of(told)))
    assert "这一件它退过" in page
    assert re.search(r"<h2 class=\"mb-1\">([^<]+)</h2>", page)[1] != "芝罘区城市管理局"


def test_who_only_names_leads_sees_what_came_back(world):
    plain, back = tell(world), bounced(world, 1)
    page = text_of(log_in(world, "吕部长").get("/loop/desk/"))
    assert back.request.code in page and plain.request.code not in page
    assert 'name="unit"' not in page, "below the limit they have nobody to name"


def test_without_a_rule_for_the_limit_the_desk_still_opens(world):
    told = bounced(world, 1)
    Rule.objects.filter(key="return.limit").update(valid_to=F("valid_from"))
    assert desk_of(world).get(item_of(told)).status_code == 200


# Whose it is not --------------------------------------------------------------------------------------------------------------
def test_an_outsider_sees_nothing_of_it(world):
    told, twin = tell(world), tell(world)
    client = log_in(world, "外县人")
    for where in ("", "near/", "units/", "form/place/", "form/decline/"):
        answer = client.get(item_of(told) + where)
        assert answer.status_code == 404, where
        assert told.request.title not in text_of(answer)
    for verb in (
        "dispatch",
        "force",
        "merge",
        "merge_in",
        "unmerge",
        "take_back",
        "split",
        "ask",
        "decline",
        "place",
        "category",
        "urgency",
    ):
        answer = act(
            client,
            told,
            verb,
            unit=1,
            into=twin.request_id,
            twin=twin.request_id,
            text="x",
            reason="x",
            legal_basis="x",
            route="x",
        )
        assert answer.status_code == 404, verb
    assert told.request.code not in text_of(client.get("/loop/desk/"))
    assert "没有" in text_of(client.get("/loop/desk/")) or "都派出去了" in text_of(client.get("/loop/desk/"))
    assert client.get(f"/loop/desk/?done=dispatch-{told.request_id}").status_code == 200
    assert told.request.title not in text_of(client.get(f"/loop/desk/?done=dispatch-{told.request_id}"))
    assert act(desk_of(world), told, "nonsense").status_code == 404


@pytest.mark.parametrize("who", ["王桂兰", "韩网格", "于科员", "郝回访", "姜管理"])
def test_only_the_desk_opens_the_desk(world, who):
    told, client = tell(world), log_in(world, who)
    for where in ("/loop/desk/", item_of(told), "/loop/desk/counts/"):
        assert client.get(where).status_code == 403, where
    assert act(client, told, "dispatch", unit=unit(world)).status_code == 403
