"""One-click logins of the demo. The routes exist only in demo mode, which settings refuse while debugging is off."""

from __future__ import annotations

from django.contrib.auth import login
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from heli.core.caps import Scope
from heli.core.pages import HeliRequest, page
from heli.demo.county import CAST
from heli.people.models import User


@page("", name="cast", scope=Scope.DEMO)
def cast(request: HeliRequest) -> HttpResponse:
    """Who one can be, and what they can try."""
    return render(request, "demo/cast.html", {"cast": CAST})


@page("as/<str:username>/", name="be", scope=Scope.DEMO, methods=("GET", "POST"))
def be(request: HeliRequest, username: str) -> HttpResponse:
    """Log in as one of the cast (a POST, so that a picture or a prefetch cannot), or ask for that one click."""
    one = next((c for c in CAST if c.username == username), None)
    if one is None:
        return redirect("demo:cast")
    if request.method == "GET":
        return render(request, "demo/cast.html", {"cast": [one], "alone": True})
    login(
        request,
        get_object_or_404(User, username=username),
        backend="allauth.account.auth_backends.AuthenticationBackend",
    )
    return redirect("/")
