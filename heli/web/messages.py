"""Translations without GNU gettext: ``python -m heli.web.messages extract|update|check|compile [room ...]``.

English is the msgid. Each room keeps its own catalogue in ``heli/<room>/locale/zh_Hans/LC_MESSAGES/django.po``;
strings of files directly under ``heli/`` belong to the room ``web``. The tool reads source files only: it needs
neither settings nor a database.

- ``extract`` prints what it finds, one message a line.
- ``update``  adds what is missing to each catalogue, keeps translations, sorts; what the code no longer says is
  kept as ``#~`` so that a half-finished change loses nobody's work (``--drop`` throws it away).
- ``check``   fails with file:line for each message that is missing, untranslated, fuzzy, obsolete, translated in two
  ways, uses other placeholders than its msgid, or says what our screens never say.
- ``compile`` writes the ``.mo`` files (not kept in git) where the ``.po`` is newer.
"""

from __future__ import annotations

import argparse
import ast
import io
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

LOCALE = "zh_Hans"
HEADER = (
    'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
    '"Language: zh_Hans\\n"\n"Plural-Forms: nplurals=1; plural=0;\\n"\n\n'
)

# function name -> (position of the context, of the msgid, of the plural); None: it has none
SIGNATURES: dict[str, tuple[int | None, int, int | None]] = {
    "_": (None, 0, None),
    "gettext": (None, 0, None),
    "gettext_lazy": (None, 0, None),
    "gettext_noop": (None, 0, None),
    "ngettext": (None, 0, 1),
    "ngettext_lazy": (None, 0, 1),
    "pgettext": (0, 1, None),
    "pgettext_lazy": (0, 1, None),
    "npgettext": (0, 1, 2),
    "npgettext_lazy": (0, 1, 2),
}
# from look.md, 文案: we do not shout, do not ask for patience, and do not write like a form
NEVER_SAID = ("！", "请耐心等待", "系统异常", "非法", "赋能", "处置", "流转")
PLACEHOLDER = re.compile(r"%\((\w+)\)[#0\- +]*[\d.]*[a-zA-Z]|%[#0\- +]*[\d.]*[diouxXeEfFgGcrsa]|\{(\w*)[^{}]*\}")

Key = tuple[str | None, str]  # (context, msgid)


@dataclass
class Found:
    """A message as the code says it: context, msgid, plural, and where."""

    context: str | None
    msgid: str
    plural: str | None
    at: list[str] = field(default_factory=list)  # "heli/loop/views.py:12"

    @property
    def key(self) -> Key:
        """What gettext looks it up by."""
        return (self.context, self.msgid)


class Bad(Exception):
    """A source file says something that can never be translated."""


def rooms(root: Path) -> list[str]:
    """Names of the rooms under ``root`` (the ``heli`` package), sorted."""
    return sorted(p.name for p in root.iterdir() if p.is_dir() and p.name.isidentifier() and p.name != "__pycache__")


def po_path(root: Path, room: str) -> Path:
    """Where a room keeps its catalogue."""
    return root / room / "locale" / LOCALE / "LC_MESSAGES" / "django.po"


def sources(root: Path, room: str) -> Iterator[Path]:
    """Python files and templates whose strings belong to the room."""
    if room == "web":
        yield from sorted(root.glob("*.py"))
    for folder, folders, names in os.walk(root / room):
        folders[:] = sorted(f for f in folders if f not in {"static", "locale", "__pycache__", "migrations"})
        for name in sorted(names):
            if name.endswith((".py", ".html", ".txt")):
                yield Path(folder) / name


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def in_python(source: str, where: str) -> Iterator[tuple[int, str | None, str, str | None]]:
    """Messages of a Python file: (line, context, msgid, plural).

    Raises:
        Bad: a gettext call builds its msgid at run time, so that no catalogue can hold it.
    """
    if "gettext" not in source:
        return
    nodes = list(ast.walk(ast.parse(source)))
    signatures = dict(SIGNATURES)
    for node in nodes:  # "from django.utils.translation import gettext as now"
        if isinstance(node, ast.ImportFrom):
            signatures |= {a.asname: SIGNATURES[a.name] for a in node.names if a.asname and a.name in SIGNATURES}
    for node in nodes:
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name not in signatures:
            continue
        places = signatures[name]
        picked = [None if i is None or i >= len(node.args) else node.args[i] for i in places]
        msgid = _text(picked[1])
        if msgid is None:
            if isinstance(picked[1], ast.JoinedStr | ast.BinOp | ast.Call):
                raise Bad(f"{where}:{node.lineno}: {name}() is given a text made at run time; give it %(name)s slots")
            continue  # a variable: its text is marked where it is written
        if msgid:
            yield node.lineno, _text(picked[0]), msgid, _text(picked[2])


