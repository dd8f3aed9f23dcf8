"""What every export of this room asks first: what for. It is written down with the number of rows allowed."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone
from django.utils.translation import gettext as _

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.pages import HeliRequest
from heli.orgs import steps
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
    steps.export_list(
        what=what, purpose=purpose, filters=request.GET.urlencode()[:200], cap=cap, by=request.actor, at=at
    )
    return _("Exported for: %(purpose)s") % {"purpose": purpose}
