"""Who may enter which route with which method, as the routes declare it: `python -m tests.security.matrix [--all]`.

Made from the URLconf and the shipped roles. That the answers are what is printed here is asked of every route by
tests/invariants/test_routes.py (pages) and tests/invariants/test_operations.py (the interface for other systems).
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).parents[2] / "heli" / "orgs" / "data" / "roles.yaml"
NOBODY, RESIDENT, LINK = "anonymous", "resident", "link holder"
ENDED, ASLEEP = "ended grant", "sleeping second factor"


def askers() -> dict[str, frozenset[str] | None]:
    """{who: capabilities}; None for those who are not logged in. Each role also by token ('token of …')."""
    roles = {name: frozenset(row["caps"]) for name, row in yaml.safe_load(ROLES.read_text()).items()}
    tokens = {f"token of {name}": caps for name, caps in roles.items() if caps}
    none: frozenset[str] = frozenset()
    return {NOBODY: None, LINK: None, RESIDENT: none, ENDED: none, ASLEEP: none, **roles, **tokens}


def routes() -> list[tuple[str, Any, bool]]:
    """(pattern, declaration, whether it is an operation of the interface) of every route there is."""
    from django.urls import URLPattern, URLResolver, get_resolver

    def walk(patterns: Any, prefix: str = "") -> Any:
        for p in patterns:
            where = prefix + str(p.pattern)
            if isinstance(p, URLResolver):
                yield from walk(p.url_patterns, where)
            elif isinstance(p, URLPattern):
                yield where, getattr(p.callback, "route", None)

    pages = {"api/v1/docs", "api/v1/openapi.json"}
    return [(w, r, w.startswith("api/v1/") and w not in pages) for w, r in walk(get_resolver().url_patterns)]


def may(who: str, caps: frozenset[str] | None, route: Any, operation: bool) -> bool:
    """Whether the declaration lets them in; what they find there depends on its scope (404 outside it)."""
    needs, scope = {c.value for c in route.needs}, route.scope.value
    if scope == "link":
        return True  # the address is the key
    if operation != who.startswith("token of "):
        return not needs and scope == "public"
    if needs:
        return bool(caps and caps & needs)
    return scope != "self" or caps is not None


def table() -> tuple[list[str], Counter[str]]:
    """Lines of the table, and the counts of its cells."""
    who = askers()
    names = [n for n in who if not n.startswith("token of ")]
    lines = ["route;methods;scope;" + ";".join(names)]
    counts: Counter[str] = Counter()
    for where, route, operation in routes():
        counts["routes"] += 1
        if route is None:
            counts["undeclared"] += 1
            continue
        cells = {name: may(name, caps, route, operation) for name, caps in who.items()}
        for open_ in cells.values():
            counts["open" if open_ else "closed"] += len(route.methods)
        lines.append(
            ";".join([where, " ".join(route.methods), route.scope.value, *("x" if cells[n] else "" for n in names)])
        )
    counts["roles"] = len(who)
    return lines, counts


if __name__ == "__main__":
    from tests import database

    database.settle()
    import django

    django.setup()
    said, found = table()
    print("\n".join(said if "--all" in sys.argv else said[:1]))
    print(", ".join(f"{n} {what}" for what, n in found.items()))
