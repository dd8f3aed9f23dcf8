"""Tables of suggestions. Who suggested it, its code, its clocks and its judgement are the loop's (loop.Request)."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.models import VaultRecord
from heli.core.scope import PathField, within
from heli.loop.models import Handling, Request
from heli.orgs.models import Organisation
from heli.places.models import Area
from heli.rulebook.models import Rule


class CallQuerySet(models.QuerySet["Call"]):
    def visible_to(self, actor: Actor) -> Self:
        """Everybody sees a call once it was opened; its keepers see drafts."""
        if actor.system:
            return self
        return self.filter(~Q(state="draft") | within("area_path", actor.paths(Cap.KEEP_SUGGESTIONS)))


class Call(models.Model):
    """A call for suggestions on one topic, from one day until another, with a summary of what came of it."""

    title = models.CharField(max_length=40)
    asked = models.TextField(max_length=1000)  # what is asked
    why = models.TextField(max_length=1000)  # what it is for, what happens with it
    area = models.ForeignKey(Area, on_delete=models.PROTECT, related_name="+", db_index=False)
    area_path = PathField()
    unit = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+", db_index=False)  # who asks
    first_day = models.DateField()
    last_day = models.DateField()
    state = models.CharField(max_length=8, default="draft")
    summary = models.TextField(max_length=4000, default="")
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    summed_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = CallQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="call_dates"),
            models.CheckConstraint(condition=Q(state__in=("draft", "open", "closed", "summed")), name="call_state"),
            models.CheckConstraint(
                condition=Q(state="summed", summed_at__isnull=False) & ~Q(summary="")
                | ~Q(state="summed") & Q(summed_at=None),
                name="call_summed",
            ),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["state", "area_path", "last_day"], name="call_list")]

    def __str__(self) -> str:
        return self.title

    def accepts(self, day: dt.date) -> bool:
        """Whether it takes suggestions on this day."""
        return self.state == "open" and self.first_day <= day <= self.last_day


class SuggestionQuerySet(models.QuerySet["Suggestion"]):
    def visible_to(self, actor: Actor) -> Self:
        """Everybody sees what is public; keepers what is of their areas; others what they see of the request."""
        if actor.system:
            return self
        see = Q(state="public") | Q(request__in=Request.objects.visible_to(actor))
        if paths := actor.paths(Cap.KEEP_SUGGESTIONS):
            see |= within("request__area_path", paths)
        return self.filter(see)

    def kept_by(self, actor: Actor) -> Self:
        """Those whose keeper the actor is."""
        return self.filter(within("request__area_path", actor.paths(Cap.KEEP_SUGGESTIONS)))


class Suggestion(models.Model):
    """What is particular to a request that is a suggestion: whether it is public, in which words, how many second it."""

    CREDIT: ClassVar[Any] = [
        ("", _("without a name")),
        ("asked", _("with a name, once the keeper has read it")),
        ("shown", _("with a name")),
    ]

    request = models.OneToOneField(Request, primary_key=True, on_delete=models.PROTECT, related_name="suggestion")
    call = models.ForeignKey(Call, null=True, on_delete=models.PROTECT, related_name="suggestions", db_index=False)
    title = models.CharField(max_length=60)  # as it stands now: the last Wording
    text = models.TextField(max_length=10_000)
    state = models.CharField(max_length=8, default="reading")
    why_private = models.CharField(max_length=300, default="")  # told to the suggester
    seconds = models.PositiveIntegerField(default=0)  # kept by the steps of seconding, under this row's lock
    stands_fast = models.BooleanField(default=False)  # somebody seconded it once: the words do not change any more
    credit = models.CharField(max_length=6, default="", choices=CREDIT, blank=True)
    credit_record = models.ForeignKey(VaultRecord, null=True, on_delete=models.PROTECT, related_name="+")
    joined_into = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="joined")
    read_rule = models.ForeignKey(Rule, on_delete=models.PROTECT, related_name="+", db_index=False)
    read_due_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)
    published_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = SuggestionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(state__in=("reading", "public", "private")), name="suggestion_state"),
            models.CheckConstraint(
                condition=~Q(state="public") | Q(published_at__isnull=False), name="suggestion_published"
            ),
            models.CheckConstraint(condition=Q(state="private") ^ Q(why_private=""), name="suggestion_why_private"),
            models.CheckConstraint(condition=Q(credit="") ^ Q(credit_record__isnull=False), name="suggestion_credit"),
            models.CheckConstraint(condition=Q(seconds=0) | Q(stands_fast=True), name="suggestion_stands_fast"),
            models.CheckConstraint(condition=~Q(joined_into=F("request")), name="suggestion_not_itself"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["-seconds", "-request"], name="suggestion_most", condition=Q(state="public")),
            models.Index(fields=["-request"], name="suggestion_newest", condition=Q(state="public")),
            models.Index(fields=["call", "-request"], name="suggestion_call"),
            models.Index(fields=["read_due_at"], name="suggestion_reading", condition=Q(state="reading")),
        ]

    def __str__(self) -> str:
        return self.title


class Wording(models.Model):
    """One version of a suggestion's words: the first, a correction by the suggester, or one agreed with the keeper."""

    append_only: ClassVar[bool] = True

    suggestion = models.ForeignKey(Suggestion, on_delete=models.PROTECT, related_name="wordings", db_index=False)
    n = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=60)
    text = models.TextField(max_length=10_000)
    at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )  # null: the suggester
    agreed = models.CharField(max_length=200, default="")  # by a keeper: how the suggester agreed

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["suggestion", "n"], name="wording_once"),
            models.CheckConstraint(condition=Q(by=None) | ~Q(agreed=""), name="wording_agreed"),
        ]

    def __str__(self) -> str:
        return f"{self.suggestion_id}/{self.n}"


