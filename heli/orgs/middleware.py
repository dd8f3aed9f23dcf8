"""Sets request.actor, lazily: a page that asks nothing of it costs no statement. And sends on, before anything else,
people with work to do here who have not used their second factor in this session."""

from __future__ import annotations

from collections.abc import Callable

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.http import urlencode

from heli.core.actor import PUBLIC, Actor
from heli.orgs.queries import actor_for
from heli.people.accounts import used_second_factor
from heli.people.models import User

# Open to somebody who still has to set up or use the second factor; none of these pages asks for a capability.
ALWAYS_OPEN = ("/account/", "/static/", "/look/", "/healthz")


def due(request: HttpRequest) -> str:
    """What the person has to do before their grants count: 'password', 'second_factor' or ''. No statement."""
    user = request.user
    if not isinstance(user, User):
        return ""
    if user.password_due:
        return "password"
    return "second_factor" if settings.HELI_STAFF_MFA and not used_second_factor(request) else ""


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
        if not request.path.startswith(ALWAYS_OPEN) and request.user.is_authenticated and (first := due(request)):
            bool(request.actor.is_staff)  # type: ignore[attr-defined]  # one statement, which the page would ask as well
            if first == "password" or getattr(request, "grants_sleep", False):
                return self.send_on(request, first)
        return self.get_response(request)

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
