"""Decisions on one service, made on its page: a step of its own around the functions of steps.py. What is held is decided on
by doubt_steps.decide."""

from __future__ import annotations

import datetime as dt

from heli.core.actor import Actor
from heli.core.errors import NotFound
from heli.core.steps import step
from heli.ledger import steps
from heli.ledger.models import Service
from heli.ledger.steps import SUBJECT, Line

VERBS = ("approve", "hold", "refuse", "release", "correct", "reverse")


def decide(
    *, service_id: int, verb: str, by: Actor, at: dt.datetime, minutes: int = 0, grade: str = "", reason: str = ""
) -> Service:
    """One of VERBS on one service; `minutes` and `grade` of approve, hold and correct (0 and "": as checked in).

    Returns the service as it is then: "held" where a rule doubted what was to be approved. Raises what steps.py says.
    """
    line = Line(service_id=service_id, minutes=minutes, grade=grade, reason=reason)
    with step(f"hours.decide_{verb}", by=by, at=at) as s:
        if verb == "approve":
            steps.approve(s, [line])
        elif verb == "correct":
            steps.correct(s, [line], reason=reason)
        elif verb == "hold":
            steps.hold(s, [line], reason=reason)
        elif verb in VERBS:
            getattr(steps, verb)(s, [service_id], reason=reason)
        else:
            raise NotFound
        service = Service.objects.get(pk=service_id)
        s.about(SUBJECT, service.pk, service.area_path)
        s.record(service, minutes=service.credited or 0)
    return service
