"""What people do with the reader: let it learn, switch it, go back, look at its samples, answer its questions; and what the
rule lets it do: send on what it is sure of.

Reading itself is no step: it changes nothing of a request (heli/loop/learning.py and the jobs do it).
"""

from __future__ import annotations

import datetime as dt

from django.db import IntegrityError, transaction
from django.db.models import Count, Max, Min, Value
from django.db.models.functions import Coalesce, Left
from django.utils.translation import gettext_lazy as _

from heli.core.actor import SYSTEM, Actor
from heli.core.caps import Cap, Scope
from heli.core.errors import Invalid, TakenAlready, WrongState
from heli.core.scope import within
from heli.core.steps import Step, step
from heli.loop import jobs, propose
from heli.loop.clocks import facts_of, local_day
from heli.loop.errors import TooFewLessons
from heli.loop.models import Confidentiality, Dispatch, Kind, Request, Urgency
from heli.loop.reader import COUNTY, said
from heli.loop.reading_models import AutoStop, How, Lesson, Reader, ReaderState, Reading, Sample
from heli.loop.reading_states import READER
from heli.loop.sampling import drawn
from heli.loop.steps.dispatch import offer
from heli.loop.steps.hear import SUBJECT, category_of
from heli.rulebook import queries as rulebook

ABOUT = "loop.reader"
KINDS = (Kind.HELP, Kind.COMPLAINT, Kind.QUESTION)  # what the rule may send on; the rest has ways of its own
LEAST = 60  # requests that people decided on before an area has a reader of its own
KEPT = 5  # readers put away whose content is kept, to go back to
DAY = dt.timedelta(days=1)
LOST = dt.timedelta(hours=6)  # a learning takes minutes


# What somebody said -----------------------------------------------------------------------------------------------------
def answer(*, request_id: int, by: Actor, at: dt.datetime, category: str) -> Request:
    """What a request is about, asked for by the reader because it learns most from it. The request itself stays as it is.

    Answered by who reads the request: its dispatcher, or who keeps the matters.
    Raises TakenAlready (L-102): somebody decided on it; NoSuchCategory (L-111), Forbidden (L-403), NotFound (L-404).
    """
    with step("reader.answer", by=by, at=at) as s:
        request = s.lock(Request, request_id)
        s.allow(request, Cap.DISPATCH, Scope.AREA, (Cap.MANAGE_DUTY, Scope.AREA))
        if (found := category_of(category)) is None:
            raise Invalid(_("Choose a matter."), field="category")
        if Reading.objects.filter(pk=request.pk, settled__isnull=False).exists():
            raise TakenAlready
        said(request, How.ASKED, found, by=by, at=at)
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(request, category=found.code)
    return request


# Readers ----------------------------------------------------------------------------------------------------------------
def learn(*, area_path: str, by: Actor, at: dt.datetime) -> Reader:
    """Let a reader of this area learn, as a job; it is compared and switched on by a person.

    Raises TakenAlready (L-102) while one is learning, TooFewLessons (L-148), Forbidden (L-403).
    """
    try:
        with step("reader.learn", by=by, at=at) as s:
            s.require(Cap.MANAGE_DUTY, path=area_path)
            upto = Lesson.objects.filter(within("area_path", (area_path,))).aggregate(
                last=Coalesce(Max("pk"), Value(0)), n=Count("request", distinct=True)
            )
            if area_path and upto["n"] < LEAST:
                raise TooFewLessons(n=upto["n"], least=LEAST)
            version = Reader.objects.filter(area_path=area_path).aggregate(v=Coalesce(Max("version"), Value(0)))["v"]
            made = Reader.objects.create(
                area_path=area_path, version=version + 1, made_at=at, made_by_id=by.user_id, upto=upto["last"]
            )
            s.about(ABOUT, made.pk, area_path)
            s.record(made, version=made.version, lessons=upto["n"])
            s.defer(jobs.learn, reader_id=made.pk)
    except IntegrityError as error:
        if "reader_one_learning" in str(error) or "reader_version" in str(error):
            raise TakenAlready from error
        raise
    return made


def finish(*, reader_id: int, at: dt.datetime, failure: str = "", **learned: object) -> Reader:
    """The job is through: `learned` are the fields of the reader that it found; or why it failed."""
    with step("reader.finish", by=SYSTEM, at=at) as s:
        reader = s.lock(Reader, reader_id)
        fields = {"failure": failure[:300]} if failure else {**learned, "ready_at": at, "progress": 100}
        for name, value in fields.items():
            setattr(reader, name, value)
        s.move(reader, READER, "fail" if failure else "finish", save=tuple(fields))
        for older in Reader.objects.filter(area_path=reader.area_path, state=ReaderState.READY).exclude(pk=reader.pk):
            older.content = None  # nobody chose it, and a newer one is there to choose
            s.move(older, READER, "retire", save=("content",))
        s.about(ABOUT, reader.pk, reader.area_path)
        s.record(reader, version=reader.version)
    return reader


