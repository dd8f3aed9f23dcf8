"""A write asked twice with one key happens once, also at the same moment on two connections."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from heli.core.jobs import forget_keys
from heli.core.models import Once
from heli.core.once import KEPT, Answer, KeyUsed, fingerprint, once
from heli.loop import steps
from heli.loop.models import Remark
from tests.database import race
from tests.loop.told import tell

ASKED = fingerprint("POST", "/x", b"{}")


def ask(done: list[int], *, asked: bytes = ASKED, key: str = "k", who: str = "token:1", status: int = 201) -> Answer:
    def act() -> tuple[int, str]:
        done.append(1)
        return status, '{"link": "secret"}'

    return once(who=who, key=key, asked=asked, at=timezone.now(), act=act)


def test_the_second_time_answers_the_same_and_does_nothing(db: None) -> None:
    done: list[int] = []
    first, second = ask(done), ask(done)
    assert (first.status, first.body) == (second.status, second.body) == (201, '{"link": "secret"}')
    assert (first.again, second.again, len(done)) == (False, True, 1)
    assert "secret" not in Once.objects.get().answer, "what was answered may hold a secret link: it is sealed"


def test_another_key_or_another_asker_is_another_matter(db: None) -> None:
    done: list[int] = []
    ask(done), ask(done, key="other"), ask(done, who="token:2")
    assert len(done) == 3


def test_another_question_under_the_same_key_is_refused(db: None) -> None:
    done: list[int] = []
    ask(done)
    with pytest.raises(KeyUsed):
        ask(done, asked=fingerprint("POST", "/x", b'{"a": 1}'))
    assert len(done) == 1


def test_parts_of_a_question_keep_their_places() -> None:
    assert fingerprint("ab", "c") != fingerprint("a", "bc")


def test_what_failed_leaves_no_key(db: None) -> None:
    def fail() -> tuple[int, str]:
        raise ValueError

    with pytest.raises(ValueError):
        once(who="token:1", key="k", asked=ASKED, at=timezone.now(), act=fail)
    assert not Once.objects.exists()
    assert not ask([]).again


def test_old_keys_are_forgotten(db: None) -> None:
    ask([]), ask([], key="old")
    Once.objects.filter(key="old").update(at=timezone.now() - KEPT - dt.timedelta(minutes=1))
    assert forget_keys(0) == 1 and forget_keys(0) == 0
    assert Once.objects.get().key == "k"


def test_two_at_the_same_moment(fire_db: str, world: Any) -> None:
    """The second waits on the first, then answers what the first was answered."""
    told = tell(world)
    told.dispatch()
    told.accept()
    by = world.actor("于科员")

    def write() -> Answer:
        def act() -> tuple[int, str]:
            return 200, str(steps.note(request_id=told.request_id, by=by, at=told.at, text="看过现场").pk)

        return once(who="user:1", key="form:1", asked=ASKED, at=told.at, act=act)

    for _round in range(3):
        Once.objects.all().delete()
        before = Remark.objects.filter(kind="note").count()
        answers = race(write, write, write)
        assert not [a for a in answers if isinstance(a, Exception)], answers
        assert len({a.body for a in answers}) == 1 and sorted(a.again for a in answers) == [False, True, True]
        assert Remark.objects.filter(kind="note").count() == before + 1
