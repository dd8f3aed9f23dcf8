"""The reader in this process: the model that reads for an area, with the lessons that were given since it was learned.

Asking costs one statement while nothing has changed. A new lesson is read (one statement more) and learned in
milliseconds, so that the next message is read with it, in every process; a reader that was switched is loaded once.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import F, Max, Q, Value
from django.db.models.functions import Coalesce, Length

from heli.core.actor import Actor
from heli.core.scope import ancestors, within
from heli.loop.models import Category, Request
from heli.loop.reading_models import How, Lesson, Reader, ReaderState, Reading

if TYPE_CHECKING:  # NumPy and SciPy are loaded with the first model, not by every command
    from heli.engines.text.classify import Classifier, Prediction
    from heli.engines.text.explaining import Word

log = logging.getLogger("heli.reader")
COUNTY = 6  # digits of a county's path: lessons are learned county by county
KEPT = 8  # counties whose reader stays in memory (a model is about 5 MB)
LATEST = 1000  # mistakes at most that are learned on top of a model; more wait for the next learning


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model as it reads for a county now: row of the reader, the last lesson in it, the model as it was learned, and with
    what it was told since."""

    reader_id: int
    upto: int
    base: Classifier
    model: Classifier

    def read(self, titles: Sequence[str], bodies: Sequence[str], *, percent: int) -> list[Prediction]:
        """Predictions; `sure` is meant at a precision of so many percent."""
        return self.model.predict(titles, bodies, precision=percent / 100)

    def why(self, title: str, body: str, label: str) -> tuple[str, ...]:
        """Pieces of the text that spoke for a label, the strongest first, at most six."""
        words: list[Word] = self.model.explain(title, body, label, n=8)
        return tuple(dict.fromkeys(w.text.strip()[:20] for w in words if w.weight > 0 and len(w.text.strip()) > 1))[:6]


_kept: OrderedDict[str, Loaded] = OrderedDict()
_turn = threading.Lock()


def mistakes(path: str, after: int) -> list[tuple[str, str, str | None]]:
    """(title, text, code) of the requests of an area that the reader had read otherwise than somebody said after that
    lesson, in the order of what was said, by the last lesson of each; the code is None where it was taken back.

    Where people agreed with it there is nothing to learn before the next learning. One statement, at most LATEST rows.
    """
    rows = (
        Lesson.objects.filter(within("area_path", (path,)), pk__gt=after)
        .filter(~Q(request__reading__category=F("category")) | Q(category=None), request__reading__isnull=False)
        .order_by("request", "-id")
        .distinct("request")
        .values_list("pk", "request__title", "request__text", "category__code")
    )
    newest = sorted(rows, key=lambda r: -r[0])[:LATEST]
    return [(title, text, code) for _pk, title, text, code in reversed(newest)]


def live(path: str) -> Loaded | None:
    """The reader for a place: its county's, else the nearest above; None where nothing was learned yet.

    One statement; one more after a lesson, two more after a switch. A model that cannot be read is left out, and said so:
    the next one above reads.
    """
    county = path[:COUNTY]
    last = Lesson.objects.filter(within("area_path", (county,))).order_by().annotate(one=Value(1)).values("one")
    found = (
        Reader.objects.filter(state=ReaderState.LIVE, area_path__in=("", *ancestors(county)))
        .annotate(near=Length("area_path"), last=Coalesce(last.annotate(n=Max("pk")).values("n"), Value(0)))
        .order_by("-near")
        .values_list("pk", "upto", "area_path", "last")
    )
    with _turn:
        for pk, learned, owner, newest in found:
            # the county's own reader knows what was said up to its learning; one from above knows nothing of this county
            made = _current(county, pk, learned if owner == county else 0, newest)
            if made is not None:
                _kept[county] = made
                _kept.move_to_end(county)
                while len(_kept) > KEPT:
                    _kept.popitem(last=False)
                return made
    return None


def _current(county: str, pk: int, learned: int, newest: int) -> Loaded | None:
    """This reader with what was said in the county after the lesson `learned`; from memory, as far as it is there."""
    kept = _kept.get(county)
    if kept is None or kept.reader_id != pk:
        base = load(pk)
        kept = Loaded(pk, learned, base, base) if base is not None else None
    if kept is None or kept.upto >= newest:
        return kept
    new, model = mistakes(county, kept.upto), kept.model
    if kept.upto > learned and any(code is None for _title, _text, code in new):  # what was learned was taken back
        new, model = mistakes(county, learned), kept.base
    if told := [row for row in new if row[2] is not None]:
        titles, bodies, codes = zip(*told, strict=True)
        model = model.partial_fit(titles, bodies, codes)
    return Loaded(pk, newest, kept.base, model)


def load(pk: int) -> Classifier | None:
    """The model of a reader, unpacked and checked; None (and a line in the log) when it cannot be read."""
    from heli.engines.text.classify import Classifier
    from heli.engines.text.modelfile import BadModel

    content = Reader.objects.filter(pk=pk).values_list("content", flat=True).first()
    try:
        return Classifier.load(bytes(content or b""))
    except BadModel as error:
        log.error("reader %s cannot be read: %s", pk, error)
        return None


def warm() -> None:
    """Load the home county's reader ahead, in a thread of its own; whatever hinders it, the first request asks again."""
    try:
        if (loaded := live(settings.HELI_HOME_AREA)) is not None:
            loaded.read([""], ["路灯不亮"], percent=95)
    except DatabaseError as error:
        log.warning("the reader was not loaded ahead: %s", error)
    finally:
        connection.close()


def forget() -> None:
    """Empty this process's memory (tests)."""
    with _turn:
        _kept.clear()


def said(request: Request, how: How, category: Category | None, *, by: Actor, at: dt.datetime) -> None:
    """Somebody said what a request is about (None: what was said no longer holds): a lesson, and what its reading came
    to. Inside a step, while holding the request's lock; two statements. A machine teaches nothing."""
    if by.system or by.user_id is None:
        return
    pk = category.pk if category is not None else None
    Lesson.objects.create(
        request=request, area_path=request.area_path, category_id=pk, how=how, said_at=at, said_by_id=by.user_id
    )
    Reading.objects.filter(pk=request.pk).update(
        settled_id=pk, settled_at=at if pk is not None else None, area_path=request.area_path
    )
