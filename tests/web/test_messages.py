"""The translation tool: what it finds in code and templates, what it keeps, what it refuses."""

from pathlib import Path

import pytest

from heli.web import messages

VIEWS = """
from django.utils.translation import gettext as _, gettext as now, ngettext, pgettext_lazy
a = _("Send the %(n)s reply")
b = ngettext("%(n)s item", "%(n)s items", 3)
c = pgettext_lazy("month", "May")
d = _("long "
      "text")
e = now("now")
f = _(a)
"""
PAGE = """{% load i18n %}
  <p class="it's">{% translate "Hello there" %}  {{ _("Inner") }}
 {% blocktranslate trimmed count n=rows|length %}
    one {{ n }} thing (
   {% plural %}
    {{ n }} things (100%
 {% endblocktranslate %}
      {% translate "May" context "month" %}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A product of two rooms."""
    for room in ("loop", "web"):
        (tmp_path / "heli" / room / "templates").mkdir(parents=True)
        (tmp_path / "heli" / room / "__init__.py").touch()
    (tmp_path / "heli/loop/views.py").write_text(VIEWS)
    (tmp_path / "heli/loop/templates/page.html").write_text(PAGE)
    return tmp_path / "heli"


def translate(root: Path, words: dict[str, str], room: str = "loop") -> None:
    """Fill in the catalogue as a person would, with a text editor."""
    path = messages.po_path(root, room)
    out, msgid = [], ""
    for line in path.read_text().splitlines():
        if line.startswith("msgid "):
            msgid = line[7:-1]
        empty = line in {'msgstr ""', 'msgstr[0] ""'} and msgid in words
        out.append(f'{line[:-2]}"{words[msgid]}"' if empty else line)
    path.write_text("\n".join(out) + "\n")


ALL = {
    "Send the %(n)s reply": "送出第 %(n)s 份答复",
    "%(n)s item": "%(n)s 件",
    "May": "5 月",
    "long text": "长句子",
    "now": "现在",
    "Hello there": "您好",
    "Inner": "里面",
    "one %(n)s thing (": "%(n)s 样（100%%",
}


def test_finds_what_code_and_templates_say(root: Path) -> None:
    found = messages.extract(root, "loop")
    assert {key[1] for key in found} == set(ALL)
    assert found["month", "May"].at == ["heli/loop/views.py:5", "heli/loop/templates/page.html:8"]
    assert found[None, "%(n)s item"].plural == "%(n)s items"
    assert found[None, "one %(n)s thing ("].plural == "%(n)s things (100%%"
    assert messages.extract(root, "web") == {}


def test_a_complete_catalogue_passes_and_compiles(root: Path) -> None:
    assert messages.update(root, "loop")
    assert len(messages.check(root)) == len(ALL)
    translate(root, ALL)
    assert messages.check(root) == []
    [compiled] = messages.compile_all(root)
    assert "送出第".encode() in compiled.read_bytes()
    assert messages.compile_all(root) == []  # nothing changed since


def test_update_keeps_translations_and_shelves_what_is_gone(root: Path) -> None:
    messages.update(root, "loop")
    translate(root, ALL)
    page = root / "loop/templates/page.html"
    page.write_text(PAGE.replace("Hello there", "Good day"))
    messages.update(root, "loop")
    text = messages.po_path(root, "loop").read_text()
    assert '#~ msgid "Hello there"' in text
    assert messages.check(root) == ["heli/loop/templates/page.html:2: not translated: “Good day”"]
    page.write_text(PAGE)  # the sentence comes back, and so does its translation
    messages.update(root, "loop")
    assert messages.check(root) == []
    assert not messages.update(root, "loop"), "a second update changes nothing"


@pytest.mark.parametrize(
    ("msgid", "wrong", "complaint"),
    [
        ("Send the %(n)s reply", "送出答复", "slots differ"),
        ("Send the %(n)s reply", "送出第 %(m)s 份", "slots differ"),
        ("Hello there", "您好！", "not how we speak"),
        ("Hello there", "请耐心等待", "not how we speak"),
    ],
)
def test_refuses_a_translation_that_would_break_or_shout(root: Path, msgid: str, wrong: str, complaint: str) -> None:
    messages.update(root, "loop")
    translate(root, {**ALL, msgid: wrong})
    [fault] = messages.check(root)
    assert complaint in fault


def test_two_rooms_say_the_same_words_alike(root: Path) -> None:
    """Django merges all catalogues into one, so the second translation would silently lose."""
    (root / "web/views.py").write_text('from django.utils.translation import gettext as _\n_("Inner")\n')
    messages.update(root, "loop")
    messages.update(root, "web")
    translate(root, ALL)
    translate(root, {"Inner": "内部"}, room="web")
    [fault] = messages.check(root)
    assert "“内部” here and “里面” in loop" in fault


def test_a_text_made_at_run_time_is_refused(root: Path) -> None:
    (root / "loop/views.py").write_text('from django.utils.translation import gettext as _\nn = 1\n_(f"{n} items")\n')
    [fault] = messages.check(root)
    assert fault.startswith("heli/loop/views.py:3: _() is given a text made at run time")


def test_fuzzy_and_obsolete_entries_are_told(root: Path) -> None:
    messages.update(root, "loop")
    translate(root, ALL)
    path = messages.po_path(root, "loop")
    path.write_text(
        path.read_text().replace('msgid "Inner"', '#, fuzzy\nmsgid "Inner"') + '\nmsgid "Gone"\nmsgstr "走了"\n'
    )
    assert sorted(fault.split(": ", 1)[1].split(":")[0] for fault in messages.check(root)) == [
        "fuzzy, look at it again",
        "obsolete (run update)",
    ]