def in_template(source: str, where: str) -> Iterator[tuple[int, str | None, str, str | None]]:
    """Messages of a Django template: (line, context, msgid, plural)."""
    if "trans" not in source and "_(" not in source:
        return
    # templatize keeps the template's indentation, which Python's tokenizer would refuse
    python = "\n".join(line.lstrip() for line in templatize(source, where).split("\n"))
    for line, name, said, _comments in extract_python(io.BytesIO(python.encode()), dict.fromkeys(SIGNATURES), [], {}):
        parts = [said] if isinstance(said, str) else list(said)
        at = SIGNATURES[str(name)]
        context, msgid, plural = (parts[i] if i is not None and i < len(parts) else None for i in at)
        if msgid:
            yield line, context, msgid, plural


def extract(root: Path, room: str) -> dict[Key, Found]:
    """All messages of a room by (context, msgid).

    Raises:
        Bad: a file cannot be read as Python or as a template, or makes a msgid at run time.
    """
    found: dict[Key, Found] = {}
    for path in sources(root, room):
        where = path.relative_to(root.parent).as_posix()
        reader = in_python if path.suffix == ".py" else in_template
        try:
            said = list(reader(path.read_text(encoding="utf-8"), where))
        except SyntaxError as error:  # TemplateSyntaxError is reported below by its own name
            raise Bad(f"{where}:{error.lineno}: {error.msg}") from error
        for line, context, msgid, plural in said:
            one = found.setdefault((context, msgid), Found(context, msgid, None))
            one.plural = one.plural or plural
            one.at.append(f"{where}:{line}")
    return found


def read(path: Path) -> Catalog:
    """A catalogue, empty if the file is not there yet."""
    if not path.exists():
        return Catalog(locale=LOCALE)
    with path.open("rb") as file:
        return read_po(file, locale=LOCALE)


def _entries(messages: Iterable[Message]) -> dict[Key, Message]:
    return {(m.context, m.id if isinstance(m.id, str) else m.id[0]): m for m in messages if m.id}


def _strings(message: Message | None) -> list[str]:
    if message is None:
        return []
    said = message.string or ""
    return [said] if isinstance(said, str) else list(said)


def update(root: Path, room: str, *, drop: bool = False) -> bool:
    """Bring a room's catalogue in line with its code; tells whether the file changed."""
    path, found = po_path(root, room), extract(root, room)
    old = read(path)
    had, shelved = _entries(old), _entries(old.obsolete.values())
    if not found and not had:
        return False
    new = Catalog(locale=LOCALE)
    for key, one in found.items():
        was = had.get(key) or shelved.get(key)
        files = sorted({at.rsplit(":", 1)[0] for at in one.at})
        said = (_strings(was) or [""])[0]
        new.add(
            (one.msgid, one.plural) if one.plural else one.msgid,
            (said,) if one.plural else said,
            locations=[(file, 0) for file in files],
            flags=({"fuzzy"} if was is not None and was.fuzzy else set()),
            user_comments=was.user_comments if was is not None else (),
            context=one.context,
        )
    if not drop:
        for key, was in {**shelved, **had}.items():
            if key not in found and any(_strings(was)):
                new.obsolete[key[1]] = was
    out = io.BytesIO()
    write_po(out, new, width=110, omit_header=True, sort_output=True, include_lineno=False)
    text = HEADER.encode() + out.getvalue()
    if path.exists() and path.read_bytes() == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)
    return True


def _slots(text: str) -> list[str]:
    return sorted(m.group(0) for m in PLACEHOLDER.finditer(text.replace("%%", "")))


