"""Each event leaves once, in order, to those whose grant sees it, and says nothing of anybody."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from typing import Any

import pytest
from django.db import connection, transaction

from heli.core.actor import SYSTEM
from heli.core.errors import HeliError
from heli.core.models import Event, Outbox
from heli.hooks import relay as relaying
from heli.hooks.catalogue import GROUPS, STEPS, body_of, payload
from heli.hooks.models import Delivery, Endpoint
from heli.hooks.relay import relay, relay_all
from heli.hooks.steps import pause_endpoint, send_test
from heli.loop import steps
from heli.loop.models import Request
from heli.orgs.steps import create_org, end_grant
from tests.database import race, second_connection
from tests.hooks.receiver import listen
from tests.loop.told import AT, tell

LATER = AT + dt.timedelta(days=3)
URL = "https://hooks.example.org/heli"


def sent(endpoint: Endpoint) -> list[str]:
    return list(Delivery.objects.filter(endpoint=endpoint).order_by("event_id").values_list("step", flat=True))


@pytest.mark.django_db
def test_nobody_listens_and_the_outbox_is_cleared(world: Any) -> None:
    tell(world).answered()
    waiting = Outbox.objects.count()
    assert waiting == Event.objects.count() > 0, "the database adds a row with each event"
    assert relay_all(at=LATER) == relaying.Relayed(waiting, 0)
    assert not Outbox.objects.exists() and not Delivery.objects.exists()


@pytest.mark.django_db
def test_what_happens_to_a_request_leaves_in_order(world: Any, names: Any) -> None:
    endpoint, _secret = listen(world, URL)
    told = tell(world).answered()
    told.judge()
    relay_all(at=LATER)
    assert sent(endpoint) == [
        "request.hear", "request.dispatch", "dispatch.accept", "handling.write", "request.judge",
    ]  # fmt: skip
    rows = Delivery.objects.filter(endpoint=endpoint).order_by("event_id")
    assert {r.code for r in rows} == {told.request.code} and not Outbox.objects.exists()


@pytest.mark.django_db
def test_an_endpoint_is_told_what_happens_from_now_on(world: Any, names: Any) -> None:
    """What was still in the outbox when it was added happened before."""
    told = tell(world)
    endpoint, _secret = listen(world, URL)
    told.dispatch()
    relay_all(at=LATER)
    assert sent(endpoint) == ["request.dispatch"]


@pytest.mark.django_db
def test_only_what_the_resident_may_see(world: Any, names: Any) -> None:
    """No internal note, no asking to return, no reading of personal data: whatever is not public stays."""
    endpoint, _secret = listen(world, URL)
    told = tell(world)
    told.dispatch()
    steps.note(request_id=told.request_id, by=SYSTEM, at=told.later(1), text="内部的话")
    steps.ask_return(
        dispatch_id=told.lead.pk,
        by=SYSTEM,
        at=told.later(1),
        reason_code="not_ours",
        reason="不归我们",
        legal_basis="三定规定",
    )
    relay_all(at=LATER)
    assert sent(endpoint) == ["request.hear", "request.dispatch"]


@pytest.mark.django_db
def test_steps_chosen(world: Any, names: Any) -> None:
    endpoint, _secret = listen(world, URL, steps=["dispatch.accept", "orgs.create_org"])
    tell(world).answered()
    create_org(kind="team", name="红领巾志愿服务队", area_path="370602", by=SYSTEM, at=AT)
    relay_all(at=LATER)
    assert sent(endpoint) == ["dispatch.accept", "orgs.create_org"]


# Who sees what ----------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_another_county_is_never_told(world: Any, names: Any) -> None:
    ours, _secret = listen(world, URL)
    theirs, _secret = listen(world, URL, sees_as="外县人", area_path="370613")
    tell(world).answered()
    relay_all(at=LATER)
    assert sent(ours) and not sent(theirs)


@pytest.mark.django_db
def test_a_narrower_area(world: Any, names: Any) -> None:
    here, _secret = listen(world, URL, area_path="370602003006")
    street, _secret = listen(world, URL, area_path="370602003")
    beside, _secret = listen(world, URL, area_path="370602003004")
    tell(world)
    relay_all(at=LATER)
    assert (sent(here), sent(street), sent(beside)) == (["request.hear"], ["request.hear"], [])


@pytest.mark.django_db
def test_a_units_grant_sees_what_the_unit_was_given(world: Any, names: Any) -> None:
    """The same rows as the unit's own inbox: visible_to, not the area alone."""
    theirs, _secret = listen(world, URL, sees_as="于科员")
    others, _secret = listen(world, URL, sees_as="曲科员")
    told = tell(world)
    relay_all(at=LATER)
    assert (sent(theirs), sent(others)) == ([], [])
    told.dispatch("城管局")
    relay_all(at=LATER)
    assert (sent(theirs), sent(others)) == (["request.dispatch"], [])


