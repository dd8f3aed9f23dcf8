"""`heli text train | evaluate | explain` on a table in the letters of an old spreadsheet program."""

from __future__ import annotations

import csv
import io
import json

import pytest
from typer.testing import CliRunner

from heli.cli import app
from tests.engines.text._messages import examples

COLUMNS = ("--title", "题目", "--body", "内容", "--label", "类别")
ASKED = {
    "macro_f1", "accuracy", "coverage_at_95", "precision_at_95", "coverage_at_99", "precision_at_99", "ece", "train_seconds",
    "ms_per_message", "model_bytes",
}  # fmt: skip


@pytest.fixture
def table(tmp_path):
    text = io.StringIO()
    put = csv.writer(text)
    put.writerow(["题目", "内容", "类别", "部分"])
    for i, row in enumerate(zip(*examples(), strict=True)):
        put.writerow([*row, "看" if i % 4 == 0 else "学"])
    put.writerow(["没有类别", "不算", "", "学"])
    path = tmp_path / "留言.csv"
    path.write_bytes(text.getvalue().encode("gb18030"))
    return str(path)


def heli(*words, code=0):
    done = CliRunner().invoke(app, ["text", *words])
    assert done.exit_code == code, done.output
    return done.stdout if code == 0 else done.output


def test_train_explain_evaluate(table, tmp_path):
    kept = str(tmp_path / "model.heli")
    made = json.loads(heli("train", table, *COLUMNS, "--out", kept, "--where", "部分=学", "--json"))
    assert (
        made["examples"] == 243 and made["model_bytes"] > 1000 and set(made["f1"]) == {"0201", "0202", "0301", "0401"}
    )
    said = json.loads(heli("explain", kept, "楼道灯坏了", "--title", "灯", "--json"))
    assert said["label"] == "0201" and any("灯" in w["text"] for w in said["words"])
    assert json.loads(heli("explain", kept, "👍", "--json"))["rejected"] == "empty"
    found = json.loads(heli("evaluate", "--train", table, "--test", table, *COLUMNS, "--train-where", "部分=学", "--test-where", "部分=看", "--json"))  # fmt: skip
    assert set(found) >= ASKED and found["messages"] == 81 and found["macro_f1"] > 0.95
    assert found["macro_f1_low"] <= found["macro_f1"] <= found["macro_f1_high"]
    assert "macro_f1" in heli("evaluate", "--train", table, "--test", table, *COLUMNS)


def test_what_cannot_be_read_or_learned(table, tmp_path):
    out = ("--out", str(tmp_path / "m"))
    assert "no column" in heli("train", table, "--title", "题目", "--body", "没有", "--label", "类别", *out, code=2)
    assert "one label" in heli("train", table, *COLUMNS, *out, "--where", "类别=0201", code=2)
    assert "column=value" in heli("train", table, *COLUMNS, *out, "--where", "类别", code=2)
    assert "no row with" in heli(
        "evaluate", "--train", table, "--test", table, *COLUMNS, "--test-where", "部分=无", code=2
    )
    assert "no model of Heli" in heli("explain", table, "路灯", code=2)
    assert not (tmp_path / "m").exists()
