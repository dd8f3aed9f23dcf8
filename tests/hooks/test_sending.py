"""At least once, in order, with pauses that grow, and whoever dies hands over."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import os
import subprocess
import sys
import time
from typing import Any

import pytest
from django.conf import settings as live
from django.utils import timezone

from heli import localpg
from heli.core.actor import SYSTEM
from heli.core.errors import WrongState
from heli.core.models import Event
from heli.hooks import jobs, net, queries, sending
from heli.hooks.errors import NotWaiting
from heli.hooks.models import Delivery, Endpoint
from heli.hooks.relay import relay_all
from heli.hooks.sending import LEASE, Claimed, claim, delay, first_bytes, reason_of, send_due, write_down
from heli.hooks.signing import verify
from heli.hooks.steps import end_endpoint, pause_endpoint, replay, resume_endpoint, rotate_secret, send_test, skip
from heli.orgs.steps import end_grant
from tests import database
from tests.database import ROOT, race
from tests.hooks.receiver import Got, Receiver, listen
from tests.loop.told import tell

LONG = dt.timedelta(days=400)


def relayed(world: Any, *requests: int) -> None:
    """Requests with so many public events each, relayed."""
    now = timezone.now() - dt.timedelta(days=5)
    for steps in requests:
        told = tell(world, at=now)
        if steps > 1:
            told.dispatch()
        if steps > 2:
            told.accept()
        if steps > 3:
            told.reply()
    relay_all(at=timezone.now())


def due_now(**of: Any) -> int:
    """As if the pause were over."""
    return Delivery.objects.filter(state="waiting", **of).update(due_at=timezone.now() - dt.timedelta(seconds=1))


def states(endpoint: Endpoint) -> list[tuple[str, str]]:
    return list(Delivery.objects.filter(endpoint=endpoint).order_by("event_id").values_list("step", "state"))


def one(endpoint: Endpoint) -> Delivery:
    return Delivery.objects.filter(endpoint=endpoint).order_by("event_id")[0]


# The whole way -----------------------------------------------------------------------------------------------------------
def test_the_whole_way(fire_db: str, world: Any, receiver: Receiver) -> None:
    """From a step to the receiver by the job itself: signed, in order, once; nothing left over."""
    endpoint, secret = listen(world, receiver.url)
    told = tell(world).answered()
    done = jobs.run(timestamp=0)
    assert (done["made"], done["delivered"], done["failed"]) == (4, 4, 0)
    said = [json.loads(g.body) for g in receiver.got]
    assert [s["step"] for s in said] == ["request.hear", "request.dispatch", "dispatch.accept", "handling.write"]
    assert {s["subject"]["code"] for s in said} == {told.request.code} and [s["event"] for s in said] == sorted(
        s["event"] for s in said
    )
    for got, body in zip(receiver.got, said, strict=True):
        verify(secret, got.headers, got.body, timezone.now())
        assert got.headers["webhook-id"] == f"evt_{body['event']}_{endpoint.pk}" and got.path == "/heli?from=zhifu"
        assert got.headers["content-type"] == "application/json"
    endpoint.refresh_from_db()
    assert endpoint.last_ok_at is not None and endpoint.failures == 0
    assert jobs.run(timestamp=0) == {"taken": 0, "made": 0, "delivered": 0, "failed": 0} and len(receiver.got) == 4


def test_no_transaction_is_open_while_the_network_is_waited_for(fire_db: str, world: Any, receiver: Receiver) -> None:
    listen(world, receiver.url)
    relayed(world, 1)
    seen: list[Any] = []

    def look(got: Got, handler: Any) -> None:
        with database._admin() as db:
            seen.extend(
                db.execute(
                    "SELECT state FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid() AND xact_start IS NOT NULL",
                    [fire_db],
                ).fetchall()
            )
        handler.send_response(204)
        handler.end_headers()

    receiver.say = look
    assert send_due().delivered == 1 and seen == []


def test_two_senders_at_once_send_each_message_once(fire_db: str, world: Any, receiver: Receiver) -> None:
    listen(world, receiver.url)
    relayed(world, 4, 4, 4, 4)
    done = race(send_due, send_due)
    assert sum(d.delivered for d in done) == 16 and sum(d.lost + d.failed for d in done) == 0
    ids = [g.headers["webhook-id"] for g in receiver.got]
    assert len(ids) == len(set(ids)) == 16
    by_code: dict[str, list[int]] = {}
    for got in receiver.got:
        said = json.loads(got.body)
        by_code.setdefault(said["subject"]["code"], []).append(said["event"])
    assert len(by_code) == 4 and all(events == sorted(events) for events in by_code.values())


# Killed ------------------------------------------------------------------------------------------------------------------
KILLED = """
import django, os, signal
django.setup()
from django.conf import settings
settings.HELI_HOOKS_ALLOW_PRIVATE = True
from heli.hooks import sending
sending.send = lambda claimed, at: os.kill(os.getpid(), signal.SIGKILL)
sending.send_due()
"""


def test_killed_between_claim_and_send(fire_db: str, world: Any, receiver: Receiver) -> None:
    """A worker that is killed with -9 has claimed and sent nothing: when its lease ends another one sends, by itself."""
    endpoint, _secret = listen(world, receiver.url)
    relayed(world, 2)
    env = os.environ | {"DATABASE_URL": localpg.urls(database.var(), fire_db).app_url, "PYTHONPATH": str(ROOT)}
    died = subprocess.run([sys.executable, "-c", KILLED], env=env, cwd=ROOT, check=False)
    assert died.returncode == -9
    row = one(endpoint)
    assert (row.state, row.attempts) == ("waiting", 1) and row.due_at > timezone.now() + LEASE / 2
    assert send_due().delivered == 0 and receiver.got == [], "the lease still holds, also for what stands behind"
    due_now(pk=row.pk)  # the lease ends
    assert send_due().delivered == 2
    assert [json.loads(g.body)["step"] for g in receiver.got] == ["request.hear", "request.dispatch"]


@pytest.mark.django_db
def test_whoever_comes_back_after_the_lease_writes_nothing(world: Any, names: Any) -> None:
    """Slow, not dead: another one has tried meanwhile, and its outcome stands."""
    endpoint, _secret = listen(world, "https://hooks.example.org/")
    relayed(world, 1)
    now = timezone.now()
    (slow,) = claim(endpoint, at=now, most=1)
    assert claim(endpoint, at=now, most=1) == []
    (next_,) = claim(endpoint, at=now + LEASE, most=1)
    assert next_.message_id == slow.message_id and next_.body == slow.body
    assert write_down(next_, net.Answer(204), at=now + LEASE)
    assert not write_down(slow, net.Answer(500, b"no"), at=now + LEASE)
    assert states(endpoint) == [("request.hear", "delivered")]
    endpoint.refresh_from_db()
    assert endpoint.failures == 0, "and counts nothing against the endpoint"


# Order -------------------------------------------------------------------------------------------------------------------
def claimed_steps(endpoint: Endpoint, at: dt.datetime) -> list[tuple[str, str]]:
    return [(c.delivery.code, c.delivery.step) for c in claim(endpoint, at=at, most=50)]


@pytest.mark.django_db
def test_a_later_one_waits_for_the_earlier_and_others_do_not(world: Any, names: Any) -> None:
    endpoint, _secret = listen(world, "https://hooks.example.org/")
    relayed(world, 3, 2)
    now = timezone.now()
    first = claim(endpoint, at=now, most=50)
    assert [c.delivery.step for c in first] == ["request.hear", "request.hear"], "the head of each line"
    bad, good = first
    assert write_down(bad, net.Answer(503), at=now) and write_down(good, net.Answer(200), at=now)
    assert [s for _code, s in claimed_steps(endpoint, now)] == ["request.dispatch"], "only the other request goes on"
    again = timezone.now() + dt.timedelta(minutes=1)
    (head,) = [c for c in claim(endpoint, at=again, most=50) if c.delivery.code == bad.delivery.code]
    assert head.delivery.step == "request.hear" and head.delivery.attempts == 2
    assert write_down(head, net.Answer(204), at=again)
    assert (bad.delivery.code, "request.dispatch") in claimed_steps(endpoint, again), "its follower goes at once"


@pytest.mark.django_db
def test_endpoints_do_not_wait_for_each_other(world: Any, names: Any) -> None:
    bad, _secret = listen(world, "https://hooks.example.org/bad")
    good, _secret = listen(world, "https://hooks.example.org/good")
    relayed(world, 2)
    now = timezone.now()
    (failed,) = claim(bad, at=now, most=1)
    write_down(failed, net.Answer(reason="timeout"), at=now)
    for step in ("request.hear", "request.dispatch"):
        (c,) = claim(good, at=now, most=1)
        assert c.delivery.step == step and write_down(c, net.Answer(200), at=now)


# Pauses that grow --------------------------------------------------------------------------------------------------------
def test_the_table_of_pauses() -> None:
    steps = list(live.HELI_HOOKS_BACKOFF)
    assert steps == sorted(steps) and all(b / a >= 1.3 for a, b in itertools.pairwise(steps))
    assert dt.timedelta(days=2.5) < dt.timedelta(seconds=sum(steps)) < dt.timedelta(days=3.5)
    for n, seconds in enumerate(steps, 1):
        got = [delay(n) for _ in range(200)]
        assert all(d is not None and 0.8 * seconds <= d.total_seconds() <= 1.2 * seconds for d in got)
        assert len(set(got)) > 100, "with jitter"
    assert delay(len(steps) + 1) is None


@pytest.mark.django_db
def test_after_the_last_try_it_has_failed_for_good(world: Any, names: Any) -> None:
    endpoint, _secret = listen(world, "https://hooks.example.org/")
    relayed(world, 3)
    at, tries, began = timezone.now(), 0, timezone.now()
    while one(endpoint).state == "waiting":
        (c,) = claim(endpoint, at=at, most=5)
        tries += 1
        assert c.delivery.attempts == tries
        assert write_down(c, net.Answer(500, "没接住 13812345678\n".encode()), at=at)
        at = max(at, one(endpoint).due_at)
    assert tries == len(live.HELI_HOOKS_BACKOFF) + 1
    assert dt.timedelta(days=2) < at - began < dt.timedelta(days=3.6)
    row = one(endpoint)
    assert (row.state, row.reason, row.status, row.answer) == ("dead", "refused", 500, "没接住 <personal>")
    assert claim(endpoint, at=at + dt.timedelta(days=30), most=5) == [], "what stands behind waits for a person"
    assert queries.rows_of([Endpoint.objects.get(pk=endpoint.pk)], at=at)[0].health == "blocked"


def dead(world: Any, url: str = "https://hooks.example.org/", *requests: int) -> Endpoint:
    """An endpoint whose first message of each request failed for good."""
    endpoint, _secret = listen(world, url)
    relayed(world, *(requests or (3,)))
    now = timezone.now()
    for c in claim(endpoint, at=now, most=50):
        c.delivery.attempts = len(live.HELI_HOOKS_BACKOFF) + 1
        Delivery.objects.filter(pk=c.delivery.pk).update(attempts=c.delivery.attempts)
        assert write_down(c, net.Answer(500), at=now)
    return endpoint


def test_replayed_it_goes_out_first_and_the_rest_after_it(fire_db: str, world: Any, receiver: Receiver) -> None:
    endpoint = dead(world, receiver.url, 3, 2)
    assert send_due().delivered == 0
    assert replay(endpoint_id=endpoint.pk, delivery_ids=[one(endpoint).pk], by=SYSTEM, at=timezone.now()) == 1
    assert send_due().delivered == 3
    assert [json.loads(g.body)["step"] for g in receiver.got] == ["request.hear", "request.dispatch", "dispatch.accept"]
    assert replay(endpoint_id=endpoint.pk, by=SYSTEM, at=timezone.now()) == 1, "all the others"
    assert send_due().delivered == 2
    with pytest.raises(NotWaiting):
        replay(endpoint_id=endpoint.pk, by=SYSTEM, at=timezone.now())


def test_given_up_it_is_never_sent_and_the_rest_goes_on(fire_db: str, world: Any, receiver: Receiver) -> None:
    endpoint = dead(world, receiver.url, 3)
    skip(endpoint_id=endpoint.pk, delivery_ids=[one(endpoint).pk], reason="对方不要", by=SYSTEM, at=timezone.now())
    assert send_due().delivered == 2
    assert [json.loads(g.body)["step"] for g in receiver.got] == ["request.dispatch", "dispatch.accept"]
    assert states(endpoint)[0] == ("request.hear", "skipped")
    assert Event.objects.filter(step="hooks.skip", subject_id=endpoint.pk).get().data["reason"] == "对方不要"


# What went wrong ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("answer", "reason", "ok"),
    [
        (net.Answer(200), "", True), (net.Answer(204), "", True), (net.Answer(299), "", True),
        (net.Answer(301), "redirect", False), (net.Answer(308), "redirect", False), (net.Answer(400), "refused", False),
        (net.Answer(410), "refused", False), (net.Answer(429), "refused", False), (net.Answer(500), "refused", False),
        (net.Answer(100), "refused", False), (net.Answer(reason="timeout"), "timeout", False),
        (net.Answer(reason="private"), "private", False),
    ],
)  # fmt: skip
def test_what_counts_as_delivered(answer: net.Answer, reason: str, ok: bool) -> None:
    assert (reason_of(answer), answer.ok) == (reason, ok)


def test_an_answer_is_shown_short_and_clean() -> None:
    assert first_bytes("<b>错了\r\n\x1b[31m 电话 13912345678</b>".encode()) == "<b>错了 [31m 电话 <personal></b>"
    assert len(first_bytes(b"x" * 4096)) == 200 and first_bytes(b"\xff\xfe\x00") != "" and first_bytes(b"") == ""


@pytest.mark.django_db
def test_a_name_that_turned_inward_is_not_called(world: Any, names: dict[str, list[str]]) -> None:
    """Checked when it was added, and again at each try."""
    endpoint, _secret = listen(world, "https://hooks.example.org/")
    relayed(world, 1)
    names["hooks.example.org"] = ["93.184.216.34", "169.254.169.254"]
    (c,) = claim(endpoint, at=timezone.now(), most=1)
    answer = sending.send(c, at=timezone.now())
    assert answer == net.Answer(reason="private")
    del names["hooks.example.org"]
    assert sending.send(c, at=timezone.now()) == net.Answer(reason="unknown")


def test_a_fault_of_ours_with_one_message_stops_no_other(
    fire_db: str, world: Any, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, _secret = listen(world, receiver.url)
    relayed(world, 1, 1)
    bad, real = one(endpoint).pk, sending.send

    def stumbles(claimed: Claimed, *, at: dt.datetime) -> net.Answer:
        if claimed.delivery.pk == bad:
            raise RuntimeError("ours")
        return real(claimed, at=at)

    monkeypatch.setattr(sending, "send", stumbles)
    done = send_due()
    assert (done.delivered, done.failed) == (1, 1) and one(endpoint).reason == "broken"


# Whose it is, now --------------------------------------------------------------------------------------------------------
def test_nothing_goes_out_once_the_grant_has_ended(fire_db: str, world: Any, receiver: Receiver) -> None:
    endpoint, _secret = listen(world, receiver.url)
    relayed(world, 2)
    end_grant(grant_id=endpoint.grant_id, reason="合作结束", by=SYSTEM, at=timezone.now())
    assert send_due().delivered == 0 and receiver.got == []
    assert claim(endpoint, at=timezone.now(), most=5) == []
    assert queries.rows_of([endpoint], at=timezone.now())[0].health == "asleep"


@pytest.mark.django_db
def test_what_moved_out_of_sight_meanwhile_is_not_sent(world: Any, names: Any) -> None:
    """The unit has given the request back before the message about it left."""
    from heli.loop import steps

    endpoint, _secret = listen(world, "https://hooks.example.org/", sees_as="于科员")
    told = tell(world, at=timezone.now() - dt.timedelta(days=1))
    told.dispatch()
    relay_all(at=timezone.now())
    assert states(endpoint) == [("request.hear", "waiting"), ("request.dispatch", "waiting")]
    steps.take_back(request_id=told.request_id, by=SYSTEM, at=told.later(0.02))
    assert claim(endpoint, at=timezone.now(), most=5) == claim(endpoint, at=timezone.now(), most=5) == []
    assert states(endpoint) == [("request.hear", "skipped"), ("request.dispatch", "skipped")]
    assert one(endpoint).reason == "out_of_sight"


def test_paused_resumed_ended(fire_db: str, world: Any, receiver: Receiver) -> None:
    endpoint, _secret = listen(world, receiver.url)
    who: dict[str, Any] = {"endpoint_id": endpoint.pk, "by": SYSTEM}
    pause_endpoint(**who, at=timezone.now())
    relayed(world, 2)
    assert send_due().delivered == 0
    with pytest.raises(WrongState):
        send_test(**who, at=timezone.now())
    resume_endpoint(**who, at=timezone.now())
    assert send_due().delivered == 2
    relayed(world, 1)
    end_endpoint(**who, reason="不用了", at=timezone.now())
    assert send_due().delivered == 0 and states(endpoint)[-1] == ("request.hear", "skipped")


def test_while_a_secret_changes_both_sign(fire_db: str, world: Any, receiver: Receiver) -> None:
    endpoint, old = listen(world, receiver.url)
    _endpoint, new = rotate_secret(endpoint_id=endpoint.pk, by=SYSTEM, at=timezone.now())
    send_test(endpoint_id=endpoint.pk, by=SYSTEM, at=timezone.now())
    jobs.run(timestamp=0)
    for secret in (old, new):
        verify(secret, receiver.got[0].headers, receiver.got[0].body, timezone.now())
    Endpoint.objects.update(old_until=timezone.now())
    send_test(endpoint_id=endpoint.pk, by=SYSTEM, at=timezone.now())
    jobs.run(timestamp=0)
    assert len(receiver.got[1].headers["webhook-signature"].split()) == 1
    verify(new, receiver.got[1].headers, receiver.got[1].body, timezone.now())


# Later -------------------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_what_was_delivered_long_ago_is_forgotten_and_what_failed_is_not(world: Any, names: Any) -> None:
    endpoint = dead(world, "https://hooks.example.org/", 1, 1, 1)
    first, second, _third = Delivery.objects.filter(endpoint=endpoint).order_by("event_id")
    old = timezone.now() - dt.timedelta(days=31)
    Delivery.objects.filter(endpoint=endpoint).update(ended_at=old)
    Delivery.objects.filter(pk=first.pk).update(state="delivered")
    Delivery.objects.filter(pk=second.pk).update(state="skipped", ended_at=timezone.now())
    assert jobs.clean(timestamp=0) == 1 and jobs.clean(timestamp=0) == 0
    assert [s for _step, s in states(endpoint)] == ["skipped", "dead"]


@pytest.mark.django_db
def test_the_numbers_for_whoever_runs_the_house(world: Any, names: Any) -> None:
    relay_all(at=timezone.now())
    assert queries.health() == queries.Health(0, 0.0, 0, 0.0, 0, 0, 0)
    endpoint = dead(world, "https://hooks.example.org/", 3)
    tell(world)
    found = queries.health(at=timezone.now() + dt.timedelta(seconds=60))
    assert (found.outbox, found.backlog, found.dead, found.failing, found.held) == (1, 2, 1, 1, 0)
    assert 60 <= found.outbox_oldest < 70 and 60 <= found.oldest_waiting < 70
    pause_endpoint(endpoint_id=endpoint.pk, by=SYSTEM, at=timezone.now())
    assert (queries.health().backlog, queries.health().held, queries.health().failing) == (0, 2, 0)


def test_a_slow_receiver_does_not_hold_up_another(fire_db: str, world: Any, receiver: Receiver) -> None:
    """One that takes its time has at most a few of the threads."""
    slow, _secret = listen(world, receiver.url + "&slow=1")
    quick, _secret = listen(world, receiver.url)

    def answer(got: Got, handler: Any) -> None:
        if "slow" in got.path:
            time.sleep(1)
        handler.send_response(204)
        handler.end_headers()

    receiver.say = answer
    relayed(world, *([1] * 12))
    began = time.monotonic()
    send_due()
    order = ["slow" in g.path for g in receiver.got]
    assert len(order) == 24 and time.monotonic() - began < 8
    assert order.index(False) < 12 and sum(order[:18]) <= 10, "the quick one is done while the slow one is under way"
    assert {s for e in (slow, quick) for _step, s in states(e)} == {"delivered"}


# What a receiver asks of us ---------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_receiver_that_is_gone_is_told_nothing_more(world: Any) -> None:
    endpoint, _secret = listen(world, "https://9.9.9.9/heli")
    relayed(world, 2)
    now = timezone.now()
    first = claim(endpoint, at=now, most=1)[0]
    assert write_down(first, net.Answer(410, b"gone"), at=now)
    endpoint.refresh_from_db()
    assert endpoint.state == "ended" and endpoint.ended_at == now
    assert {s for _step, s in states(endpoint)} == {"skipped"}
    ended = Event.objects.get(step="hooks.end_endpoint", subject_id=endpoint.pk)
    assert "410" in ended.data["reason"] and ended.user_id is None
    assert sending.with_work(now + LONG) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [(0, 0, 60), (1800, 1800, 1800), (10**7, 6 * 3600, 6 * 3600)],
    ids=["nothing asked", "half an hour", "longer than we wait"],
)
def test_who_asks_us_to_wait_is_given_time(world: Any, settings: Any, asked: int, least: int, most: int) -> None:
    settings.HELI_HOOKS_BACKOFF = (10, 20)
    endpoint, _secret = listen(world, "https://9.9.9.9/heli")
    relayed(world, 1)
    now = timezone.now()
    write_down(claim(endpoint, at=now, most=1)[0], net.Answer(429, wait=asked), at=now)
    waits = (Delivery.objects.get(endpoint=endpoint).due_at - now).total_seconds()
    assert least <= waits <= most


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("120", 120), (" 5 ", 5), ("", 0), ("soon", 0), ("-3", 0), ("9" * 30, 0), ("Mon, 01 Jan 2001 00:00:00 GMT", 0)],
)
def test_how_long_it_asks(said: str, seconds: int) -> None:
    assert net._asked_to_wait(said) == seconds


def test_a_day_to_wait_until() -> None:
    from email.utils import format_datetime

    said = format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=90), usegmt=True)
    assert 80 < net._asked_to_wait(said) <= 90
