"""Two people at the same moment, on two connections: one wins, the other is told, nothing is half done."""

from __future__ import annotations

import pytest

from heli.core import errors as core
from heli.loop import steps
from heli.loop.models import Clock, Dispatch, Request, Review
from tests.database import race
from tests.loop.told import HOUR, tell


def one_wins(results, *codes):
    lost = [r for r in results if isinstance(r, Exception)]
    assert len(lost) == len(results) - 1, results
    assert all(isinstance(e, core.HeliError) and e.code in codes for e in lost), lost
    return lost


def test_two_dispatchers(fire_db, world):
    told = tell(world)
    sun, at = world.actor("孙坐席"), told.at + HOUR
    units = [world.org("城管局").pk, world.org("住建局").pk]
    results = race(*(lambda u=u: steps.offer(request_id=told.request_id, unit_id=u, by=sun, at=at) for u in units))
    lost = [r for r in results if isinstance(r, Exception)]
    live = Dispatch.objects.filter(request=told.request_id, role="lead", state__in=Dispatch.LIVE)
    assert live.count() == 1
    assert Clock.objects.filter(request=told.request_id, kind="reply", outcome="running").count() == 1
    assert len(lost) == 1 and lost[0].code in {"L-101", "L-102", "L-103"}


def test_two_acceptors(fire_db, world):
    told = tell(world)
    made = told.dispatch()
    by = [world.actor("于科员"), world.actor("许股长")]
    results = race(*(lambda b=b: steps.accept(dispatch_id=made.pk, by=b, at=told.at + HOUR) for b in by))
    one_wins(results, "L-102")
    assert told.request.state == "handling"


def test_two_reviewers_of_one_voice(fire_db, world):
    told = tell(world).answered()
    judge = {"voice_id": told.voice.pk, "at": told.at + HOUR, "contacted": True, "satisfaction": 4}
    results = race(
        lambda: steps.judge(by=told.resident, solved="yes", **judge),
        lambda: steps.judge(by=world.actor("郝回访"), solved="partly", source="revisit", **judge),
    )
    one_wins(results, "L-117", "L-101")
    assert Review.objects.filter(request=told.request_id).count() == 1


def test_a_return_decided_by_two(fire_db, world):
    told = tell(world)
    made = told.dispatch()
    steps.ask_return(
        dispatch_id=made.pk,
        by=world.actor("于科员"),
        at=told.at,
        reason_code="not_ours",
        reason="不归我们",
        legal_basis="三定规定",
    )
    sun = world.actor("孙坐席")
    results = race(
        lambda: steps.decide_return(dispatch_id=made.pk, by=sun, at=told.at, uphold=True),
        lambda: steps.decide_return(dispatch_id=made.pk, by=sun, at=told.at, uphold=False, reason="先办"),
    )
    one_wins(results, "L-101", "L-102")
    assert Request.objects.get(pk=told.request_id).bounces in {0, 1}


def test_two_people_joining_crosswise(fire_db, world):
    one, other = tell(world), tell(world, "世学路人行道塌了个坑")
    sun = world.actor("孙坐席")
    results = race(
        lambda: steps.merge(request_id=one.request_id, into_id=other.request_id, by=sun, at=one.at + HOUR),
        lambda: steps.merge(request_id=other.request_id, into_id=one.request_id, by=sun, at=one.at + HOUR),
    )
    one_wins(results, "L-101", "L-121")
    assert Request.objects.filter(state="merged").count() == 1


def test_two_workers_on_the_ladder_tell_once(fire_db, world):
    told = tell(world)
    told.dispatch()
    late = told.at + HOUR * 24 * 30
    results = race(lambda: steps.climb(at=late), lambda: steps.climb(at=late))
    assert not [r for r in results if isinstance(r, Exception)]
    from heli.core.models import Event

    climbed = Event.objects.filter(step__startswith="clock.")
    assert climbed.count() == Clock.objects.filter(rung__gt=0).count() == sum(sum(r.values()) for r in results)


def test_a_reply_and_a_redirect(fire_db, world):
    told = tell(world)
    told.dispatch()
    told.accept()
    results = race(
        lambda: steps.write_reply(
            request_id=told.request_id, by=world.actor("于科员"), at=told.at + HOUR, text="修好了"
        ),
        lambda: steps.offer(
            request_id=told.request_id,
            unit_id=world.org("住建局").pk,
            by=world.actor("孙坐席"),
            at=told.at + HOUR,
            reason="改派",
        ),
    )
    one_wins(results, "L-101", "L-404", "L-403")
    assert Dispatch.objects.filter(request=told.request_id, role="lead", state__in=Dispatch.LIVE).count() == 1


@pytest.mark.parametrize("who", ["外县人", "曲科员"])
def test_what_one_may_not_see_is_missing(fire_db, world, who):
    told = tell(world)
    made = told.dispatch()
    with pytest.raises(core.NotFound):
        steps.accept(dispatch_id=made.pk, by=world.actor(who), at=told.at)
    with pytest.raises(core.NotFound):
        steps.accept(dispatch_id=10**9, by=world.actor(who), at=told.at)
