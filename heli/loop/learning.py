"""The reader at work: requests are read as they come in, and a new reader learns from what people decided."""

from __future__ import annotations

import datetime as dt
import logging
import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import Max

from heli.core.actor import SYSTEM
from heli.core.errors import HeliError
from heli.core.scope import within
from heli.engines.text import examples
from heli.loop import reader as readers
from heli.loop.clocks import local_day
from heli.loop.models import Category, Request
from heli.loop.reading_models import Lesson, Reader, ReaderState, Reading
from heli.loop.steps import reading as steps
from heli.rulebook import queries as rulebook

if TYPE_CHECKING:
    from heli.engines.text.classify import Classifier

log = logging.getLogger("heli.reader")
BATCH = 200  # requests read at once
BACK = 5_000  # numbers of requests looked over once more for what was committed late
CHECKED = 0.2  # share of the newest requests that a new reader is measured on before it learns from them, too
CHECK_LEAST = 30
OWN_WEIGHT = 0.5  # an example that comes with the software beside one of the area's own requests
WORD_WEIGHT = 0.15  # a word of the list beside them
STEP = 5  # percent of progress that are worth a write


# Reading ----------------------------------------------------------------------------------------------------------------
def read(*, first: int, at: dt.datetime, most: int = BATCH) -> list[Reading]:
    """Read the requests from id `first` on that nobody has read, at most so many; what was read is kept.

    Statements: requests, for each county its reader, rule and last lessons, categories, one INSERT. Harmless when run
    twice, or twice at once: the first reading of a request stands.
    """
    waiting = list(Request.objects.filter(pk__gte=first, reading=None, heard_at__lte=at).order_by("pk")[:most])
    if not waiting:
        return []
    by_county: dict[str, list[Request]] = defaultdict(list)
    for r in waiting:
        by_county[r.area_path[: readers.COUNTY]].append(r)
    made: list[Reading] = []
    codes = dict(Category.objects.filter(closed_on=None).values_list("code", "pk"))
    for county, requests in by_county.items():
        loaded = readers.live(county)
        if loaded is None:  # they wait until there is one
            continue
        decided_on = last_said([r.pk for r in requests])
        percent = rulebook.in_force(("text.sure",), path=county, on=local_day(at))["text.sure"].value
        found = loaded.read([r.title for r in requests], [r.text for r in requests], percent=percent)
        for r, p in zip(requests, found, strict=True):
            known = [(code, float(p_)) for code, p_ in p.choices if code in codes]
            label = p.label if p.label in codes else None
            settled, settled_at = decided_on.get(r.pk, (None, None))
            made.append(
                Reading(
                    request=r,
                    area_path=r.area_path,
                    reader_id=loaded.reader_id,
                    read_at=at,
                    category_id=codes[label] if label else None,
                    probability=round(float(p.probability), 4) if label else 0.0,
                    sure=bool(p.sure and label),
                    choices=[[code, round(n, 4)] for code, n in known],
                    words=list(loaded.why(r.title, r.text, label)) if label else [],
                    rejected=p.rejected,
                    settled_id=settled,
                    settled_at=settled_at if settled is not None else None,
                )
            )
    Reading.objects.bulk_create(made, ignore_conflicts=True)
    return made


def last_said(ids: Sequence[int]) -> dict[int, tuple[int | None, dt.datetime]]:
    """{request: (category, when)} by what somebody said last, where a person was faster than the reader. One statement."""
    rows = Lesson.objects.filter(request__in=ids).order_by("request", "-id").distinct("request")
    return {pk: (category, when) for pk, category, when in rows.values_list("request", "category", "said_at")}


def read_all(at: dt.datetime, *, most: int = 20_000) -> int:
    """Read what came in, oldest first, and send on what the rule lets go. Returns how many were read.

    Numbers of requests are given before they are committed, so it looks back over the last BACK numbers each time.
    """
    last = Reading.objects.aggregate(n=Max("pk"))["n"]
    newest = Request.objects.aggregate(n=Max("pk"))["n"] or 0
    first = max(0, (newest if last is None else last) - BACK)
    done = 0
    while done < most and (made := read(first=first, at=at)):
        done += len(made)
        first = made[-1].pk
        for reading in let_go([r for r in made if r.sure], at):
            try:
                steps.send_on(reading=reading, at=at)
            except HeliError as error:  # a person sends it on
                log.info("request %s waits for a person: %s", reading.pk, error.code)
    return done


def let_go(readings: Sequence[Reading], at: dt.datetime) -> list[Reading]:
    """Those that a rule of their area might send on by its matter. One statement a county."""
    rows: dict[str, list[rulebook.RuleVersion]] = {}
    found = []
    for r in readings:
        county = r.area_path[: readers.COUNTY]
        if county not in rows:
            rows[county] = rulebook.candidates(("text.auto",), county, local_day(at))
        rule = rulebook.choose(rows[county], {"category": r.choices[0][0]}).get("text.auto")
        if rule is not None and rule.value is True:
            found.append(r)
    return found


# Learning ---------------------------------------------------------------------------------------------------------------
Tree = Mapping[str, tuple[str, Sequence[str]]]  # the open matters of the third level: {code: (name, words)}
Example = tuple[str, str, str, float]  # title, text, code, weight
Decided = tuple[str, str, str, dt.datetime]  # title, text, code, when


def own(tree: Tree) -> list[Example]:
    """The examples that come with the software, of matters that are in the tree."""
    return [("", text, code, OWN_WEIGHT) for code, text in examples.everything() if code in tree]