class AddendumQuerySet(models.QuerySet["Addendum"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(suggestion__in=Suggestion.objects.visible_to(actor))


class Addendum(models.Model):
    """What the suggester adds later; the words themselves stay."""

    suggestion = models.ForeignKey(Suggestion, on_delete=models.PROTECT, related_name="addenda", db_index=False)
    area_path = PathField()
    text = models.TextField(max_length=2000)
    at = models.DateTimeField()
    state = models.CharField(max_length=8, default="reading")
    why_private = models.CharField(max_length=300, default="")

    objects: ClassVar[Any] = AddendumQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(state__in=("reading", "public", "private")), name="addendum_state")
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["suggestion", "id"], name="addendum_list"),
            models.Index(fields=["id"], name="addendum_reading", condition=Q(state="reading")),
        ]

    def __str__(self) -> str:
        return f"{self.suggestion_id}: {self.state}"


class Second(models.Model):
    """A vote: never changed. `n` is odd when an account seconds, even when it takes that back; the last one counts."""

    append_only: ClassVar[bool] = True

    suggestion = models.ForeignKey(Suggestion, on_delete=models.PROTECT, related_name="seconding", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    n = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    via = models.ForeignKey(Suggestion, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["suggestion", "user", "n"], name="second_once"),
            models.CheckConstraint(condition=Q(n__gte=1), name="second_counts"),
        ]

    def __str__(self) -> str:
        return f"{self.suggestion_id}: {self.n}"


class Verdict(models.TextChoices):
    ADOPTED = "adopted", pgettext_lazy("suggestion", "Adopted")
    PARTLY = "partly", pgettext_lazy("suggestion", "Adopted in part")
    NOT_ADOPTED = "not", pgettext_lazy("suggestion", "Not adopted")
    EXPLAINED = "explained", pgettext_lazy("suggestion", "Explained")  # in hand already, or it is so


TAKEN_UP = (Verdict.ADOPTED, Verdict.PARTLY)


class AnswerQuerySet(models.QuerySet["Answer"]):
    def given(self) -> Self:
        """Those that went out, each in its last version."""
        return self.filter(superseded=False, handling__state="sent")


