"""Sets request.actor, lazily: a page that asks nothing of it costs no statement. And before anything else ends the
session of people with work to do here who were away too long, and sends on those who have not used their second factor
in this session."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.http import urlencode

from heli.core.actor import PUBLIC, Actor
from heli.core.pages import error_page
from heli.core.sessions import SessionStore
from heli.orgs.errors import LoggedOut
from heli.orgs.queries import actor_for
from heli.people.accounts import used_second_factor
from heli.people.models import User

# Open to somebody who still has to set up or use the second factor; none of these pages asks for a capability.
NEVER_ASKED = ("/api/", "/open311/", "/static/", "/look/", "/healthz", "/readyz", "/metrics")
ALWAYS_OPEN = ("/account/", "/api/", "/open311/", "/static/", "/look/", "/healthz", "/readyz", "/metrics")


def due(request: HttpRequest) -> str:
    """What the person has to do before their grants count: 'password', 'second_factor' or ''. No statement."""
    user = request.user
    if not isinstance(user, User):
        return ""
    if user.password_due:
        return "password"
    return "second_factor" if settings.HELI_STAFF_MFA and not used_second_factor(request) else ""


# Parts of pages that ask by themselves (their ids, which htmx tells): a desk left open does not keep its session.
NOBODY_ACTS = frozenset({"desk-head", "desk-rows"})


def stale(request: HttpRequest) -> bool:
    """Whether the session is longer unused, or older, than SESSION_STAFF_IDLE and SESSION_STAFF_AGE allow somebody with
    work to do here. One statement, and only then."""
    session = cast(SessionStore, request.session)
    if session.rested <= settings.SESSION_STAFF_IDLE and session.age <= settings.SESSION_STAFF_AGE:
        return False
    return bool(request.actor.is_staff or getattr(request, "grants_sleep", False))  # type: ignore[attr-defined]


def actor_of(request: HttpRequest) -> Actor:
    """Who asks. Grants sleep until the second factor was used in this session, wherever the page lies."""
    user = request.user
    if not isinstance(user, User):
        return PUBLIC
    actor = actor_for(user)
    if actor.is_staff and due(request):
        request.grants_sleep = True  # type: ignore[attr-defined]
        return Actor(user_id=actor.user_id, name=actor.name)
    return actor


class ActorMiddleware:
    """request.actor: the person behind the session with the grants in force at this request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = SimpleLazyObject(lambda: actor_of(request))  # type: ignore[attr-defined]
        if not request.path.startswith(NEVER_ASKED) and request.user.is_authenticated:
            if stale(request):
                return self.log_out(request)
            if request.headers.get("HX-Trigger") not in NOBODY_ACTS:
                cast(SessionStore, request.session).touch()
        if not request.path.startswith(ALWAYS_OPEN) and request.user.is_authenticated and (first := due(request)):
            bool(request.actor.is_staff)  # type: ignore[attr-defined]  # one statement, which the page would ask as well
            if first == "password" or getattr(request, "grants_sleep", False):
                return self.send_on(request, first)
        return self.get_response(request)

    def log_out(self, request: HttpRequest) -> HttpResponse:
        request.session.flush()
        request.user = AnonymousUser()
        request.actor = PUBLIC  # type: ignore[attr-defined]
        if request.method == "POST":
            return error_page(request, LoggedOut())
        where = settings.LOGIN_URL if request.path.startswith("/account/") else None
        asked = "/" if request.headers.get("HX-Request") else request.get_full_path()
        to = reverse(where) if where else f"{reverse(settings.LOGIN_URL)}?{urlencode({'next': asked})}"
        if request.headers.get("HX-Request"):
            return HttpResponse(headers={"HX-Redirect": to})
        return HttpResponseRedirect(to)

    def send_on(self, request: HttpRequest, first: str) -> HttpResponse:
        back = request.get_full_path() if request.method == "GET" and not request.headers.get("HX-Request") else "/"
        if first == "password":
            where = reverse("account_change_password")
        elif Authenticator.objects.filter(user_id=request.user.pk, type=Authenticator.Type.TOTP).exists():
            where = f"{reverse('mfa_reauthenticate')}?{urlencode({'next': back})}"
        else:
            where = reverse("mfa_activate_totp")
        if request.headers.get("HX-Request"):
            return HttpResponse(headers={"HX-Redirect": where})
        return HttpResponseRedirect(where)
