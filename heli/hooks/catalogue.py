"""What may leave at all: which steps, told as what, and who may see it.

Nothing leaves that is not named here. Of a request only what its resident may see leaves too (`Event.public`): no
internal note, no return between desk and unit, no reading of personal data. What leaves of an event is its step, its
time, its states, the code of what it is about and the area; never its facts, which may hold what somebody wrote.
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
from heli.loop.models import Request
from heli.orgs.models import Organisation
from heli.places.models import Area

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
GROUPS: tuple[tuple[Words, dict[str, Words]], ...] = (
    (_("A request"), REQUEST_STEPS),
    (_("An organisation"), ORGANISATION_STEPS),
    (_("An area"), AREA_STEPS),
)
STEPS: dict[str, Words] = {**REQUEST_STEPS, **ORGANISATION_STEPS, **AREA_STEPS}

# Events that leave. Areas are public as a whole; of the others what is marked as such.
LEAVES = (
    Q(subject_type="loop.request", public=True, step__in=list(REQUEST_STEPS))
    | Q(subject_type="orgs.organisation", public=True, step__in=list(ORGANISATION_STEPS))
    | Q(subject_type="places.area", step__in=list(AREA_STEPS))
    | Q(subject_type="hooks.endpoint", step=TEST)
)


def _requests(actor: Actor, ids: list[int]) -> dict[int, str]:
    return dict(Request.objects.visible_to(actor).filter(pk__in=ids).values_list("pk", "code"))


def _organisations(actor: Actor, ids: list[int]) -> dict[int, str]:
    found = Organisation.objects.visible_to(actor).filter(pk__in=ids).values_list("pk", flat=True)
    return {pk: str(pk) for pk in found}


def _areas(_actor: Actor, ids: list[int]) -> dict[int, str]:
    return dict(Area.objects.filter(pk__in=ids).values_list("pk", "path"))


def _endpoints(_actor: Actor, ids: list[int]) -> dict[int, str]:
    return {pk: str(pk) for pk in ids}


# What a receiver is told the subject is, and who of an actor's sees which of them under what code.
KINDS: Mapping[str, tuple[str, Callable[[Actor, list[int]], dict[int, str]]]] = {
    "loop.request": ("request", _requests),
    "orgs.organisation": ("organisation", _organisations),
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


def sources_of(subjects: Iterable[tuple[str, int]]) -> dict[tuple[str, int], tuple[str, str]]:
    """{(type, id): (source, its own number)} of those requests that another system sent here. One statement, none where
    no subject is a request."""
    ids = {pk for subject_type, pk in subjects if subject_type == "loop.request"}
    if not ids:
        return {}
    rows = Request.objects.filter(pk__in=ids, source_key__isnull=False).values_list("pk", "source", "source_key")
    return {("loop.request", pk): (source, str(key)) for pk, source, key in rows}


def payload(event: Event, code: str, source: tuple[str, str] | None = None) -> dict[str, Any]:
    """What a receiver gets of an event. The same event makes the same payload at every try.

    `source`: which system sent the request here and its own number there, so that it finds its own again.
    """
    told = {"source": source[0], "source_key": source[1]} if source is not None else {}
    return {
        "event": event.pk,
        "step": event.step,
        "at": event.at.astimezone(dt.UTC).isoformat().replace("+00:00", "Z"),
        "subject": {"type": KINDS[event.subject_type][0], "code": code, **told},
        "before": event.before,
        "after": event.after,
        "area": event.area_path,
    }


def body_of(event: Event, code: str, source: tuple[str, str] | None = None) -> bytes:
    """The payload as the bytes that are signed and sent."""
    return json.dumps(payload(event, code, source), ensure_ascii=False, separators=(",", ":")).encode()
