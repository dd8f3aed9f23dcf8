"""The heli command does from a shell what pages do."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from heli.cli import app
from tests.loop.told import tell


@pytest.fixture
def heli(world):
    def run(*words, code=0):
        done = CliRunner().invoke(app, list(words))
        assert done.exit_code == code, done.output
        return json.loads(done.stdout.strip().splitlines()[-1])

    return run


def test_areas(heli):
    assert "370602003006" in {a["path"] for a in heli("areas", "search", "dhysq", "--json")}
    found = heli("areas", "resolve", "芝罘区大海阳社区12号楼", "--json")
    assert found["area"]["path"] == "370602003006" and "12号楼" in found["rest"]


def test_rules(heli):
    shown = heli("rules", "show", "clock.reply", "--area", "370602", "--json")
    assert any(r["area"] == "37" and r["verified"] for r in shown)


def test_grants(heli, world):
    assert heli("grants", "list", "yu.keyuan", "--json")[0]["unit"] == "城管局"
    given = heli("grants", "give", "zhao", "viewer", "--paths", "370602", "--reason", "x", "--json", code=1)
    assert given["error"]["code"] == "L-404"
    given = heli(
        "grants",
        "give",
        "li.shegong",
        "viewer",
        "--paths",
        "370602",
        "--reason",
        "看看",
        "--as",
        "sun.zuoxi",
        "--json",
        code=1,
    )
    assert given["error"]["code"] == "L-403"
    given = heli(
        "grants",
        "give",
        "li.shegong",
        "viewer",
        "--paths",
        "370602",
        "--reason",
        "看看",
        "--as",
        "jiang.guanli",
        "--json",
    )
    assert heli("grants", "end", str(given["id"]), "--reason", "看完了", "--as", "jiang.guanli", "--json") == given


def test_trace_prints_the_whole_journey(heli, world):
    told = tell(world).answered()
    told.judge("no", 2)
    shown = heli("loop", "trace", told.request.code.lower().replace("-", " "), "--json")
    assert shown["state"] == "handling" and shown["round"] == 2 and len(shown["journey"]) == 5
    assert {c["name"] for c in shown["clocks"]} and heli(
        "loop", "trace", told.request.code, "--as", "wai.xianren", "--json", code=1
    )


def test_import_and_climb(heli, world, tmp_path):
    from heli.loop.queries import batches as queries

    batch = tmp_path / "batch.csv"
    batch.write_text("n,t\n1,路灯不亮\n2,井盖响\n")
    words = ("loop", "import", str(batch), "--area", "370602", "--source", "市热线", "--json")
    assert heli(*words, code=1)["error"]["code"] == "L-400", "its headings say nothing"
    assert heli(*words, "--map", "key=n,text=x", code=1)["error"]["code"] == "L-702"
    assert heli(*words, "--map", "key=n,text=t")["taken"] == 2 and heli(*words)["known"] == 2, "mapped as last time"
    batch.write_text("n,t\n3,\n")
    refused = heli(*words, code=1)
    assert [e["line"] for e in refused["errors"]] == [2]
    # it stands in the history of whoever imports there, and its outcome can go back
    desk = world.actor("孙坐席")
    rows = queries.batches_page(desk).rows
    assert [(r.batch.state, r.batch.taken, r.batch.known, r.batch.content) for r in rows] == [
        ("refused", 0, 0, ""), ("done", 0, 2, ""), ("done", 2, 0, ""),
    ]  # fmt: skip
    assert rows[0].batch.pk == refused["batch"] and queries.sources(desk) == ["市热线"]
    assert [r.source_key for r in queries.outcomes(desk, "市热线")] == ["1", "2"]
    assert set(heli("loop", "climb", "--json")) == {"remind", "urge", "supervise", "propose", "lapsed"}


def test_vault_rotation(heli):
    assert heli("vault", "rotate", "--json") == {"sealed": 0, "unreadable": 0}
