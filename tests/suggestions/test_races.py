"""Two at the same moment, each on a connection of its own: one counts."""

from __future__ import annotations

import uuid
from typing import Any

from heli.core.actor import PUBLIC
from heli.core.errors import AlreadyDone, WrongState
from heli.loop.errors import CannotMerge
from heli.suggestions import steps
from heli.suggestions.errors import AnsweredAlready, CannotJoin, EditedAfterSeconding, SecondedAlready
from heli.suggestions.models import Answer, Second, Suggestion, Wording
from tests.database import race
from tests.suggestions.said import AT, TEXT, suggest
from tests.world import COMMUNITY


def kinds(done: list[Any]) -> list[str]:
    return sorted(type(d).__name__ for d in done)


def test_one_account_seconds_once(fire_db: str, world: Any) -> None:
    made, who = suggest(world).publish(), world.actor("赵志愿")
    done = race(*(lambda: steps.second(request_id=made.pk, by=who, at=made.at) for _ in range(3)))
    assert kinds(done) == [SecondedAlready.__name__, SecondedAlready.__name__, Suggestion.__name__]
    assert Second.objects.count() == 1 == made.row.seconds
    done = race(*(lambda: steps.take_back(request_id=made.pk, by=who, at=made.at) for _ in range(2)))
    assert kinds(done) == ["NotSeconded", "Suggestion"] and made.row.seconds == 0
    # two different accounts both count
    others = [world.actor(n) for n in ("周银龄", "薛师傅")]
    race(*(lambda by=by: steps.second(request_id=made.pk, by=by, at=made.at) for by in others))
    assert made.row.seconds == 2


def test_seconding_and_editing_do_not_both_win(fire_db: str, world: Any) -> None:
    made, who = suggest(world).publish(), world.actor("赵志愿")
    suggester = made.suggester
    done = race(
        lambda: steps.second(request_id=made.pk, by=who, at=made.at),
        lambda: steps.correct(request_id=made.pk, text="换个说法：楼梯装座椅。", by=suggester, at=made.at),
    )
    changed = Wording.objects.filter(suggestion=made.pk).count() == 2
    if changed:  # corrected first: it is being read again, and nobody can second what is not public
        assert made.row.seconds == 0 and kinds(done) == ["NotFound", "Suggestion"]
    else:
        assert made.row.seconds == 1 and isinstance(done[1], EditedAfterSeconding)


def test_two_answers_at_once_and_a_second_meanwhile(fire_db: str, world: Any) -> None:
    made = suggest(world).publish().handled()
    unit, who = world.actor("曲科员"), world.actor("赵志愿")
    done = race(
        *(
            lambda v=v: steps.answer(request_id=made.pk, verdict=v, reasons="好", basis="规定", by=unit, at=made.at)
            for v in ("explained", "not")
        ),
        lambda: steps.second(request_id=made.pk, by=who, at=made.at),
    )
    assert kinds(done[:2]) == [Answer.__name__, WrongState.__name__]
    assert Answer.objects.given().count() == 1
    assert isinstance(done[2], Suggestion | AnsweredAlready)


def test_joined_crosswise_only_one_way_holds(fire_db: str, world: Any) -> None:
    a, b = suggest(world).publish().second(), suggest(world, "楼梯加座椅").publish().second("周银龄")
    keeper = a.keeper()
    done = race(
        lambda: steps.join(request_id=a.pk, into_id=b.pk, by=keeper, at=b.at),
        lambda: steps.join(request_id=b.pk, into_id=a.pk, by=keeper, at=b.at),
    )
    assert sum(isinstance(d, Suggestion) for d in done) == 1
    assert sum(isinstance(d, CannotJoin | CannotMerge) for d in done) == 1
    kept = next(d for d in done if isinstance(d, Suggestion))
    assert Suggestion.objects.get(pk=kept.pk).seconds == 2


def test_a_form_sent_twice_at_once_counts_once(fire_db: str, world: Any) -> None:
    key = uuid.uuid4()
    done = race(
        *(lambda: steps.suggest(text=TEXT, area_path=COMMUNITY, by=PUBLIC, at=AT, form_key=key) for _ in range(2))
    )
    assert kinds(done) == [AlreadyDone.__name__, "Said"] and Suggestion.objects.count() == 1
