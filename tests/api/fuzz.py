"""Schemathesis on the whole description, in process: made-up requests by several roles, with things that are there mixed in.

No answer may be an error of ours, and each must be declared with its status, kind and shape.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
KNOWN_OFTEN = 0.7  # share of the requests that ask for something that is there


@dataclass
class Told:
    """What a run found."""

    asked: int = 0
    operations: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    deep: set[str] = field(default_factory=set)  # operations that were answered with 2xx

    def __add__(self, other: Told) -> Told:
        return Told(
            self.asked + other.asked, max(self.operations, other.operations), self.statuses + other.statuses,
            self.wrong + other.wrong, self.deep | other.deep,
        )  # fmt: skip


def description() -> Any:
    """The description as schemathesis reads it from the application itself."""
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", get_wsgi_application())


keys = itertools.count(1)


def run(
    secret: str,
    known: Mapping[str, Sequence[Any]],
    *,
    caps: Collection[str],
    examples: int,
    asked: set[str],
    start: int = 1,
    part: tuple[int, int] = (0, 1),
) -> Told:
    """Ask every operation `examples` times with a token (or none) of these capabilities; twice only what is refused
    anyway, or what somebody else was let in to before (`asked`). `part` (k, n) takes every n-th operation from the k-th on.

    `known` gives values by the name of a parameter.
    """
    told, schema = Told(), description()
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    dice = random.Random(start)
    for n, found in enumerate(schema.get_all_operations()):
        operation = found.ok()
        if n % part[1] != part[0]:
            continue
        name = f"{operation.method.upper()} {operation.path}"
        told.operations += 1
        needs = operation.definition.raw.get("x-needs", [])
        refused = bool(needs) and not set(needs) & set(caps)
        times = 2 if refused or name in asked else examples
        if not refused:
            asked.add(name)

        def ask(case: Any) -> None:
            _known(case, known, dice)
            sent = dict(headers)
            if case.method.upper() == "POST":
                case.headers = {**(case.headers or {}), "Idempotency-Key": f"fuzz-{start}-{next(keys)}"}
            answer = case.call(headers=sent)
            told.asked += 1
            told.statuses[answer.status_code] += 1
            if answer.status_code < 300:
                told.deep.add(name)  # noqa: B023  (called before the next round)
            try:
                case.validate_response(answer, checks=list(CHECKS), headers=sent)
            except BaseExceptionGroup as group:
                told.wrong += [f"{name}: {answer.status_code} {str(e)[:600]}" for e in group.exceptions]  # noqa: B023
            except AssertionError as error:
                told.wrong.append(f"{name}: {answer.status_code} {str(error)[:600]}")  # noqa: B023

        limits = settings(
            max_examples=min(times, examples), deadline=None, database=None, phases=[Phase.generate], verbosity=Verbosity.quiet,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        seed(start)(limits(given(case=operation.as_strategy())(ask)))()
    return told


def _known(case: Any, known: Mapping[str, Sequence[Any]], dice: random.Random) -> None:
    """Put things that are there into the path, the query and the body."""
    for place in (case.path_parameters, case.query, case.body):
        if isinstance(place, dict):
            for name in list(place):
                if name in known and dice.random() < KNOWN_OFTEN:
                    place[name] = dice.choice(known[name])


def walk(secret: str, *, examples: int, steps: int = 8, start: int = 1) -> Told:
    """Follow the links of the description: what an answer gave is asked for in the next request."""
    told, schema = Told(), description()
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}

    class Machine(schema.as_state_machine()):  # type: ignore[misc]
        def before_call(self, case: Any) -> None:
            if case.method.upper() == "POST":
                case.headers = {**(case.headers or {}), "Idempotency-Key": f"walk-{start}-{next(keys)}"}

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": dict(headers)}

        def validate_response(self, response: Any, case: Any, *_a: Any, **_k: Any) -> None:
            told.asked += 1
            told.statuses[response.status_code] += 1
            name = f"{case.operation.method.upper()} {case.operation.path}"
            if response.status_code < 300:
                told.deep.add(name)
            case.validate_response(response, checks=list(CHECKS), headers=dict(headers))

    limits = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, database=None, phases=[Phase.generate],
        verbosity=Verbosity.quiet, suppress_health_check=list(HealthCheck), derandomize=True,
    )  # fmt: skip
    Machine.run(settings=limits)
    return told
