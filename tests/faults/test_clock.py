"""The machine's clock is stepped by a day, forward and back, while the house works."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from heli.core import steady
from heli.core.models import Event
from heli.loop import jobs, links, steps
from heli.loop.audit import audit
from heli.loop.errors import LinkEnded
from heli.loop.models import Clock
from tests.loop.staff import log_in
from tests.loop.told import tell

DAY = dt.timedelta(days=1)


def rungs(request_id: int) -> list[str]:
    return list(Event.objects.filter(subject_id=request_id, step__startswith="clock.").order_by("id").values_list("step", flat=True))  # fmt: skip


def test_a_step_holds_what_deadlines_trigger_until_the_clock_is_back_or_has_held() -> None:
    watch = steady.Watch(base=1000.0)
    assert watch.jump(1500.0, 500.0) == 0.0
    assert watch.jump(1500.0 + 86400, 500.0) == 86400.0, "a day ahead"
    assert watch.jump(1560.0, 560.0) == 0.0, "and back: nothing happened meanwhile"
    assert watch.jump(1600.0 - 86400, 600.0) == -86400.0
    assert watch.jump(1600.0 - 86400 + 899, 600.0 + 899) == -86400.0
    assert watch.jump(1600.0 - 86400 + 900, 600.0 + 900) == 0.0, "a quarter of an hour: it was a correction"
    assert watch.jump(1600.0 - 86400 + 960, 600.0 + 960) == 0.0
    assert watch.jump(1600.0 + 1000, 600.0 + 1000) == 86400.0, "and the next jump counts from there"
    assert watch.jump(1600.0 + 1000 + 30, 600.0 + 1030) == 86400.0
    assert watch.jump(1600.0 + 1000 + 5030, 600.0 + 1030) != 0.0, "another jump before it settled: waits anew"
    assert watch.jump(1600.0 + 1000 + 5030 + 899, 600.0 + 1030 + 899) != 0.0


def test_a_clock_that_drifts_a_little_is_believed() -> None:
    watch = steady.Watch(base=0.0)
    assert [watch.jump(t * 1.0005, float(t)) for t in (0, 3600, 7200, 90_000)] == [0.0] * 4
    assert watch.jump(200_000 * 1.0005, 200_000.0) != 0.0, "more than a minute altogether: looked at for a while"


def test_a_day_ahead_nobody_is_reminded_early(fire_db: str, world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's clock jumps a day: the ladder waits; back again, it goes on and no rung is reached twice."""
    monkeypatch.setattr(steady, "watch", steady.Watch())
    told = tell(world, at=timezone.now())
    told.dispatch()
    assert Clock.objects.filter(
        request=told.request_id, outcome="running", rung_at__lte=timezone.now() + DAY * 20
    ).exists()
    with time_machine.travel(timezone.now() + DAY * 20, tick=True):
        assert jobs.ladder(timestamp=0) == {} and jobs.close_unjudged(timestamp=0) == 0
    assert rungs(told.request_id) == []
    jobs.ladder(timestamp=0)
    assert rungs(told.request_id) == []


def test_what_a_wrong_day_did_is_not_done_again_when_the_day_is_right(fire_db: str, world: Any) -> None:
    """The clock was a day wrong for longer than is waited for: rungs of that day were reached, each once and for good."""
    now = timezone.now()
    told = tell(world, at=now)
    told.dispatch()
    for at in (now + DAY * 20, now, now + DAY * 20, now - DAY, now + DAY * 20):
        steps.climb(at=at)
    found = rungs(told.request_id)
    per_clock = Event.objects.filter(subject_id=told.request_id, step__startswith="clock.").values_list(
        "object_id", "step"
    )
    assert found and len(set(per_clock)) == len(found), "no clock told anybody the same twice"


def test_a_day_back_events_keep_their_order_and_no_clock_is_broken(fire_db: str, world: Any) -> None:
    """Steps at times before their clocks started: met, in the order they happened; the audit says which clocks."""
    told = tell(world, at=timezone.now())
    told.dispatch()
    told.later(-24)
    told.accept()
    told.reply()
    told.judge()
    assert told.request.state == "closed"
    of = Event.objects.filter(subject_type="loop.request", subject_id=told.request_id)
    ordered = list(of.order_by("id").values_list("step", flat=True))
    assert ordered == ["request.hear", "request.dispatch", "dispatch.accept", "handling.write", "request.judge"]
    assert set(Clock.objects.filter(request=told.request_id).values_list("outcome", flat=True)) <= {"met", "cancelled"}
    found = {f.name: f for f in audit() if f.count}
    assert set(found) <= {"clock_backwards"} and not any(f.broken for f in found.values())


def test_sessions_and_links_survive_a_step(fire_db: str, world: Any, settings: Any) -> None:
    settings.HELI_STAFF_MFA = False
    client = log_in(world, "孙坐席")
    told = tell(world, at=timezone.now())
    with time_machine.travel(timezone.now() - DAY, tick=True):
        assert client.get("/loop/desk/").status_code == 200
        assert links.voice_of(told.token, timezone.now()).pk == told.voice.pk
    assert client.get("/loop/desk/").status_code == 200
    with time_machine.travel(timezone.now() + DAY, tick=True):
        assert client.get("/loop/desk/").status_code in {200, 302}, "a day ahead a session may be over: log in again"
        assert links.voice_of(told.token, timezone.now()).pk == told.voice.pk
    with pytest.raises(LinkEnded):
        links.voice_of(told.token, told.voice.link_until)


def test_two_machines_that_tell_another_time_act_on_no_deadline(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steady, "watch", steady.Watch())
    assert steady.steady()
    assert abs(steady.clock_apart()) < 5
    monkeypatch.setattr(steady, "clock_apart", lambda: -90.0)
    assert not steady.steady()
