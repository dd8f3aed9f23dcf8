"""What every export of this room asks first: what for. It is written down with the number of rows."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone
from django.utils.translation import gettext as _

from heli.core import export
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.pages import HeliRequest
from heli.rulebook import queries as rulebook


def row_cap(actor: Actor, at: dt.datetime) -> int:
    """Most rows in one export, by the rule row in force in the actor's first area. One statement."""
    path = next((p for g in actor.grants for p in g.paths), "")
    day = timezone.localdate(at)
    return int(rulebook.in_force(["export.row_cap"], path=path, on=day)["export.row_cap"].value)


def purpose_of(request: HeliRequest, what: str, cap: Cap, rows: int, at: dt.datetime) -> str:
    """The purpose typed with the export, recorded as an event before anything is handed out.

    Raises:
        PaperMissing: nothing was typed (L-103).
    """
    purpose = request.POST.get("purpose", "").strip()[:200]
    path = next(iter(request.actor.paths(cap)), "")
    filters = {k: str(v)[:60] for k, v in request.GET.items()}
    export.take_away(
        name=what, by=request.actor, at=at, purpose=purpose, rows=rows, filters=filters, path=path, cap=cap
    )
    return _("Exported for: %(purpose)s") % {"purpose": purpose}
