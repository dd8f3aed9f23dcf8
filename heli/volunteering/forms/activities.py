"""What organisers and reviewers type. What may be done is decided by the steps; forms only read and explain."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core.errors import HeliError
from heli.engines.workdays import CHINA
from heli.volunteering.models import Condition, Field
from heli.volunteering.queries.activities import DAYS
from heli.volunteering.series import DAYS as CODES
from heli.volunteering.steps.activities import Plan
from heli.volunteering.steps.roles import Asked, Wanted
from heli.volunteering.steps.shifts import Times

ANY = 10_000  # more than a step takes, so that a long text comes back whole and the step says how long it is
Choices = Sequence[tuple[Any, Any]]


def day(**kwargs: Any) -> forms.DateField:
    return forms.DateField(widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}), **kwargs)


def clock(**kwargs: Any) -> forms.TimeField:
    return forms.TimeField(widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}), **kwargs)


def number(low: int, high: int, **kwargs: Any) -> forms.IntegerField:
    widget = forms.NumberInput(attrs={"inputmode": "numeric"})
    return forms.IntegerField(min_value=low, max_value=high, widget=widget, **kwargs)


def words(rows: int = 0, **kwargs: Any) -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": rows}) if rows else forms.TextInput(attrs={"autocomplete": "off"})
    return forms.CharField(widget=widget, **({"max_length": ANY} | kwargs))


class Explained(forms.Form):
    """A form that takes a step's error beside its field."""

    def put(self, error: HeliError) -> None:
        self.add_error(error.field if error.field in self.fields else None, error.words)

    def choose(self, name: str, choices: Choices) -> None:
        field: Any = self.fields[name]
        field.choices = choices


