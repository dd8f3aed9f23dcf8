"""Forms of the board (a word of supervision, what an export is for) and of standing problems."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

LONGEST = 1000  # as long as the step takes


class SuperviseForm(forms.Form):
    """A supervisor's word to the units that hold a request. `pk` says which row of the board it belongs to."""

    text = forms.CharField(
        label=_("What should happen, and by when"),
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": _("Write what should happen.")},
    )


class PurposeForm(forms.Form):
    purpose = forms.CharField(
        max_length=200, error_messages={"required": _("Say what you need the list for; it is kept with the export.")}
    )


# Standing problems ----------------------------------------------------------------------------------------------------
DAY = {"type": "date"}
BLANK: tuple[tuple[str, Any], ...] = (("", "–"),)


def _area(rows: int = 3) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows, "class": "form-control"})


class NameForm(forms.Form):
    """A standing problem gets its name, its place and topic, its owner, and a day."""

    title = forms.CharField(
        label=_("What it is called"),
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("As people would say it. Everybody can read it: no names of residents."),
    )
    area = forms.ChoiceField(label=_("Where"), widget=forms.Select)
    category = forms.ChoiceField(label=_("Kind of matter"), required=False, widget=forms.Select)
    unit = forms.ChoiceField(label=_("Who owns it"), widget=forms.Select)
    review_on = forms.DateField(label=_("Look at it again on"), widget=forms.DateInput(attrs=DAY, format="%Y-%m-%d"))
    month = forms.CharField(
        label=_("Topic of the month"), required=False, max_length=7, widget=forms.TextInput(attrs={"type": "month"})
    )
    codes = forms.CharField(
        label=_("Requests that belong to it by hand"),
        required=False,
        max_length=4000,
        widget=_area(2),
        help_text=_("Their codes, one on each line."),
    )

    def __init__(self, *args: Any, areas: Any, categories: Any, units: Any, fixed: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.choose("area", areas)
        self.choose("category", [*BLANK, *categories])
        self.choose("unit", [*BLANK, *units])
        if fixed:
            del self.fields["area"], self.fields["category"], self.fields["codes"]

    def choose(self, name: str, choices: Any) -> None:
        field: Any = self.fields[name]
        field.choices = choices

    def clean_month(self) -> dt.date | None:
        typed = str(self.cleaned_data["month"])
        try:
            return dt.date.fromisoformat(f"{typed}-01") if typed else None
        except ValueError as error:
            raise forms.ValidationError(_("Write the month as 2026-11.")) from error


class PlanForm(forms.Form):
    plan = forms.CharField(label=_("What will be done"), max_length=2000, widget=_area(4))
    words = forms.CharField(
        label=_("Words for the replies to its requests"),
        max_length=1000,
        required=False,
        widget=_area(),
        help_text=_("Offered to the units that hold its requests; they decide whether to send them."),
    )


class MeasureForm(forms.Form):
    text = forms.CharField(label=_("One thing to be done"), max_length=300)
    unit = forms.ChoiceField(label=_("Who does it"), widget=forms.Select)
    due_on = forms.DateField(label=_("Until when"), widget=forms.DateInput(attrs=DAY, format="%Y-%m-%d"))

    def __init__(self, *args: Any, units: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["unit"]
        field.choices = [*BLANK, *units]


class DoneForm(forms.Form):
    measure = forms.IntegerField(widget=forms.HiddenInput)
    words = forms.CharField(max_length=300, label=_("What was done, or why it is dropped"))
    done = forms.CharField(required=False, max_length=4)


class ReportForm(forms.Form):
    report = forms.CharField(label=_("What was done, and does it hold?"), max_length=2000, widget=_area(4))


class CloseForm(forms.Form):
    reason = forms.CharField(label=_("Your decision and why"), max_length=1000, widget=_area())
    review_on = forms.DateField(
        label=_("If it goes on: look at it again on"),
        required=False,
        widget=forms.DateInput(attrs=DAY, format="%Y-%m-%d"),
    )


class WhyForm(forms.Form):
    reason = forms.CharField(
        label=pgettext_lazy("orgs", "Why"), max_length=300, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )


class MemberForm(WhyForm):
    code = forms.CharField(
        label=_("Code of the request"), max_length=16, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )


class WordsForm(forms.Form):
    how = forms.ChoiceField(
        label=_("Write it as"),
        choices=[("note", _("a note that only staff read")), ("reply", _("the reply of this round"))],
        widget=forms.RadioSelect,
    )
    text = forms.CharField(label=_("The words"), max_length=2000, widget=_area(4))
    requests = forms.TypedMultipleChoiceField(coerce=int, required=False)
    form_key = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.data:  # whether they may be written to is decided by the step
            ids = [v for v in self.data.getlist("requests") if v.isdecimal() and len(v) < 18]  # type: ignore[attr-defined]
            field: Any = self.fields["requests"]
            field.choices = [(int(v), v) for v in ids]
