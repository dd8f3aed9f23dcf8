"""A shift's people as a table: taken away, and brought back to be enrolled; the members of a team as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heli.core import export, laid
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, Invalid, NotFound
from heli.core.pages import HeliRequest, page
from heli.loop.clocks import local_day
from heli.loop.views.public import private
from heli.rulebook import queries as rulebook
from heli.volunteering.models import Activity, Enrolment
from heli.volunteering.queries import enrol as places
from heli.volunteering.queries import roster as queries
from heli.volunteering.queries import teams as teams
from heli.volunteering.steps import roster as steps
from heli.volunteering.views.enrol import see_other
from heli.volunteering.views.shift import shift_page

EXPORT_CAP = "export.row_cap"
ROSTER_ACTS = ("take", "drop")
UNIT: dict[str, Any] = {"needs": Cap.LEAD_TEAM, "scope": Scope.OWN_UNIT}


# Out ------------------------------------------------------------------------------------------------------------------
@page("shift/<int:shift_id>/export/", name="shift_export", methods=("POST",), **UNIT)
def shift_export(request: HeliRequest, shift_id: int) -> HttpResponse:
    """The list of a shift, in the layout in which it can come back."""
    desk = places.desk(request.actor, shift_id)
    rows = queries.places(request.actor, shift_id=shift_id)
    return _book(request, desk.shift.activity, rows, {"shift": str(shift_id)}, f"shift-{shift_id}.xlsx")


@page("desk/<int:activity_id>/roster/", name="activity_roster", methods=("POST",), **UNIT)
def activity_roster(request: HeliRequest, activity_id: int) -> HttpResponse:
    """The same of all shifts of an activity."""
    a = Activity.objects.visible_to(request.actor).filter(pk=activity_id).first()
    if a is None:
        raise NotFound
    rows = queries.places(request.actor, activity_id=activity_id)
    return _book(request, a, rows, {"activity": str(activity_id)}, f"activity-{activity_id}.xlsx")


def _book(
    request: HeliRequest, a: Activity, rows: Sequence[Enrolment], filters: dict[str, str], name: str
) -> HttpResponse:
    """For a stated purpose, which is written down. Full names only for who may read them, each opened by the vault."""
    now, purpose = timezone.now(), request.POST.get("purpose", "")
    most = int(rulebook.in_force((EXPORT_CAP,), path=a.area_path, on=local_day(now))[EXPORT_CAP].value)
    if len(rows) > most:
        raise export.TooManyRows(cap=most)
    named = request.POST.get("names") == "on"
    export.take_away(
        name="roster", by=request.actor, at=now, purpose=purpose, rows=len(rows), path=a.area_path, org_id=a.org_id,
        filters=filters | ({"names": "yes"} if named else {}), cap=Cap.LEAD_TEAM,
    )  # fmt: skip
    names = steps.open_names(rows=rows, purpose=purpose, by=request.actor, at=now) if named else {}
    notes = [
        purpose,
        _("Full names are in this file. Each of them sees that it was read; delete it when it is no longer needed.")
        if named
        else _("Names are masked. It was recorded that this file was made."),
        _(
            "To enrol more people, add rows: volunteer number and role are enough; leave the state empty. Then import it."
        ),
    ]
    book = export.workbook(_("Shift"), queries.columns(), queries.lines(rows, names), cap=most, notes=notes)
    return export.download(book, name)


@page("lead/teams/<int:team_id>/export/", name="team_export", methods=("POST",), **UNIT)
def team_export(request: HeliRequest, team_id: int) -> HttpResponse:
    """The members of a team: numbers and days, nobody's name."""
    team, now, purpose = teams.leads(request.actor, team_id), timezone.now(), request.POST.get("purpose", "")
    most = int(rulebook.in_force((EXPORT_CAP,), path=team.area_path, on=local_day(now))[EXPORT_CAP].value)
    rows = teams.all_members(team_id, most + 1)
    if len(rows) > most:
        raise export.TooManyRows(cap=most)
    export.take_away(
        name="team", by=request.actor, at=now, purpose=purpose, rows=len(rows), filters={}, path=team.area_path,
        org_id=team_id, cap=Cap.LEAD_TEAM,
    )  # fmt: skip
    notes = [purpose, _("No personal data is in this file. It was recorded that it was made.")]
    book = export.workbook(_("Members of the team"), teams.columns(), rows, cap=most, notes=notes)
    return export.download(book, f"team-{team_id}.xlsx")


# In -------------------------------------------------------------------------------------------------------------------
@page("shift/<int:shift_id>/import/", name="roster_lay", methods=("POST",), **UNIT)
def roster_lay(request: HeliRequest, shift_id: int) -> HttpResponse:
    """A table is laid down; what would come of it is shown next."""
    file = request.FILES.get("file")
    try:
        if file is None:
            raise Invalid(_("Choose the table."), field="file")
        made = steps.lay_roster(
            shift_id=shift_id, name=file.name or "", raw=file.read(laid.BYTES + 1), by=request.actor, at=timezone.now()
        )
    except NotFound:
        raise
    except HeliError as error:
        return shift_page(request, shift_id, wrong=error, status=error.status)
    return see_other("roster", made.pk)


@page("roster/<int:roster_id>/", name="roster", **UNIT)
def roster(request: HeliRequest, roster_id: int) -> HttpResponse:
    """Row by row: what would come of it, or what became of it."""
    return _show(request, roster_id)


def _show(request: HeliRequest, roster_id: int, *, wrong: Any = None, status: int = 200) -> HttpResponse:
    found, now = queries.seen(request.actor, roster_id), timezone.now()
    look = queries.look_at(found, by=request.actor, at=now) if found.state == "draft" else None
    context = {
        "r": found, "look": look, "rows": look.rows if look else queries.results(found), "now": now, "wrong": wrong,
        "chip": laid.STATES[found.state],
    }  # fmt: skip
    return private(render(request, "volunteering/enrol/roster.html", context, status=status))


@page("roster/<int:roster_id>/result.xlsx", name="roster_result", **UNIT)
def roster_result(request: HeliRequest, roster_id: int) -> HttpResponse:
    """What became of each row, as a table: numbers of volunteers, nobody's name."""
    found = queries.seen(request.actor, roster_id)
    if found.state != "done":
        raise NotFound
    notes = [found.name, _("No personal data is in this file.")]
    rows = queries.results(found)
    book = export.workbook(_("Result"), queries.result_columns(), rows, cap=queries.MOST, notes=notes)
    return export.download(book, f"roster-{found.pk}.xlsx")


@page("roster/<int:roster_id>/<slug:roster_act>/", name="roster_do", methods=("POST",), **UNIT)
def roster_do(request: HeliRequest, roster_id: int, roster_act: str) -> HttpResponse:
    """Enrol who is ticked, or throw the table away."""
    if roster_act not in ROSTER_ACTS:
        raise NotFound
    found, at = queries.seen(request.actor, roster_id), timezone.now()
    try:
        if roster_act == "drop":
            steps.drop_roster(roster_id=roster_id, by=request.actor, at=at)
            messages.success(request, _("Thrown away. Nobody was enrolled."))
            return see_other("shift", found.shift_id)
        lines = {int(x) for x in request.POST.getlist("line") if x.isdigit() and len(x) < 9}
        done = steps.take_roster(roster_id=roster_id, lines=lines, by=request.actor, at=at)
    except HeliError as error:
        return _show(request, roster_id, wrong=error, status=error.status)
    said = ngettext("%(n)s person was enrolled.", "%(n)s people were enrolled.", done.taken) % {"n": done.taken}
    messages.success(request, said)
    return see_other("roster", roster_id)