class PlanForm(Explained):
    """The words of an activity, in the order one thinks of them."""

    form_key = forms.UUIDField(required=False, widget=forms.HiddenInput)
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    request = forms.CharField(required=False, max_length=20, widget=forms.HiddenInput)
    org = forms.TypedChoiceField(label=_("For which organisation"), coerce=int, required=False)
    title = words(label=_("What it is, in a few words"), help_text=_("Reading to older people on Saturdays"))
    field = forms.ChoiceField(label=_("Field of service"), choices=Field.choices)
    content = words(
        3, label=_("What one does there"), help_text=_("Everybody reads it. No name and no number of a person.")
    )
    site = forms.TypedChoiceField(
        label=_("At a site"), coerce=int, empty_value=None, required=False,
        help_text=_("A station, a community centre: then the map knows where it is."),
    )  # fmt: skip
    area = forms.ChoiceField(label=_("Street or community"))
    place = words(label=_("Where exactly"), required=False, help_text=_("So that who has never been there finds it."))
    conditions = forms.MultipleChoiceField(
        label=_("What it asks of the body"),
        choices=Condition.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    risks = words(
        2, label=_("What can happen"),
        help_text=_("Who enrols must be told the risks (Regulations on Volunteer Service, article 12)."), required=False,
    )  # fmt: skip
    brings = words(label=_("What is provided, what to bring"), required=False)
    plan = words(
        4, label=_("The plan, for who looks at it"), required=False,
        help_text=_("Who leads, how it goes, what if somebody falls ill. Not public."),
    )  # fmt: skip
    minors = forms.BooleanField(label=_("In close contact with children"), required=False)
    home = forms.BooleanField(label=_("Visits at home"), required=False)
    silver = forms.BooleanField(label=_("Made for older volunteers"), required=False)
    guide = forms.TypedChoiceField(
        label=_("Social worker who guides it"), coerce=int, empty_value=None, required=False,
        help_text=_("For visits at home, and for older volunteers."),
    )  # fmt: skip
    leader = forms.TypedChoiceField(label=_("Who answers for it"), coerce=int, empty_value=None, required=False)
    insurer = words(label=_("Who insures those who serve"), required=False)
    insured_to = day(label=_("Insured until"), required=False)
    approval = forms.BooleanField(label=_("I say yes to each who enrols"), required=False)
    emergency = forms.BooleanField(
        label=_("An emergency: posted at once, looked at afterwards"), required=False,
        help_text=_("After a flood or a fire. Somebody else looks at it within the rule's time."),
    )  # fmt: skip

    def __init__(
        self,
        *args: Any,
        orgs: Choices,
        areas: Choices,
        sites: Choices,
        guides: Choices,
        leaders: Choices,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        none = [("", "–")]
        self.choose("org", orgs)
        self.choose("area", areas)
        self.choose("site", [*none, *sites])
        self.choose("guide", [*none, *guides])
        self.choose("leader", [("", _("myself")), *leaders])
        if len(orgs) == 1:
            self.fields["org"].empty_value = orgs[0][0]  # type: ignore[attr-defined]

    def put(self, error: HeliError) -> None:
        if error.field == "lat":
            error.field = "place"
        super().put(error)

    def plan_of(self, lat: float | None = None, lon: float | None = None) -> Plan:
        """The argument of `activities.draft` and `change`; call after is_valid."""
        d = self.cleaned_data
        same = (
            "title", "field", "place", "content", "plan", "risks", "brings", "minors", "home", "silver", "emergency",
            "approval", "insurer", "insured_to",
        )  # fmt: skip
        return Plan(
            **{name: d[name] for name in same}, area_path=d["area"], site_id=d["site"], guide_id=d["guide"],
            leader_id=d["leader"], conditions=tuple(d["conditions"]), lat=lat, lon=lon,
        )  # fmt: skip


class RoleForm(Explained):
    name = words(label=_("What one does"), max_length=40, help_text=_("guide, cook, driver"))
    duty = words(label=_("In a sentence"), required=False, max_length=300)
    least = number(0, 500, label=_("At least"), initial=1)
    most = number(1, 500, label=pgettext_lazy("places", "At most"), initial=10)
    newcomers = number(
        0, 500, label=_("Kept for newcomers"), initial=0, required=False, help_text=_("Until shortly before it begins.")
    )
    min_age = number(0, 100, label=_("From which age"), initial=14)
    max_age = number(0, 120, label=_("To which age"), required=False, help_text=_("Only where an insurer asks it."))
    skills = forms.MultipleChoiceField(
        label=_("What one must be able to do"), required=False, widget=forms.CheckboxSelectMultiple
    )
    level = forms.TypedChoiceField(
        label=_("How well"), coerce=int, empty_value=None, required=False,
        choices=[(1, _("knows it")), (2, _("can do it alone")), (3, _("can teach it"))],
    )  # fmt: skip

    def __init__(self, *args: Any, skills: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.choose("skills", skills)
        if not skills:
            del self.fields["skills"], self.fields["level"]

    def wanted(self) -> Wanted:
        d = self.cleaned_data
        skills = tuple(Asked(key, d.get("level") or 1) for key in d.get("skills", ()))
        same = {k: d[k] for k in ("name", "duty", "least", "most", "min_age", "max_age")}
        return Wanted(**same, newcomers=d["newcomers"] or 0, skills=skills)


class WhenForm(Explained):
    """A day and times; an end before the beginning is the next morning."""

    on = day(label=pgettext_lazy("shift", "Day"))
    begins = clock(label=_("Begins"))
    ends = clock(label=pgettext_lazy("shift", "Ends"))

    def put(self, error: HeliError) -> None:
        error.field = {"starts": "begins", "opens_at": "begins", "closes_at": "ends", "draw_at": "draw"}.get(
            error.field or "", error.field
        )
        super().put(error)

    def period(self) -> tuple[dt.datetime, dt.datetime]:
        d = self.cleaned_data
        starts = dt.datetime.combine(d["on"], d["begins"], tzinfo=CHINA)
        ends = dt.datetime.combine(d["on"], d["ends"], tzinfo=CHINA)
        return starts, ends if ends > starts else ends + dt.timedelta(days=1)


class ShiftForm(WhenForm):
    close_hours = number(
        0, 720, label=_("Enrolling ends so many hours before"), initial=0, help_text=_("0: when it begins.")
    )
    draw = forms.BooleanField(
        label=_("Draw the places by lot"), required=False,
        help_text=_("For what many want: drawn when enrolling ends, with a seed fixed now, so that nobody chooses."),
    )  # fmt: skip
    note = words(label=_("What is different this time"), required=False, max_length=200)

    def times(self) -> Times:
        starts, ends = self.period()
        closes = starts - dt.timedelta(hours=self.cleaned_data["close_hours"])
        draw = min(closes, starts - dt.timedelta(hours=1)) if self.cleaned_data["draw"] else None
        return Times(starts, ends, closes_at=closes, draw_at=draw, note=self.cleaned_data["note"])


class MoveForm(WhenForm):
    note = words(label=_("What those enrolled should know"), required=False, max_length=200)


class SeriesForm(Explained):
    """A rule in plain steps; `rule` makes an RRULE of it."""

    how = forms.ChoiceField(
        label=_("It comes again"), widget=forms.RadioSelect, initial="weekly",
        choices=[
            ("weekly", _("on days of the week")),
            ("daily", _("every so many days")),
            ("monthly", _("each month on this date")),
            ("weekday", _("each month on this weekday, such as the second Tuesday")),
        ],
    )  # fmt: skip
    days = forms.MultipleChoiceField(
        label=_("On which days"), choices=[(str(k), v) for k, v in DAYS.items()], required=False,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    interval = number(1, 12, label=_("Every how many weeks, days or months"), initial=1)
    on = day(label=pgettext_lazy("series", "First day"))
    begins = clock(label=_("Begins"))
    minutes = number(15, 1440, label=_("How many minutes"), initial=120)
    until = day(label=_("Last day"))

    def put(self, error: HeliError) -> None:
        error.field = {"starts": "on", "ends": "minutes", "rule": "how", "since": "on"}.get(
            error.field or "", error.field
        )
        super().put(error)

    def rule(self) -> str:
        d = self.cleaned_data
        on: dt.date = d["on"]
        every = f"INTERVAL={d['interval']}"
        if d["how"] == "daily":
            return f"FREQ=DAILY;{every}"
        if d["how"] == "weekly":
            chosen = sorted({int(x) for x in d["days"]} or {on.weekday()})
            return f"FREQ=WEEKLY;{every};BYDAY={','.join(CODES[n] for n in chosen)}"
        last = (on + dt.timedelta(days=7)).month != on.month
        if d["how"] == "weekday":
            return f"FREQ=MONTHLY;{every};BYDAY={-1 if last else (on.day - 1) // 7 + 1}{CODES[on.weekday()]}"
        end = (on + dt.timedelta(days=1)).month != on.month
        return f"FREQ=MONTHLY;{every};BYMONTHDAY={-1 if end and on.day > 27 else on.day}"  # the last day of each month

    def first(self) -> dt.datetime:
        return dt.datetime.combine(self.cleaned_data["on"], self.cleaned_data["begins"], tzinfo=CHINA)


class EndSeriesForm(Explained):
    since = day(label=_("No shift from this day on"))


class ReasonForm(Explained):
    reason = words(label=_("Why"), max_length=300)


class LookForm(Explained):
    words = words(label=_("What you found"), max_length=300)


class NothingForm(Explained):
    """An act that needs no words."""


class AmendForm(Explained):
    version = forms.IntegerField(widget=forms.HiddenInput)
    brings = words(label=_("What is provided, what to bring"), required=False, max_length=200)
    insurer = words(label=_("Who insures those who serve"), required=False, max_length=80)
    insured_to = day(label=_("Insured until"), required=False)


class Photos(forms.ClearableFileInput):
    allow_multiple_selected = True


class EndForm(Explained):
    """What came of it: public."""

    whom = words(
        label=_("Who was served"),
        required=False,
        max_length=60,
        help_text=_("As a group: older people who live alone."),
    )
    served = number(0, 100_000, label=_("How many people were served"))
    came_of_it = words(
        2, label=pgettext_lazy("activity", "What came of it"), help_text=_("Everybody reads it. No names.")
    )
    thanks = words(
        label=_("Thanks from who was served"),
        required=False,
        max_length=300,
        help_text=_("Only where they let it be read."),
    )
    photos = forms.FileField(
        label=_("Photo"), required=False, widget=Photos(attrs={"accept": "image/*"}),
        help_text=_("Of the work, without people: faces are covered before it is kept."),
    )  # fmt: skip


class PlacesForm(Explained):
    least = number(0, 500, label=_("At least"))
    most = number(1, 500, label=pgettext_lazy("places", "At most"))
