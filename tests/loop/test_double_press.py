"""A button pressed twice writes once: notes, questions, contacts and a supervisor's words, which no state protects."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from django.utils import timezone

from heli.loop.models import Remark
from tests.database import race
from tests.loop.staff import act, log_in, page_of
from tests.loop.told import tell

FORMS = {
    "note": {"text": "看过现场"},
    "ask": {"text": "请问是哪一段？"},
    "contact": {"way": "phone", "reached": "yes", "text": "明早去看"},
}


@pytest.fixture(autouse=True)
def _password_alone(settings: Any) -> None:
    settings.HELI_STAFF_MFA = False


def at_work(world: Any) -> Any:
    told = tell(world, at=timezone.now())
    told.dispatch()
    told.accept()
    return told


@pytest.mark.parametrize("verb", FORMS)
def test_pressed_twice_written_once(db: None, world: Any, verb: str) -> None:
    told, officer = at_work(world), log_in(world, "于科员")
    shown = officer.get(f"{page_of(told)}?tab={verb}").content.decode()
    found = re.search(r'name="form_key" value="([0-9a-f-]{36})"', shown)
    assert found is not None
    for _press in range(2):
        assert act(officer, verb, told.request_id, told, form_key=found[1], **FORMS[verb]).status_code == 303
    assert Remark.objects.filter(request=told.request_id).count() == 1
    other = FORMS[verb] | {"text": "另外一件"}
    act(officer, verb, told.request_id, told, form_key=found[1], **other)  # the browser's way back, other words
    assert Remark.objects.filter(request=told.request_id).count() == 2


def test_a_supervisor_writes_once(db: None, world: Any) -> None:
    told, chief = at_work(world), log_in(world, "吕部长")
    for _press in range(2):
        act(chief, "supervise", told.request_id, told, form_key=str(KEY), text="今天内说明原因")
    assert Remark.objects.filter(request=told.request_id, kind="supervise").count() == 1


def test_pressed_twice_at_the_same_moment(fire_db: str, world: Any) -> None:
    told = at_work(world)
    clients = [log_in(world, "于科员") for _n in range(2)]
    answers = race(
        *(
            lambda c=c: act(c, "note", told.request_id, told, form_key=str(KEY), text="看过现场").status_code
            for c in clients
        )
    )
    assert answers == [303, 303]
    assert Remark.objects.filter(request=told.request_id, kind="note").count() == 1


def test_another_showing_of_the_form_is_another_note(db: None, world: Any) -> None:
    told, officer = at_work(world), log_in(world, "于科员")
    for _showing in range(2):
        act(officer, "note", told.request_id, told, form_key=str(uuid.uuid4()), text="又去看了一次")
    assert Remark.objects.filter(request=told.request_id, kind="note").count() == 2


KEY = uuid.UUID("5f2b9c1e-4f51-4f2c-9b57-0a4a7c0d1e11")
