"""What holds for the templates of all rooms: nothing inline that the content security policy would refuse."""

import re
from pathlib import Path

import pytest

import heli
from heli.web.templatetags.heli import SPRITE, icon_names

ROOT = Path(heli.__file__).parent
TEMPLATES = sorted(ROOT.glob("*/templates/**/*.html"))
STATIC = ROOT / "web" / "static" / "heli"


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_nothing_inline(path: Path) -> None:
    text = re.sub(r"\{% comment %\}.*?\{% endcomment %\}", "", path.read_text(), flags=re.S)
    scripts = re.findall(r"<script\b([^>]*)>", text)
    assert all("src=" in s or "application/json" in s for s in scripts), "script without src"
    assert not re.search(r"<style\b", text), "style belongs in heli.css"
    assert not re.search(r"\son[a-z]+\s*=\s*[\"']", text), "handlers belong in heli.js"
    assert "javascript:" not in text
    assert not re.search(r"(src|href)=[\"'](https?:)?//", text), "pages load nothing from other hosts"


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_each_icon_is_in_the_sprite(path: Path) -> None:
    used = set(re.findall(r"\{% icon [\"']([^\"']+)[\"']", path.read_text()))
    assert used <= icon_names()


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_each_form_that_writes_is_guarded_against_other_sites(path: Path) -> None:
    for form in re.findall(r"<form\b[^>]*method=[\"']post[\"'].*?</form>", path.read_text(), flags=re.S | re.I):
        assert "{% csrf_token %}" in form or "{% include" in form or "{% slot" in form


def test_sprite_is_plain_shapes() -> None:
    text = SPRITE.read_text()
    assert len(icon_names()) == text.count("<symbol")
    assert not re.search(r"<script|<style|href|fill=", text)


def test_style_holds_on_chromium_88() -> None:
    css = (STATIC / "heli.css").read_text()
    for newer in ("oklch(", "light-dark(", "color-mix(", ":has(", "@container", "@layer"):
        assert newer not in css.split("*/", 1)[1], newer


@pytest.mark.parametrize("script", ["heli.js", "charts.js", "maps.js"])
def test_scripts_hold_on_chromium_88(script: str) -> None:
    code = (STATIC / script).read_text()
    for newer in (".at(-", "structuredClone", ".replaceAll(", "Object.hasOwn", "??=", "||=", "&&=", ".findLast("):
        assert newer not in code, newer
    assert "eval(" not in code
    assert "innerHTML" not in code
