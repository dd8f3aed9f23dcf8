"""After a shift: how it was, thanks, how the service went; who serves side by side; what volunteers are told, once."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from heli.adapters import sms
from heli.core.errors import HeliError
from heli.core.models import Access
from heli.engines.workdays import CHINA
from heli.rulebook.models import Rule
from heli.volunteering import gates
from heli.volunteering.models import Activity, Enrolment, Pairing, Remark, Reminder, Shift, Telling, Thanks
from heli.volunteering.queries import kind as queries
from heli.volunteering.states import PAIRING, REMARK
from heli.volunteering.steps import enrol, kind, pairs, telling
from tests import arrows
from tests.loop.staff import log_in, text_of
from tests.volunteering.places import AT, DAY, HOUR, crowd, join, myself, shift, volunteer
from tests.world import COMMUNITY

pytestmark = pytest.mark.django_db
LIFECYCLES = (REMARK, PAIRING)
PAPERS = {"found": "看过了"}
REVIEWERS = {"吕部长"}  # of the county
LEADERS = {"李社工"}


def url(name: str, *args: Any) -> str:
    return reverse(f"volunteering:{name}", args=args)


def over(slot: Any, *served: Enrolment) -> dt.datetime:
    """The shift is closed with these people: the rows alone (closing has its own tests)."""
    Enrolment.objects.filter(pk__in=[e.pk for e in served]).update(state="attended")
    Shift.objects.filter(pk=slot.shift_id).update(state="over", ended_at=slot.shift.ends)
    end: dt.datetime = slot.shift.ends + HOUR
    return end


def refused(code: str, do: Any, **say: Any) -> None:
    with pytest.raises(HeliError) as error, transaction.atomic():
        do(**say)
    assert error.value.code == code, error.value.words


@arrows.of(LIFECYCLES)
def test_an_arrow_is_open_only_to_those_the_table_names(world: Any, life: Any, arrow: Any) -> None:
    opened = arrows.opened_to(world, life, arrow, unit_id=world.org("心桥社工").pk, papers=PAPERS)
    people = {n for n, a in arrows.everybody(world).items() if a.user_id is not None}
    named = {"settle": REVIEWERS, "propose": LEADERS}.get(arrow.name, people)
    assert opened == named | {"system"}


@arrows.of(LIFECYCLES)
def test_an_arrow_leaves_only_its_sources_and_asks_for_its_papers(life: Any, arrow: Any) -> None:
    arrows.leaves_only_its_sources_with_its_papers(life, arrow, papers=PAPERS)


# Afterwards -------------------------------------------------------------------------------------------------------------
def test_both_sides_say_how_it_was_once_and_each_reads_what_is_theirs(world: Any) -> None:
    slot = shift(world, most=9)
    zhao, wang, xue = (volunteer(world, n) for n in ("赵志愿", "王桂兰", "薛师傅"))
    mine, hers, gone = join(slot, zhao), join(slot, wang), join(slot, xue)
    leader, sid = world.actor("钱站长"), slot.shift_id
    refused("L-455", kind.say, enrolment_id=mine.pk, felt="good", by=myself(zhao), at=AT)
    refused("L-455", kind.thank, shift_id=sid, words="谢谢", by=leader, at=AT)
    at = over(slot, mine, hers)
    say = {"enrolment_id": mine.pk, "by": myself(zhao), "at": at}
    refused("L-400", kind.say, **say, felt="great")
    refused("L-103", kind.say, **say, felt="poor", concern=True)
    refused("L-404", kind.say, **(say | {"by": myself(wang)}), felt="good")
    refused("L-455", kind.say, enrolment_id=gone.pk, felt="good", by=myself(xue), at=at)
    kind.say(**say, felt="good", words="老人很高兴，电话 13900001111")
    assert "13900001111" not in Remark.objects.get(pk=mine.pk).words
    refused("L-104", kind.say, **say, felt="poor")
    with pytest.raises(Exception, match="Cannot update"), transaction.atomic():
        Remark.objects.filter(pk=mine.pk).update(felt="poor")

    refused("L-455", kind.object_, enrolment_id=mine.pk, words="不难", by=myself(zhao), at=at)  # nothing was said yet
    refused("L-103", kind.evaluate, shift_id=sid, quality="hard", by=leader, at=at)
    refused("L-404", kind.evaluate, shift_id=sid, quality="well", by=world.actor("外县人"), at=at)
    kind.evaluate(shift_id=sid, quality="hard", words="人手不够", by=leader, at=at)
    refused("L-104", kind.evaluate, shift_id=sid, quality="well", by=leader, at=at)
    kind.object_(enrolment_id=mine.pk, words="来的人够", by=myself(zhao), at=at)
    refused("L-104", kind.object_, enrolment_id=mine.pk, words="再说一次", by=myself(zhao), at=at)

    refused("L-404", kind.thank, shift_id=sid, words="谢谢", to=[gone.pk], by=leader, at=at)
    assert len(kind.thank(shift_id=sid, words="您读得真好", to=[mine.pk], by=leader, at=at)) == 1
    assert len(kind.thank(shift_id=sid, words="谢谢来", by=leader, at=at)) == 1, "the rest"
    refused("L-104", kind.thank, shift_id=sid, words="谢谢", by=leader, at=at)
    assert set(Thanks.objects.visible_to(myself(wang)).values_list("words", flat=True)) == {"谢谢来"}

    with time_machine.travel(at, tick=True):
        his = text_of(log_in(world, "赵志愿").get(url("place", mine.pk)))
        assert "您读得真好" in his and "遇到困难" in his and "人手不够" in his and "来的人够" in his
        assert log_in(world, "王桂兰").get(url("place", mine.pk)).status_code == 404
        assert "您读得真好" not in text_of(log_in(world, "王桂兰").get(url("place", hers.pk)))


def test_the_organiser_reads_what_was_said_in_groups_and_never_by_whom(world: Any, settings: Any) -> None:
    """Shown in whole groups of the rule: one answer more never tells what it was; without the rule nothing is shown."""
    settings.HELI_STAFF_MFA = False
    slot = shift(world, most=20)
    people = [*crowd(world, 7)]
    rows = [join(slot, v) for v in people]
    at = over(slot, *rows)
    aid, path = slot.shift.activity_id, slot.shift.activity.area_path
    shown = []
    for n, (v, e) in enumerate(zip(people, rows, strict=True)):
        kind.say(
            enrolment_id=e.pk, felt="poor" if n == 1 else "good", words=f"第{n}句", concern=n == 1, by=myself(v), at=at
        )
        shown.append(queries.felt(aid, path, at).shown)
    assert shown == [0, 0, 0, 0, 5, 5, 5]
    with time_machine.travel(at, tick=True):
        qian = log_in(world, "钱站长")
        said = text_of(qian.get(url("shift_after", slot.shift_id)))
        assert "第0句" in said and '不太好 <b class="h-num">1</b>' in said and "第5句" not in said
        assert "第1句" not in said, "a concern is the reviewer's"
        assert not Remark.objects.visible_to(world.actor("钱站长")).exists()
        assert log_in(world, "外县人").get(url("shift_after", slot.shift_id)).status_code in {403, 404}
        post = qian.post(url("shift_after", slot.shift_id), {"do": "thank", "words": "谢谢大家"})
        assert post.status_code == 303 and Thanks.objects.count() == 7
        assert qian.post(url("shift_after", slot.shift_id), {"do": "evaluate", "quality": "agreed"}).status_code == 303
        Rule.objects.filter(key="volunteering.felt.least").update(valid_to=at.date())
        assert "第0句" not in text_of(qian.get(url("shift_after", slot.shift_id)))


def test_a_worry_is_the_reviewers_at_once_and_not_of_who_leads(world: Any, settings: Any) -> None:
    settings.HELI_STAFF_MFA = False
    slot = shift(world, most=5)
    zhao = volunteer(world, "赵志愿")
    mine = join(slot, zhao)
    at = over(slot, mine)
    with time_machine.travel(at, tick=True):
        me = log_in(world, "赵志愿")
        assert "这次怎么样" in text_of(me.get(url("mine")))
        typed = {"felt": "poor", "words": "梯子不稳，差点摔了", "concern": "on"}
        assert me.post(url("own_act", mine.pk, "say"), typed).status_code == 303
        lv = log_in(world, "吕部长")
        page = text_of(lv.get(url("concerns")))
        assert "梯子不稳" in page and zhao.number in page and "1" in text_of(lv.get(url("review")))
        for name in ("钱站长", "外县人"):
            assert "梯子不稳" not in text_of(log_in(world, name).get(url("concerns")))
        refused("L-404", kind.settle, remark_id=mine.pk, found="看过", by=world.actor("外县人"), at=at)
        of = Activity.objects.filter(pk=slot.shift.activity_id)
        of.update(leader=world.user("吕部长"))
        refused("L-404", kind.settle, remark_id=mine.pk, found="看过", by=world.actor("吕部长"), at=at)
        assert "梯子不稳" not in text_of(lv.get(url("concerns")))
        of.update(leader=world.user("钱站长"))
        assert lv.post(url("settle", mine.pk), {"found": ""}).status_code == 400
        assert lv.post(url("settle", mine.pk), {"found": "换了梯子"}).status_code == 303
        assert lv.post(url("settle", mine.pk), {"found": "又换"}).status_code == 409
        assert "换了梯子" in text_of(me.get(url("place", mine.pk)))
        assert "梯子不稳" in text_of(lv.get(url("concerns") + "?state=settled"))


# Side by side -----------------------------------------------------------------------------------------------------------
def test_an_older_and_a_younger_volunteer_serve_side_by_side_when_both_say_yes(world: Any) -> None:
    slot = shift(world, most=9)
    zhou, zhao, wang = (volunteer(world, n) for n in ("周银龄", "赵志愿", "王桂兰"))
    first = [join(slot, v) for v in (zhou, zhao)][1]
    sid = slot.shift_id

    def ask(who: Any, number: str = "") -> Pairing:
        return pairs.ask(shift_id=sid, number=number, by=myself(who), at=AT)

    for who, number in ((zhou, "NOBODY"), (zhou, wang.number), (zhou, zhou.number), (wang, zhao.number)):
        refused("L-457", ask, who=who, number=number)  # one sentence, whatever the cause
    refused("L-459", ask, who=zhao)
    made = ask(zhao, zhou.number)
    assert (made.elder, made.younger, made.younger_yes, made.elder_yes) == (zhou, zhao, True, False)
    refused("L-458", ask, who=zhou, number=zhao.number)
    refused("L-101", pairs.number_of_other, pairing_id=made.pk, by=myself(zhao), at=AT)  # not before both said yes
    refused("L-404", pairs.agree, pairing_id=made.pk, by=myself(wang), at=AT)
    with pytest.raises(IntegrityError, match="both_said_yes"), transaction.atomic():
        Pairing.objects.filter(pk=made.pk).update(state="agreed")
    assert pairs.agree(pairing_id=made.pk, by=myself(zhao), at=AT).state == "proposed", "said already"
    assert pairs.agree(pairing_id=made.pk, by=myself(zhou), at=AT).state == "agreed"
    seen = Access.objects.count()
    assert pairs.number_of_other(pairing_id=made.pk, by=myself(zhou), at=AT) == "13900000003"
    assert Access.objects.count() == seen + 1
    refused("L-404", pairs.number_of_other, pairing_id=made.pk, by=world.actor("外县人"), at=AT)
    refused("L-403", pairs.number_of_other, pairing_id=made.pk, by=world.actor("钱站长"), at=AT)
    refused("L-101", pairs.number_of_other, pairing_id=made.pk, by=myself(zhou), at=slot.shift.ends)

    enrol.withdraw(enrolment_id=first.pk, by=myself(zhao), at=AT, reason="加班")
    refused("L-101", pairs.number_of_other, pairing_id=made.pk, by=myself(zhou), at=AT)
    wanted = ask(zhou)  # what was with who left has ended; the leader finds somebody
    assert Pairing.objects.get(pk=made.pk).state == "ended" and wanted.state == "wanted"
    join(slot, wang)
    leader = world.actor("钱站长")
    refused("L-457", pairs.propose, pairing_id=wanted.pk, number=zhao.number, by=leader, at=AT)
    refused("L-403", pairs.propose, pairing_id=wanted.pk, number=wang.number, by=myself(zhou), at=AT)
    pairs.propose(pairing_id=wanted.pk, number=wang.number, by=leader, at=AT)
    pairs.agree(pairing_id=wanted.pk, by=myself(zhou), at=AT)
    assert pairs.agree(pairing_id=wanted.pk, by=myself(wang), at=AT).state == "agreed"
    assert pairs.end(pairing_id=wanted.pk, by=myself(wang), at=AT).state == "ended"


def test_where_the_rule_asks_for_a_pair_the_gate_is_shut_until_there_is_one(world: Any, settings: Any) -> None:
    settings.HELI_STAFF_MFA = False
    slot = shift(world, most=9)
    zhou, zhao = volunteer(world, "周银龄"), volunteer(world, "赵志愿")
    place = join(slot, zhao)
    Rule.objects.create(
        key="volunteering.silver.paired", value=True, area_path=COMMUNITY, valid_from=AT.date(), citation="试", version=1,
    )  # fmt: skip

    def shut() -> list[str]:
        return [r.key for r in gates.refusals([zhou], slot, at=AT)[zhou.pk]]

    assert shut() == ["silver_paired"] and not gates.refusals([zhao], slot, at=AT)[zhao.pk]
    refused("L-930", join, slot=slot, v=zhou)
    with time_machine.travel(AT, tick=True):
        old, young = log_in(world, "周银龄"), log_in(world, "赵志愿")
        assert url("pair", slot.shift_id) in old.get(url("enrol", slot.pk)).content.decode(), "it says what to do"
        there = url("pair", slot.shift_id)
        assert "结对" in text_of(old.get(there))
        assert old.post(there, {"do": "ask", "number": ""}).status_code == 400 and not Pairing.objects.exists()
        assert old.post(there, {"do": "ask", "number": zhao.number.lower()}).status_code == 303
        assert "周银龄" in text_of(young.get(there)) and young.post(there, {"do": "yes"}).status_code == 303
        assert shut() == []
        assert "13900000004" not in text_of(young.post(there, {"do": "call"})), "not before both are on the list"
        join(slot, zhou)
        assert "13900000004" in text_of(young.post(there, {"do": "call"}))
        assert "结对了" in text_of(log_in(world, "钱站长").get(url("shift", slot.shift_id)))
        assert Client().get(there).status_code == 302 and young.post(there, {"do": "else"}).status_code == 404
    enrol.withdraw(enrolment_id=place.pk, by=myself(zhao), at=AT, reason="加班")
    assert shut() == ["silver_paired"], "alone again"


# What is told -----------------------------------------------------------------------------------------------------------
NINE = dt.datetime(2026, 11, 20, 9, 12, tzinfo=CHINA)  # the shift begins then; the rule: 24 and 2 hours before


@pytest.fixture
def box() -> Any:
    found = sms.sender().box  # type: ignore[attr-defined]
    found.clear()
    return found


def test_who_has_a_place_is_reminded_once_for_each_time_before(world: Any, box: Any) -> None:
    slot = shift(world, most=9, starts=NINE + 6 * HOUR)  # at 15:12
    zhao, wang, xue, late = (volunteer(world, n) for n in ("赵志愿", "王桂兰", "薛师傅", "李社工"))
    mine, hers, quiet = (join(slot, v) for v in (zhao, wang, xue))
    telling.choose(volunteer_id=xue.pk, remind=False, weekly=False, by=myself(xue), at=AT)
    assert telling.remind_all(NINE - 19 * HOUR) == 0, "25 hours before"
    assert telling.remind_all(NINE - 17 * HOUR) == 2 and telling.remind_all(NINE - 17 * HOUR) == 0
    join(slot, late, at=NINE - 17 * HOUR)
    assert telling.remind_all(NINE - 16 * HOUR) == 0, "who took the place after that time knows"
    said = next(m for m in box if m.phone == "13900000003").values
    assert (said["news"], said["when"], said["what"]) == ("place_soon", "11-20 15:12", "陪老人说说话")
    enrol.withdraw(enrolment_id=hers.pk, by=myself(wang), at=NINE, reason="加班")
    assert telling.remind_all(NINE + 4 * HOUR - HOUR / 2) == 0
    assert telling.remind_all(NINE + 5 * HOUR) == 2, "not who gave it back, not who does not want it"
    assert (
        Reminder.objects.filter(enrolment=mine).count() == 2 and not Reminder.objects.filter(enrolment=quiet).exists()
    )
    with pytest.raises(IntegrityError, match="reminder_once"), transaction.atomic():
        Reminder.objects.create(enrolment=mine, hours=2, starts=NINE + 6 * HOUR, made_at=NINE)
    assert telling.remind_all(NINE + 7 * HOUR) == 0, "it has begun"


def test_a_reminder_survives_a_death_a_moved_shift_and_a_night(
    world: Any, box: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = shift(world, most=9, starts=NINE)
    zhao, fixed = volunteer(world, "赵志愿"), volunteer(world, "王桂兰")
    mine, hers = join(slot, zhao), join(slot, fixed)
    fill(fixed, "05356781234")
    at = NINE - 23 * HOUR
    assert telling.note_due(at, batch=1) == 2 and telling.note_due(at, batch=1) == 0
    real = sms.sender()

    class Dies:
        def send(self, *args: Any, **more: Any) -> None:
            real.send(*args, **more)
            raise KeyboardInterrupt

    with monkeypatch.context() as m:
        m.setattr(sms, "sender", Dies)
        with pytest.raises(KeyboardInterrupt), transaction.atomic():
            telling.remind_all(at)
    assert Reminder.objects.get(enrolment=mine).done_at is None and len(box) == 1
    assert telling.remind_all(at) == 1 and len(box) == 1, "sent again under the same key: the gateway drops it"
    assert queries.calls(slot.shift_id) == {hers.pk}, "a land line: the leader's list says so"
    telling.note_due(NINE - HOUR)  # due, and then the shift is moved
    later = NINE + 4 * DAY
    Shift.objects.filter(pk=slot.shift_id).update(starts=later, ends=later + 2 * HOUR)
    Enrolment.objects.filter(pk__in=[mine.pk, hers.pk]).update(starts=later, ends=later + 2 * HOUR)
    assert telling.remind_all(NINE - HOUR) == 0, "not for the old time"
    assert telling.remind_all(later - 23 * HOUR) == 1, "for the new one"
    assert telling.quiet(NINE.replace(hour=23)) and telling.remind_all(later.replace(hour=4)) == 0


def fill(v: Any, phone: str) -> None:
    from heli.core import vault

    vault.fill(v.record, phone=phone)
    v.record.save()


def test_once_a_week_what_fits_for_those_who_asked(world: Any, box: Any) -> None:
    slots = [shift(world, most=9, starts=AT + n * DAY) for n in (3, 4)]
    zhao, wang, xue = (volunteer(world, n) for n in ("赵志愿", "王桂兰", "薛师傅"))
    for v in (zhao, wang):
        telling.choose(volunteer_id=v.pk, remind=True, weekly=True, by=myself(v), at=AT)
    telling.choose(volunteer_id=xue.pk, remind=True, weekly=False, by=myself(xue), at=AT)
    refused("L-404", telling.choose, volunteer_id=zhao.pk, remind=True, weekly=True, by=world.actor("外县人"), at=AT)
    for slot in slots:
        join(slot, wang)
    assert telling.weekly_all(AT.replace(hour=3)) == 0, "at night nobody is told"
    with CaptureQueriesContext(connection) as seen:
        assert telling.weekly_all(AT, batch=1) == 1
    assert [(m.phone, m.values["news"], m.values["n"]) for m in box] == [("13900000003", "fits_you", "2")]
    assert len(seen) <= 8 + 2 * 10, len(seen)
    assert telling.weekly_all(AT) == 0 and telling.weekly_all(AT + DAY) == 0
    assert telling.weekly_all(AT + 7 * DAY) == 0 and Telling.objects.get(pk=wang.pk).week == telling.week_of(
        AT + 7 * DAY
    )
    client = log_in(world, "赵志愿")
    assert client.post(url("telling"), {"remind": "on"}).status_code == 303
    assert not Telling.objects.get(pk=zhao.pk).weekly and "checked" in client.get(url("telling")).content.decode()
