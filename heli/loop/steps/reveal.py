"""Reading who said a request leaves a trace before anything is shown."""

from __future__ import annotations

import datetime as dt

from django.utils.translation import gettext_lazy as _

from heli.core import vault
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import Forbidden, Invalid, NotFound, PaperMissing
from heli.core.scope import covers
from heli.core.steps import Step, step
from heli.engines.identifiers import without_personal
from heli.loop.errors import NotToldToUnit
from heli.loop.models import Confidentiality, Request, Voice
from heli.loop.queries.detail import speaking_of
from heli.loop.steps.handle import unit_at_work
from heli.loop.steps.hear import SUBJECT

DESK = (Cap.DISPATCH, Cap.REVISIT, Cap.HEAR)  # who works for the request centre of an area, not for a unit
FIELDS = ("name", "phone")


def reveal(*, request_id: int, voice_id: int, by: Actor, at: dt.datetime, purpose: str) -> dict[str, str]:
    """Name and phone number of one voice of a visible request, for a stated purpose: {"name": …, "phone": …}.

    The reading is recorded with reader, unit, purpose and time; its owner can see it.

    Raises:
        NotFound: no such request in the actor's scope, or no such voice of it (L-404).
        Forbidden: the actor may not read personal data here (L-403).
        NotToldToUnit: the resident asked that the unit is not told who said it (L-131).
        PaperMissing: no purpose (L-103). Invalid: nobody left a name or number (L-400).
    """
    purpose = without_personal(purpose.strip())[:200]
    if not purpose:
        raise PaperMissing(field="purpose", paper=_("what you need it for"))
    with step("record.reveal", by=by, at=at) as s:
        request = s.lock(Request, request_id)
        voice = Voice.objects.select_related("request").filter(speaking_of(request), pk=voice_id).first()
        if voice is None:
            raise NotFound
        org_id = reader_for(s, request, voice)
        if voice.record_id is None:
            raise Invalid(_("Nobody left a name or a number here."), field="purpose")
        shown = vault.reveal(
            voice.record_id,
            fields=FIELDS,
            by=by,
            purpose=purpose,
            at=at,
            about=(SUBJECT, voice.request_id),
            org_id=org_id,
        )
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(voice, reason=purpose, fields=list(FIELDS))
    return shown


def reader_for(s: Step, request: Request, voice: Voice) -> int | None:
    """The organisation for which the actor may read this voice's data; None where the grant names no organisation.

    The centre of the area may always (by one grant that holds both capabilities); a unit that holds the request may,
    unless the resident asked not to be named to it.
    """
    for g in s.by.grants:
        if Cap.VIEW_PERSONAL in g.caps and g.caps.intersection(DESK) and covers(g.paths, request.area_path):
            s.require(Cap.VIEW_PERSONAL, path=request.area_path, org_id=g.org_id)
            return g.org_id
    unit_id = unit_at_work(s, request)
    if unit_id is None or not s.by.can(Cap.VIEW_PERSONAL, org_id=unit_id):
        raise Forbidden
    if voice.request.confidentiality != Confidentiality.OPEN:
        raise NotToldToUnit
    return unit_id
