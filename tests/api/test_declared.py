"""Every operation is declared, every step of the loop is an operation, every answer has one shape."""

from __future__ import annotations

import ast
import inspect
import pkgutil
from collections import Counter
from importlib import import_module
from typing import Any

import pytest
from django.test import Client
from pydantic import BaseModel

from heli.api import operations as rooms
from heli.api import shapes
from heli.api.describe import description
from heli.api.http import OPERATIONS, Operation
from heli.api.operations import volunteering
from heli.core.caps import Scope
from heli.core.checks import missing_declarations
from heli.loop import duty, steps
from heli.loop.importing import import_rows
from heli.loop.models import Channel, Confidentiality, Exclusion, Kind, Urgency
from heli.loop.queries import parts
from heli.loop.steps import link, reference
from heli.orgs import steps as orgs
from heli.orgs.models import OrgKind
from heli.people import steps as people
from tests.api.asking import Machine, machine
from tests.database import ROOT

# Done by the clock, or once at set-up; nobody asks for them.
BY_THE_CLOCK = {"climb", "lapse", "recompute_provisional", "send_messages"}


def test_every_step_of_the_loop_is_an_operation() -> None:
    ours = {n for n in steps.__all__ if inspect.isfunction(getattr(steps, n))}
    beside = {"put_row", "end_row", "renew_link", "put_category", "import_rows", "take_away", "take_results"}
    for module, names in ((duty, ("put_row", "end_row")), (link, ("renew_link",)), (reference, ("put_category",))):
        assert all(inspect.isfunction(getattr(module, n)) for n in names)
    assert inspect.isfunction(import_rows)
    of_orgs = {
        "create_org",
        "change_org",
        "close_org",
        "reopen_org",
        "add_member",
        "end_member",
        "give_grant",
        "end_grant",
    }
    assert all(inspect.isfunction(getattr(orgs, n)) for n in of_orgs) and inspect.isfunction(people.open_account)
    of_places = {"book", "cancel"}
    called = {s for o in OPERATIONS for s in o.steps}
    of_activities = {"draft", "submit", "post", "add_shift"}
    assert all(
        inspect.isfunction(getattr(volunteering.steps, n, None) or getattr(volunteering, n)) for n in of_activities
    )
    assert (ours - BY_THE_CLOCK) | beside | of_orgs | of_places | of_activities | {"open_account"} == called


def test_an_operation_calls_the_step_it_names() -> None:
    """Read from the code: the body of each operation calls what `calls=` says."""
    wrong = []
    for path in (ROOT / "heli" / "api" / "operations").glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.FunctionDef):
                continue
            found = next((o for o in OPERATIONS if o.name == node.name), None)
            if found is None:
                continue
            calls = {
                n.func.attr if isinstance(n.func, ast.Attribute) else getattr(n.func, "id", "")
                for n in ast.walk(node)
                if isinstance(n, ast.Call)
            }
            wrong += [f"{node.name}: {s}" for s in found.steps if s not in calls and f"{s}_step" not in calls]
    assert wrong == []


def test_every_route_is_declared_and_every_operation_described() -> None:
    assert missing_declarations() == []
    assert len({o.name for o in OPERATIONS}) == len(OPERATIONS)
    paths = description()["paths"]
    assert {(o.method.lower(), f"/api/v1/{o.route.path}") for o in OPERATIONS} == {
        (method, path) for path, methods in paths.items() for method in methods
    }
    for o in OPERATIONS:
        said = paths[f"/api/v1/{o.route.path}"][o.method.lower()]
        assert {"401", "404", "405", "422", "429", "500"} <= said["responses"].keys(), o.name
        assert (o.method == "GET") or {"409", "413"} <= said["responses"].keys(), o.name
        assert said["summary"].endswith((".", "?")), f"{o.name}: what it does, in a sentence"
        assert bool(o.route.needs) == ({} not in said["security"]), o.name
        if o.write:
            assert "Idempotency-Key" in [p["name"] for p in said["parameters"]], o.name


def test_no_two_shapes_share_a_name() -> None:
    """The description knows shapes by their names: the later of two would be told in place of the earlier."""
    shaped = [o for o in vars(shapes).values() if inspect.isclass(o)]
    for module in pkgutil.iter_modules(rooms.__path__, f"{rooms.__name__}."):
        shaped += [o for o in vars(import_module(module.name)).values() if inspect.isclass(o)]
    ours = {o for o in shaped if issubclass(o, BaseModel) and "[" not in o.__name__}
    named = Counter(o.__name__ for o in ours)
    assert not [name for name, n in named.items() if n > 1]


def test_a_write_that_needs_no_key_says_why() -> None:
    """Only what changes nothing, or may be done twice without harm."""
    assert {o.name for o in OPERATIONS if o.method == "POST" and not o.write} == {
        "requests_by_phone",
        "resolve_area",
        "find",
    }


def test_only_what_is_public_is_open() -> None:
    open_ = {o.name for o in OPERATIONS if o.route.scope is Scope.PUBLIC}
    assert open_ == {
        "discovery", "search_areas", "resolve_area", "get_area", "get_figures", "list_categories", "list_rules",
        "get_rule", "get_year", "search_units", "hear", "find", "list_wishes",
        "list_suggestions", "list_sites", "list_notices", "list_resources", "free_times", "list_activities", "get_activity",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("said", "known"),
    [
        (shapes.Kind, Kind.values), (shapes.Urgency, Urgency.values), (shapes.Channel, Channel.values),
        (shapes.Confidentiality, Confidentiality.values), (shapes.Way, list(parts.WAYS)),
        (shapes.ReturnCode, list(parts.RETURN_CODES)), (shapes.ExclusionReason, list(dict(Exclusion.REASONS))),
        (shapes.OrgKind, OrgKind.values), (shapes.Solved, list(parts.SOLVED)),
    ],
    ids=str,
)  # fmt: skip
def test_words_to_choose_from_are_those_of_the_tables(said: Any, known: list[str]) -> None:
    assert sorted(said.__args__) == sorted(known)


