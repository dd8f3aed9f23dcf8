"""A standing problem's life: named, planned, worked on, its requests written to, closed by measure, relapsed."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from heli.core.actor import SYSTEM
from heli.core.errors import AlreadyDone, Forbidden, HeliError, Invalid, NotFound, PaperMissing, WrongState
from heli.core.models import Event
from heli.insight import candidates, jobs
from heli.insight import problem_queries as queries
from heli.insight import problem_steps as steps
from heli.insight.errors import MeasuresOpen, NamedAlready, NoDefinition, NothingChosen
from heli.insight.members import members
from heli.insight.models import Candidate, Measure, Problem, Round
from heli.insight.states import PROBLEM
from heli.loop.models import Handling, Remark
from tests.database import race
from tests.insight.county import DAHAIYANG, DAY, NOW, YUDONG
from tests.insight.water import NO_WATER, REVIEW, long_heard, named, person, water
from tests.loop.staff import log_in
from tests.loop.told import tell


@pytest.fixture(autouse=True)
def _now(settings):
    settings.HELI_STAFF_MFA = False
    with time_machine.travel(NOW, tick=False):
        yield


def planned(world: Any, problem: Problem, at: dt.datetime = NOW) -> Measure:
    who = {"problem_id": problem.pk, "by": world.actor("于科员"), "at": at}
    steps.plan(plan="换掉加压泵，再查二次供水管网", words="加压泵本周换新，停水会提前一天贴通知。", **who)
    return steps.add_measure(text="换加压泵", unit_id=world.org("城管局").pk, due_on=at.date() + 7 * DAY, **who)


def closed(world: Any, problem: Problem, at: dt.datetime = NOW) -> Problem:
    measure = planned(world, problem, at)
    officer, who = world.actor("于科员"), {"problem_id": problem.pk, "at": at}
    steps.end_measure(measure_id=measure.pk, done=True, words="换好了，试压合格", by=officer, **who)
    steps.report(report="泵换了，三周没有再停", by=officer, **who)
    return steps.decide(close=True, reason="数下来了，结", by=world.actor("吕部长"), **who)


# The arrows -------------------------------------------------------------------------------------------------------------
def test_only_a_supervisor_names_and_only_here(world):
    for who, error in (("于科员", Forbidden), ("孙坐席", Forbidden), ("外县人", Forbidden)):
        with pytest.raises(error):
            named(world, by=world.actor(who))
    made = named(world)
    assert made.state == "named" and made.unit.short_name == "城管局"
    with pytest.raises(NamedAlready):
        named(world, title="又停水")
    with pytest.raises(NoDefinition):
        named(world, category="")
    with pytest.raises(Invalid):
        named(world, category="020102", review_on=NOW.date())


def test_the_same_form_twice_names_once(world):
    import uuid

    key = uuid.uuid4()
    named(world, form_key=key)
    with pytest.raises((AlreadyDone, NamedAlready)):
        named(world, form_key=key)
    assert Problem.objects.count() == 1


ARROWS: dict[str, Any] = {
    "plan": lambda p, w: steps.plan(problem_id=p, plan="做", **w), "begin": lambda p, w: steps.begin(problem_id=p, **w),
    "report": lambda p, w: steps.report(problem_id=p, report="做了", **w),
    "close": lambda p, w: steps.decide(problem_id=p, close=True, reason="好", **w),
    "go_on": lambda p, w: steps.decide(problem_id=p, close=False, reason="再看", review_on=REVIEW, **w),
    "give_up": lambda p, w: steps.give_up(problem_id=p, reason="不归区里", **w),
}  # fmt: skip
MAY = {
    "plan": {"吕部长", "于科员"},
    "begin": {"吕部长", "于科员"},
    "report": {"于科员"},
    "close": {"吕部长"},
    "go_on": {"吕部长"},
    "give_up": {"吕部长"},
}


@pytest.mark.parametrize("state", [s for s in PROBLEM.states if s != "new"])
def test_every_arrow_from_every_state_by_everybody(world, state):
    problem = named(world)
    for name, take in ARROWS.items():
        for who in ("吕部长", "于科员", "曲科员", "外县人"):
            Problem.objects.filter(pk=problem.pk).update(state=state, closed_at=NOW if state == "closed" else None)
            open_ = state in PROBLEM.arrows[name].sources or (name == "plan" and state == "working")
            try:
                made = take(problem.pk, {"by": world.actor(who), "at": NOW})
            except (WrongState, Forbidden, NotFound):
                assert not (open_ and who in MAY[name]), (name, state, who)
            else:
                assert open_ and who in MAY[name], (name, state, who)
                assert made.state == (
                    "working" if name == "plan" and state == "working" else PROBLEM.arrows[name].target
                )


def test_papers_are_asked_for(world):
    problem = named(world)
    who = {"by": world.actor("吕部长"), "at": NOW, "problem_id": problem.pk}
    with pytest.raises((PaperMissing, Invalid)):
        steps.plan(plan=" ", **who)
    with pytest.raises(PaperMissing):
        steps.give_up(reason=" ", **who)


def test_a_report_waits_for_every_measure(world):
    problem = named(world)
    measure = planned(world, problem)
    officer = {"problem_id": problem.pk, "by": world.actor("于科员"), "at": NOW}
    steps.begin(**officer)
    with pytest.raises(MeasuresOpen):
        steps.report(report="做了", **officer)
    steps.end_measure(measure_id=measure.pk, done=False, words="不用换，修好了", **officer)
    assert steps.report(report="做了", **officer).state == "review"
    with pytest.raises(NotFound):
        steps.end_measure(measure_id=measure.pk, done=True, words="好", **officer | {"problem_id": 10**9})


# Members ----------------------------------------------------------------------------------------------------------------
def test_members_by_place_topic_and_day_and_by_hand(world):
    water(world, 3)
    other = tell(world, "毓东也停水", at=NOW - DAY, area_path=YUDONG, category=NO_WATER)
    old = tell(world, "去年停水", at=NOW - 200 * DAY, area_path=DAHAIYANG, category=NO_WATER)
    problem = named(world)
    assert members(problem).count() == 3
    who = {"problem_id": problem.pk, "by": world.actor("吕部长"), "at": NOW}
    steps.put_member(code=other.request.code, inside=True, reason="同一根管子", **who)
    steps.put_member(code=old.request.code.lower(), inside=True, reason="从那时起", **who)
    first = members(problem).order_by("pk").first()
    steps.put_member(code=first.code, inside=False, reason="自家阀门坏", **who)
    assert {r.pk for r in members(problem)} >= {other.request_id, old.request_id} and members(problem).count() == 4
    assert first.pk not in {r.pk for r in members(problem)}
    with pytest.raises(Invalid):
        steps.put_member(code="ZF-0000-00", inside=True, reason="?", **who)
    with pytest.raises(Invalid):
        steps.put_member(code=first.code, inside=True, reason="", **who)


def test_named_from_chosen_requests(world):
    told = water(world, 2)
    problem = named(world, category="", codes=[t.request.code for t in told])
    assert {r.pk for r in members(problem)} == {t.request_id for t in told}
    with pytest.raises(Invalid):
        named(world, category="", codes=["ZF-NONE-NO"])


# Words to the members -----------------------------------------------------------------------------------------------------
def in_hand(world: Any, n: int) -> list[Any]:
    told = water(world, n)
    for one in told:
        one.dispatch()
        one.accept()
    return told


def test_the_words_go_to_the_ticked_ones_of_the_unit_each_with_its_result(world):
    told = in_hand(world, 4)
    problem = named(world)
    told[3].reply()  # answered: not open any more
    ids = [t.request_id for t in told]
    officer = {
        "problem_id": problem.pk,
        "by": world.actor("于科员"),
        "at": NOW,
        "text": "加压泵本周换新，停水前一天贴通知。",
    }
    made = steps.write_words(how="reply", requests=ids[:2], **officer)
    assert made.results == {str(pk): "" for pk in ids[:2]}
    assert Handling.objects.filter(request__in=ids[:2], text__contains="加压泵").count() == 2
    note = steps.write_words(how="note", requests=ids, **officer)
    assert set(note.results) == {str(ids[2])}
    assert Remark.objects.filter(kind="note", request=ids[2]).count() == 1
    with pytest.raises(NothingChosen):
        steps.write_words(how="note", requests=[ids[3]], **officer)
    with pytest.raises(NotFound):
        steps.write_words(how="note", requests=ids, **officer | {"by": world.actor("曲科员")})


def test_many_are_written_by_a_job_once_each(world, monkeypatch):
    monkeypatch.setattr(steps, "AT_ONCE", 1)
    told = in_hand(world, 3)
    problem = named(world)
    ids = [t.request_id for t in told]
    made = steps.write_words(
        problem_id=problem.pk, by=world.actor("于科员"), at=NOW, how="note", text="本周换泵", requests=ids
    )
    assert made.results == {}
    told[1].reply()
    assert jobs.write_round(made.pk) == 3 and jobs.write_round(made.pk) == 0
    assert Remark.objects.filter(kind="note", request__in=ids).count() == 3
    assert Round.objects.get(pk=made.pk).results == {str(pk): "" for pk in ids}


# Closing and relapse ------------------------------------------------------------------------------------------------------
def test_closed_with_its_measure_and_relapsed_when_people_speak_again(world):
    long_heard(world)
    water(world, 6)
    candidates.refresh(NOW)
    problem = named(world, candidate_id=Candidate.objects.get().pk)
    later = NOW + 40 * DAY
    with time_machine.travel(later, tick=False):
        done = closed(world, problem, later)
        assert done.state == "closed" and (done.before, done.after) == (1.5, 0.0)
        water(world, 4, at=later + 20 * DAY, first=50)
        assert steps.relapse_due(later + 20 * DAY) == 0, "four people are fewer than the least"
        water(world, 2, at=later + 20 * DAY, first=70)
        assert steps.relapse_due(later + 20 * DAY) == 1
        assert steps.relapse_due(later + 20 * DAY) == 0, "once"
    problem.refresh_from_db()
    assert problem.state == "relapsed" and problem.lap == 2
    event = Event.objects.get(step="problem.relapse")
    assert event.data["people"] == 6 and event.rules and event.user_id is None


def test_what_is_usual_is_no_relapse(world):
    problem = named(world)
    closed(world, problem)
    Problem.objects.filter(pk=problem.pk).update(usual=6.0)
    water(world, 7, at=NOW + 20 * DAY)
    assert steps.relapse_due(NOW + 20 * DAY) == 0
    water(world, 1, at=NOW + 20 * DAY, first=90)
    assert steps.relapse_due(NOW + 20 * DAY) == 1, "eight of six usual are more than 120 percent"


@pytest.mark.usefixtures("fire_db")
def test_named_by_two_at_once_it_is_named_once(world):
    long_heard(world)
    water(world, 6)
    candidates.refresh(NOW)
    pk = Candidate.objects.get().pk
    done = race(lambda: named(world, candidate_id=pk), lambda: named(world, candidate_id=pk, title="停水，又是停水"))
    assert sum(isinstance(d, NamedAlready) for d in done) == 1 and Problem.objects.count() == 1


@pytest.mark.usefixtures("fire_db")
def test_decided_by_two_at_once_it_is_decided_once(world):
    problem = named(world)
    Problem.objects.filter(pk=problem.pk).update(state="review")
    who = {"problem_id": problem.pk, "at": NOW, "by": world.actor("吕部长")}
    done = race(
        lambda: steps.decide(close=True, reason="好了", **who),
        lambda: steps.decide(close=False, reason="再看", review_on=REVIEW, **who),
    )
    assert sum(isinstance(d, WrongState) for d in done) == 1


# Who sees it ----------------------------------------------------------------------------------------------------------------
def test_readers_owners_and_nobody_else(world):
    problem = named(world)
    assert Problem.objects.visible_to(world.actor("吕部长")).exists()
    assert Problem.objects.visible_to(world.actor("于科员")).exists()
    assert not Problem.objects.visible_to(world.actor("曲科员")).exists()
    assert not Problem.objects.visible_to(world.actor("外县人")).exists()
    steps.plan(problem_id=problem.pk, by=SYSTEM, at=NOW, plan="一起做")
    steps.add_measure(
        problem_id=problem.pk, by=SYSTEM, at=NOW, text="配合", unit_id=world.org("住建局").pk, due_on=REVIEW
    )
    assert Problem.objects.visible_to(world.actor("曲科员")).exists()
    assert [a.count for a in queries.next_acts(world.actor("曲科员"), NOW)] == [1], "who has a measure is told"
    page = log_in(world, "曲科员").get(f"/board/problems/{problem.pk}/").content.decode()
    assert 'name="measure"' in page and 'value="drop"' not in page, "and says what became of it"


def post(client: Client, url: str, **data: Any) -> Any:
    return client.post(url, data)


def test_the_pages_from_candidate_to_relapse(world):
    long_heard(world)
    in_hand(world, 6)
    candidates.refresh(NOW)
    boss, officer = log_in(world, "吕部长"), log_in(world, "于科员")
    page = boss.get("/board/problems/").content.decode()
    assert "停水" in page and "6 人" in page
    c = Candidate.objects.get()
    form = boss.get(f"/board/problems/new/?candidate={c.pk}")
    assert "停水" in form.content.decode()
    bad = post(
        boss,
        "/board/problems/new/",
        candidate=c.pk,
        title="",
        area=DAHAIYANG,
        category=NO_WATER,
        unit="",
        review_on="x",
    )
    assert bad.status_code == 400
    made = post(
        boss, "/board/problems/new/", candidate=c.pk, title="大海阳反复停水", area=DAHAIYANG, category=NO_WATER,
        unit=world.org("城管局").pk, review_on=REVIEW.isoformat(), month="2026-11", codes="", form_key=form.context["form_key"],
    )  # fmt: skip
    problem = Problem.objects.get()
    url = f"/board/problems/{problem.pk}/"
    assert made.status_code == 303 and made.url == url and problem.month == dt.date(2026, 11, 1)
    late = post(
        boss, "/board/problems/new/", candidate=c.pk, title="又停水了", area=DAHAIYANG, category=NO_WATER,
        unit=world.org("城管局").pk, review_on=REVIEW.isoformat(),
    )  # fmt: skip
    assert late.status_code == 409 and "又停水了" in late.content.decode(), (
        "a colleague was faster; what was typed stays"
    )
    assert "大海阳反复停水" in officer.get("/board/problems/").content.decode()
    assert "写" in officer.get(url).content.decode()
    assert post(officer, f"{url}do/plan/", plan="").status_code == 400
    assert post(officer, f"{url}do/plan/", plan="换泵", words="本周换泵").status_code == 303
    unit = world.org("城管局").pk
    assert post(officer, f"{url}do/measure/", text="换加压泵", unit=unit, due_on="2020-01-01").status_code == 400
    assert post(officer, f"{url}do/measure/", text="换加压泵", unit=unit, due_on=REVIEW.isoformat()).status_code == 303
    ids = [r.pk for r in members(problem)]
    sent = post(officer, f"{url}words/", how="reply", text="本周换泵", requests=ids[:2])
    assert sent.status_code == 303 and "不能" not in officer.get(sent.url).content.decode()
    assert post(officer, f"{url}words/", how="reply", text="本周换泵").status_code == 400
    measure = Measure.objects.get()
    assert post(officer, f"{url}do/done/", measure=measure.pk, words="换好了", done="yes").status_code == 303
    assert post(officer, f"{url}do/report/", report="三周没停").status_code == 303
    assert post(officer, f"{url}do/close/", reason="我说了算").status_code == 403
    assert post(boss, f"{url}do/go_on/", reason="再看一个月", review_on="").status_code == 400
    assert post(boss, f"{url}do/close/", reason="数下来了").status_code == 303
    Problem.objects.update(state="relapsed", lap=2)
    page = boss.get(url).content.decode()
    assert "又冒出来了" in page and "第 2 轮" in page
    assert "又冒出来的题" in boss.get("/").content.decode()
    public = Client().get(f"/board/public/problems/{DAHAIYANG[:6]}/").content.decode()
    assert (
        "大海阳反复停水" in public and "换加压泵" in public and "号楼又停水了" not in public and "居民1" not in public
    )
    assert problem.title not in log_in(world, "外县人").get("/board/problems/").content.decode()
    assert log_in(world, "外县人").get(url).status_code == 404
    assert post(boss, f"{url}export/", purpose="报区委").status_code == 200
    assert post(boss, "/board/problems/export/?tab=all", purpose="报区委").status_code == 200
    assert post(boss, f"{url}do/else/").status_code == 404


def test_a_candidate_put_aside_on_the_page(world):
    long_heard(world)
    water(world, 6)
    candidates.refresh(NOW)
    boss, c = log_in(world, "吕部长"), Candidate.objects.get()
    assert post(boss, f"/board/problems/candidates/{c.pk}/dismiss/", reason="").status_code == 400
    assert post(boss, f"/board/problems/candidates/{c.pk}/dismiss/", reason="计划检修").status_code == 303
    assert "计划检修" in boss.get("/board/problems/").content.decode()
    assert post(log_in(world, "外县人"), f"/board/problems/candidates/{c.pk}/dismiss/", reason="x").status_code in (
        403,
        404,
    )


def test_pages_cost_few_statements(world):
    long_heard(world)
    water(world, 6)
    candidates.refresh(NOW)
    for n in range(4):
        planned(world, named(world, category=("020101", "020102", "020103", "020104")[n]))
    boss = log_in(world, "吕部长")
    boss.get("/board/problems/")
    for url, most in (("/board/problems/", 9), (f"/board/problems/{Problem.objects.first().pk}/", 18)):
        with CaptureQueriesContext(connection) as asked:
            assert boss.get(url).status_code == 200
        said = [q["sql"] for q in asked.captured_queries if not q["sql"].startswith(("SAVEPOINT", "RELEASE"))]
        assert len(said) <= most, (url, len(said), [s[:120] for s in said])
    with CaptureQueriesContext(connection) as asked:
        assert Client().get("/board/public/problems/370602/").status_code == 200
    assert len(asked) <= 4


def test_an_error_has_its_code():
    for error in (NamedAlready(title="x"), NothingChosen(), MeasuresOpen(n=1), NoDefinition()):
        assert isinstance(error, HeliError) and error.code.startswith("L-24") and error.words


def test_cards_say_what_to_do(world):
    long_heard(world)
    water(world, 6)
    candidates.refresh(NOW)
    acts = queries.next_acts(world.actor("吕部长"), NOW)
    assert [a.count for a in acts] == [1]
    problem = named(world)
    candidates.refresh(NOW)
    assert queries.next_acts(world.actor("吕部长"), NOW) == []
    assert [a.count for a in queries.next_acts(world.actor("于科员"), NOW)] == [1]
    Problem.objects.filter(pk=problem.pk).update(review_on=NOW.date() - DAY)
    assert [a.state for a in queries.next_acts(world.actor("吕部长"), NOW)] == ["late"], "nobody looked at it again"
    Problem.objects.filter(pk=problem.pk).update(state="relapsed")
    assert [a.state for a in queries.next_acts(world.actor("吕部长"), NOW)] == ["late"]
    assert person(1)["phone"] not in str(queries.next_acts(world.actor("吕部长"), NOW))