def listed(tree: Tree) -> list[Example]:
    """The name and the words of each matter of the tree as small examples: a matter that a county adds is read at once."""
    return [("", word, code, WORD_WEIGHT) for code, (name, words) in tree.items() for word in (name, *words)]


def decided(path: str, upto: int) -> list[Decided]:
    """(title, text, code, when) of an area's requests by the last that was said of each, up to a lesson, in that order.
    What was taken back is left out. One statement."""
    rows = (
        Lesson.objects.filter(within("area_path", (path,)), pk__lte=upto)
        .order_by("request", "-id")
        .distinct("request")
        .values_list("pk", "request__title", "request__text", "category__code", "said_at")
    )
    return [r[1:] for r in sorted(rows) if r[3] is not None]


def learn(reader_id: int, at: dt.datetime) -> str:
    """Let a reader learn; returns its state. Killed on the way it begins anew; over already, it does nothing."""
    from heli.engines.text.classify import NotEnough

    reader = Reader.objects.filter(pk=reader_id, state=ReaderState.LEARNING).first()
    if reader is None:
        return ""
    try:
        made = learned(reader, at, progress_of(reader_id))
    except NotEnough as error:
        return str(steps.finish(reader_id=reader_id, at=at, failure=str(error)).state)
    return str(steps.finish(reader_id=reader_id, at=at, **made).state)


def learned(reader: Reader, at: dt.datetime, progress: Callable[[float], None]) -> dict[str, Any]:
    """What a reader of this area learns, with how well it read the newest requests before it learned from them, beside
    how the one in use reads the same ones."""
    from heli.engines.text.classify import Classifier

    began = time.perf_counter()
    leaves = Category.objects.filter(level=3, closed_on=None).values_list("code", "name", "words")
    tree = {code: (name, words) for code, name, words in leaves}
    rows = [r for r in decided(reader.area_path, reader.upto) if r[2] in tree] if reader.area_path else []
    half = rulebook.in_force(("text.memory",), path=reader.area_path, on=local_day(at))["text.memory"].value
    basis = own(tree)

    def fit(some: Sequence[Decided], start: float, share: float) -> Classifier:
        told = [(t, b, c, math.pow(0.5, max(0.0, (at - when) / dt.timedelta(days=half)))) for t, b, c, when in some]
        titles, bodies, codes, weights = zip(*basis, *listed(tree), *told, strict=True)
        return Classifier.fit(
            titles, bodies, codes, weights=weights, known=sorted(tree),
            progress=lambda done, _words: progress(start + share * done),
        )  # fmt: skip

    check = int(len(rows) * CHECKED)
    measures: dict[str, Any] = {}
    against: dict[str, Any] = {}
    if check >= CHECK_LEAST:
        measures, against = compared(fit(rows[:-check], 0.0, 0.5), rows[-check:], reader, at)
    model = fit(rows, 0.5 if check >= CHECK_LEAST else 0.0, 0.5 if check >= CHECK_LEAST else 1.0)
    report = {k: v for k, v in model.report.items() if isinstance(v, int | float | str)}
    return {
        "content": model.save(),
        "own": len(basis),
        "lessons": len(rows),
        "measures": {
            "report": report,
            "examples": examples.version(),
            "seconds": round(time.perf_counter() - began, 1),
            **measures,
        },
        "against": against,
    }


def compared(
    model: Classifier, rows: Sequence[Decided], reader: Reader, at: dt.datetime
) -> tuple[dict[str, int], dict[str, int]]:
    """How the new one reads these rows, and how the one in use does, without what it was told since it learned.

    The one in use may have learned from some of them, which flatters it, never the new one.
    """
    titles, bodies, codes, _when = zip(*rows, strict=True)
    percent = rulebook.in_force(("text.sure",), path=reader.area_path, on=local_day(at))["text.sure"].value

    def scored(of: Classifier) -> dict[str, int]:
        found = of.predict(titles, bodies, precision=percent / 100)
        right = [p.label == code for p, code in zip(found, codes, strict=True)]
        sure = [ok for p, ok in zip(found, right, strict=True) if p.sure]
        return {"n": len(rows), "right": sum(right), "sure": len(sure), "sure_right": sum(sure)}

    used = readers.live(reader.area_path)
    return scored(model), scored(used.base) if used is not None else {}


def progress_of(reader_id: int) -> Callable[[float], None]:
    """Writes how far a learning is, a few times at most."""
    last = 0

    def tell(done: float) -> None:
        nonlocal last
        percent = min(99, int(done * 100))
        if percent >= last + STEP:
            last = percent
            Reader.objects.filter(pk=reader_id, state=ReaderState.LEARNING).update(progress=percent)

    return tell


def start(at: dt.datetime) -> Reader | None:
    """The country's first reader, from the examples that come with the software: learned and in use at once, where there
    is none yet or the examples are others than those it was learned from. None where it stands."""
    there = (
        Reader.objects.filter(area_path="", state__in=(ReaderState.LIVE, ReaderState.LEARNING)).order_by("-id").first()
    )
    if there is not None and there.state == ReaderState.LEARNING:
        return None
    if there is not None and there.measures.get("examples") == examples.version():
        return None
    made = steps.learn(area_path="", by=SYSTEM, at=at)
    return steps.switch(reader_id=made.pk, by=SYSTEM, at=at) if learn(made.pk, at) == ReaderState.READY else None
