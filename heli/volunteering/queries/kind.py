"""What was said of a shift afterwards, and who serves side by side: for the volunteer, the organiser and the reviewer."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import NotFound
from heli.core.paging import Page, keyset
from heli.core.scope import within
from heli.loop.clocks import local_day
from heli.rulebook import queries as rulebook
from heli.volunteering.gates import THERE
from heli.volunteering.models import Enrolment, Evaluation, Pairing, Remark, Reminder, Shift, Volunteer
from heli.volunteering.models.kind import Felt

Words = str | Promise
LEAST = "volunteering.felt.least"
ASKED_FOR = dt.timedelta(days=14)  # how long the page of places asks by itself how it was
CONCERNS: dict[str, tuple[str, Words]] = {
    "open": ("you", pgettext_lazy("concern", "to look at")),
    "settled": ("done", pgettext_lazy("concern", "looked at")),
}


# For the volunteer ----------------------------------------------------------------------------------------------------
AFTER = ("remark", "thanks", "objection", "shift__evaluation")


def to_say(volunteer: Volunteer, now: dt.datetime) -> Enrolment | None:
    """The last shift somebody served in that they have not said anything about. One statement."""
    rows = Enrolment.objects.filter(
        volunteer=volunteer, state="attended", shift__state="over", remark=None, ends__gt=now - ASKED_FOR
    )
    found: Enrolment | None = rows.select_related("shift__activity").order_by("-starts").first()
    return found


def place(actor: Actor, enrolment_id: int) -> Enrolment:
    """One's own place with all that was said of it; NotFound (L-404). One statement."""
    rows = Enrolment.objects.filter(volunteer__user=actor.user_id or 0)
    e = rows.select_related("shift__activity__org", "slot__role", "volunteer", *AFTER).filter(pk=enrolment_id).first()
    if e is None:
        raise NotFound
    return e


# For the organiser ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Said:
    """What volunteers said of an activity, to its organiser: nobody's name, and only so many that nobody can be told from
    the others. `n`: how many said something; `shown`: of how many it is told."""

    n: int
    shown: int
    least: int | None  # None: no rule is in force, and nothing is shown
    felt: Sequence[tuple[Words, int]]
    words: Sequence[str]


def felt(activity_id: int, path: str, at: dt.datetime) -> Said:
    """In whole groups of the rule's size, the earliest first, so that one answer more never shows what it was; the words in
    the order of the alphabet. Concerns go to the reviewer, and their words are not among these. Two statements."""
    day = local_day(at)
    rule = rulebook.in_force_over((LEAST,), {(path, day)})[path, day]
    rows = list(
        Remark.objects.filter(activity=activity_id).order_by("said_at", "pk").values_list("felt", "words", "state")
    )
    least = int(rule[LEAST].value) if rule else None
    shown = rows[: len(rows) // least * least] if least else []
    counts = Counter(f for f, _words, _state in shown)
    words = sorted(w for _felt, w, state in shown if w and state == "said")
    told = [(Felt(f).label, counts[f]) for f in Felt.values] if shown else []
    return Said(len(rows), len(shown), least, told, words)


@dataclass(frozen=True, slots=True)
class After:
    shift: Shift
    served: Sequence[Any]
    evaluation: Evaluation | None
    said: Said

    @property
    def unthanked(self) -> bool:
        return any(not hasattr(e, "thanks") for e in self.served)


def after(actor: Actor, shift_id: int, now: dt.datetime) -> After:
    """A shift for its leader when it is over; NotFound (L-404). Four statements."""
    rows = Shift.objects.visible_to(actor).select_related("activity__org", "evaluation__by")
    shift = rows.filter(pk=shift_id).first()
    if shift is None or not actor.can(Cap.LEAD_TEAM, org_id=shift.activity.org_id):
        raise NotFound
    served = Enrolment.objects.filter(shift=shift, state="attended").order_by("slot", "id")
    people = served.select_related("volunteer__user", "volunteer__record", "slot__role", "thanks", "objection")[:2000]
    said = felt(shift.activity_id, shift.activity.area_path, now)
    return After(shift, list(people), getattr(shift, "evaluation", None), said)


# For the reviewer -----------------------------------------------------------------------------------------------------
def concerns_of(actor: Actor) -> Any:
    """Those the actor looks at: of their areas, not of activities they lead or planned."""
    rows = Remark.objects.visible_to(actor).filter(within("area_path", actor.paths(Cap.REVIEW_ACTIVITIES)))
    return rows.exclude(state="said").exclude(enrolment__volunteer__user=actor.user_id)


def concerns(actor: Actor, *, state: str = "open", after: str | None = None, size: int = 30) -> Page[Remark]:
    """What volunteers were worried about in the actor's areas, the oldest first. One statement."""
    rows = concerns_of(actor).filter(state=state).select_related("activity__org", "enrolment__volunteer", "settled_by")
    order = ("said_at", "enrolment_id") if state == "open" else ("-said_at", "-enrolment_id")
    return keyset(rows, order=order, after=after, size=size)


# Side by side ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Pair:
    """A pairing as one of the two sees it, or (`mine` None) its leader. `both`: each is on the list, so that it counts."""

    p: Pairing
    both: bool
    mine: str | None = None  # "elder", "younger"

    @property
    def other(self) -> Volunteer | None:
        return self.p.younger if self.mine == "elder" else self.p.elder

    @property
    def yes(self) -> bool:
        return self.p.elder_yes if self.mine == "elder" else self.p.younger_yes


def pairs_of(shift_id: int) -> list[Pair]:
    """Of a shift, for its leader. One statement."""
    rows = _with_both(Pairing.objects.live().filter(shift=shift_id))
    return [Pair(p, p.elder_there and p.younger_there) for p in rows.order_by("id")[:200]]


def pair_of(volunteer: Volunteer, shift_id: int) -> Pair | None:
    """A volunteer's own in a shift. One statement."""
    rows = Pairing.objects.live().filter(Q(elder=volunteer) | Q(younger=volunteer), shift=shift_id)
    p = _with_both(rows).order_by("-id").first()
    return None if p is None else Pair(p, p.elder_there and p.younger_there, _side(p, volunteer))


def _side(p: Pairing, volunteer: Volunteer) -> str:
    return "elder" if p.elder_id == volunteer.pk else "younger"


def _with_both(rows: Any) -> Any:
    def there(who: str) -> Exists:
        return Exists(Enrolment.objects.filter(shift=OuterRef("shift"), volunteer=OuterRef(who), state__in=THERE))

    rows = rows.annotate(elder_there=there("elder"), younger_there=there("younger"))
    return rows.select_related("elder__user", "elder__record", "younger__user", "younger__record", "shift__activity")


def calls(shift_id: int) -> set[int]:
    """Enrolments of a shift whose reminder could not be a text message: somebody calls them. One statement."""
    return set(Reminder.objects.filter(enrolment__shift=shift_id, call=True).values_list("enrolment", flat=True))
