"""The paper as a file: it proves itself, and not once a byte of it, a leaf or the key is another."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from heli.engines import certificate as paper
from heli.engines import merkle, serial
from heli.engines.certificate import LEAF, Leaf, Proof
from heli.engines.merkle import Head, Tree, Verifier
from heli.ledger import certificate_pdf

NAME, MARK = "heli.example/log", "ab" * 32
KEY, OTHER = bytes(range(32)), bytes(range(1, 33))


def verifier(private: bytes = KEY, name: str = NAME, kind: int = merkle.ED25519) -> Verifier:
    return Verifier(name, Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw(), kind)


def entry(pk: int, **more: Any) -> dict[str, Any]:
    facts = {"title": "陪老人说话", "content": "上门陪伴", "place": "大海阳社区", "org": 7, "unit": "心桥社工"}
    told = {
        "kind": "hours.approved", "entry": pk, "person": MARK, "minutes": 60 + pk, "supersedes": None, "facts": facts,
        "starts": f"2026-11-{pk:02d}T01:00:00.000000Z",
    }  # fmt: skip
    return told | more


def own(**more: Any) -> dict[str, Any]:
    told = {
        "kind": "certificate.issued", "code": CODE, "person": MARK, "org": 7, "from": "2026-11-01", "to": "2026-11-30",
        "minutes": 186, "entries": [1, 2, 3],
    }  # fmt: skip
    return told | more


CODE = serial.new()
ENTRIES = [entry(1), entry(2), entry(3)]


def proof(mine: dict[str, Any], entries: list[dict[str, Any]], *, private: bytes = KEY, extra: int = 5) -> Proof:
    """A log that holds these among others, as its owner would sign it."""
    import rfc8785

    raw = [LEAF + rfc8785.dumps(x) for x in [*entries, mine]]
    hashes = [merkle.leaf_hash(x) for x in raw] + [merkle.leaf_hash(bytes([n])) for n in range(extra)]
    tree = Tree(lambda level, start, stop: hashes[start:stop] if level == 0 else [], len(hashes))
    text = Head(NAME, tree.size, tree.root()).text
    head = f"{text}\n{merkle.sign(text, NAME, private)}{merkle.sign(text, 'witness.example', OTHER, cosigned_at=1_800_000_000)}"
    leaves = [Leaf(i, raw[i], tree.inclusion(i)) for i in range(len(raw))]
    return Proof(str(verifier(private)), head, [leaves[-1], *leaves[:-1]])


def made(given: Proof, language: str = "zh", name: str = "赵志愿", private: bytes = KEY) -> bytes:
    person = SimpleNamespace(user_id=1)
    c: Any = SimpleNamespace(
        code=CODE, language=language, first_day=dt.date(2026, 11, 1), last_day=dt.date(2026, 11, 30), minutes=186, template="1",
        issued_at=dt.datetime(2026, 11, 30, 9, tzinfo=dt.UTC), issued_by=1, person=person,
    )  # fmt: skip
    told = certificate_pdf.content(c, name, [x.value for x in given.leaves[1:]], "合力")
    return paper.seal(certificate_pdf.render(c, told, given.write()), NAME, private)


@pytest.fixture(scope="module")
def pdf() -> bytes:
    return made(proof(own(), ENTRIES))


def failed(data: bytes, *keys: Verifier) -> str:
    """The name of the check that failed; '' where all hold."""
    report = paper.check(data, keys or [verifier()])
    assert report.ok == (report.code != paper.FAILS)
    return next((c.name for c in report.checks if not c.ok), "")


def test_as_it_was_made_it_holds(pdf: bytes) -> None:
    witness = verifier(OTHER, "witness.example", merkle.COSIGNATURE)
    report = paper.check(pdf, [verifier(), witness])
    assert (report.code, report.witnesses, report.at) == (paper.HOLDS, ["witness.example"], f"{NAME} 9")
    assert report.certificate is not None and report.certificate["code"] == CODE
    assert paper.check(pdf).code == paper.UNTRUSTED  # it agrees with itself: anybody can make such a one


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_no_byte_is_another(pdf: bytes, where: float, by: int) -> None:
    at = int(where * len(pdf))
    assert failed(pdf[:at] + bytes([pdf[at] ^ by]) + pdf[at + 1 :])


@given(st.integers(1, 140), st.integers(1, 255))
def test_nor_one_of_the_seal(pdf: bytes, back: int, by: int) -> None:
    at = len(pdf) - back
    assert failed(pdf[:at] + bytes([pdf[at] ^ by]) + pdf[at + 1 :]) == "seal"


def test_nor_cut_nor_longer_nor_another_file(pdf: bytes) -> None:
    body = pdf[: pdf.rindex(b"%heli-seal")]
    cut = [b"", b"%PDF", body, pdf[:-1], pdf[: len(pdf) // 2], pdf[1:]]
    wrong = [*cut, pdf + b"\n", pdf + b" ", pdf + pdf, body + pdf]
    assert [failed(x) for x in wrong] == ["seal"] * len(wrong)
    assert failed(pdf, verifier(OTHER)) == "seal"  # another's key
    assert failed(pdf, verifier(KEY, "elsewhere.example/log")) == "seal"
    assert failed(paper.seal(b"%PDF-1.7\n%%EOF\n", NAME, KEY)) == "proof"  # ours, but no certificate
    assert failed(made(proof(own(), ENTRIES), private=OTHER)) == "seal"


def swapped(**of: Any) -> Proof:
    """An insider with the sealing key puts another leaf where one was; the log does not have it."""
    import rfc8785

    right = proof(own(), ENTRIES)
    leaves = list(right.leaves)
    leaves[1] = dataclasses.replace(leaves[1], leaf=LEAF + rfc8785.dumps(entry(1, **of)))
    return dataclasses.replace(right, leaves=leaves)


FORGED: dict[str, tuple[Any, str]] = {
    "a leaf of more minutes": (lambda: swapped(minutes=600), "log"),
    "a leaf of another day": (lambda: swapped(starts="2026-11-20T01:00:00.000000Z"), "log"),
    "a head of another log": (lambda: dataclasses.replace(proof(own(), ENTRIES), head=proof(own(), ENTRIES, extra=6).head), "log"),
    "a head signed by another": (lambda: proof(own(), ENTRIES, private=OTHER), "head"),
    "one entry left out": (lambda: _without(2), "entries"),
    "an entry twice": (lambda: _twice(3), "entries"),
    "an entry of another person": (lambda: proof(own(), [entry(1), entry(2), entry(3, person="cd" * 32)]), "entries"),
    "an entry that is no approval": (lambda: proof(own(), [entry(1, kind="hours.claimed"), entry(2), entry(3)]), "entries"),
    "a sum that is none": (lambda: proof(own(minutes=187), ENTRIES), "figures"),
    "a day outside": (lambda: proof(own(to="2026-11-02"), ENTRIES), "figures"),
    "another unit": (lambda: proof(own(org=8), ENTRIES), "figures"),
    "one that corrects another of them": (lambda: proof(own(), [entry(1), entry(2), entry(3, supersedes=1)]), "standing"),
    "a leaf that is none": (lambda: proof(own(), [entry(1), entry(2), {"kind": "hours.approved"}]), "entries"),
}  # fmt: skip


def _without(n: int) -> Proof:
    right = proof(own(), ENTRIES)
    return dataclasses.replace(right, leaves=[x for i, x in enumerate(right.leaves) if i != n])


def _twice(last: int) -> Proof:
    right = proof(own(entries=[1, 1, last], minutes=185), ENTRIES)
    return dataclasses.replace(right, leaves=[right.leaves[0], right.leaves[1], right.leaves[1], right.leaves[last]])


@pytest.mark.parametrize("name", FORGED)
def test_what_even_the_holder_of_the_key_cannot_claim(name: str) -> None:
    make, found = FORGED[name]
    body = b"%PDF-1.7\n" + make().write()  # read past the PDF: only the proof is another
    sealed = paper.seal(body, NAME, KEY)
    real, paper.attached = paper.attached, lambda pdf: Proof.read(pdf.removeprefix(b"%PDF-1.7\n").rstrip(b"\n"))
    try:
        assert failed(sealed) == found
    finally:
        paper.attached = real


def test_the_command_needs_the_file_and_the_key_alone(pdf: bytes, tmp_path: Path) -> None:
    file, keys = tmp_path / "证明.pdf", tmp_path / "keys"
    file.write_bytes(pdf)
    keys.write_text(f"# of the county\n{verifier()}\n")
    bare = {k: v for k, v in os.environ.items() if not k.startswith(("HELI", "DATABASE", "DJANGO"))}

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "heli", "ledger", "verify", str(file), *more]
        return subprocess.run(words, capture_output=True, text=True, env=bare, check=False)

    good = run("--keys", str(keys), "--json")
    assert (good.returncode, json.loads(good.stdout)["ok"]) == (0, True), good.stderr
    assert run("--key", "x+y").returncode == 2
    file.write_bytes(pdf[:-20])
    bad = run("--key", str(verifier()))
    assert bad.returncode == 1 and "文件被改过" in bad.stdout and "changed" in bad.stdout


# What is printed -------------------------------------------------------------------------------------------------------
def words_of(data: bytes) -> tuple[str, int]:
    import io

    from pypdf import PdfReader

    pages = PdfReader(io.BytesIO(data)).pages
    return "".join("".join(p.extract_text().split()) for p in pages), len(pages)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "zh",
            "志愿服务记录证明 赵志愿 3小时6分 心桥社工 陪老人说话 上门陪伴 大海阳社区 不证明 平台记录 第1页 2026-11-02",
        ),
        ("en", "RecordofVolunteerService 赵志愿 3h6min 心桥社工 doesnotprove Platformrecord Page1"),
    ],
)
def test_it_says_what_a_record_must_say(language: str, said: str) -> None:
    text, pages = words_of(made(proof(own(), ENTRIES), language))
    assert [x for x in said.split() if x not in text] == [] and pages == 1
    assert serial.grouped(CODE) in text
    assert not [x for x in ("星级", "五星", "排名第", "已认证") if x in text]


def test_a_long_table_breaks_with_its_heads() -> None:
    many = [entry(1 + n % 28, entry=n) for n in range(120)]
    c: Any = SimpleNamespace(
        code=CODE, language="zh", first_day=dt.date(2026, 11, 1), last_day=dt.date(2026, 11, 30), minutes=99, template="1",
        issued_at=dt.datetime(2026, 11, 30, 9, tzinfo=dt.UTC), issued_by=1, person=SimpleNamespace(user_id=2),
    )  # fmt: skip
    text, pages = words_of(certificate_pdf.render(c, certificate_pdf.content(c, "赵志愿", many, "合力"), b"{}"))
    assert pages > 3 and text.count("活动和内容") == pages and f"第{pages}页，共{pages}页" in text


def test_a_rare_character_is_named_and_never_an_empty_box() -> None:
    text, _pages = words_of(made(proof(own(), ENTRIES), name="赵𠮷"))
    assert "赵〔U+20BB7〕" in text and "U+20BB7" in text.split("合计")[1]


def test_which_characters_the_font_has() -> None:
    def hanzi(codec: str) -> set[int]:
        pairs = (bytes([a, b]) for a in range(0x81, 0xFF) for b in range(0x40, 0xFF))
        return {ord(c) for p in pairs if len(c := p.decode(codec, "ignore")) == 1 and 0x4E00 <= ord(c) <= 0x9FFF}

    has = certificate_pdf.glyphs()
    assert (len(hanzi("gb2312")), hanzi("gb2312") - has) == (6763, set())
    assert (len(hanzi("gbk")), len(hanzi("gbk") - has)) == (20902, 0)
    assert {ord(c) for c in "〔U+〕0123456789ABCDEF·"} <= has
