"""/jobs/: what the machine could not do by itself, and the button to try once more."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from heli.core.caps import Cap, Scope
from heli.core.errors import Forbidden, HeliError, Invalid
from heli.core.pages import HeliRequest, page
from heli.ops import queries, steps


@page("jobs/", name="failed_jobs", needs=Cap.MANAGE_GRANTS, scope=Scope.AREA, methods=("GET", "POST"))
def failed_jobs(request: HeliRequest) -> HttpResponse:
    """For administrators of the area this house belongs to. POST `job`: try this one again."""
    if not request.actor.can(Cap.MANAGE_GRANTS, path=settings.HELI_HOME_AREA):
        raise Forbidden
    if request.method != "POST":
        return render(request, "ops/jobs.html", {"jobs": queries.failed_jobs(), "error": None})
    typed = request.POST.get("job", "")
    try:
        if not typed.isdecimal() or len(typed) > 18:
            raise Invalid(_("Choose one from the list."), field="job")
        steps.try_again(job_id=int(typed), by=request.actor, at=timezone.now())
    except HeliError as error:
        context = {"jobs": queries.failed_jobs(), "error": error}
        return render(request, "ops/jobs.html", context, status=error.status)
    messages.success(request, _("It is tried again within seconds."))
    return HttpResponseRedirect(reverse("ops:failed_jobs"), status=303)