class Answer(models.Model):
    """What a unit says to a suggestion in one round. It counts, and is public, once its Handling was sent."""

    handling = models.ForeignKey(Handling, on_delete=models.PROTECT, related_name="+", db_index=False)
    suggestion = models.ForeignKey(Suggestion, on_delete=models.PROTECT, related_name="answers")
    n = models.PositiveSmallIntegerField()  # version of this round's answer
    superseded = models.BooleanField(default=False)  # written anew before it went out
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    reasons = models.TextField(max_length=4000)
    basis = models.CharField(max_length=300, default="")  # the rule or fact a refusal rests on
    written_at = models.DateTimeField()
    written_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    objects: ClassVar[Any] = AnswerQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["handling", "n"], name="answer_version"),
            models.UniqueConstraint(fields=["handling"], name="answer_one_counts", condition=Q(superseded=False)),
            models.CheckConstraint(condition=~Q(reasons=""), name="answer_reasons"),
            models.CheckConstraint(condition=~Q(verdict="not") | ~Q(basis=""), name="answer_basis"),
            models.CheckConstraint(condition=Q(verdict__in=Verdict.values), name="answer_verdict"),
        ]

    def __str__(self) -> str:
        return f"{self.suggestion_id}: {self.verdict}"


class MeasureQuerySet(models.QuerySet["Measure"]):
    def given(self) -> Self:
        """Measures of answers that went out: what was promised."""
        return self.filter(answer__superseded=False, answer__handling__state="sent")

    def visible_to(self, actor: Actor) -> Self:
        """The responsible unit, the keepers of the area, and whoever sees the request."""
        if actor.system:
            return self
        see = Q(unit__in=actor.org_ids(Cap.HANDLE_REQUESTS)) & Q(
            Exists(Answer.objects.given().filter(pk=OuterRef("answer_id")))
        )
        see |= Q(suggestion__request__in=Request.objects.visible_to(actor))
        if paths := actor.paths(Cap.KEEP_SUGGESTIONS):
            see |= within("area_path", paths)
        return self.filter(see)


class Measure(models.Model):
    """Something a unit said it would do because of a suggestion, by a day, followed to its end."""

    answer = models.ForeignKey(Answer, on_delete=models.PROTECT, related_name="measures")
    suggestion = models.ForeignKey(Suggestion, on_delete=models.PROTECT, related_name="measures")
    area_path = PathField()
    unit = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+", db_index=False)
    what = models.CharField(max_length=300)
    due_on = models.DateField()
    state = models.CharField(max_length=10, default="planned")
    report_rule = models.ForeignKey(Rule, on_delete=models.PROTECT, related_name="+", db_index=False)
    report_due_at = models.DateTimeField()  # the next word on how it goes, at the latest
    ended_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = MeasureQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=Q(state__in=("planned", "done", "given_up", "confirmed", "dropped")), name="measure_state"
            ),
            models.CheckConstraint(
                condition=Q(state__in=("confirmed", "dropped")) ^ Q(ended_at=None), name="measure_ended"
            ),
            models.CheckConstraint(condition=~Q(what=""), name="measure_what"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["unit", "due_on"], name="measure_unit", condition=Q(ended_at=None)),
            models.Index(fields=["area_path", "due_on"], name="measure_open", condition=Q(ended_at=None)),
        ]

    def __str__(self) -> str:
        return self.what


class Progress(models.Model):
    """One word on a measure: how it goes, that it is done or given up, what its keeper found. Never changed."""

    append_only: ClassVar[bool] = True
    KINDS: ClassVar[Any] = [
        ("report", pgettext_lazy("measure", "How it goes")),
        ("finish", pgettext_lazy("measure", "Said to be done")),
        ("give_up", pgettext_lazy("measure", "Given up")),
        ("confirm", pgettext_lazy("measure", "Seen to be done")),
        ("let_go", pgettext_lazy("measure", "Giving up accepted")),
        ("send_back", pgettext_lazy("measure", "Not done yet")),
    ]

    measure = models.ForeignKey(Measure, on_delete=models.PROTECT, related_name="progress")
    kind = models.CharField(max_length=10, choices=KINDS)
    at = models.DateTimeField()
    text = models.TextField(max_length=2000, default="")
    photos = ArrayField(models.UUIDField(), default=list)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    def __str__(self) -> str:
        return f"{self.measure_id}: {self.kind}"
