"""The loop's state tables as Markdown, made from states.py: ``python -m heli.loop.docs`` prints them.

``--write`` puts them into docs/loop.md between its two markers; tests/loop/test_docs.py fails when they differ.
"""

from __future__ import annotations

import sys
from pathlib import Path

from heli.core.caps import Cap, Scope
from heli.core.states import Arrow, Lifecycle
from heli.loop.states import LIFECYCLES, OPEN, REQUEST, STATIONS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "loop.md"
BEGIN, END = "<!-- states: made by python -m heli.loop.docs --write -->", "<!-- states: end -->"
LETTERS = "诉转办评"
WHERE = {
    Scope.AREA: "in the area",
    Scope.OWN_UNIT: "of the unit",
    Scope.LINK: "the resident, by the link",
    Scope.SYSTEM: "a periodic job",
}
TITLES = {
    "request": "Request",
    "dispatch": "Dispatch (one offer to one unit, lead or assist)",
    "handling": "Handling (the reply of one round)",
    "extension": "Extension (more time, or a clock that stands)",
    "exclusion": "Exclusion from the rates",
    "order": "Supervision order",
    "order_part": "A unit's part in a supervision order",
    "recheck": "A second listen",
}


def who(needs: Cap | None, scope: Scope) -> str:
    """“`dispatch` in the area”, “the resident, by the link”."""
    return WHERE[scope] if needs is None else f"`{needs}` {WHERE[scope]}"


def row(arrow: Arrow) -> str:
    """One line of a table: arrow, from, to, who, papers."""
    allowed = dict.fromkeys([who(arrow.needs, arrow.scope), *(who(cap, scope) for cap, scope in arrow.also)])
    papers = ", ".join(p.replace("_", " ") for p in arrow.papers) or "–"
    cells = (f"`{arrow.name}`", ", ".join(arrow.sources), arrow.target, "; or ".join(allowed), papers)
    return f"| {' | '.join(cells)} |"


def table(lifecycle: Lifecycle) -> str:
    """A lifecycle as a table, one line an arrow."""
    head = "| arrow | from | to | who | papers it needs |\n|---|---|---|---|---|"
    return "\n".join([f"### {TITLES[lifecycle.name]}", "", head, *(row(a) for a in lifecycle)])


def drawing(lifecycle: Lifecycle) -> str:
    """A lifecycle as a Mermaid state diagram; arrows between the same two states share a line."""
    lines: dict[tuple[str, str], list[str]] = {}
    for arrow in lifecycle:
        for source in arrow.sources:
            lines.setdefault((source, arrow.target), []).append(arrow.name)
    first = next(iter(lifecycle)).sources[0]
    drawn = [f"    {source} --> {target}: {', '.join(names)}" for (source, target), names in lines.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", f"    [*] --> {first}", *drawn, "```"])


def stations() -> str:
    """Where each state of a request stands on the line 诉→转→办→评."""
    head = "| state | station | open |\n|---|---|---|"
    rows = [
        f"| {state} | {LETTERS[place] if place < len(LETTERS) else 'round'} | {'yes' if state in OPEN else '–'} |"
        for state, place in STATIONS.items()
    ]
    return "\n".join([head, *rows])


def tables() -> str:
    """Everything between the markers."""
    made = [drawing(REQUEST), stations(), *(table(lifecycle) for lifecycle in LIFECYCLES)]
    return "\n\n".join(made)


def written(page: str) -> str:
    """The page with its tables made anew. ValueError when a marker is missing."""
    before, rest = page.split(BEGIN, 1)
    _old, after = rest.split(END, 1)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


def main(arguments: list[str]) -> int:
    """Print the tables, or write them into docs/loop.md."""
    if "--write" in arguments:
        PAGE.write_text(written(PAGE.read_text()))
    else:
        print(tables())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
