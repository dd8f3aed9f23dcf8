"""One way to write: a step is keyword-only and typed, takes `by` and `at`, and nothing else writes."""

from __future__ import annotations

import ast
import datetime as dt
import importlib
import inspect
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from heli.core.actor import Actor
from heli.loop.states import LIFECYCLES
from tests.database import ROOT

HELI = ROOT / "heli"
OPENS = sorted(p for p in HELI.rglob("*.py") if "with step(" in p.read_text() and p != HELI / "core" / "steps.py")
# Beside steps.py: importers of what is shipped, and the demo's own mark that its county is whole.
ALSO = {HELI / "rulebook" / "files.py", HELI / "loop" / "reference.py", HELI / "demo" / "running.py"}
STEPS = [p for p in OPENS if p not in ALSO]
WRITES = {"save", "create", "bulk_create", "bulk_update", "get_or_create", "update_or_create", "delete"}


def module_of(path: Path) -> Any:
    return importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))


def opens_a_step(node: ast.AST) -> ast.Call | None:
    """The `step(...)` of a `with step(...) as s` right inside this function, if there is one."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.With):
            for item in inner.items:
                call = item.context_expr
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "step":
                    return call
    return None


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    return (n for n in ast.parse(path.read_text()).body if isinstance(n, ast.FunctionDef))


def every_step() -> list[tuple[str, Callable[..., Any], bool]]:
    """(name, function, whether it acts for the system only) of each public function that opens a step."""
    found = []
    for path in STEPS:
        for node in functions(path):
            call = opens_a_step(node)
            if call is None or node.name.startswith("_"):
                continue
            by = next((k.value for k in call.keywords if k.arg == "by"), None)
            for_system = isinstance(by, ast.Name) and by.id == "SYSTEM"
            found.append((f"{path.parts[-2]}.{node.name}", getattr(module_of(path), node.name), for_system))
    return found


@pytest.mark.parametrize(("name", "function", "for_system"), every_step(), ids=[s[0] for s in every_step()])
def test_a_step_takes_who_and_when_by_name(name: str, function: Callable[..., Any], for_system: bool) -> None:
    parameters = inspect.signature(function).parameters.values()
    hints = typing.get_type_hints(function)
    by_name = {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD}  # **given: what the step itself lists
    plain = [p.name for p in parameters if p.kind not in by_name]
    if not for_system:
        assert plain == [], f"{name} takes {plain} by position"
        assert hints.get("by") is Actor, f"{name} does not say who acts"
    assert hints.get("at") is dt.datetime, f"{name} does not say when"
    assert "return" in hints and all(p.name in hints for p in parameters), f"{name} is not typed"
    if not function.__name__.startswith("import_"):  # what is shipped is brought in by the machine's owner
        assert not [p.name for p in parameters if p.name in {"by", "at"} and p.default is not p.empty], (
            "somebody, not a default"
        )
    assert function.__doc__ or name.split(".")[1].startswith(("confirm", "refuse")), f"{name} has no docstring"


def test_steps_are_where_one_looks_for_them() -> None:
    """In steps.py, steps/ or *_steps.py, the duty list's in duty.py, a list taken away in core/export.py; a page that opens
    one itself is not thin."""
    at_home = {
        p
        for p in STEPS
        if p.name in {"steps.py", "duty.py", "export.py"} or p.name.endswith("_steps.py") or p.parent.name == "steps"
    }
    assert [str(p.relative_to(HELI)) for p in STEPS if p not in at_home] == []


def test_there_are_steps_to_look_at() -> None:
    names = {name for name, _function, _for_system in every_step()}
    assert len(names) > 50
    assert {"steps.hear", "steps.offer", "steps.judge", "orgs.give_grant", "places.move_area"} <= names


def readers() -> list[Path]:
    """Modules that parse, read or render, and therefore write nothing."""
    kinds = ("views", "queries", "forms", "templatetags")
    files = [p for k in kinds for p in (*HELI.glob(f"*/{k}.py"), *HELI.glob(f"*/*_{k}.py"), *HELI.glob(f"*/{k}/*.py"))]
    return sorted({*files, *HELI.glob("*/urls.py"), HELI / "web" / "context.py"})


@pytest.mark.parametrize("path", readers(), ids=lambda p: str(p.relative_to(HELI)))
def test_pages_and_queries_write_nothing(path: Path) -> None:
    calls = [
        n
        for n in ast.walk(ast.parse(path.read_text()))
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)
    ]
    wrote = [
        f"line {c.lineno}: .{c.func.attr}()"
        for c in calls
        if c.func.attr in WRITES and not (c.func.attr == "save" and c.args)  # type: ignore[attr-defined]  # into a file
    ]
    updates = [
        f"line {c.lineno}: .update()"
        for c in calls
        if c.func.attr == "update" and "objects" in ast.dump(c.func)  # type: ignore[attr-defined]
    ]
    assert wrote + updates == []


def test_no_model_acts_in_save_and_no_signal_carries_the_flow() -> None:
    bad = []
    for path in HELI.rglob("*.py"):
        text = path.read_text()
        for word in ("@receiver(", "post_save", "pre_save", "m2m_changed", "post_delete"):
            if word in text:
                bad.append(f"{path.relative_to(HELI)}: {word}")
        if path.name == "models.py" and "def save(" in text:
            bad.append(f"{path.relative_to(HELI)}: def save")
    assert bad == []


# Every arrow is taken ---------------------------------------------------------------------------------------------------
def constants(node: ast.AST | None) -> set[str]:
    return (
        {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)} if node else set()
    )


def given(function: ast.FunctionDef, parameter: str, trees: list[ast.Module]) -> set[str]:
    """Texts that a parameter is ever given: its default, and what the calls of the function say."""
    names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
    defaults = dict(zip([a.arg for a in function.args.kwonlyargs], function.args.kw_defaults, strict=True))
    found = constants(defaults.get(parameter))
    for tree in trees:
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == function.name:
                found |= {c for k in call.keywords if k.arg == parameter for c in constants(k.value)}
                if parameter in names and names.index(parameter) < len(call.args):
                    found |= constants(call.args[names.index(parameter)])
    return found


def taken() -> dict[str, set[str]]:
    """{name of a lifecycle's variable: arrows that some step takes by s.move(thing, LIFECYCLE, arrow)}."""
    trees = [ast.parse(p.read_text()) for p in STEPS]
    found: dict[str, set[str]] = {}
    for tree in trees:
        for function in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)):
            parameters = {a.arg for a in (*function.args.args, *function.args.kwonlyargs)}
            for call in ast.walk(function):
                if not (
                    isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "move"
                ):
                    continue
                _thing, lifecycle, arrow = call.args
                assert isinstance(lifecycle, ast.Name)
                names = (
                    constants(arrow)
                    if not isinstance(arrow, ast.IfExp)
                    else constants(arrow.body) | constants(arrow.orelse)
                )
                for name in ast.walk(arrow):
                    if isinstance(name, ast.Name) and name.id in parameters:
                        names |= given(function, name.id, trees)
                found.setdefault(lifecycle.id, set()).update(names)
    return found


@pytest.mark.parametrize("life", LIFECYCLES, ids=lambda x: x.name)
def test_every_arrow_is_taken_by_a_step(life: Any) -> None:
    assert set(life.arrows) - taken()[life.name.upper()] == set()


def test_no_step_sets_a_state_by_hand() -> None:
    """A state changes by an arrow. Inserting a row in its first state and releasing many at once are not arrows."""
    by_hand = []
    for path in STEPS:
        for node in ast.walk(ast.parse(path.read_text())):
            targets = node.targets if isinstance(node, ast.Assign) else []
            flat = [t for target in targets for t in ast.walk(target)]
            if any(isinstance(t, ast.Attribute) and t.attr == "state" for t in flat):
                by_hand.append(f"{path.relative_to(HELI)}:{node.lineno}")
    assert by_hand == []