@pytest.mark.django_db
def test_a_grant_that_reads_no_requests_is_told_none(world: Any, names: Any) -> None:
    endpoint, _secret = listen(world, URL, sees_as="姜管理")
    tell(world).answered()
    create_org(kind="team", name="红领巾志愿服务队", area_path="370602", by=SYSTEM, at=AT)
    relay_all(at=LATER)
    assert sent(endpoint) == ["orgs.create_org"], "organisations are public"


@pytest.mark.django_db
def test_nothing_once_the_grant_has_ended(world: Any, names: Any) -> None:
    endpoint, _secret = listen(world, URL)
    told = tell(world)
    relay_all(at=LATER)
    end_grant(grant_id=endpoint.grant_id, reason="合作结束", by=SYSTEM, at=told.later(1))
    told.world.user("孙坐席")
    steps.offer(request_id=told.request_id, unit_id=world.org("城管局").pk, by=SYSTEM, at=told.later(1))
    relay_all(at=LATER)
    assert sent(endpoint) == ["request.hear"]


@pytest.mark.django_db
def test_paused_keeps_and_ended_does_not(world: Any, names: Any) -> None:
    from heli.hooks.steps import end_endpoint

    paused, _secret = listen(world, URL)
    ended, _secret = listen(world, URL)
    pause_endpoint(endpoint_id=paused.pk, by=SYSTEM, at=AT)
    end_endpoint(endpoint_id=ended.pk, reason="不用了", by=SYSTEM, at=AT)
    tell(world)
    relay_all(at=LATER)
    assert (sent(paused), sent(ended)) == (["request.hear"], [])


@pytest.mark.django_db
def test_a_test_message_goes_to_its_own_endpoint(world: Any, names: Any) -> None:
    one, _secret = listen(world, URL, steps=["request.judge"])
    other, _secret = listen(world, URL)
    send_test(endpoint_id=one.pk, by=SYSTEM, at=AT)
    relay_all(at=LATER)
    assert (sent(one), sent(other)) == (["hooks.test"], [])


# What is said -----------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_payload_says_nothing_of_anybody(world: Any, names: Any) -> None:
    """Whatever was typed on the way: none of it is in what leaves. The shape is the documented one, and nothing more."""
    canaries = [
        "张三丰",
        "13812345678",
        "370602199001011234",
        "世学路",
        "塌下去",
        "绊倒",
        "内部",
        "重新铺好",
        "王桂兰",
        "孙坐席",
    ]
    endpoint, _secret = listen(world, URL)
    told = tell(world, text="我叫张三丰，电话 13812345678，世学路 26 号门前人行道塌下去一片，绊倒了老人", name="张三丰")
    told.answered()
    told.judge("no", 1, words="没办好，我是张三丰")
    relay_all(at=LATER)
    bodies = []
    for row in Delivery.objects.filter(endpoint=endpoint):
        event = Event.objects.get(pk=row.event_id)
        said = payload(event, row.code)
        assert list(said) == ["event", "step", "at", "subject", "before", "after", "area"]
        assert said["subject"] == {"type": "request", "code": told.request.code} and said["area"] == "370602003006"
        assert said["at"].endswith("Z") and dt.datetime.fromisoformat(said["at"]) == event.at
        bodies.append(body_of(event, row.code).decode())
        assert json.loads(bodies[-1]) == said and body_of(event, row.code).decode() == bodies[-1], "the same each time"
    assert len(bodies) >= 5 and not [c for c in canaries for b in bodies if c in b]


def test_every_step_of_the_catalogue_is_a_step_and_has_chinese() -> None:
    from django.utils.translation import override

    from tests.database import ROOT

    code = "".join(p.read_text() for p in (ROOT / "heli").glob("*/steps*") if p.is_file())
    code += "".join(p.read_text() for p in (ROOT / "heli").glob("*/steps/*.py"))
    code += "".join((ROOT / "heli" / x).read_text() for x in ("insight/problem_steps.py", "ledger/desk_steps.py"))
    for written, named in {
        'f"exclusion.{arrow}"': '"exclusion.confirm"',
        'f"request.order_{arrow}"': '"request.order_close" "request.order_withdraw"',
        'f"order.{arrow}"': '"order.close" "order.withdraw"',
        'f"suggestions.{arrow}"': '"suggestions.confirm" "suggestions.let_go"',
        'f"hours.decide_{verb}"': '"hours.decide_approve" "hours.decide_correct" "hours.decide_reverse"',
        'f"wish.{name}"': '"wish.fill" "wish.rise" "wish.deliver"',
    }.items():
        assert written in code
        code = code.replace(written, named)
    assert [s for s in STEPS if f'"{s}"' not in code] == []
    assert sum(len(named) for _title, _subject, named in GROUPS) == len(STEPS)
    with override("zh-hans"):
        assert [s for s, words in STEPS.items() if str(words).isascii()] == []


