"""A certificate as a file that proves itself: a PDF, the proof inside it, and a seal over all of it.

    %PDF … %%EOF            the paper; its attachment proof.json holds what `check` reads (shape: `Proof` below)
    %heli-seal/v1 NAME SIG  the last line: Ed25519 by the log's key over the length and SHA-256 of every byte before it

A PDF reader takes the last line for a comment. Whoever checks needs the file and the log's public key: no network, no
database. What it shows: the file is as the log's owner made it, and every entry it stands on is in the log they signed.
What it does not show: that a service took place, and whether it was revoked or corrected after the file was made.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from typing import Any, Final

import rfc8785
from pypdf import PdfReader

from heli.engines import merkle
from heli.engines.merkle import BadNote, Head, Verifier

LEAF: Final = b"heli-ledger-leaf/v1\n"  # stands before the JSON of every leaf
FORMAT: Final = "heli-certificate-proof/v1"
ATTACHED: Final = "proof.json"
MARK: Final = b"%heli-seal/v1 "
LOCAL: Final = timezone(timedelta(hours=8))  # days of a certificate are days in China
HOLDS, FAILS, UNTRUSTED = 0, 1, 3  # what `Report.code` says; 2 is kept for a command that was given wrongly


# The seal -------------------------------------------------------------------------------------------------------------
def _sealed_text(body: bytes) -> str:
    return f"heli-seal/v1\n{len(body)}\n{sha256(body).hexdigest()}\n"


def seal(pdf: bytes, name: str, private: bytes) -> bytes:
    """The file with its last line. `name`: the log's, without blanks; `private`: 32 bytes of Ed25519."""
    body = pdf if pdf.endswith(b"\n") else pdf + b"\n"
    signature = merkle.sign(_sealed_text(body), name, private).rstrip("\n").rpartition(" ")[2]
    return body + MARK + f"{name} {signature}\n".encode()


def _opened(data: bytes) -> tuple[bytes, str, bytes] | None:
    """(what was sealed, the name, key id and signature), or None: no seal. Read strictly: one spelling, to the last byte."""
    at = data.rfind(b"\n" + MARK) + 1
    line = data[at:]
    parts = line.removeprefix(MARK).split(b" ")
    if at == 0 or not line.endswith(b"\n") or line.count(b"\n") != 1 or len(parts) != 2:
        return None
    try:
        name, text = parts[0].decode("ascii"), parts[1].removesuffix(b"\n")
        raw = base64.b64decode(text, validate=True)
    except (UnicodeDecodeError, binascii.Error):
        return None
    return (data[:at], name, raw) if base64.b64encode(raw) == text and len(raw) == 68 else None


# The proof ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf with its way to the head. `path`: hashes, the lowest first."""

    index: int
    leaf: bytes
    path: Sequence[bytes]

    @property
    def value(self) -> dict[str, Any]:
        """What it says. ValueError: it is no leaf, or not written in the one way (RFC 8785)."""
        found = json.loads(self.leaf.removeprefix(LEAF))
        if not isinstance(found, dict) or LEAF + rfc8785.dumps(found) != self.leaf:
            raise ValueError("not a leaf")
        return found


@dataclass(frozen=True, slots=True)
class Proof:
    """What travels in the file. `leaves`: the certificate's own first, then the entries it stands on, in its order."""

    key: str
    head: str  # a signed note, with cosignatures
    leaves: Sequence[Leaf]

    def write(self) -> bytes:
        told = {
            "format": FORMAT,
            "certificate": self.leaves[0].value,
            "key": self.key,
            "head": self.head,
            "leaves": [
                {"index": x.index, "leaf": x.leaf.decode(), "path": [base64.b64encode(h).decode() for h in x.path]}
                for x in self.leaves
            ],
        }
        return json.dumps(told, ensure_ascii=False, indent=1).encode()

    @classmethod
    def read(cls, raw: bytes) -> Proof:
        """ValueError: not such a proof, whatever is wrong with it."""
        try:
            told = json.loads(raw)
            leaves = [
                Leaf(int(x["index"]), x["leaf"].encode(), [base64.b64decode(h, validate=True) for h in x["path"]])
                for x in told["leaves"]
            ]
            made = cls(str(told["key"]), str(told["head"]), leaves)
            if told["format"] != FORMAT or not leaves or leaves[0].value != told["certificate"]:
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError("not a proof") from error
        return made


def attached(pdf: bytes) -> Proof:
    """The proof in a file. ValueError: there is none that can be read."""
    log = logging.getLogger("pypdf")
    before, log.disabled = log.disabled, True  # it tells of oddities; here they are an answer
    try:
        return Proof.read(PdfReader(io.BytesIO(pdf)).attachments[ATTACHED][0])
    except Exception as error:  # whatever a reader says about strange bytes, the answer is the same
        raise ValueError("no proof inside") from error
    finally:
        log.disabled = before


# Checking -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Check:
    """One question with its answer; None: it could not be asked. `zh`, `en`: the sentence for this answer."""

    name: str
    ok: bool | None
    zh: str
    en: str


