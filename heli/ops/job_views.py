"""/jobs/: what the machine could not do by itself, and the button to try once more."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from heli.core import export
from heli.core.caps import Cap, Scope
from heli.core.errors import Forbidden, HeliError, Invalid
from heli.core.pages import HeliRequest, page
from heli.ops import queries, steps
from heli.orgs.exports import row_cap


@page("jobs/", name="failed_jobs", needs=Cap.MANAGE_GRANTS, scope=Scope.AREA, methods=("GET", "POST"))
def failed_jobs(request: HeliRequest) -> HttpResponse:
    """For administrators of the area this house belongs to. POST `job`: try this one again."""
    if not request.actor.can(Cap.MANAGE_GRANTS, path=settings.HELI_HOME_AREA):
        raise Forbidden
    after = request.GET.get("after")
    if request.method != "POST":
        return render(request, "ops/jobs.html", {"page": queries.failed_jobs(after=after), "error": None})
    typed = request.POST.get("job", "")
    try:
        if not typed.isdecimal() or len(typed) > 18:
            raise Invalid(_("Choose one from the list."), field="job")
        steps.try_again(job_id=int(typed), by=request.actor, at=timezone.now())
    except HeliError as error:
        context = {"page": queries.failed_jobs(), "error": error}
        return render(request, "ops/jobs.html", context, status=error.status)
    messages.success(request, _("It is tried again within seconds."))
    return HttpResponseRedirect(reverse("ops:failed_jobs"), status=303)


@page("jobs/export/", name="failed_jobs_export", needs=Cap.MANAGE_GRANTS, scope=Scope.AREA, methods=("POST",))
def export_jobs(request: HeliRequest) -> HttpResponse:
    """The list as a spreadsheet, for whoever looks into it elsewhere."""
    if not request.actor.can(Cap.MANAGE_GRANTS, path=settings.HELI_HOME_AREA):
        raise Forbidden
    now = timezone.now()
    most = row_cap(request.actor, now)
    rows = queries.failed_jobs(size=most + 1).rows
    purpose = request.POST.get("purpose", "")
    export.take_away(
        name="failed_jobs",
        by=request.actor,
        at=now,
        purpose=purpose,
        rows=len(rows),
        filters={},
        path=settings.HELI_HOME_AREA,
        cap=Cap.MANAGE_GRANTS,
    )
    columns: list[export.Column[queries.FailedJob]] = [
        (_("Number of the job"), lambda j: j.id),
        (_("What it does"), lambda j: j.work),
        (_("Task"), lambda j: j.task),
        (_("Queue"), lambda j: j.queue),
        (_("Times tried"), lambda j: j.attempts),
        (_("Last try"), lambda j: j.at),
        (_("Why it failed"), lambda j: j.reason),
    ]
    note = _("Exported for: %(purpose)s") % {"purpose": purpose.strip()[:200]}
    book = export.workbook(_("Jobs that failed"), columns, rows, cap=most, notes=[note])
    return export.download(book, f"jobs-{timezone.localdate(now):%Y%m%d}.xlsx")
