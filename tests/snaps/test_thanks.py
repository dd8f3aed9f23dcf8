"""Thanks: only for what proved true, once for one matter, capped by day; what looks farmed waits for a person."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import get_resolver

from heli.core.actor import SYSTEM
from heli.core.errors import Forbidden, NotFound, PaperMissing, WrongState
from heli.core.models import Event
from heli.loop import steps as loop
from heli.snaps import queries, steps
from heli.snaps.errors import DayFull, NoThanksOwn
from heli.snaps.jobs import thank_due
from heli.snaps.models import Snap, Thanks
from heli.snaps.states import THANKS
from tests.database import race
from tests.loop.told import AT, HOUR
from tests.snaps.taken import LAT, LON, handled, oneself, picture, take

MINUTE, DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)
LATER = AT + DAY * 60
SPREAD = ("370602003006", "370602003004", "370602001001", "370602001002", "370602002001", "370602002002")


def snap_of(made) -> Snap:
    return Snap.objects.get(pk=made.heard.request.pk)


@pytest.mark.django_db
class TestByRule:
    def test_points_come_with_the_outcome_and_not_before(self, world):
        made = take(world)
        assert thank_due(LATER) == 0 and snap_of(made).state == "waiting"
        handled(world, made)
        assert thank_due(LATER) == 1 and snap_of(made).state == "given"
        given = Thanks.objects.get()
        assert (given.points, given.entry, given.day) == (5, 0, AT.date())
        assert given.rule.key == "snap.thanks"
        assert queries.points(oneself(world, "薛师傅")) == 5
        assert thank_due(LATER) == 0 and Thanks.objects.count() == 1
        with pytest.raises(WrongState):
            steps.thank(request_id=made.heard.request.pk, at=LATER)

    def test_handled_and_never_judged_still_counts(self, world):
        made = take(world)
        assert handled(world, made, solved="").state == "lapsed"
        thank_due(LATER)
        assert snap_of(made).state == "given"

    def test_nobody_is_thanked_for_what_was_declined_untrue_or_sent_without_an_account(self, world):
        declined, untrue, nobody = take(world), take(world, hazard="lamp"), take(world, "", hazard="waste")
        loop.decline(
            request_id=declined.heard.request.pk,
            by=SYSTEM,
            at=AT + HOUR,
            reason="不属实",
            legal_basis="职责",
            route="无",
        )
        handled(world, nobody)
        proposed = loop.propose_exclusion(
            request_id=handled(world, untrue).pk, by=SYSTEM, at=AT + HOUR * 9, reason="untrue", evidence="现场照片"
        )
        thank_due(LATER)
        assert snap_of(untrue).state == "waiting"  # somebody still decides whether it is true
        loop.confirm_exclusion(exclusion_id=proposed.pk, by=world.actor("吕部长"), at=AT + DAY)
        thank_due(LATER)
        assert {s.state for s in Snap.objects.all()} == {"none"}
        assert [snap_of(m).why for m in (declined, untrue, nobody)] == ["unproved", "unproved", "nobody"]
        assert not Thanks.objects.exists()

    def test_of_neighbours_who_told_the_same_the_first_is_thanked(self, world):
        second = take(world, "王桂兰", at=AT + HOUR)
        first = take(world, "薛师傅")
        loop.merge(request_id=first.heard.request.pk, into_id=second.heard.request.pk, by=SYSTEM, at=AT + HOUR * 2)
        handled(world, second, solved="")
        assert thank_due(LATER) == 2
        assert (snap_of(first).state, snap_of(second).state) == ("given", "none")
        assert snap_of(second).why == "second" and Thanks.objects.get().voice_id == first.heard.voice.pk

    def test_one_day_gives_twenty_points_at_most(self, world):
        made = [take(world, area_path=p, hazard="lamp", at=AT + HOUR * n) for n, p in enumerate(SPREAD[:5])]
        for one in made:
            handled(world, one)
        thank_due(LATER)
        assert sorted(s.state for s in Snap.objects.all()) == ["capped", "given", "given", "given", "given"]
        assert queries.points(oneself(world, "薛师傅")) == 20
        next_day = take(world, area_path=SPREAD[5], hazard="lamp", at=AT + DAY)
        handled(world, next_day)
        thank_due(LATER)
        assert queries.points(oneself(world, "薛师傅")) == 25


@pytest.mark.django_db
class TestFarmed:
    def held(self, world, *made) -> Snap:
        for one in made:
            handled(world, one)
        thank_due(LATER)
        return snap_of(made[-1])

    def test_the_same_place_again_within_days(self, world):
        here = {"lat": LAT, "lon": LON, "accuracy": 10}
        first = take(world, **here)
        snap = self.held(world, first, take(world, at=AT + DAY * 3, **here | {"lat": LAT + Decimal("0.0003")}))
        assert (snap.state, snap.why, snap.beside) == ("held", "spot", [first.heard.request.pk])
        assert snap_of(first).state == "given"

    def test_far_enough_or_late_enough_is_another_matter(self, world):
        here = {"lat": LAT, "lon": LON, "accuracy": 10}
        snap = self.held(world, take(world, **here), take(world, at=AT + DAY * 8, **here))
        assert snap.state == "given"
        snap = self.held(world, take(world, at=AT + DAY * 9, **here | {"lat": LAT + Decimal("0.01")}))
        assert snap.state == "given"

    def test_very_many_within_minutes(self, world):
        made = [
            take(world, area_path=p, hazard=h, at=AT + MINUTE * n)
            for n, (p, h) in enumerate(zip(SPREAD, ("lamp", "waste", "water", "lamp", "waste", "water"), strict=True))
        ]
        made.append(take(world, hazard="fire", at=AT + MINUTE * 9))
        assert self.held(world, *made).why == "burst"

    def test_the_same_photo_from_anybody_or_nearly_the_same_from_oneself(self, world):
        first = take(world, photo=picture(5))
        copied = take(world, "王桂兰", photo=picture(5), hazard="lamp", at=AT + DAY)
        again = take(world, photo=picture(5, size=(400, 300)), hazard="water", area_path=SPREAD[1], at=AT + DAY * 2)
        other = take(world, photo=picture(6), hazard="waste", area_path=SPREAD[2], at=AT + DAY * 3)
        self.held(world, first, copied, again, other)
        assert [snap_of(m).state for m in (first, copied, other)] == ["given", "held", "given"]
        assert snap_of(copied).why == "photo"

    def test_ones_own_unit_handled_it(self, world):
        snap = self.held(world, take(world, "于科员"))
        assert (snap.state, snap.why) == ("held", "own")

    def test_fingerprints_are_forgotten_by_rule(self, world):
        made = take(world, photo=picture())
        assert steps.forget_likeness(at=AT + DAY * 89) == 0
        assert steps.forget_likeness(at=AT + DAY * 91) == 1
        assert snap_of(made).likeness is None


@pytest.mark.django_db
class TestDecided:
    @pytest.fixture
    def held(self, world) -> int:
        made = take(world, "于科员")
        handled(world, made)
        thank_due(LATER)
        return made.heard.request.pk

    def decide(self, world, pk, give, who="吕部长", reason="到现场看过，是真的"):
        return steps.decide(request_id=pk, give=give, reason=reason, by=world.actor(who), at=LATER)

    def test_given_taken_back_and_given_again_all_stay_in_the_ledger(self, world, held):
        self.decide(world, held, True)
        self.decide(world, held, False)
        self.decide(world, held, True)
        assert list(Thanks.objects.order_by("entry").values_list("entry", "points")) == [(0, 5), (1, -5), (2, 5)]
        assert queries.points(oneself(world, "于科员")) == 5
        assert Event.objects.filter(subject_id=held, step="snap.decide").count() == 3

    def test_what_was_given_goes_back_also_when_the_snap_was_parted_since(self, world):
        first, second = take(world), take(world, "王桂兰", at=AT + HOUR)
        loop.merge(request_id=first.heard.request.pk, into_id=second.heard.request.pk, by=SYSTEM, at=AT + HOUR * 2)
        handled(world, second, solved="")
        thank_due(LATER)
        loop.unmerge(request_id=first.heard.request.pk, by=SYSTEM, at=LATER, reason="不是一件事")
        self.decide(world, first.heard.request.pk, False)
        assert queries.points(oneself(world, "薛师傅")) == 0

    def test_a_reason_is_needed_and_nobody_decides_for_oneself(self, world, held):
        with pytest.raises(PaperMissing):
            self.decide(world, held, True, reason=" ")
        with pytest.raises((NoThanksOwn, Forbidden)):
            self.decide(world, held, True, who="于科员")
        assert snap_of_pk(held).state == "held"

    @pytest.mark.parametrize("who", ["孙坐席", "许股长", "王桂兰", "外县人", "姜管理"])
    def test_only_supervisors_decide(self, world, held, who):
        with pytest.raises((Forbidden, NotFound)):
            self.decide(world, held, True, who=who)

    def test_a_full_day_stays_full(self, world, held):
        for n, path in enumerate(SPREAD[1:5]):
            handled(world, take(world, "于科员", area_path=path, hazard="lamp", at=AT + HOUR * (n + 1)), unit="住建局")
        thank_due(LATER)
        assert queries.points(oneself(world, "于科员")) == 20
        with pytest.raises(DayFull):
            self.decide(world, held, True)
        assert snap_of_pk(held).state == "held"

    def test_the_ledger_can_only_grow(self, world, held):
        self.decide(world, held, True)
        for sql in ("UPDATE snaps_thanks SET points = 50", "DELETE FROM snaps_thanks"):
            with pytest.raises(Exception, match="permission denied"), transaction.atomic(), connection.cursor() as cur:
                cur.execute(sql)
        given = Thanks.objects.get()
        with pytest.raises(IntegrityError, match="thanks_once"), transaction.atomic():
            Thanks.objects.create(
                root_id=held, voice=given.voice, points=5, day=given.day, at=LATER, rule_id=given.rule_id, entry=0
            )


def snap_of_pk(pk: int) -> Snap:
    return Snap.objects.get(pk=pk)


def test_arrows_out_of_waiting_are_the_systems_and_decisions_are_supervisors():
    for a in THANKS:
        assert (a.scope == "system") == (a.sources == ("waiting",))
        assert a.needs == (None if a.scope == "system" else "supervise")
    assert THANKS.arrows["refuse"].papers == THANKS.arrows["give"].papers == ("reason",)


def test_two_workers_at_once_thank_once_and_the_cap_holds(fire_db, world):
    made = [take(world, area_path=p, hazard="lamp", at=AT + HOUR * n) for n, p in enumerate(SPREAD)]
    for one in made:
        handled(world, one)
    done = race(lambda: thank_due(LATER), lambda: thank_due(LATER))
    assert sum(done) == 6
    assert sum(Thanks.objects.values_list("points", flat=True)) == 20
    assert sorted(Snap.objects.values_list("state", flat=True)) == ["capped"] * 2 + ["given"] * 4


def test_two_supervisors_at_once_give_once(fire_db, world):
    made = take(world, "于科员")
    handled(world, made)
    thank_due(LATER)
    pk, by = made.heard.request.pk, world.actor("吕部长")
    give = [lambda: steps.decide(request_id=pk, give=True, reason="属实", by=by, at=LATER)] * 2
    assert sorted(type(d).__name__ for d in race(*give)) == ["Snap", "WrongState"]
    assert Thanks.objects.count() == 1


def test_points_are_never_a_ranking():
    """No page of the room shows a sum but one's own; the ledger is read for one account at a time or one request."""
    import inspect
    import re

    import heli.snaps.farm
    import heli.snaps.jobs
    import heli.snaps.views

    for module in (queries, steps, heli.snaps.views, heli.snaps.farm, heli.snaps.jobs):
        source = inspect.getsource(module)
        assert not re.search(r"order_by\([^)]*points", source), module.__name__
        assert not re.search(r"values\([^)]*user", source), module.__name__
        for use in re.finditer(r"Thanks\.objects\.\w+\(([^)]*)", source):
            assert re.match(r"(voice__user=|voice=|root=|$|\s*root=root)", use[1].strip()), use[0]
    names = {
        p.name for r in get_resolver().url_patterns if getattr(r, "namespace", "") == "snaps" for p in r.url_patterns
    }
    assert names == {
        "snap", "shell", "ready", "place", "done", "mine", "states", "manifest", "worker", "thanks", "decide", "thanks_export", "cover",
    }  # fmt: skip
