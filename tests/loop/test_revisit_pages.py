"""Revisit calls: the queue, the call, and who may not make it; lists taken away; the cards of the first page."""

from __future__ import annotations

import io
from typing import Any

import pytest
from openpyxl import load_workbook

from heli.core.models import Event
from heli.loop import steps
from heli.loop.models import Request, Review
from heli.loop.oversight_models import Revisit
from heli.loop.queries.acts import next_acts
from heli.rulebook.steps import NewRule, set_rule
from tests.loop.staff import NOW, PHONE, act, counted, give_back, log_in, page_of, text_of
from tests.loop.told import AT, HOUR
from tests.loop.told import tell as told_at
from tests.world import COUNTY

pytestmark = pytest.mark.usefixtures("at_noon")
EARLY = AT - HOUR * 3  # answered then, residents are called two hours later, which is before noon


def tell(world: Any, *args: Any, **more: Any) -> Any:
    return told_at(world, *args, **({"at": EARLY} | more))


SAID = {"contacted": "yes", "solved": "yes", "satisfaction": "5", "words": "修得好"}


def queue(client: Any, query: str = "") -> list[str]:
    return [r["request"].code for r in client.get(f"/loop/revisits/{query}").context["page"].rows]


def test_the_queue_by_its_clock_and_each_call_once(world):
    told = [tell(world).answered() for _ in range(3)]
    tell(world).dispatch()
    hao = log_in(world, "郝回访")
    codes = [t.request.code for t in told]
    _page, n = counted(lambda: hao.get("/loop/revisits/"))
    assert n <= 8 and queue(hao) == codes
    call = text_of(hao.get(f"/loop/revisits/{codes[0]}/"))
    assert "您反映过" in call and PHONE not in call and 'value="回访" selected' in call
    recorded = hao.post(f"/loop/revisits/{told[0].voice.pk}/judged/", SAID)
    assert (recorded.status_code, recorded.headers["Location"]) == (303, f"/loop/revisits/{codes[1]}/")
    assert told[0].request.state == "closed"
    nobody = hao.post(f"/loop/revisits/{told[1].voice.pk}/unreached/", {"u-words": "响了没人接"})
    assert nobody.headers["Location"] == f"/loop/revisits/{codes[2]}/"
    assert queue(hao) == [codes[2], codes[1]]
    assert "打过 1 次，没人接" in text_of(hao.get(f"/loop/revisits/{codes[1]}/"))
    assert (told[1].request.state, told[1].request.satisfaction) == ("replied", None)
    bad = hao.post(
        f"/loop/revisits/{told[2].voice.pk}/judged/", SAID | {"solved": "no", "satisfaction": "1", "words": "还是坏的"}
    )
    assert bad.status_code == 303 and told[2].request.lap == 2
    assert list(Review.objects.order_by("id").values_list("source", "reached")) == [
        ("revisit", True),
        ("revisit", False),
        ("revisit", True),
    ]


def test_a_call_keeps_what_was_typed(world):
    told = tell(world).answered()
    hao = log_in(world, "郝回访")
    half = hao.post(f"/loop/revisits/{told.voice.pk}/judged/", {"words": "还行吧", "solved": "yes"})
    assert half.status_code == 400 and "还行吧" in text_of(half) and "没听清就再问一遍" in text_of(half)
    hao.post(f"/loop/revisits/{told.voice.pk}/judged/", SAID)
    again = hao.post(f"/loop/revisits/{told.voice.pk}/judged/", SAID)
    assert again.status_code in {404, 409}
    assert Review.objects.count() == 1


def test_who_handled_it_does_not_call(world):
    from heli.core.actor import SYSTEM
    from heli.orgs.steps import give_grant

    told = tell(world).answered()
    give_grant(
        user_id=world.user("于科员").pk,
        role="revisitor",
        paths=(COUNTY,),
        org_id=world.org("诉求中心").pk,
        reason="兼",
        by=SYSTEM,
        at=told.at,
    )
    yu = log_in(world, "于科员")
    page = text_of(yu.get(f"/loop/revisits/{told.request.code}/"))
    assert "这一件自己经手过，电话由别人打" in page and 'name="solved"' not in page
    refused = yu.post(f"/loop/revisits/{told.voice.pk}/judged/", SAID)
    assert refused.status_code == 403 and "L-115" in text_of(refused)
    assert not Review.objects.exists()


def test_each_voice_of_a_joined_request_is_asked(world):
    told, twin = tell(world), tell(world, "门口人行道塌了", phone="13900000077", name="李大爷")
    told.dispatch()
    told.accept()
    steps.merge(request_id=twin.request_id, into_id=told.request_id, by=world.actor("孙坐席"), at=told.later(0))
    told.reply()
    hao = log_in(world, "郝回访")
    code = told.request.code
    call = text_of(hao.get(f"/loop/revisits/{code}/?voice={twin.voice.pk}"))
    assert "李" in call and "139****0077" in call
    hao.post(f"/loop/revisits/{twin.voice.pk}/judged/", SAID)
    assert queue(hao) == [code]
    hao.post(f"/loop/revisits/{told.voice.pk}/judged/", SAID)
    assert queue(hao) == [] and told.request.state == "closed"
    assert "没有要回访的" in text_of(hao.get("/loop/revisits/"))


