"""Keyset pages put together are the whole list, in order, nothing twice; a mangled cursor is an answer, not a crash."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import Any

import pytest
from django.db.models import F
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from heli.core.errors import Invalid
from heli.core.models import Event
from heli.core.paging import Page, keyset

pytestmark = pytest.mark.django_db
START = dt.datetime(2026, 3, 2, 9, 0, tzinfo=dt.UTC)
STEP = "paging.test"
ORDERS = [
    ("id",),
    ("-id",),
    ("at", "id"),
    ("-at", "-id"),
    ("-at", "id"),
    ("subject_type", "-at", "id"),
    ("subject_id", "-id"),
]
hypothesis = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def rows(keys: list[tuple[int, int, int]]) -> None:
    Event.objects.bulk_create(
        Event(step=STEP, at=START + dt.timedelta(seconds=t), subject_type=f"t{s}", subject_id=n) for t, s, n in keys
    )


def walk(qs: Any, order: tuple[str, ...], size: int) -> list[Page[Any]]:
    pages, after = [], ""
    while True:
        page = keyset(qs, order=order, after=after, size=size)
        pages.append(page)
        if not page.next:
            return pages
        after = page.next
        assert len(pages) < 100


@hypothesis
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(-5, 5)), max_size=25),
    st.sampled_from(ORDERS),
    st.integers(1, 7),
)
def test_pages_are_the_whole_list(keys: list[tuple[int, int, int]], order: tuple[str, ...], size: int) -> None:
    before = Event.objects.order_by("-id").values_list("id", flat=True).first() or 0
    rows(keys)
    qs = Event.objects.filter(step=STEP, id__gt=before)
    wanted = list(qs.order_by(*order).values_list("id", flat=True))
    pages = walk(qs, order, size)
    assert [r.id for p in pages for r in p.rows] == wanted
    assert all(len(p.rows) == size for p in pages[:-1])
    assert len(wanted) == len(keys)


def test_a_row_that_arrives_between_two_pages_shifts_nothing() -> None:
    rows([(n, 0, n) for n in range(6)])
    qs = Event.objects.filter(step=STEP)
    first = keyset(qs, order=("-at", "-id"), size=3)
    rows([(99, 0, 99)])
    second = keyset(qs, order=("-at", "-id"), size=3, after=first.next)
    assert [r.subject_id for r in (*first.rows, *second.rows)] == [5, 4, 3, 2, 1, 0]


def test_an_exactly_full_last_page_has_no_next() -> None:
    rows([(n, 0, n) for n in range(4)])
    assert keyset(Event.objects.filter(step=STEP), order=("id",), size=4).next == ""
    assert keyset(Event.objects.none(), order=("id",), size=4) == Page([], "")


def test_order_by_a_related_field(world: Any) -> None:
    from heli.orgs.models import Grant

    pages = walk(Grant.objects.select_related("role"), ("role__key", "id"), 3)
    assert [g.id for p in pages for g in p.rows] == list(
        Grant.objects.order_by("role__key", "id").values_list("id", flat=True)
    )


def test_order_by_an_annotation() -> None:
    rows([(n % 3, 0, n) for n in range(7)])
    qs = Event.objects.filter(step=STEP).annotate(twice=F("subject_id") * 2)
    assert [r.subject_id for p in walk(qs, ("-twice", "id"), 2) for r in p.rows] == [6, 5, 4, 3, 2, 1, 0]


def cursor(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "bad",
    [
        "x",
        "%%%",
        "中文",
        cursor(),
        cursor(1),
        cursor("2026-03-02T09:00:00+00:00"),
        cursor("2026-03-02T09:00:00+00:00", 1, 2),
        cursor("never", 1),
        cursor(None, 1),
        cursor("2026-03-02T09:00:00+00:00", "abc"),
        cursor("2026-03-02T09:00:00+00:00", None),
        cursor("2026-03-02T09:00:00+00:00", [1]),
        cursor("2026-03-02T09:00:00+00:00", {"a": 1}),
        cursor("\0", 1),
        base64.urlsafe_b64encode(b"[" * 2000).decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_a_mangled_cursor_is_said(bad: str) -> None:
    with pytest.raises(Invalid) as caught:
        keyset(Event.objects.all(), order=("-at", "-id"), after=bad)
    assert caught.value.code == "L-400"


@hypothesis
@example(cursor("9999-12-31T23:59:59+00:00", 10**30))
@example(cursor("0001-01-01", -(10**30)))
@example(cursor("2026-03-02T09:00:00+00:00", 1.5))
@example(cursor("2026-03-02T09:00:00+00:00", True))
@given(st.one_of(st.text(max_size=60), st.binary(max_size=60).map(lambda b: base64.urlsafe_b64encode(b).decode())))
def test_any_cursor_gives_a_page_or_a_sentence(text: str) -> None:
    try:
        page = keyset(Event.objects.all(), order=("-at", "-id"), after=text, size=2)
    except Invalid:
        return
    assert len(page.rows) <= 2
