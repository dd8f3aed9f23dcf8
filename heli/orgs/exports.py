"""What every export of this room asks first: what for. It is written down with the number of rows allowed."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone
from django.utils.translation import gettext as _

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import PaperMissing
from heli.core.pages import HeliRequest
from heli.core.steps import step
from heli.rulebook import queries as rulebook


def row_cap(actor: Actor, at: dt.datetime) -> int:
    """Most rows in one export, by the rule row in force in the actor's first area. One statement."""
    path = next((p for g in actor.grants for p in g.paths), "")
    day = timezone.localdate(at)
    return int(rulebook.in_force(["export.row_cap"], path=path, on=day)["export.row_cap"].value)


def purpose_of(request: HeliRequest, what: str, cap: Cap, at: dt.datetime) -> str:
    """The purpose typed with the export, recorded as an event before anything is handed out.

    Raises:
        PaperMissing: nothing was typed (L-103).
    """
    purpose = request.POST.get("purpose", "").strip()[:200]
    if not purpose:
        raise PaperMissing(field="purpose", paper=_("what the list is for"))
    with step("orgs.export", by=request.actor, at=at) as s:
        path = next(iter(request.actor.paths(cap)), "")
        s.require(cap, path=path)
        s.about("people.user", request.actor.user_id or 0, path)
        s.record(what=what, purpose=purpose, filters=request.GET.urlencode()[:200])
    return _("Exported for: %(purpose)s") % {"purpose": purpose}