def test_the_description_is_served_with_its_page(db: None) -> None:
    got = Client().get("/api/v1/openapi.json")
    assert got.json()["openapi"].startswith("3.1") and "token" in got.json()["components"]["securitySchemes"]
    page = Client().get("/api/v1/docs")
    shown = page.content.decode()
    assert page.status_code == 200 and "http://" not in shown and "https://" not in shown and "<script>" not in shown
    assert "unsafe-eval" not in page["Content-Security-Policy"]


# One shape for everything that goes wrong --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("ask", "status", "code", "field"),
    [
        (lambda m: m.get("nothing/here"), 404, "L-404", None),
        (lambda m: m.post("nothing/here"), 404, "L-404", None),
        (lambda m: m.client.put("/api/v1/requests", headers=m.headers()), 405, "L-808", None),
        (lambda m: m.client.delete("/api/v1/desk", headers=m.headers()), 405, "L-808", None),
        (lambda m: m.get("requests", size=0), 422, "L-804", "size"),
        (lambda m: m.get("requests", size=201), 422, "L-804", "size"),
        (lambda m: m.get("requests", state="nonsense"), 422, "L-804", "state"),
        (lambda m: m.get("requests", set="nonsense"), 400, "L-400", "set"),
        (lambda m: m.get("requests", after="nonsense"), 400, "L-400", None),
        (lambda m: m.get("requests", q="a\0b"), 422, "L-804", None),
        (lambda m: m.post("requests/ZF-ZZZZ-ZZ/dispatch", {"unit_id": "x"}), 422, "L-804", "unit_id"),
        (lambda m: m.post("requests/ZF-ZZZZ-ZZ/dispatch", {"unit_id": 1, "strange": 1}), 422, "L-804", "strange"),
        (lambda m: m.post("requests/ZF-ZZZZ-ZZ/dispatch", {"unit_id": 10**30}), 422, "L-804", "unit_id"),
        (lambda m: m.post("requests/ZF-ZZZZ-ZZ/notes", {"text": "a\0"}), 422, "L-804", None),
        (lambda m: m.post("requests/ZF-ZZZZ-ZZ/notes", {"text": "好"}, key="a key"), 400, "L-805", "Idempotency-Key"),
        (lambda m: m.post("requests/ZF-ZZZZ-ZZ/notes", {"text": "好"}, key="k" * 81), 400, "L-805", "Idempotency-Key"),
        (lambda m: m.post("requests/ZF-ZZZZ-ZZ/notes", {"text": "x" * 5_000_000}), 413, "L-807", None),
        (lambda m: m.post("exclusions/1/confirm"), 403, "L-403", None),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_told_in_one_shape(
    db: None, world: Any, ask: Any, status: int, code: str, field: Any
) -> None:
    answer = ask(machine(world, "孙坐席"))
    told = answer.json()
    assert (answer.status_code, told["code"], told["field"]) == (status, code, field)
    assert told["sentence"] and set(told) == {"code", "sentence", "field", "errors"}
    assert answer["Cache-Control"] == "no-store"


def test_not_json(db: None, world: Any) -> None:
    m = machine(world, "孙坐席")
    sent = m.headers(**{"Idempotency-Key": "k"})
    for where in ("requests", "requests/ZF-ZZZZ-ZZ/notes"):
        for body in (b"", b"{", b"[]", b'"x"', b"\xff", b'{"text": "\\ud800"}'):
            answer = m.client.post(f"/api/v1/{where}", body, content_type="application/json", headers=sent)
            assert answer.status_code == 422 and answer.json()["code"] == "L-804", (where, body)


def test_in_english(db: None) -> None:
    said = [Machine().get("desk", headers=h).json()["sentence"] for h in ({}, {"Accept-Language": "en"})]
    assert "令牌" in said[0] and "token" in said[1]


def test_an_error_of_ours_is_told_too(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from heli.api.operations import public

    def broken(*_a: Any, **_k: Any) -> Any:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(public.places, "search", broken)
    answer = Machine().get("areas", q="芝罘")
    assert answer.status_code == 500 and answer.json()["code"] == "L-500" and "secret" not in answer.content.decode()


def test_rates_are_told_and_kept(db: None, world: Any, settings: Any) -> None:
    settings.HELI_API_RATE, settings.HELI_API_PUBLIC_RATE = 3, 2
    unit = machine(world, "于科员")
    left = [unit.get("inbox")["X-RateLimit-Remaining"] for _n in range(3)]
    assert left == ["2", "1", "0"]
    stopped = unit.get("inbox")
    assert stopped.status_code == 429 and stopped.json()["code"] == "L-806" and int(stopped["Retry-After"]) <= 60
    assert machine(world, "曲科员").get("inbox").status_code == 200, "each token has its own"
    nobody = [Machine().get("").status_code for _n in range(3)]
    assert nobody == [200, 200, 429]
    lied = Machine().get("", headers={"X-Forwarded-For": "203.0.113.9"})
    assert lied.status_code == 429, "an address that a caller wrote is not believed"


def test_head_goes_where_get_goes(db: None) -> None:
    answer = Client().head("/api/v1/")
    assert answer.status_code == 200 and answer.content == b""


def operations() -> list[Operation]:
    return OPERATIONS
