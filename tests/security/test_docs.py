"""docs/security.md and docs/threats.md name tests and files that exist, and every item of the standard stands there once."""

from __future__ import annotations

import re

from tests.database import ROOT

SECURITY, THREATS = ((ROOT / "docs" / f"{name}.md").read_text() for name in ("security", "threats"))
# OWASP ASVS 5.0.0: how many items of levels 1 and 2 each chapter has
ITEMS = {
    1: 27,
    2: 11,
    3: 19,
    4: 10,
    5: 9,
    6: 35,
    7: 18,
    8: 7,
    9: 7,
    10: 29,
    11: 14,
    12: 9,
    13: 13,
    14: 9,
    15: 13,
    16: 16,
    17: 7,
}
ROW = re.compile(r"^\| (\d+)\.(\d+)\.(\d+) \|(.*)\|$", re.M)


def test_every_item_has_its_row() -> None:
    found = [(int(c), int(s), int(n)) for c, s, n, _rest in ROW.findall(SECURITY)]
    assert len(found) == len(set(found)) == sum(ITEMS.values()) == 253
    assert {c: sum(1 for f in found if f[0] == c) for c in ITEMS} == ITEMS


def test_the_counts_are_those_of_the_table() -> None:
    states = [rest.split("|")[-2].strip() for *_id, rest in ROW.findall(SECURITY)]
    said = re.search(
        r"253 items: (\d+) yes, (\d+) by design, (\d+) in part, (\d+) gaps, (\d+) that do not apply", SECURITY
    )
    assert said is not None
    counts = [states.count(s) for s in ("yes", "by design", "part", "gap")]
    assert [int(n) for n in said.groups()] == [*counts, 253 - sum(counts)]


def test_what_is_named_exists() -> None:
    missing = []
    for text in (SECURITY, THREATS):
        for path, test in re.findall(r"\b((?:tests|docs|heli)/[\w/.-]+\.(?:py|md|conf))(?:::(\w+))?", text):
            file = ROOT / path
            if not file.exists() or (test and f"def {test}(" not in file.read_text()):
                missing.append(f"{path}::{test}")
    assert sorted(set(missing)) == []


def test_yes_names_something() -> None:
    for *number, rest in ROW.findall(SECURITY):
        cells = [c.strip() for c in rest.split("|")]
        if cells[-2] == "yes":
            assert re.search(r"(tests|docs)/", cells[-1]), number
        elif cells[-2] in {"part", "gap", "by design"}:
            assert len(cells[-1]) >= 4, number


def test_the_list_of_parts_is_the_lock() -> None:
    from heli.ops.sbom import LOCK, sbom

    lock = LOCK.read_text()
    parts = sbom(lock)["components"]
    assert len(parts) == lock.count("==") - lock.count("== '") >= 40
    assert all(p["hashes"] and p["version"] for p in parts) and {"django", "psycopg"} <= {
        p["name"].lower() for p in parts
    }
    assert sum(len(p["hashes"]) for p in parts) == lock.count("--hash=sha256:")
