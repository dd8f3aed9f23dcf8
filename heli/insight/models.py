"""Counted ahead: how many requests of each set an area has from each day, so that a board reads days, not requests.

The smallest unit is a cell: one street (the first nine digits of the area path) and one day on which requests were
heard. The database notes each cell in which a request or its reply clock changed (Touched); a job counts those again.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.scope import PathField, within
from heli.loop.models import Category, Request, any_path
from heli.orgs.models import Organisation
from heli.places.models import Area

FINEST = 9  # length of the path of a street, where cells are; streets and what lies in them are counted live
READERS = (Cap.SUPERVISE, Cap.VIEW_REQUESTS)
WIDTHS = (4, 6, FINEST)  # what the boards of a province, a city and a county list


class CellField(models.CharField):  # type: ignore[type-arg]
    """'370602003/9823': the street and the day since 2000-01-01, as the function insight_cell writes it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 16)
        kwargs["db_collation"] = "C"
        super().__init__(*args, **kwargs)


class Counter(models.IntegerField):  # type: ignore[type-arg]
    """How many requests of a set."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["default"] = 0
        super().__init__(*args, **kwargs)


class Sizes(models.Model):
    """How large each set of loop.rates is: `now_…` whatever was left out of the rates, the others as the rates count."""

    now_open = Counter()
    now_overdue = Counter()
    now_due_soon = Counter()
    now_bounced = Counter()
    now_redo = Counter()

    counted = Counter()
    judged = Counter()
    answered_contacted = Counter()
    contacted = Counter()
    answered_solved = Counter()
    solved = Counter()
    answered_satisfied = Counter()
    satisfied = Counter()
    replied_on_time = Counter()
    replied_or_overdue = Counter()
    unrated = Counter()
    waiting = Counter()
    excluded = Counter()

    class Meta:
        abstract = True


class Rollup(Sizes):
    """What was heard on one day in one area, by the sets of loop.rates: `now_…` whatever was left out of the rates, the
    others as the rates count over a span of days."""

    width = models.PositiveSmallIntegerField()  # which of WIDTHS the path was cut to
    inside = PathField()  # shorter than `width` for requests that name no smaller place
    day = models.DateField()
    cell = CellField()
    turns_at = models.DateTimeField(null=True)  # cells only: right until then, if nobody touches it

    class Meta:
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["width", "cell"], name="rollup_once")]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["width", "inside", "day"], name="rollup_area"),
            models.Index(fields=["width", "inside"], name="rollup_open", condition=Q(now_open__gt=0)),
            models.Index(fields=["turns_at"], name="rollup_turns", condition=Q(turns_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.width} {self.cell}"


class Slice(Sizes):
    """What a cell is made of: the same counts by the unit that holds the requests and by the door they came through."""

    cell = CellField()
    inside = PathField()  # the street, shorter for requests that name no smaller place
    day = models.DateField()
    unit = models.BigIntegerField(default=0)  # the lead; 0: nobody has it yet
    kind = models.CharField(max_length=12, db_collation="C")

    class Meta:
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["cell", "unit", "kind"], name="slice_once")]

    def __str__(self) -> str:
        return f"{self.cell} {self.unit} {self.kind}"


class Tally(Sizes):
    """Slices added up, for the figures that everybody may read: by area (`width` as in Rollup) or by unit (`width` 0)."""

    width = models.PositiveSmallIntegerField()
    inside = PathField(default="")
    unit = models.BigIntegerField(default=0)
    kind = models.CharField(max_length=12, db_collation="C")
    day = models.DateField()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["width", "inside", "unit", "kind", "day"], name="tally_once"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["width", "inside", "day"], name="tally_area"),
            models.Index(fields=["unit", "day"], name="tally_unit", condition=Q(width=0)),
            models.Index(fields=["width", "inside", "unit"], name="tally_open", condition=Q(now_open__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.width} {self.inside or self.unit} {self.kind} {self.day}"


class Touched(models.Model):
    """A cell that is not as its rollup says any more; written by the database with each change, taken away by the job."""

    cell = CellField()

    class Meta:
        indexes: ClassVar[list[Any]] = [models.Index(fields=["cell"], name="touched_cell")]

    def __str__(self) -> str:
        return str(self.cell)


class Refresh(models.Model):
    """One row, once everything was counted: since when rollups may be read, and when they were last brought up to date."""

    rebuilt_at = models.DateTimeField()
    at = models.DateTimeField()
    sliced_at = models.DateTimeField(null=True)  # since when slices and tallies are whole, too

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"


# Standing problems ----------------------------------------------------------------------------------------------------
class CandidateQuerySet(models.QuerySet["Candidate"]):
    def visible_to(self, actor: Actor) -> Self:
        """Who reads the requests it is made of."""
        return self if actor.system else self.filter(within("area_path", any_path(actor, *READERS)))


class Candidate(models.Model):
    """What may be a standing problem: one kind of matter in one place, said by more people than usual, or month after
    month. Written by the nightly count (candidates.py), which gives the same rows whenever it is asked of the same day."""

    WHY: ClassVar[Any] = [("surge", _("more than usual")), ("recurring", _("month after month"))]

    area = models.ForeignKey(Area, on_delete=models.PROTECT, related_name="+", db_index=False)
    area_path = PathField()
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="+")
    why = models.CharField(max_length=10, choices=WHY)
    people = models.PositiveIntegerField()  # different people within the window
    requests = models.PositiveIntegerField()
    expected = models.FloatField()  # people in a window of this length, by the baseline
    odds = models.FloatField()  # how likely so many, or more, would be by chance
    periods = ArrayField(models.PositiveIntegerField())  # people by window, the oldest first, the present one last
    since = models.DateTimeField()  # the window
    until = models.DateTimeField()
    found_at = models.DateTimeField()
    dismissed_at = models.DateTimeField(null=True)
    dismissed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    dismissed_reason = models.CharField(max_length=300, default="")
    dismissed_people = models.PositiveIntegerField(null=True)  # quiet until there are clearly more

    objects: ClassVar[Any] = CandidateQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["area_path", "category"], name="candidate_once"),
            models.CheckConstraint(
                condition=Q(dismissed_at=None, dismissed_reason="", dismissed_people=None)
                | Q(dismissed_at__isnull=False, dismissed_people__isnull=False) & ~Q(dismissed_reason=""),
                name="candidate_dismissed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.area_path} {self.category_id}"


class ProblemQuerySet(models.QuerySet["Problem"]):
    def visible_to(self, actor: Actor) -> Self:
        """Readers of its area, the unit that owns it, and the units of its measures."""
        if actor.system:
            return self
        units = actor.org_ids(Cap.HANDLE_REQUESTS, Cap.APPROVE_REPLY)
        theirs = Measure.objects.filter(problem=OuterRef("pk"), unit__in=units)
        return self.filter(within("area_path", any_path(actor, *READERS)) | Q(unit__in=units) | Q(Exists(theirs)))


class Problem(models.Model):
    """A standing problem, named by a person: what, where, whose, by which plan, looked at again when."""

    title = models.CharField(max_length=60)
    area = models.ForeignKey(Area, on_delete=models.PROTECT, related_name="+", db_index=False)
    area_path = PathField()
    category = models.ForeignKey(Category, null=True, on_delete=models.PROTECT, related_name="+")  # null: by hand alone
    since = models.DateTimeField()  # requests heard from then on belong to it
    month = models.DateField(null=True)  # the first of the month whose topic it is (每月一题)
    unit = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+", db_index=False)  # the owner
    state = models.CharField(max_length=10, default="new")
    plan = models.TextField(max_length=2000, default="")
    words = models.TextField(max_length=1000, default="")  # offered to the units for their replies
    report = models.TextField(max_length=2000, default="")
    decision = models.CharField(max_length=1000, default="")
    review_on = models.DateField()
    why = models.JSONField(default=dict)  # the numbers of the candidate it was named from
    usual = models.FloatField(default=0)  # people in a window of problem.window days before it was one
    named_at = models.DateTimeField()
    named_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    closed_at = models.DateTimeField(null=True)
    before = models.FloatField(null=True)  # people a week while it was open, as measured when it was closed
    after = models.FloatField(null=True)  # people a week since
    lap = models.PositiveSmallIntegerField(default=1)
    form_key = models.UUIDField(null=True, unique=True)

    objects: ClassVar[Any] = ProblemQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["area_path", "category"],
                name="problem_one_in_hand",
                condition=Q(state__in=("named", "planned", "working", "review", "relapsed")),
            ),
            models.CheckConstraint(condition=~Q(title=""), name="problem_titled"),
            models.CheckConstraint(condition=~Q(state="closed") | Q(closed_at__isnull=False), name="problem_closed"),
            models.CheckConstraint(condition=Q(month=None) | Q(month__day=1), name="problem_month"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["area_path", "review_on", "id"], name="problem_area"),
            models.Index(fields=["unit", "review_on", "id"], name="problem_unit"),
        ]

    def __str__(self) -> str:
        return self.title


class Measure(models.Model):
    """One thing to be done by one unit until a day."""

    problem = models.ForeignKey(Problem, on_delete=models.PROTECT, related_name="measures")
    text = models.CharField(max_length=300)
    unit = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    due_on = models.DateField()
    done_at = models.DateTimeField(null=True)
    done_words = models.CharField(max_length=300, default="")
    dropped_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(done_at=None) | Q(dropped_at=None), name="measure_one_end")
        ]

    def __str__(self) -> str:
        return self.text


class Member(models.Model):
    """A request put to a problem, or left out of it, by hand; the others belong to it by place, topic and time."""

    problem = models.ForeignKey(Problem, on_delete=models.PROTECT, related_name="members")
    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="+")
    inside = models.BooleanField()
    reason = models.CharField(max_length=300)
    at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["problem", "request"], name="problem_member_once"),
            models.CheckConstraint(condition=~Q(reason=""), name="problem_member_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.problem_id} {self.request_id}"


class Round(models.Model):
    """The same words written to several requests of a problem by its unit, each in a step of its own."""

    problem = models.ForeignKey(Problem, on_delete=models.PROTECT, related_name="rounds")
    how = models.CharField(
        max_length=6, choices=[("note", _("internal note")), ("reply", _("the reply of this round"))]
    )
    text = models.TextField(max_length=2000)
    at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    requests = ArrayField(models.BigIntegerField())
    results = models.JSONField(default=dict)  # {request id: "" or the code of the error}
    form_key = models.UUIDField(null=True, unique=True)

    def __str__(self) -> str:
        return f"{self.problem_id} {self.how} {len(self.results)}/{len(self.requests)}"


# The hot list ----------------------------------------------------------------------------------------------------------
class HotQuerySet(models.QuerySet["Hot"]):
    def visible_to(self, actor: Actor) -> Self:
        """Who reads the requests it is made of."""
        return self if actor.system else self.filter(within("area_path", any_path(actor, *READERS)))


class Hot(models.Model):
    """Something that several people told of in their own words: requests that read as one event (engines/text/same.py).

    Written anew by hot.py from the requests themselves; nothing is kept here that could differ from them.
    """

    area = models.ForeignKey(Area, on_delete=models.PROTECT, related_name="+", db_index=False)
    area_path = PathField()  # the smallest area that holds all of its requests
    category = models.ForeignKey(Category, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    title = models.CharField(max_length=60)  # of the request that is most like the others: its first
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    people = models.PositiveIntegerField()  # different people
    requests = models.PositiveIntegerField()
    heat = models.FloatField()  # people, each by their last word, which halves with time
    unusual = models.FloatField(null=True)  # 0 as always here … 1; null: too little is known of the place
    counted_at = models.DateTimeField()

    objects: ClassVar[Any] = HotQuerySet.as_manager()

    class Meta:
        indexes: ClassVar[list[Any]] = [models.Index(fields=["area_path", "-heat", "id"], name="hot_area")]

    def __str__(self) -> str:
        return f"{self.title} ({self.people})"


class HotRequest(models.Model):
    """A request that tells of it."""

    request = models.OneToOneField(Request, primary_key=True, on_delete=models.CASCADE, related_name="hot")
    hot = models.ForeignKey(Hot, on_delete=models.CASCADE, related_name="told")

    def __str__(self) -> str:
        return f"{self.request_id} → {self.hot_id}"


class HotState(models.Model):
    """Where the grouping of a county's requests stood at the end of a day, so that tomorrow goes on from there."""

    county = PathField(primary_key=True)
    day = models.DateField()
    state = models.JSONField()
    counted_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.county} {self.day}"
