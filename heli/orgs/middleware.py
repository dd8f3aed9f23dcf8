"""Sets request.actor, lazily: a page that asks nothing of it costs no statement."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from heli.core.actor import PUBLIC, Actor
from heli.orgs.queries import actor_for


def actor_of(request: HttpRequest) -> Actor:
    user = request.user
    return actor_for(user) if user.is_authenticated else PUBLIC


class ActorMiddleware:
    """request.actor: the person behind the session with the grants in force at this request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = SimpleLazyObject(lambda: actor_of(request))  # type: ignore[attr-defined]
        return self.get_response(request)
