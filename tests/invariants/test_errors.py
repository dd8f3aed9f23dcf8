"""Every error has a code of its own, a status, and a sentence in both languages. (Unique codes: tests/core/test_pages.py.)"""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest

import heli
from heli.core.errors import HeliError
from heli.web import messages
from tests.database import ROOT

SLOT = re.compile(r"%\((\w+)\)s")
ONLY_SLOTS = {"%(message)s", "%(where)s: %(message)s"}


def every_error() -> list[type[HeliError]]:
    """HeliError and all below it, wherever in heli/ they are."""
    for module in pkgutil.walk_packages(heli.__path__, "heli."):
        if not module.name.endswith(("__main__", "build_data")) and ".migrations" not in module.name:
            importlib.import_module(module.name)

    def below(kind: type[HeliError]) -> list[type[HeliError]]:
        return [k for sub in kind.__subclasses__() for k in (sub, *below(sub))]

    return sorted({HeliError, *(k for k in below(HeliError) if k.__module__.startswith("heli."))}, key=lambda k: k.code)


@pytest.fixture(scope="module")
def chinese() -> dict[str, str]:
    """{English: Chinese} of all catalogues, as they are written (not as they were last compiled)."""
    found: dict[str, str] = {}
    for path in (ROOT / "heli").glob("*/locale/zh_Hans/LC_MESSAGES/django.po"):
        found |= {str(m.id): str(m.string) for m in messages.read(path) if m.id and m.string}
    return found


def sentence(kind: type[HeliError]) -> str:
    from django.utils.translation import override

    with override(None):
        return str(kind.sentence)


@pytest.mark.parametrize("kind", every_error(), ids=lambda k: f"{k.code}-{k.__name__}")
def test_an_error_is_said_in_chinese_with_the_same_slots(kind: type[HeliError], chinese: dict[str, str]) -> None:
    said = sentence(kind)
    if said in ONLY_SLOTS:
        return  # whoever raises it says it, in translated words
    assert said in chinese, f"{kind.__module__}: no Chinese for {kind.code}"
    assert re.search(r"[\u4e00-\u9fff]", chinese[said])
    assert sorted(SLOT.findall(chinese[said])) == sorted(SLOT.findall(said))


@pytest.mark.parametrize("kind", every_error(), ids=lambda k: f"{k.code}-{k.__name__}")
def test_an_error_can_be_acted_on(kind: type[HeliError]) -> None:
    said = sentence(kind)
    assert re.fullmatch(r"L-\d{3}", kind.code) and 400 <= kind.status < 600
    assert "!" not in said and "please try again" not in said.lower() and "invalid" not in said.lower()
    assert said in ONLY_SLOTS or said.endswith("."), "a sentence, not a label"


def test_a_code_belongs_to_one_error() -> None:
    owners: dict[str, str] = {}
    for kind in every_error():
        name = f"{kind.__module__}.{kind.__name__}"
        assert owners.setdefault(kind.code, name) == name, kind.code