# Once, and in order ------------------------------------------------------------------------------------------------------
def test_two_relays_at_once_pass_each_event_on_once(fire_db: str, world: Any, names: Any) -> None:
    endpoint, _secret = listen(world, URL)
    for _ in range(6):
        tell(world).answered()
    events = Outbox.objects.count()

    def drain() -> tuple[int, int]:
        taken = made = 0
        while (done := relay(at=LATER, batch=3)).taken:
            taken, made = taken + done.taken, made + done.made
        return taken, made

    done = race(drain, drain, drain)
    assert sum(d[0] for d in done) == events and not Outbox.objects.exists()
    assert sum(d[1] for d in done) == Delivery.objects.filter(endpoint=endpoint).count() == 6 * 4
    assert sum(d[0] > 0 for d in done) > 1, "more than one had a turn"


def test_a_relay_that_dies_gives_everything_back(fire_db: str, world: Any, names: Any) -> None:
    listen(world, URL)
    tell(world).answered()
    before = Outbox.objects.count()
    with pytest.raises(RuntimeError), transaction.atomic():
        assert relay(at=LATER).made
        raise RuntimeError("killed before the end of the transaction")
    assert Outbox.objects.count() == before and not Delivery.objects.exists()
    relay_all(at=LATER)
    assert Delivery.objects.count() == 4


def test_an_event_put_back_into_the_outbox_makes_no_second_delivery(fire_db: str, world: Any, names: Any) -> None:
    listen(world, URL)
    tell(world)
    relay_all(at=LATER)
    row = Delivery.objects.get()
    Outbox.objects.create(event_id=row.event_id)
    relay_all(at=LATER)
    assert Delivery.objects.get().pk == row.pk


def test_events_of_one_request_have_ids_in_the_order_they_are_committed(fire_db: str, world: Any) -> None:
    """A step draws its event's id under the request's lock: one that waits for the lock gets a later id, whenever it
    began. So no relay ever sees a later event of a request without the earlier ones."""
    told = tell(world)
    told.dispatch()
    began: list[float] = []
    sequence = "SELECT last_value FROM core_event_id_seq"

    def accept() -> None:
        began.append(time.monotonic())
        steps.accept(dispatch_id=told.lead.pk, by=world.actor("于科员"), at=told.later(0.5))
        connection.close()

    with second_connection() as other:
        other.execute("SELECT FROM loop_request WHERE id = %s FOR UPDATE", [told.request_id])
        other.execute("SELECT FROM loop_dispatch WHERE request_id = %s FOR UPDATE", [told.request_id])
        before = other.execute(sequence).fetchone()
        waiting = threading.Thread(target=accept)
        waiting.start()
        time.sleep(0.5)
        assert began and waiting.is_alive(), "it waits for the lock"
        assert other.execute(sequence).fetchone() == before, "and has drawn no id yet"
        other.rollback()
        waiting.join(20)
    assert not waiting.is_alive()


def test_racing_steps_of_one_request_reach_the_outbox_in_order(fire_db: str, world: Any, names: Any) -> None:
    """Steps on one request from several sides while a relay runs: what is relayed first has the lower id, always."""
    endpoint, _secret = listen(world, URL)
    told = tell(world)
    told.dispatch()
    told.accept()
    stop = threading.Event()
    seen: list[list[int]] = []

    def contact(who: str) -> int:
        done = 0
        for n in range(8):
            try:
                steps.contact(
                    request_id=told.request_id, by=world.actor(who), at=told.at + dt.timedelta(minutes=n), way="phone",
                    reached=True, text="打过电话",
                )  # fmt: skip
                done += 1
            except HeliError:
                continue
        return done

    def relays() -> int:
        while not stop.is_set():
            relay(at=LATER)
            seen.append(list(Delivery.objects.order_by("event_id").values_list("event_id", flat=True)))
        return len(seen)

    def both() -> int:
        try:
            return sum(race_contacts())
        finally:
            stop.set()

    def race_contacts() -> list[int]:
        return race(lambda: contact("于科员"), lambda: contact("许股长"))

    done = race(relays, both)
    assert all(isinstance(d, int) for d in done), done
    relay_all(at=LATER)
    ids = list(Delivery.objects.filter(endpoint=endpoint).order_by("event_id").values_list("event_id", flat=True))
    assert len(ids) >= 3 + 8
    assert all(part == ids[: len(part)] for part in seen), "never a later one before an earlier one"
    assert Request.objects.get(pk=told.request_id).state == "handling"