SAID: Final[dict[str, tuple[str, str, str, str]]] = {  # name: (holds zh, holds en, fails zh, fails en)
    "seal": (
        "文件和出具时一样，一个字节都没有改过。",
        "The file is as it was made, to the last byte.",
        "文件被改过、不完整，或者不是这个系统出具的。",
        "The file was changed, is cut, or was not made by this system.",
    ),
    "proof": (
        "文件里带着证据。",
        "The proof is inside the file.",
        "文件里没有可读的证据。",
        "No proof that can be read is inside the file.",
    ),
    "head": (
        "证据里的日志签名是真的。",
        "The log in the proof is signed with the log's key.",
        "证据里的日志签名不对。",
        "The log in the proof is not signed with the log's key.",
    ),
    "log": (
        "这张证明和它依据的每一笔时长都在日志里。",
        "The certificate and each entry it stands on are in the log.",
        "有一笔不在签过名的日志里。",
        "One of the entries is not in the log that was signed.",
    ),
    "entries": (
        "时长记录一笔不多、一笔不少，都是同一个人的。",
        "The entries are those it stands on, no more and no fewer, all of one person.",
        "时长记录和证明上写的对不上。",
        "The entries are not those the certificate stands on.",
    ),
    "figures": (
        "时长、日期和记录单位加起来和证明上一样。",
        "Minutes, days and unit are what the certificate says.",
        "时长、日期或记录单位和证明上写的不一样。",
        "Minutes, days or unit are not what the certificate says.",
    ),
    "standing": (
        "文件里没有更正或撤销过它的记录。",
        "Nothing in the file corrects or revokes it.",
        "文件里就有更正或撤销它的记录。",
        "The file itself carries what corrects or revokes it.",
    ),
}
TRUSTED: Final = (
    "用的是您给的公钥。",
    "Checked with the key you gave.",
    "没有给公钥：只能说文件自己前后一致。请到签发方的网站上核对公钥。",
    "No key was given: the file only agrees with itself. Compare the key with the issuer's.",
)


@dataclass(slots=True)
class Report:
    """What came of it. `certificate`: what its leaf says, once the seal held and the proof could be read."""

    checks: list[Check] = field(default_factory=list)
    certificate: dict[str, Any] | None = None
    key: str = ""
    at: str = ""  # which head: name and length
    witnesses: list[str] = field(default_factory=list)
    trusted: bool = False

    @property
    def ok(self) -> bool:
        return len(self.checks) == len(SAID) and all(c.ok for c in self.checks)

    @property
    def code(self) -> int:
        return FAILS if not self.ok else HOLDS if self.trusted else UNTRUSTED

    def say(self, name: str, ok: bool) -> bool:
        yes_zh, yes_en, no_zh, no_en = SAID[name]
        self.checks.append(Check(name, ok, yes_zh if ok else no_zh, yes_en if ok else no_en))
        return ok


def check(data: bytes, verifiers: Iterable[Verifier] = ()) -> Report:
    """Everything the file can show, in the order in which it rests on what came before; it stops at the first failure.

    `verifiers`: the log's key, and witnesses' keys where one has them. Without the log's key the one in the file is used,
    and the report says so (`trusted`): anybody can make a file that agrees with itself.
    """
    report, known = Report(), list(verifiers)
    report.trusted = any(v.kind == merkle.ED25519 for v in known)
    opened = _opened(data)
    proof = None
    if opened is not None and not report.trusted:
        try:  # read before the seal is believed: it only names the key to believe
            proof = attached(opened[0])
            known.append(Verifier.read(proof.key))
        except ValueError:
            known = []
    who = _sealed_by(opened, known)
    if not report.say("seal", who is not None) or opened is None or who is None:
        return report
    try:
        proof = proof or attached(opened[0])
    except ValueError:
        report.say("proof", False)
        return report
    report.say("proof", True)
    report.certificate, report.key = proof.leaves[0].value, str(who)
    try:
        text, signed = merkle.open_note(proof.head, known)
        head = Head.read(text)
    except BadNote:
        report.say("head", False)
        return report
    report.at = f"{head.origin} {head.size}"
    report.witnesses = sorted(name for name in signed if name != who.name)
    if report.say("head", who.name in signed and head.origin == who.name):
        _leaves(report, proof, head)
    return report


def _sealed_by(opened: tuple[bytes, str, bytes] | None, known: Iterable[Verifier]) -> Verifier | None:
    if opened is None:
        return None
    body, name, raw = opened
    fits = (v for v in known if v.kind == merkle.ED25519 and v.name == name and v.key_id == raw[:4])
    return next((v for v in fits if v.signed(_sealed_text(body), raw[4:])), None)


def _leaves(report: Report, proof: Proof, head: Head) -> None:
    inside = all(merkle.included(merkle.leaf_hash(x.leaf), x.index, head.size, x.path, head.root) for x in proof.leaves)
    if not report.say("log", inside):
        return
    try:
        own, *entries = [x.value for x in proof.leaves]
        same = (
            own["kind"] == "certificate.issued"
            and len({x.index for x in proof.leaves}) == len(proof.leaves)
            and own["entries"] == [e["entry"] for e in entries]
            and all(e["kind"] == "hours.approved" and e["person"] == own["person"] for e in entries)
        )
        if not report.say("entries", same):
            return
        days = [datetime.fromisoformat(e["starts"]).astimezone(LOCAL).date().isoformat() for e in entries]
        right = (
            own["minutes"] == sum(e["minutes"] for e in entries)
            and all(own["from"] <= d <= own["to"] for d in days)
            and all(own["org"] in (None, e["facts"]["org"]) for e in entries)
        )
        if not report.say("figures", right):
            return
        taken = {e["supersedes"] for e in entries} & set(own["entries"])
        report.say("standing", not taken)
    except (KeyError, TypeError, ValueError):
        report.say("entries", False)


def keys_in(text: str) -> list[Verifier]:
    """Verifiers, one a line; empty lines and those that begin with # are skipped. Raises BadNote."""
    lines = (line.strip() for line in text.splitlines())
    return [Verifier.read(line) for line in lines if line and not line.startswith("#")]
