"""A route without a declaration does not start; a declared one lets in whom it says."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.urls import include, path

from heli.core import checks
from heli.core.actor import PUBLIC, Actor, GrantView
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, NotFound, WrongState
from heli.core.pages import HeliRequest, page, routes, undeclared

OFFICER = Actor(
    user_id=7, name="于科员", grants=(GrantView(1, frozenset({Cap.HANDLE_REQUESTS}), 9, "城管局", ("370602",)),)
)


def bare(request: HeliRequest) -> HttpResponse:
    return HttpResponse("bare")


@page("open/", scope=Scope.PUBLIC)
def open_page(request: HeliRequest) -> HttpResponse:
    return HttpResponse("open")


@page("work/", needs=(Cap.HANDLE_REQUESTS, Cap.DISPATCH), scope=Scope.OWN_UNIT, methods=("GET", "POST"))
def work(request: HeliRequest) -> HttpResponse:
    return HttpResponse("work")


@page("self/", scope=Scope.SELF)
def own(request: HeliRequest) -> HttpResponse:
    return HttpResponse("own")


@page("demo/", scope=Scope.DEMO)
def demo(request: HeliRequest) -> HttpResponse:
    return HttpResponse("demo")


@page("fails/", scope=Scope.PUBLIC)
def fails(request: HeliRequest) -> HttpResponse:
    raise WrongState


def ask(rf: Any, view: Any, actor: Actor = PUBLIC, method: str = "get", **kwargs: Any) -> Any:
    request = getattr(rf, method)("/x/?a=1")
    request.actor = actor
    return view(request, **kwargs)


def test_routes_without_a_declaration_are_found() -> None:
    patterns = [
        path("a/", open_page),
        path("b/", bare),
        path("c/", include([path("d/", bare), path("e/", work)])),
        path("static/", include([path("f/", bare)])),
    ]
    assert undeclared(patterns, "static/f/".__eq__) == ["b/", "c/d/"]


def test_the_real_routes_are_all_declared() -> None:
    assert checks.missing_declarations() == []
    checks.refuse_undeclared()


def test_an_undeclared_route_stops_the_start(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "get_resolver", type("Resolver", (), {"url_patterns": [path("x/", bare)]}))
    with pytest.raises(ImproperlyConfigured, match="x/"):
        checks.refuse_undeclared()
    assert [e.id for e in checks.routes_declared()] == ["heli.E001"]


def test_no_library_route_of_accounts_is_left_to_itself() -> None:
    assert "account/" not in checks.THIRD_PARTY


@pytest.mark.parametrize("scope", [Scope.AREA, Scope.OWN_UNIT])
def test_a_page_for_staff_names_its_capability(scope: Scope) -> None:
    with pytest.raises(TypeError):
        page("x/", scope=scope)


@pytest.mark.parametrize("name", ["get", "head"])
def test_public_pages_are_open(rf: Any, name: str) -> None:
    assert ask(rf, open_page, method=name).status_code == 200


def test_methods_that_are_not_declared_are_refused(rf: Any) -> None:
    assert ask(rf, open_page, method="post").status_code == 405
    assert ask(rf, work, OFFICER, method="delete").status_code == 405
    assert ask(rf, work, OFFICER, method="post").status_code == 200


def test_who_is_not_logged_in_is_asked_to(rf: Any) -> None:
    for view in (work, own):
        response = ask(rf, view)
        assert response.status_code == 302
        assert response["Location"] == "/account/login/?next=/x/%3Fa%3D1"


@pytest.mark.django_db
def test_who_lacks_the_capability_is_told(rf: Any) -> None:
    response = ask(rf, work, Actor(user_id=3, name="王桂兰"))
    assert response.status_code == 403 and "L-403" in response.content.decode()
    assert ask(rf, own, Actor(user_id=3)).content == b"own"
    assert ask(rf, work, OFFICER).content == b"work"


@pytest.mark.django_db
def test_a_character_that_no_text_has_is_refused_before_the_view(rf: Any) -> None:
    for request in (rf.get("/x/?q=%00"), rf.post("/x/", {"q": "a\0b"})):
        request.actor = OFFICER
        response = work(request)
        assert response.status_code == 400 and "L-400" in response.content.decode()


@pytest.mark.django_db
def test_demo_pages_are_not_there_outside_the_demo(rf: Any, settings: Any) -> None:
    settings.DEMO = False
    assert ask(rf, demo).status_code == 404
    settings.DEMO = True
    assert ask(rf, demo).status_code == 200


@pytest.mark.django_db
def test_errors_become_pages_with_code_and_status(rf: Any) -> None:
    response = ask(rf, fails)
    assert response.status_code == 409
    assert "L-101" in response.content.decode()


def test_routes_are_those_of_the_module() -> None:
    module = ModuleType("views")
    work.__module__, kept = "views", work.__module__
    module.work, module.open_page, module.bare = work, open_page, bare  # type: ignore[attr-defined]
    try:
        assert [str(p.pattern) for p in routes(module)] == ["work/"]
    finally:
        work.__module__ = kept


def every_error() -> list[type[HeliError]]:
    def below(kind: type[HeliError]) -> list[type[HeliError]]:
        return [k for sub in kind.__subclasses__() for k in (sub, *below(sub))]

    return [HeliError, *(k for k in below(HeliError) if k.__module__.startswith("heli."))]


def test_codes_are_unique_and_well_formed() -> None:
    import re

    seen: dict[str, str] = {}
    for kind in every_error():
        assert re.fullmatch(r"L-\d{3}", kind.code), kind
        assert kind.__name__ == seen.setdefault(kind.code, kind.__name__), kind.code
        assert 400 <= kind.status < 600 and str(kind.sentence)


def test_an_error_says_its_code_and_words() -> None:
    assert NotFound().status == 404
    assert str(NotFound()).startswith("L-404 ")
