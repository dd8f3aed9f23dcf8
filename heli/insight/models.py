"""Counted ahead: how many requests of each set an area has from each day, so that a board reads days, not requests.

The smallest unit is a cell: one street (the first nine digits of the area path) and one day on which requests were
heard. The database notes each cell in which a request or its reply clock changed (Touched); a job counts those again.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from heli.core.scope import PathField

FINEST = 9  # length of the path of a street, where cells are; streets and what lies in them are counted live
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


class Rollup(models.Model):
    """What was heard on one day in one area, by the sets of loop.rates: `now_…` whatever was left out of the rates, the
    others as the rates count over a span of days."""

    width = models.PositiveSmallIntegerField()  # which of WIDTHS the path was cut to
    inside = PathField()  # shorter than `width` for requests that name no smaller place
    day = models.DateField()
    cell = CellField()
    turns_at = models.DateTimeField(null=True)  # cells only: right until then, if nobody touches it

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
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["width", "cell"], name="rollup_once")]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["width", "inside", "day"], name="rollup_area"),
            models.Index(fields=["width", "inside"], name="rollup_open", condition=Q(now_open__gt=0)),
            models.Index(fields=["turns_at"], name="rollup_turns", condition=Q(turns_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.width} {self.cell}"


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

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"