def check(root: Path, only: Iterable[str] = ()) -> list[str]:
    """Everything wrong with the catalogues, one line each, beginning with file:line; empty when all is well."""
    wrong: list[str] = []
    said_before: dict[Key, tuple[str, str]] = {}
    for room in rooms(root):
        wanted = not only or room in only
        try:
            found = extract(root, room)
        except Bad as error:
            if wanted:
                wrong.append(str(error))
            continue
        path = po_path(root, room)
        shown = path.relative_to(root.parent).as_posix()
        had = _entries(read(path))
        for key, one in found.items():
            texts = _strings(had.get(key))
            if texts and texts[0]:
                room_before, text_before = said_before.setdefault(key, (room, texts[0]))
                if text_before != texts[0] and wanted:
                    wrong.append(
                        f"{one.at[0]}: “{one.msgid}” is “{texts[0]}” here and “{text_before}” in {room_before}: "
                        "say the same, or tell them apart by pgettext"
                    )
            if not wanted:
                continue
            message = had.get(key)
            if message is None:
                wrong.append(f"{one.at[0]}: missing in {shown}: “{one.msgid}”")
            elif not all(texts) or not texts:
                wrong.append(f"{one.at[0]}: not translated: “{one.msgid}”")
            elif message.fuzzy:
                wrong.append(f"{one.at[0]}: fuzzy, look at it again: “{one.msgid}” → “{texts[0]}”")
            else:
                wrong.extend(f"{one.at[0]}: {fault}" for fault in _faults(one, texts[0]))
        if wanted:
            gone = [m for key, m in had.items() if key not in found]
            wrong.extend(f"{shown}:{m.lineno}: obsolete (run update): “{m.id}”" for m in gone)
    return wrong


def _faults(one: Found, text: str) -> Iterator[str]:
    """What is wrong with one translation."""
    wanted, given = _slots(one.plural or one.msgid), _slots(text)
    # the plural form holds all slots; the singular may leave the number out
    if wanted != given:
        yield f"slots differ: {wanted} → {given} in “{one.msgid}” → “{text}”"
    if one.msgid.startswith("\n") != text.startswith("\n") or one.msgid.endswith("\n") != text.endswith("\n"):
        yield f"line ends differ in “{one.msgid}”"
    for words in NEVER_SAID:
        if words in text:
            yield f"“{words}” is not how we speak: “{text}”"


def compile_all(root: Path, only: Iterable[str] = (), *, force: bool = False) -> list[Path]:
    """Write each ``.mo`` that is missing or older than its ``.po``; returns those written."""
    written = []
    for room in only or rooms(root):
        path = po_path(root, room)
        target = path.with_suffix(".mo")
        if not path.exists():
            continue
        if not force and target.exists() and target.stat().st_mtime_ns >= path.stat().st_mtime_ns:
            continue
        half = target.with_suffix(f".mo.{os.getpid()}")  # a reader never meets half a file
        with half.open("wb") as file:
            write_mo(file, read(path))
        half.replace(target)
        written.append(target)
    return written


def main(argv: list[str] | None = None, root: Path | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m heli.web.messages", description="Heli's translations")
    parser.add_argument("verb", choices=["extract", "update", "check", "compile"])
    parser.add_argument("rooms", nargs="*", help="only these rooms")
    parser.add_argument("--drop", action="store_true", help="update: throw away what the code no longer says")
    parser.add_argument("--force", action="store_true", help="compile: even if nothing changed")
    args = parser.parse_args(argv)
    root = root or Path(__file__).resolve().parents[1]
    unknown = sorted(set(args.rooms) - set(rooms(root)))
    if unknown:
        parser.error(f"no such room: {', '.join(unknown)}")
    picked = args.rooms or rooms(root)
    try:
        if args.verb == "extract":
            for room in picked:
                for one in extract(root, room).values():
                    print("\t".join((room, one.at[0], one.context or "", one.msgid.replace("\n", "\\n"))))
        elif args.verb == "update":
            for room in picked:
                if update(root, room, drop=args.drop):
                    print(po_path(root, room))
        elif args.verb == "compile":
            compile_all(root, picked, force=args.force)
        else:
            wrong = check(root, picked)
            print("\n".join(wrong) if wrong else f"{len(picked)} rooms: every string has its translation")
            return 1 if wrong else 0
    except Bad as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
