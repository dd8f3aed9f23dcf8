"""What a teller types, and what a supervisor decides."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core.fields import MobileField
from heli.loop.forms.public import ANY_TEXT, PhotosField
from heli.oversight.models import Asked, PassedTo, Posing
from heli.oversight.steps import ANSWER_LIMIT, NOTE_LIMIT
from heli.places.models import Area


def home_areas() -> list[tuple[str, str]]:
    """The area of these public pages and the streets in it, for a list. One statement."""
    home = settings.HELI_HOME_AREA
    rows = Area.objects.open().filter(path__startswith=home, level__lte=4).exclude(kind__in=("placeholder", "virtual"))
    return [
        (path, _now("somewhere in %(area)s, or not in the street") % {"area": name} if path == home else name)
        for path, name in rows.order_by("path").values_list("path", "name")
        if path.startswith(home)
    ]


class TipForm(forms.Form):
    """What the teller knows. Nothing by itself has to be filled in; a photo, a name or a sentence is enough."""

    form_key = forms.UUIDField(required=False, widget=forms.HiddenInput)
    photos = PhotosField(label=_("Photos"))
    name = forms.CharField(
        required=False, max_length=80, label=_("What they call themselves"),
        help_text=_("As you remember it; half of the name helps too."),
    )  # fmt: skip
    posing = forms.ChoiceField(
        required=False, choices=Posing.choices, widget=forms.RadioSelect, label=_("What do they say they are?")
    )
    asked = forms.MultipleChoiceField(
        required=False,
        choices=Asked.choices,
        widget=forms.CheckboxSelectMultiple,
        label=_("What do they want of people?"),
    )
    paid = forms.BooleanField(required=False, label=_("Somebody has already handed over money or a number"))
    area = forms.ChoiceField(required=False, label=_("In which street?"))
    spot = forms.CharField(required=False, max_length=120, label=_("Where exactly, or in which app or group"))
    seen_on = forms.DateField(
        required=False, label=pgettext_lazy("tip", "When"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": _("Write the day like 2026-11-20, or leave it empty.")},
    )  # fmt: skip
    text = forms.CharField(
        required=False, max_length=ANY_TEXT, widget=forms.Textarea, label=_("What happened?"),
        help_text=_("A number to call or to pay to may stand here: it is kept sealed and only looked up for a reason."),
    )  # fmt: skip
    phone = MobileField(required=False, label=_("Your mobile number"))
    teller = forms.CharField(required=False, max_length=40, label=_("What to call you"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["area"].choices = home_areas()  # type: ignore[attr-defined]

    def clean_seen_on(self) -> dt.date | None:
        day: dt.date | None = self.cleaned_data["seen_on"]
        if day and day > timezone.localdate():
            raise forms.ValidationError(_now("This day is still to come. Write the day when you saw it."))
        if day and day.year < 2000:
            raise forms.ValidationError(_now("Write the day like 2026-11-20, or leave it empty."))
        return day

    def told(self) -> dict[str, Any]:
        """The arguments of `steps.receive` in what was typed; call after is_valid."""
        data = self.cleaned_data
        return {
            "area_path": data["area"] or settings.HELI_HOME_AREA,
            "name": data["name"],
            "posing": data["posing"] or Posing.OTHER,
            "asked": data["asked"],
            "paid": data["paid"],
            "text": data["text"],
            "spot": data["spot"],
            "seen_on": data["seen_on"],
            "photos": data["photos"],
            "teller": data["teller"],
            "phone": data["phone"],
            "form_key": data["form_key"],
        }


class PassForm(forms.Form):
    """To whom, and under which number."""

    to = forms.ChoiceField(
        choices=PassedTo.choices, widget=forms.RadioSelect, label=_("To whom does it go?"),
        error_messages={"required": _("Choose the office it goes to."), "invalid_choice": _("Choose the office it goes to.")},
    )  # fmt: skip
    number = forms.CharField(
        max_length=60, label=_("Number of the paper it goes with"),
        error_messages={"required": _("Write the number of the paper: with it the teller can ask there.")},
    )  # fmt: skip


class FoundForm(forms.Form):
    """What was found, in words for the teller."""

    answer = forms.CharField(
        max_length=ANSWER_LIMIT, widget=forms.Textarea(attrs={"rows": 3}), label=_("What the teller reads"),
        help_text=_("Name nobody. What is not proven is neither genuine nor false."),
        error_messages={"required": _("Write what the teller is to read: one sentence is enough.")},
    )  # fmt: skip


class TextForm(forms.Form):
    """A note, or why it is looked at again."""

    text = forms.CharField(
        max_length=NOTE_LIMIT, widget=forms.Textarea(attrs={"rows": 3}), label=_("For those who handle tips"),
        error_messages={"required": _("Write a sentence.")},
    )  # fmt: skip


class PurposeForm(forms.Form):
    """What the reading is for."""

    purpose = forms.CharField(
        max_length=200,
        label=pgettext_lazy("tip", "What do you need it for?"),
        error_messages={"required": _("Write what you need it for.")},
    )
