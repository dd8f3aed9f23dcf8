"""What may leave at all: which steps, told as what, and who may see it.

Nothing leaves that is not named here. Of a request only what its resident may see leaves too (`Event.public`): no
internal note, no return between desk and unit, no reading of personal data. Left out of the other rooms is what is about
a person (thanks, seconds, names, who gave or read) and what is still being drafted; tips on impostors as a whole. What
leaves of an event is its step, its time, its states, the code of what it is about and the area; never its facts, which
may hold what somebody wrote.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core.actor import Actor
from heli.core.models import Event
from heli.insight.models import Problem
from heli.ledger.models import Service
from heli.loop.models import Request
from heli.loop.oversight_models import Order
from heli.notices.models import Notice
from heli.orgs.models import Organisation
from heli.places.models import Area
from heli.suggestions.models import Call
from heli.volunteering.models import Activity, Shift
from heli.wishes.models import Wish

TEST = "hooks.test"  # a step like any other; its event goes to its own endpoint and to no other
Words = str | Promise

REQUEST_STEPS: dict[str, Words] = {
    "request.hear": pgettext_lazy("hook", "heard"),
    "request.part": pgettext_lazy("hook", "made a part of a split one"),
    "request.dispatch": pgettext_lazy("hook", "dispatched to a unit"),
    "request.take_on": pgettext_lazy("hook", "kept by the unit that heard it"),
    "request.turn": pgettext_lazy("hook", "taken for another kind"),
    "request.take_back": pgettext_lazy("hook", "dispatch taken back"),
    "request.force": pgettext_lazy("hook", "lead named by decision"),
    "dispatch.accept": pgettext_lazy("hook", "accepted by the unit"),
    "dispatch.ask_help": pgettext_lazy("hook", "another unit asked to help"),
    "request.contact": pgettext_lazy("hook", "resident contacted"),
    "request.ask_resident": pgettext_lazy("hook", "question to the resident"),
    "request.add_words": pgettext_lazy("hook", "resident added something"),
    "extension.decide": pgettext_lazy("hook", "more time decided"),
    "handling.write": pgettext_lazy("hook", "reply sent"),
    "handling.approve": pgettext_lazy("hook", "reply approved and sent"),
    "request.join": pgettext_lazy("hook", "all parts answered"),
    "request.judge": pgettext_lazy("hook", "judged by the resident"),
    "request.decide_appeal": pgettext_lazy("hook", "appeal decided"),
    "request.lapse": pgettext_lazy("hook", "time to judge over"),
    "request.merge": pgettext_lazy("hook", "merged into another"),
    "request.unmerge": pgettext_lazy("hook", "merging undone"),
    "request.split": pgettext_lazy("hook", "split into parts"),
    "request.decline": pgettext_lazy("hook", "declined, with the lawful way"),
    "request.withdraw": pgettext_lazy("hook", "withdrawn by the resident"),
    "request.supervise": pgettext_lazy("hook", "supervised"),
    "request.order": pgettext_lazy("hook", "put under a supervision order"),
    "request.order_close": pgettext_lazy("hook", "supervision order carried out"),
    "request.order_withdraw": pgettext_lazy("hook", "supervision order withdrawn"),
    "exclusion.confirm": pgettext_lazy("hook", "left out of the rates"),
    "clock.recompute": pgettext_lazy("hook", "deadline by the published calendar"),
}
# A suggestion is a request; these go on beside it. That it was answered is the reply that goes out.
SUGGESTION_STEPS: dict[str, Words] = {
    "suggestions.publish": pgettext_lazy("hook", "made public"),
    "suggestions.keep_private": pgettext_lazy("hook", "not made public"),
    "suggestions.correct": pgettext_lazy("hook", "corrected by its suggester"),
    "suggestions.add": pgettext_lazy("hook", "suggester added something"),
    "suggestions.read_addendum": pgettext_lazy("hook", "addition read by its keeper"),
    "suggestions.report": pgettext_lazy("hook", "how a measure goes"),
    "suggestions.finish": pgettext_lazy("hook", "measure said to be done"),
    "suggestions.give_up": pgettext_lazy("hook", "measure to be given up"),
    "suggestions.confirm": pgettext_lazy("hook", "measure seen to be done"),
    "suggestions.let_go": pgettext_lazy("hook", "measure given up"),
    "suggestions.send_back": pgettext_lazy("hook", "measure not done yet"),
}
CALL_STEPS: dict[str, Words] = {
    "suggestions.open_call": pgettext_lazy("hook", "call opened"),
    "suggestions.close_call": pgettext_lazy("hook", "call closed"),
    "suggestions.end_call": pgettext_lazy("hook", "last day of the call over"),
    "suggestions.sum_up": pgettext_lazy("hook", "call summed up"),
}
WISH_STEPS: dict[str, Words] = {
    "wish.publish": pgettext_lazy("hook", "on the wall"),
    "wish.pledge": pgettext_lazy("hook", "a part pledged"),
    "wish.fill": pgettext_lazy("hook", "all of it pledged"),
    "wish.rise": pgettext_lazy("hook", "waits again"),
    "pledge.deliver": pgettext_lazy("hook", "delivered, says the giver"),
    "pledge.missing": pgettext_lazy("hook", "not come, says the resident"),
    "pledge.receive": pgettext_lazy("hook", "received"),
    "pledge.give_up": pgettext_lazy("hook", "pledge given up"),
    "pledge.release": pgettext_lazy("hook", "pledge released"),
    "wish.deliver": pgettext_lazy("hook", "all of it received"),
    "wish.expire": pgettext_lazy("hook", "its time on the wall over"),
    "wish.extend": pgettext_lazy("hook", "waits for longer"),
    "wish.settle": pgettext_lazy("hook", "what is pledged is enough"),
    "wish.withdraw": pgettext_lazy("hook", "taken off the wall"),
    "wish.turn": pgettext_lazy("hook", "turned into a request for help"),
    "wish.close": pgettext_lazy("hook", "ended with a reply"),
    "wish.follow": pgettext_lazy("hook", "went as its request went"),
}
ORDER_STEPS: dict[str, Words] = {
    "order.issue": pgettext_lazy("hook", "order issued"),
    "order.acknowledge": pgettext_lazy("hook", "order read by a unit"),
    "order.meet": pgettext_lazy("hook", "meeting on site held"),
    "order.report": pgettext_lazy("hook", "outcome reported by a unit"),
    "order.accept": pgettext_lazy("hook", "outcome accepted"),
    "order.send_back": pgettext_lazy("hook", "outcome sent back"),
    "order.close": pgettext_lazy("hook", "order carried out"),
    "order.withdraw": pgettext_lazy("hook", "order withdrawn"),
}
PROBLEM_STEPS: dict[str, Words] = {
    "problem.name": pgettext_lazy("hook", "problem named"),
    "problem.change": pgettext_lazy("hook", "name, owner or day changed"),
    "problem.plan": pgettext_lazy("hook", "plan written"),
    "problem.measure": pgettext_lazy("hook", "measure added"),
    "problem.begin": pgettext_lazy("hook", "work begun"),
    "problem.measure_done": pgettext_lazy("hook", "measure done"),
    "problem.measure_dropped": pgettext_lazy("hook", "measure dropped"),
    "problem.report": pgettext_lazy("hook", "outcome reported"),
    "problem.go_on": pgettext_lazy("hook", "goes on"),
    "problem.close": pgettext_lazy("hook", "problem closed"),
    "problem.relapse": pgettext_lazy("hook", "said again by many"),
    "problem.give_up": pgettext_lazy("hook", "problem given up"),
}
NOTICE_STEPS: dict[str, Words] = {
    "notice.publish": pgettext_lazy("hook", "notice published"),
    "notice.replace": pgettext_lazy("hook", "replaced by a next version"),
    "notice.withdraw": pgettext_lazy("hook", "notice withdrawn"),
}
ORGANISATION_STEPS: dict[str, Words] = {
    "orgs.create_org": pgettext_lazy("hook", "organisation entered"),
    "orgs.change_org": pgettext_lazy("hook", "organisation changed"),
    "orgs.close_org": pgettext_lazy("hook", "organisation closed"),
    "orgs.reopen_org": pgettext_lazy("hook", "organisation opened again"),
}
AREA_STEPS: dict[str, Words] = {
    "places.add": pgettext_lazy("hook", "area added"),
    "places.correct_name": pgettext_lazy("hook", "area's name corrected"),
    "places.move": pgettext_lazy("hook", "area moved"),
    "places.end": pgettext_lazy("hook", "area ended"),
}
ACTIVITY_STEPS: dict[str, Words] = {
    "activity.post": pgettext_lazy("hook", "activity posted"),
    "activity.post_emergency": pgettext_lazy("hook", "activity posted as an emergency"),
    "activity.cancel": pgettext_lazy("hook", "activity cancelled"),
    "activity.end": pgettext_lazy("hook", "activity ended, with its report"),
}
SHIFT_STEPS: dict[str, Words] = {  # the hours of a shift are put forward when it is closed
    "shift.close": pgettext_lazy("hook", "shift over, its hours with the ledger"),
}
HOURS_STEPS: dict[str, Words] = {
    "hours.decide_approve": pgettext_lazy("hook", "hours approved"),
    "hours.decide_correct": pgettext_lazy("hook", "hours corrected"),
    "hours.decide_reverse": pgettext_lazy("hook", "hours taken back"),
}
GROUPS: tuple[tuple[Words, str, dict[str, Words]], ...] = (  # title, type of the subject, steps
    (_("A request"), "loop.request", REQUEST_STEPS),
    (_("A suggestion, beside its request"), "loop.request", SUGGESTION_STEPS),
    (_("A call for suggestions"), "suggestions.call", CALL_STEPS),
    (_("A wish and its pledges"), "wishes.wish", WISH_STEPS),
    (_("A supervision order"), "loop.order", ORDER_STEPS),
    (_("A standing problem"), "insight.problem", PROBLEM_STEPS),
    (_("A notice"), "notices.notice", NOTICE_STEPS),
    (_("A volunteer activity"), "volunteering.activity", ACTIVITY_STEPS),
    (_("A shift of an activity"), "volunteering.shift", SHIFT_STEPS),
    (_("Hours of one service, without whose they are"), "ledger.service", HOURS_STEPS),
    (_("An organisation"), "orgs.organisation", ORGANISATION_STEPS),
    (_("An area"), "places.area", AREA_STEPS),
)
STEPS: dict[str, Words] = {step: words for _title, _subject, named in GROUPS for step, words in named.items()}
MARKED = ("loop.request", "orgs.organisation")  # of these only what is marked as public
# Of these only what moved something: a job that looked and found nothing to do writes its step all the same.
MOVED = ("suggestions.call", "wishes.wish", "notices.notice")


def _leaves() -> Q:
    found = Q(subject_type="hooks.endpoint", step=TEST)
    for _title, subject, named in GROUPS:
        one = Q(subject_type=subject, step__in=list(named))
        found |= one & Q(public=True) if subject in MARKED else one & ~Q(after="") if subject in MOVED else one
    found &= ~Q(step="activity.cancel", before__in=("draft", "review"))  # nobody had seen it
    return found & ~Q(step="order.issue", after="")  # the same form once more


LEAVES = _leaves()


def _requests(actor: Actor, ids: list[int]) -> dict[int, str]:
    return dict(Request.objects.visible_to(actor).filter(pk__in=ids).values_list("pk", "code"))


def _areas(_actor: Actor, ids: list[int]) -> dict[int, str]:
    return dict(Area.objects.filter(pk__in=ids).values_list("pk", "path"))


def _endpoints(_actor: Actor, ids: list[int]) -> dict[int, str]:
    return {pk: str(pk) for pk in ids}


def _by_id(model: Any) -> Callable[[Actor, list[int]], dict[int, str]]:
    """Those the actor sees, under their ids."""
    return lambda actor, ids: {
        pk: str(pk) for pk in model.objects.visible_to(actor).filter(pk__in=ids).values_list("pk", flat=True)
    }


# What a receiver is told the subject is, and who of an actor's sees which of them under what code.
KINDS: Mapping[str, tuple[str, Callable[[Actor, list[int]], dict[int, str]]]] = {
    "loop.request": ("request", _requests),
    "suggestions.call": ("call", _by_id(Call)),
    "wishes.wish": ("wish", _by_id(Wish)),
    "loop.order": ("order", _by_id(Order)),
    "insight.problem": ("problem", _by_id(Problem)),
    "notices.notice": ("notice", _by_id(Notice)),
    "volunteering.activity": ("activity", _by_id(Activity)),
    "volunteering.shift": ("shift", _by_id(Shift)),
    "ledger.service": ("hours", _by_id(Service)),
    "orgs.organisation": ("organisation", _by_id(Organisation)),
    "places.area": ("area", _areas),
    "hooks.endpoint": ("endpoint", _endpoints),
}


def seen_by(actor: Actor, subjects: Iterable[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """{(type, id): code} of those subjects that the actor may see now, by the one way to see. One statement a type."""
    by_type: dict[str, set[int]] = {}
    for subject_type, subject_id in subjects:
        by_type.setdefault(subject_type, set()).add(subject_id)
    return {
        (subject_type, pk): code
        for subject_type, ids in by_type.items()
        for pk, code in KINDS[subject_type][1](actor, sorted(ids)).items()
    }


def facts_of(subjects: Iterable[tuple[str, int]]) -> dict[tuple[str, int], dict[str, str]]:
    """{(type, id): what else a receiver is told of it}: of a request its kind, of a wish its request; of both, which
    system sent it here and its own number there, so that it finds its own again. One statement for each of the two."""
    ids: dict[str, list[int]] = {"loop.request": [], "wishes.wish": []}
    for subject_type, pk in subjects:
        ids.get(subject_type, []).append(pk)
    found: dict[tuple[str, int], dict[str, str]] = {}
    if ids["loop.request"]:
        for r in Request.objects.filter(pk__in=ids["loop.request"]).only("kind", "source", "source_key"):
            found["loop.request", r.pk] = {"kind": r.kind} | _source(r)
    if ids["wishes.wish"]:
        for w in Wish.objects.filter(pk__in=ids["wishes.wish"]).select_related("request"):
            found["wishes.wish", w.pk] = {"request": w.request.code} | _source(w.request)
    return found


def _source(r: Request) -> dict[str, str]:
    return {} if r.source_key is None else {"source": r.source, "source_key": r.source_key}


def payload(event: Event, code: str, facts: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What a receiver gets of an event; `facts`: of its subject, see `facts_of`. Made anew at each try; an event never
    changes, so only a request that was taken for another kind meanwhile is told differently."""
    return {
        "event": event.pk,
        "step": event.step,
        "at": event.at.astimezone(dt.UTC).isoformat().replace("+00:00", "Z"),
        "subject": {"type": KINDS[event.subject_type][0], "code": code, **(facts or {})},
        "before": event.before,
        "after": event.after,
        "area": event.area_path,
    }


def body_of(event: Event, code: str, facts: Mapping[str, str] | None = None) -> bytes:
    """The payload as the bytes that are signed and sent."""
    return json.dumps(payload(event, code, facts), ensure_ascii=False, separators=(",", ":")).encode()