def test_another_county_hears_nothing(world):
    told = tell(world).answered()
    for moved in (Request.objects.filter(pk=told.request_id), Revisit.objects.filter(request=told.request_id)):
        moved.update(area_path="370613001001")
    hao = log_in(world, "郝回访")
    assert queue(hao) == [] and hao.get(f"/loop/revisits/{told.request.code}/").status_code == 404
    assert hao.post(f"/loop/revisits/{told.voice.pk}/judged/", SAID).status_code == 404
    assert log_in(world, "于科员").get("/loop/revisits/").status_code == 403


# A list taken away -------------------------------------------------------------------------------------------------------
def test_a_list_leaves_with_a_purpose(world):
    told = tell(world, title="=1+1 人行道")
    told.dispatch()
    xu = log_in(world, "许股长")
    assert xu.post("/loop/inbox/export/?tab=hand", {}).status_code == 400
    made = xu.post("/loop/inbox/export/?tab=hand", {"x-purpose": "周例会"})
    assert made.status_code == 200 and "attachment" in made.headers["Content-Disposition"]
    sheet = load_workbook(io.BytesIO(made.content)).worksheets[0]
    rows = list(sheet.values)
    assert rows[0][:2] == ("编号", "什么事") and rows[1][:2] == (told.request.code, "'=1+1 人行道")
    assert PHONE not in str(rows) and "王" not in str(rows)
    event = Event.objects.get(step="list.export")
    assert (event.data["purpose"], event.data["rows"], event.org_id) == ("周例会", 1, world.org("城管局").pk)
    assert log_in(world, "于科员").post("/loop/inbox/export/", {"x-purpose": "看看"}).status_code == 403


def test_too_long_a_list_is_not_cut_off(world):
    for _ in range(3):
        tell(world).dispatch()
    limit = NewRule(
        key="export.row_cap",
        area_path=COUNTY,
        applies_to={},
        value=2,
        citation="测试",
        valid_from=NOW.date(),
        reason="测试",
    )
    from heli.core.actor import SYSTEM

    set_rule(rule=limit, by=SYSTEM, at=NOW)
    refused = log_in(world, "许股长").post("/loop/inbox/export/", {"x-purpose": "周例会"})
    assert refused.status_code == 400 and "L-105" in text_of(refused)
    assert not Event.objects.filter(step="list.export").exists()


# The first page ----------------------------------------------------------------------------------------------------------
def cards(world: Any, who: str) -> dict[str, int]:
    return {str(a.title): a.count for a in next_acts(world.actor(who), NOW)}


def test_the_first_page_says_what_waits(world):
    offered, late, bounced = tell(world), tell(world, urgency="emergency"), tell(world)
    offered.dispatch()
    late.dispatch()
    late.accept()
    for unit, who in (("城管局", "于科员"), ("住建局", "曲科员")):
        bounced.dispatch(unit)
        give_back(world, bounced, who)
    tell(world).answered()
    redone = tell(world).answered()
    redone.judge("no", 2)
    yu = cards(world, "于科员")
    assert (yu["待签收"], yu["居民说没解决"], yu["超时"]) == (1, 1, 2)  # the offer is past its two hours, too
    assert cards(world, "孙坐席")["待派单"] == 1
    lv = cards(world, "吕部长")
    assert (lv["没人接的"], lv["超时"]) == (1, 2)
    assert cards(world, "郝回访")["回访"] == 1
    assert set(cards(world, "外县人").values()) == {0} and cards(world, "王桂兰") == {}


@pytest.mark.parametrize(
    ("who", "most"),
    [
        ("于科员", 2),
        ("许股长", 2),
        ("孙坐席", 3),
        ("吕部长", 4),
        ("郝回访", 1),
        ("韩网格", 3),
        ("姜管理", 3),
        ("邓登记", 0),
    ],
)
def test_cards_cost_little_and_open_their_rows(world, django_assert_max_num_queries, who, most):
    tell(world).dispatch()
    actor = world.actor(who)
    with django_assert_max_num_queries(most):
        made = next_acts(actor, NOW)
    client = log_in(world, who)
    for card in made:
        assert card.url.startswith("/")
        assert client.get(card.url).status_code == 200, card


def test_a_card_counts_what_its_list_shows(world):
    told = tell(world)
    told.dispatch()
    told.accept()
    for do in ("accept", "contact"):
        found = log_in(world, "于科员").get(f"/loop/inbox/?tab=todo&do={do}").context["page"].rows
        card = next((a for a in next_acts(world.actor("于科员"), NOW) if a.url.endswith(f"do={do}")), None)
        assert len(found) == (card.count if card else 0)
    assert act(log_in(world, "于科员"), "note", told.request_id, told, text="看过").status_code == 303
    assert page_of(told)