def switch(*, reader_id: int, by: Actor, at: dt.datetime) -> Reader:
    """This reader reads from now on; the one before is put away and can be taken out again.

    Raises WrongState (L-101): it is in use, still learning, failed, or its content is no longer kept; TakenAlready
    (L-102): somebody switched to another one at the same moment.
    """
    try:
        with step("reader.switch", by=by, at=at) as s:
            reader = s.lock(Reader, reader_id)
            if reader.content is None:
                raise WrongState
            before = (
                Reader.objects.select_for_update().filter(area_path=reader.area_path, state=ReaderState.LIVE).first()
            )
            if before is not None and before.pk != reader.pk:
                s.move(before, READER, "retire")
            reader.live_at = at
            s.move(reader, READER, "switch", save=("live_at",))
            s.about(ABOUT, reader.pk, reader.area_path)
            s.record(reader, version=reader.version, before=before.version if before is not None else 0)
            away = Reader.objects.filter(area_path=reader.area_path, state=ReaderState.RETIRED).order_by("-live_at")
            Reader.objects.filter(pk__in=list(away.values_list("pk", flat=True)[KEPT:])).update(content=None)
    except IntegrityError as error:  # both put the same one away, and only one can take its place
        if "reader_one_live" in str(error):
            raise TakenAlready from error
        raise
    return reader


def give_up(*, at: dt.datetime) -> int:
    """Learning that began long ago and never ended (its job died for good) has failed, so that another may begin."""
    lost = Reader.objects.filter(state=ReaderState.LEARNING, made_at__lt=at - LOST).values_list("pk", flat=True)
    for pk in list(lost):
        finish(reader_id=pk, at=at, failure="its job never ended")
    return len(lost)


# What the rule sends on -------------------------------------------------------------------------------------------------
def send_on(*, reading: Reading, at: dt.datetime) -> Dispatch | None:
    """Send a request on without anybody looking, where the rule of its area says so for its matter, the reader is sure,
    nothing stands against it, and the duty list names one unit. None, and nothing changed, otherwise.

    The category and the dispatch are one transaction. Urgent, protected and joined requests, and those whose reporter
    chose another matter, wait for a person.
    """
    with transaction.atomic():
        request = Request.objects.select_for_update().filter(pk=reading.pk, state="heard", bounces=0).first()
        about = reading.category
        if request is None or about is None or not reading.sure or request.kind not in KINDS:
            return None
        plain = request.urgency == Urgency.NORMAL == about.urgency and request.confidentiality == Confidentiality.OPEN
        if not plain or request.parent_id is not None or request.category_id not in (None, about.pk):
            return None
        request.category = about
        rules = rulebook.in_force(("text.auto",), path=request.area_path, on=local_day(at), facts=facts_of(request))
        if rules["text.auto"].value is not True or stopped(request.area_path, about.pk):
            return None
        named = [(p, p.row.pk) for p in propose.units_for(request, at) if p.row is not None]
        if len(named) != 1:
            return None
        [(plan, row_id)] = named
        made = offer(
            request_id=request.pk,
            unit_id=plan.unit.pk,
            by=SYSTEM,
            at=at,
            assists=[a.pk for a in plan.assists],
            duty_row_id=row_id,
            category=about.code,
        )
        Reading.objects.filter(pk=reading.pk).update(auto=True)
    return made


def stopped(area_path: str, category_id: int) -> bool:
    """Whether this matter is not sent on by the rule in the county of this place. One statement."""
    here = AutoStop.objects.filter(area_path=area_path[:COUNTY], category=category_id, lifted_at=None)
    return bool(here.exists())


