"""The pages of suggestions: what each shows to whom, what they keep of what was typed, and what they cost."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from heli.core.models import Event
from heli.engines import blur
from heli.loop import steps as loop
from heli.suggestions import steps
from heli.suggestions.models import Call, Second, Suggestion
from heli.suggestions.queries.wall import alike
from tests.invariants.everyone import content
from tests.invariants.laid import photo
from tests.loop.told import tell
from tests.loop.visitors import staff, statements
from tests.suggestions.said import AT, DAY, TEXT, Made, call, suggest
from tests.world import COMMUNITY

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
NAME, PHONE, CREDIT = "金丝雀乙", "19912345688", "大海阳老金"


def read(client: Client, url: str, status: int = 200) -> str:
    answer = client.get(url)
    assert answer.status_code == status, answer.content.decode()[:2000]
    return str(answer.content.decode())


def done(world: Any) -> Made:
    """One that went the whole way, named, with a photo."""
    made = suggest(world, credit_name=CREDIT, name=NAME, phone=PHONE, at=AT - DAY * 20)
    made.publish().second().handled().answer()
    unit = world.actor("曲科员")
    steps.report(measure_id=made.measure.pk, text="量好了尺寸", by=unit, at=made.later(24), photos=[photo()])
    steps.finish(measure_id=made.measure.pk, text="装好了", by=unit, at=made.later(24))
    steps.confirm(measure_id=made.measure.pk, by=made.keeper(), at=made.later(24))
    loop.judge(
        voice_id=made.voice.pk, by=made.suggester, at=made.later(1), contacted=True, solved="yes", satisfaction=5
    )
    return made


def test_the_wall_shows_calls_first_and_costs_at_most_eight_statements(world: Any) -> None:
    asked = call(world)
    for n in range(24):
        made = suggest(
            world,
            f"第 {n} 条：巷口加一张长椅，老人买菜回来歇脚。",
            credit_name="老王" if n % 3 else "",
            call_id=asked.pk,
        )
        made.publish()
        if n % 4 == 0:
            made.second()
        if n % 6 == 0:
            made.handled().answer("explained" if n % 12 else "partly")
    client = Client()
    read(client, "/suggestions/")
    for query in (
        "",
        "?sort=most",
        f"?call={asked.pk}",
        "?stage=adopted",
        f"?area={COMMUNITY[:9]}&stage=open&sort=most",
    ):
        with CaptureQueriesContext(connection) as caught:
            page = read(client, f"/suggestions/{query}")
        assert len(statements(caught)) <= 8, statements(caught)
    page = read(client, "/suggestions/")
    assert page.index(asked.title) < page.index("第 23 条")
    following = re.search(r'href="(\?[^"]*after=[^"]+)" rel="next"', page)
    assert following is not None
    assert "第 0 条" in read(client, "/suggestions/" + following[1].replace("&amp;", "&"))
    most = read(client, "/suggestions/?sort=most")
    assert most.index("第 20 条") < most.index("第 23 条")  # 20 is seconded, 23 is not
    staff_page = staff(world, "宋建言").get(f"/suggestions/calls/{asked.pk}/")
    assert staff_page.status_code == 200


def test_what_is_not_public_is_on_no_page_of_others(world: Any) -> None:
    made = suggest(world)
    for client in (Client(), staff(world, "赵志愿"), staff(world, "外县人")):
        read(client, f"/suggestions/{made.request.code}/", 404)
        assert made.row.title not in read(client, "/suggestions/")
    assert made.row.title in read(staff(world, "宋建言"), f"/suggestions/{made.request.code}/")


def test_the_page_of_one_that_went_the_whole_way(world: Any) -> None:
    made, told = done(world), suggest(world, by=world.actor("王桂兰"), name="", phone="").publish().second().handled()
    client = Client()
    with CaptureQueriesContext(connection) as caught:
        page = read(client, f"/suggestions/{made.request.code.lower()}/")
    assert len(statements(caught)) <= 12
    for said in (CREDIT, "部分采纳", "先在 3 个单元试装折叠座椅", "量好了尺寸", "核实做完", "满意", "住建局"):
        assert said in page, said
    for secret in (NAME, PHONE, "赵志愿"):
        assert secret not in page + read(client, "/suggestions/") + read(client, "/suggestions/?sort=most")
    own = read(client, f"/t/{made.token}/") + read(staff(world, "曲科员"), f"/loop/r/{made.request.code}/")
    assert "suggestions." not in own and "核实" in own  # every step is called something in the trail
    desk = read(staff(world, "曲科员"), f"/loop/r/{told.request.code}/")
    assert "王桂兰" not in desk and "赵志愿" not in desk, (
        "staff read neither whose account suggested it nor who seconds"
    )
    assert Event.objects.filter(step="suggestions.second", user_id=None).count() == 2
    shot = re.search(r'src="(/suggestions/photo/[^"]+)"', page)
    assert shot is not None and client.get(shot[1]).status_code == 200


def test_a_photo_of_what_is_not_public_is_not_served(world: Any) -> None:
    made = done(world)
    file = made.measure.progress.exclude(photos=[]).get().photos[0]
    steps.keep_private(request_id=made.pk, by=made.keeper(), at=made.later(), reason="改主意")
    read(Client(), f"/suggestions/photo/{file}/", 404)
    assert staff(world, "宋建言").get(f"/suggestions/photo/{file}/").status_code == 200


def test_suggesting_in_two_steps_shows_what_is_like_it_and_keeps_what_was_typed(world: Any) -> None:
    like = suggest(world).publish()
    client, words = Client(), "老楼没有电梯，楼梯转角装个折叠座椅，老人能歇一歇"
    empty = client.post("/suggestions/new/", {"go": "2", "text": " "})
    assert empty.status_code == 400 and "一句话就行" in empty.content.decode()
    live = client.post("/suggestions/new/like/", {"text": words}).content.decode()
    assert like.row.title in live and "登录后附议这一条" in live
    second = client.post("/suggestions/new/", {"go": "2", "text": words}).content.decode()
    assert like.row.title in second and words in second
    typed = {
        "go": "send",
        "text": words,
        "area": COMMUNITY,
        "form_key": str(uuid.uuid4()),
        "credit": "yes",
        "phone": "1391234",
    }
    wrong = client.post("/suggestions/new/", typed)
    said = wrong.content.decode()
    assert wrong.status_code == 400 and "请写署名" in said and "少了 4 位" in said and words in said
    typed |= {"credit_name": CREDIT, "phone": PHONE}
    for _twice in range(2):
        sent = client.post("/suggestions/new/", typed)
        assert sent.status_code == 303
    own = read(client, sent["Location"])
    made = Suggestion.objects.order_by("-pk")[0]
    assert Suggestion.objects.count() == 2 and made.request.code in own and made.credit == "asked"
    track = read(client, sent["Location"].split("?")[0].replace("/suggestions/mine/", "/t/"))
    assert "/suggestions/mine/" in track


def test_a_closed_call_says_so_and_lets_it_be_sent_freely(world: Any) -> None:
    asked = call(world)
    steps.close_call(call_id=asked.pk, by=world.actor("宋建言"), at=AT)
    typed = {"go": "send", "text": TEXT, "area": COMMUNITY, "form_key": str(uuid.uuid4()), "call": str(asked.pk)}
    refused = Client().post("/suggestions/new/", typed)
    assert refused.status_code == 409 and "自己提" in refused.content.decode() and TEXT in refused.content.decode()
    assert Client().post("/suggestions/new/", typed | {"call": ""}).status_code == 303
    for odd in ("9" * 30, "x", "-1", str(10**9)):
        assert Client().post("/suggestions/new/", typed | {"go": "2", "call": odd}).status_code == 200


def test_likeness_is_not_fooled_by_common_words(world: Any) -> None:
    suggest(world, "建议社区给我们居民一个可以下棋的地方，希望大家现在有个去处。").publish()
    bench = suggest(world, "楼梯转角装折叠座椅，老人上楼歇脚。").publish()
    assert [found.s.pk for found in alike("希望社区给楼梯转角装上座椅", COMMUNITY, AT)] == [bench.pk]
    assert alike("建议我们社区现在可以", COMMUNITY, AT) == [] and alike("好", COMMUNITY, AT) == []


def test_seconding_needs_an_account_and_comes_back_after_logging_in(world: Any) -> None:
    made = suggest(world).publish()
    where = f"/suggestions/{made.request.code}/second/"
    asked = Client().post(where, {"go": "second"})
    assert asked.status_code == 302 and "login" in asked["Location"]
    client = staff(world, "赵志愿")
    assert client.get(where).status_code == 303
    assert client.post(where, {"go": "second"}).status_code == 303
    again = client.post(where, {"go": "second"})
    assert again.status_code == 409 and "只算一次" in again.content.decode()
    assert client.post(where, {"go": "back"}).status_code == 303
    assert Second.objects.count() == 2 and made.row.seconds == 0


def test_editing_after_seconding_is_refused_kindly(world: Any) -> None:
    made = suggest(world).publish().second()
    client, where = Client(), f"/suggestions/mine/{made.token}/"
    page = read(client, where)
    assert "改一改" not in page and "补充" in page
    refused = client.post(f"{where}correct/", {"t-text": "我换个说法"})
    said = refused.content.decode()
    assert (
        refused.status_code == 409 and "不能再改" in said and "L-220" in said and "我换个说法" in said
    )  # offered as an addition
    assert client.post(f"{where}add/", {"a-text": "补充：7 号楼最窄"}).status_code == 303
    assert client.post(f"{where}add/", {"a-text": " "}).status_code == 400
    assert client.post(f"{where}name/", {"credit_name": CREDIT}).status_code == 303
    assert client.post(f"{where}unname/").status_code == 303
    assert client.post(f"{where}else/").status_code == 404
    assert read(client, "/suggestions/mine/" + "A" * 30 + "/", 410)


def test_what_looks_private_is_marked_and_stars_are_proposed(world: Any) -> None:
    made = suggest(world, "我叫姜玉河，住在 3号楼2单元501。建议单元门口装一张长椅。")
    item = f"/suggestions/desk/s/{made.request.code}/"
    keeper = staff(world, "宋建言")
    shown, starred = read(keeper, item), read(keeper, f"{item}?stars=1")
    assert "<mark>姜玉河</mark>" in shown and "<mark>3号楼2单元501</mark>" in shown and "有 2 处" in shown
    assert "我叫＊＊＊，住在" not in shown and "我叫＊＊＊，住在" in starred
    assert made.row.text.startswith("我叫姜玉河")  # proposed, not written


def test_the_desk_reads_takes_up_joins_and_exports(world: Any) -> None:
    keeper = staff(world, "宋建言")
    first, twin = suggest(world), suggest(world, "楼梯转角装折叠座椅，老人上楼能歇脚")
    counter = tell(world, "建议楼道装座椅", kind="suggestion")
    code = first.request.code
    home = read(keeper, "/")
    assert "看建议" in home and "接过来的建议" in home
    for tab in ("", "read", "new", "words", "late", "measures", "all"):
        read(keeper, f"/suggestions/desk/?tab={tab}")
    assert counter.request.code in read(keeper, "/suggestions/desk/?tab=new")
    assert keeper.post(f"/suggestions/desk/take/{counter.request.code}/").status_code == 303
    assert keeper.post(f"/suggestions/desk/take/{counter.request.code}/").status_code == 404
    wrong = keeper.post(f"/suggestions/desk/s/{code}/publish/", {"title": "别的", "text": "别的话"})
    assert wrong.status_code == 400 and "别的话" in wrong.content.decode()
    for made in (first, twin):
        assert (
            keeper.post(
                f"/suggestions/desk/s/{made.request.code}/publish/", {"title": made.row.title, "text": made.row.text}
            ).status_code
            == 303
        )
    assert twin.row.title in read(keeper, f"/suggestions/desk/s/{code}/")
    stale = keeper.post(f"/suggestions/desk/s/{code}/private/", {"reason": "旧的", "version": "9"})
    assert stale.status_code == 409 and "L-229" in stale.content.decode()
    joined = keeper.post(f"/suggestions/desk/s/{twin.request.code}/join/", {"into": code})
    assert joined.status_code == 303 and twin.request.merged_into_id == first.pk
    again = keeper.post(f"/suggestions/desk/s/{twin.request.code}/join/", {"into": code})
    assert again.status_code == 409
    assert keeper.post(f"/suggestions/desk/s/{code}/private/", {"reason": ""}).status_code == 400
    page = f"/suggestions/{twin.request.code}/"
    assert first.row.title in read(Client(), page)
    assert keeper.post(f"/suggestions/desk/s/{code}/private/", {"reason": "写了门牌"}).status_code == 303
    assert first.row.title not in read(Client(), page), "what is not public is not told by the one joined into it"
    added = steps.add(request_id=first.pk, text="补充一句", by=first.suggester, at=AT + DAY / 24)
    assert "补充一句" in read(keeper, "/suggestions/desk/?tab=words")
    wrong = keeper.post(f"/suggestions/desk/words/{added.pk}/", {"go": "private"})
    assert wrong.status_code == 400 and "补充一句" in wrong.content.decode(), "said on the list itself"
    assert keeper.post(f"/suggestions/desk/words/{added.pk}/", {"go": "publish"}).status_code == 302
    sheet = keeper.post("/suggestions/desk/export/?tab=all&state=private", {"purpose": "月度小结"})
    assert sheet.status_code == 200 and code.encode() in content_of(sheet)
    assert keeper.post("/suggestions/desk/export/", {"purpose": ""}).status_code == 400
    for found in (f"?tab=all&q={code}", "?tab=all&q=折叠座椅&stage=open", "?tab=all&call=99"):
        read(keeper, f"/suggestions/desk/{found}")
    other = staff(world, "外县人")
    assert other.get("/suggestions/desk/").status_code == 403


def content_of(answer: Any) -> bytes:
    answer.streamed = b"".join(answer.streaming_content) if answer.streaming else b""
    return content(answer)


def test_a_call_is_drafted_opened_closed_and_summed_up(world: Any) -> None:
    keeper, unit = staff(world, "宋建言"), world.org("社工部").pk
    read(keeper, "/suggestions/desk/calls/new/")
    typed = {
        "title": "老楼怎么更方便", "asked": "哪里不方便？", "why": "明年选题", "unit": unit, "area": "370602", "first_day": "2026-11-17",
        "last_day": "2026-11-10",
    }  # fmt: skip
    wrong = keeper.post("/suggestions/desk/calls/new/", typed)
    assert wrong.status_code == 400 and "截止日早于开始日" in wrong.content.decode()
    found = keeper.post("/suggestions/desk/calls/new/", typed | {"find": "unit", "unit_typed": "住建"})
    assert found.status_code == 200 and "住建局" in found.content.decode() and "哪里不方便？" in found.content.decode()
    outside = keeper.post("/suggestions/desk/calls/new/", typed | {"area": "370613", "last_day": "2026-12-17"})
    assert outside.status_code == 403
    made = keeper.post("/suggestions/desk/calls/new/", typed | {"last_day": "2026-12-17"})
    assert made.status_code == 302
    one = Call.objects.get()
    where = f"/suggestions/desk/calls/{one.pk}/"
    read(Client(), f"/suggestions/calls/{one.pk}/", 404)  # a draft
    assert keeper.post(f"{where}open/").status_code == 302
    read(keeper, where)
    assert keeper.post(where, {"last_day": "2026-12-20"}).status_code == 302
    assert keeper.post(where, {"last_day": "2026-12-01"}).status_code == 400
    assert "参加这次征集" in read(Client(), f"/suggestions/calls/{one.pk}/")
    assert keeper.post(f"{where}close/").status_code == 302
    assert keeper.post(f"{where}sum_up/", {"summary": ""}).status_code == 400
    assert keeper.post(f"{where}sum_up/", {"summary": "采纳 0 条"}).status_code == 302
    assert "采纳 0 条" in read(Client(), f"/suggestions/calls/{one.pk}/")
    assert one.title in read(Client(), "/suggestions/calls/")
    assert keeper.post(f"{where}open/").status_code == 409 and keeper.post(f"{where}else/").status_code == 404


def test_a_unit_answers_and_says_how_measures_go(world: Any) -> None:
    made = suggest(world).publish().handled()
    officer, code = staff(world, "曲科员"), made.request.code
    loop.contact(request_id=made.pk, by=world.actor("曲科员"), at=made.later(0.1), way="phone", reached=True)
    assert f"/suggestions/{code}/answer/" in read(officer, f"/loop/r/{code}/")
    read(officer, f"/suggestions/{code}/answer/")
    read(staff(world, "于科员"), f"/suggestions/{code}/answer/", 404)
    typed: dict[str, Any] = {
        "verdict": "partly",
        "reasons": "先试点",
        "rows": "2",
        "what_0": "试装三处",
        "due_0": "2026-12-20",
    }
    more = officer.post(f"/suggestions/{code}/answer/", typed | {"go": "more"}).content.decode()
    assert "what_2" in more and "试装三处" in more and "先试点" in more
    for change, said in (
        ({"verdict": ""}, "四种里选一种"), ({"what_0": ""}, "写上那天前要做什么"), ({"due_0": ""}, "写上哪天前做完"),
        ({"what_0": "", "due_0": ""}, "至少写一项措施"), ({"verdict": "not"}, "请写依据"), ({"due_0": "2026-01-01"}, "日期已经过了"),
    ):  # fmt: skip
        wrong = officer.post(f"/suggestions/{code}/answer/", typed | change | {"go": "send"})
        assert wrong.status_code == 400 and said in wrong.content.decode(), said
    assert officer.post(f"/suggestions/{code}/answer/", typed | {"go": "keep"}).status_code == 303
    assert "试装三处" in read(officer, f"/suggestions/{code}/answer/")
    assert "试装三处" not in read(Client(), f"/suggestions/{code}/")
    assert officer.post(f"/suggestions/{code}/answer/", typed | {"go": "send"}).status_code == 303
    assert "试装三处" in read(Client(), f"/suggestions/{code}/")
    assert "现在不用答复" in read(officer, f"/suggestions/{code}/answer/")
    m = made.measure.pk
    assert "试装三处" in read(officer, "/suggestions/measures/")
    page = read(officer, f"/suggestions/measures/{m}/")
    assert "报进展" in page
    read(staff(world, "于科员"), f"/suggestions/measures/{m}/", 404)
    assert officer.post(f"/suggestions/measures/{m}/report/", {"text": ""}).status_code == 400
    assert (
        officer.post(f"/suggestions/measures/{m}/report/", {"text": "开工了", "photos": [photo()]}).status_code == 303
    )
    assert officer.post(f"/suggestions/measures/{m}/confirm/", {}).status_code == 403
    assert officer.post(f"/suggestions/measures/{m}/finish/", {"text": "装好了"}).status_code == 303
    keeper = staff(world, "宋建言")
    assert "试装三处" in read(keeper, "/suggestions/desk/?tab=measures")
    assert keeper.post(f"/suggestions/measures/{m}/send_back/", {"text": "缺一处"}).status_code == 303
    assert officer.post(f"/suggestions/measures/{m}/finish/", {"text": "补上了"}).status_code == 303
    assert keeper.post(f"/suggestions/measures/{m}/confirm/", {}).status_code == 303
    assert keeper.post(f"/suggestions/measures/{m}/confirm/", {}).status_code == 409
    assert keeper.post(f"/suggestions/measures/{m}/else/", {}).status_code == 404


@pytest.mark.parametrize("act", ["report", "finish"])
def test_a_photo_of_a_measure_is_covered_or_refused_beside_its_field(
    world: Any, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    made = suggest(world, at=AT - DAY * 30).publish().handled()
    made.answer()
    officer, url = staff(world, "曲科员"), f"/suggestions/measures/{made.measure.pk}/{act}/"

    def blind(_photo: Any) -> Any:
        raise blur.CannotLook

    with monkeypatch.context() as m:
        m.setattr(blur, "find", blind)
        refused = officer.post(url, {"text": "开工了", "photos": [photo()]})
    page = refused.content.decode()
    assert refused.status_code == 503 and "开工了" in page
    field = re.search(r'<input type="file".*?</div>', page, re.S)
    assert field and "没法遮住" in field[0], "the sentence stands beside the photos"
    assert not made.measure.progress.exclude(photos=[]).exists()
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(blur, "find", lambda picture: asked.append(picture.size) or [])
    assert officer.post(url, {"text": "开工了", "photos": [photo()]}).status_code == 303
    assert len(asked) == 1 and made.measure.progress.exclude(photos=[]).count() == 1


def test_an_overdue_measure_is_seen_by_everybody(world: Any) -> None:
    made = suggest(world, at=AT - DAY * 30).publish().handled()
    made.answer(plans=[made.plan(days=5)])
    assert "措施超期" in read(Client(), "/suggestions/?stage=late")
    assert "超" in read(Client(), f"/suggestions/{made.request.code}/")
    assert made.measure.what in read(staff(world, "宋建言"), "/suggestions/desk/?tab=measures")
    assert "报措施进展" in read(staff(world, "曲科员"), "/")
