"""Forms of the duty list, the categories and the decisions above the units. They only parse; the steps decide."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.loop.models import DutyRow, Urgency
from heli.places.forms import AreaField

NEEDED = {"required": _("Nothing is written here yet.")}
WHO = [("unit", _("one unit, named below")), *DutyRow.LOCALS]


class DutyForm(forms.Form):
    """A row of the duty list. Category and units are chosen in pickers of the page (orgs/parts/picker.html)."""

    area = AreaField(label=_("Area"), help_text=_("The row holds there and in everything inside."))
    category = forms.CharField(widget=forms.HiddenInput, error_messages={"required": _("Choose what it is about.")})
    level = forms.TypedChoiceField(
        label=_("For the desk of"), choices=DutyRow.LEVELS, coerce=int, widget=forms.RadioSelect, initial=3
    )
    who = forms.ChoiceField(label=_("Who is responsible"), choices=WHO, widget=forms.RadioSelect, initial="unit")
    unit = forms.IntegerField(required=False, widget=forms.HiddenInput)
    assist_local = forms.MultipleChoiceField(
        label=_("Who helps, by place"), choices=DutyRow.LOCALS, required=False, widget=forms.CheckboxSelectMultiple
    )
    assists = forms.TypedMultipleChoiceField(required=False, coerce=int, widget=forms.MultipleHiddenInput)
    functional = forms.BooleanField(
        label=_("A department's own matter: not to be pushed down to a street or community"), required=False
    )
    number = forms.CharField(label=_("Number of the row"), max_length=16, error_messages=NEEDED)
    citation = forms.CharField(
        label=_("What it rests on"),
        max_length=200,
        help_text=_("The document, with its number and date. Dispatchers and units read it."),
        error_messages=NEEDED,
    )
    note = forms.CharField(
        label=_("Remark"),
        max_length=200,
        required=False,
        help_text=_("A limit or a doubt; it is shown with the proposal."),
    )
    valid_from = forms.DateField(
        label=_("First day"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("A row that holds now ends on this day."),
        error_messages={"required": _("Choose the first day."), "invalid": _("Write the day as 2026-11-22.")},
    )

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        self.fields["area"].limit(actor.paths(Cap.MANAGE_DUTY))  # type: ignore[attr-defined]
        chosen = self.data.getlist("assists") if hasattr(self.data, "getlist") else []
        self.fields["assists"].choices = [(c, c) for c in chosen if c.isdecimal() and len(c) < 18]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("who") == "unit" and data.get("unit") is None:
            self.add_error("unit", _("Choose the unit that is responsible."))
        return data


class ReasonForm(forms.Form):
    """A sentence why, kept with the act."""

    reason = forms.CharField(label=_("Why"), max_length=200, error_messages=NEEDED)


class TryForm(forms.Form):
    """Words and a place to try the duty list with."""

    text = forms.CharField(
        label=_("What somebody might say"), max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    place = AreaField(label=_("Where"))
    level = forms.TypedChoiceField(label=_("To the desk of"), choices=DutyRow.LEVELS, coerce=int)

    def __init__(self, *args: Any, within: tuple[str, ...], **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        self.fields["place"].limit(within)  # type: ignore[attr-defined]


class CategoryForm(forms.Form):
    """What can be changed of a category: its words, how urgent it is, whether it is open."""

    words = forms.CharField(
        label=_("Words people use for it"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Separate them by a comma or a new line. They are looked for in what residents write."),
    )
    urgency = forms.ChoiceField(label=_("How urgent before anybody looks"), choices=Urgency.choices)
    closed = forms.BooleanField(label=_("Closed: it cannot be chosen any more"), required=False)
    reason = forms.CharField(label=_("Why it is changed"), max_length=200, error_messages=NEEDED)
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def listed(self) -> list[str]:
        """The words one by one."""
        typed = self.cleaned_data["words"]
        for sign in "，、,；;\r\n":
            typed = typed.replace(sign, "\n")
        return [w.strip() for w in typed.split("\n") if w.strip()]


class DecideForm(forms.Form):
    """A decision of two, or of one act; a no cannot be without its reason (the step says so)."""

    decide = forms.ChoiceField(choices=(), error_messages={"required": _("Choose one of the two.")})
    reason = forms.CharField(max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, choices: tuple[str, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["decide"].choices = [(c, c) for c in choices]  # type: ignore[attr-defined]


class PurposeForm(forms.Form):
    purpose = forms.CharField(
        label=_("What do you need the list for?"),
        max_length=200,
        error_messages={"required": _("Say what you need the list for; it is kept with the export.")},
    )
