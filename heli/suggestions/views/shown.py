"""One suggestion by its code, and seconding it: the last routes, because a code stands first in their address."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from heli.core.caps import Scope
from heli.core.errors import HeliError
from heli.core.pages import HeliRequest, page
from heli.core.tries import Limit
from heli.suggestions import steps
from heli.suggestions.queries import one as queries


@page("<str:code>/", scope=Scope.PUBLIC)
def suggestion(request: HeliRequest, code: str) -> HttpResponse:
    """Its words, its whole way, and what the reader can do."""
    return _page(request, code.upper())


def _page(request: HeliRequest, code: str, *, error: HeliError | None = None) -> HttpResponse:
    now = timezone.now()
    context = {"d": queries.one(request.actor, code, now), "error": error, "now": now}
    return render(request, "suggestions/suggestion.html", context, status=error.status if error else 200)


@page("<str:code>/second/", scope=Scope.SELF, methods=("GET", "POST"), limit=Limit(60))
def second(request: HeliRequest, code: str) -> HttpResponse:
    """Second it, or take that back. Whoever had to log in first comes back here and presses once more."""
    found = queries.seen(request.actor, code.upper())
    where = reverse("suggestions:suggestion", args=[found.request.code])
    if request.method != "POST":
        return HttpResponseRedirect(where, status=303)
    back = request.POST.get("go") == "back"
    act = steps.take_back if back else steps.second
    try:
        act(request_id=found.pk, by=request.actor, at=timezone.now())
    except HeliError as error:
        return _page(request, found.request.code, error=error)
    done = _("Taken back: it counts one less.") if back else _("Seconded. Nobody is told that it was you.")
    messages.success(request, done)
    return HttpResponseRedirect(where, status=303)