def draw(*, at: dt.datetime) -> int:
    """Draw the samples of what the rule sent on in the last day, county by county; stop what nobody looks at.

    Returns how many were drawn; run twice it draws the same ones, once.
    """
    fresh = Reading.objects.filter(auto=True, read_at__gt=at - DAY, read_at__lte=at)
    by_county: dict[str, list[Reading]] = {}
    for r in fresh.select_related("category").order_by("pk"):
        by_county.setdefault(r.area_path[:COUNTY], []).append(r)
    drawn_now = 0
    for county, readings in by_county.items():
        rule = rulebook.in_force(("text.auto.sample",), path=county, on=local_day(at))["text.auto.sample"].value
        ranked = sorted(readings, key=lambda r: (not drawn(r.pk, 1, rule["percent"], "auto"), r.pk))
        share = sum(1 for r in readings if drawn(r.pk, 1, rule["percent"], "auto"))
        chosen = ranked[: max(share, rule["least"])]
        there = set(Sample.objects.filter(reading__in=chosen).values_list("pk", flat=True))
        rows = [
            Sample(reading=r, area_path=r.area_path, category=r.category, drawn_at=at)
            for r in chosen
            if r.category is not None and r.pk not in there
        ]
        drawn_now += len(Sample.objects.bulk_create(rows, ignore_conflicts=True))
    oldest = Sample.objects.filter(right=None, drawn_at__lt=at - DAY).values_list(Left("area_path", COUNTY), "category")
    for county, category, drawn_at in oldest.annotate(first=Min("drawn_at")):
        days = rulebook.in_force(("text.auto.unseen",), path=county, on=local_day(at))["text.auto.unseen"].value
        if drawn_at < at - DAY * days:
            stop(county, category, "unseen", at=at)
    return drawn_now


def stop(county: str, category_id: int, why: str, *, at: dt.datetime, right: int = 0, looked: int = 0) -> None:
    """The rule sends this matter on no longer, until somebody lifts it; nothing when it stands already."""
    if AutoStop.objects.filter(area_path=county, category=category_id, lifted_at=None).exists():
        return
    with step("reader.stop", by=SYSTEM, at=at) as s:
        made = AutoStop.objects.create(
            area_path=county, category_id=category_id, why=why, stopped_at=at, right=right, looked=looked
        )
        s.about("loop.autostop", made.pk, county)
        s.record(made, why=why, category=category_id, right=right, looked=looked)


def look(*, reading_id: int, by: Actor, at: dt.datetime, category: str) -> Sample:
    """Somebody looked at a sample: it is about `category`. The same as was sent on: right. Otherwise wrong, and the rule
    stops for this matter as soon as too many of the last ones were.

    Raises TakenAlready (L-102): a colleague looked at it; Forbidden, NotFound, NoSuchCategory.
    """
    with step("reader.look", by=by, at=at) as s:
        sample = s.lock(Sample, reading_id)
        s.require(Cap.DISPATCH, path=sample.area_path)
        if sample.right is not None:
            raise TakenAlready
        request = Request.objects.get(pk=reading_id)
        if (found := category_of(category)) is None:
            raise Invalid(_("Choose a matter."), field="category")
        sample.right, sample.looked_at, sample.looked_by_id = found.pk == sample.category_id, at, by.user_id
        sample.save(update_fields=["right", "looked_at", "looked_by"])
        said(request, How.SAMPLED, found, by=by, at=at)
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(request, right=sample.right, category=found.code)
        if not sample.right:
            enough(sample, s)
    return sample


def enough(sample: Sample, s: Step) -> None:
    """Stop when more of the last samples were wrong than the rule lets be, whether or not all of them are in yet."""
    county = sample.area_path[:COUNTY]
    rules = rulebook.in_force(("text.auto.precision", "text.auto.window"), path=county, on=local_day(s.at))
    window = int(rules["text.auto.window"].value)
    last = (
        Sample.objects.filter(within("area_path", (county,)), category=sample.category_id, right__isnull=False)
        .order_by("-looked_at")
        .values_list("right", flat=True)
    )
    if lifted := AutoStop.objects.filter(area_path=county, category=sample.category_id).aggregate(at=Max("lifted_at"))[
        "at"
    ]:
        last = last.filter(looked_at__gt=lifted)
    seen = [bool(r) for r in last[:window]]
    if (len(seen) - sum(seen)) * 100 > window * (100 - int(rules["text.auto.precision"].value)):
        stop(county, sample.category_id, "precision", at=s.at, right=sum(seen), looked=len(seen))


def lift(*, stop_id: int, by: Actor, at: dt.datetime, reason: str) -> AutoStop:
    """The rule may send this matter on again, with the reason for it."""
    with step("reader.lift", by=by, at=at) as s:
        stood = s.lock(AutoStop, stop_id)
        s.require(Cap.MANAGE_DUTY, path=stood.area_path)
        if stood.lifted_at is not None:
            raise WrongState
        if not reason.strip():
            raise Invalid(_("Say why it may be sent on again."), field="reason")
        stood.lifted_at, stood.lifted_by_id, stood.reason = at, by.user_id, reason.strip()[:300]
        stood.save(update_fields=["lifted_at", "lifted_by", "reason"])
        Sample.objects.filter(
            within("area_path", (stood.area_path,)), category=stood.category_id, right=None
        ).delete()  # what nobody looked at would stop it again at once
        s.about("loop.autostop", stood.pk, stood.area_path)
        s.record(stood, category=stood.category_id)
    return stood
