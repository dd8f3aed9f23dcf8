"""What is typed for certificates."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.engines.identifiers import BadIdentifier, mobile

LANGUAGES = [("zh", "中文"), ("en", "English")]


def _day(label: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))


class MakeForm(forms.Form):
    """Which hours a certificate speaks of. `units`: (id, name) of those who recorded some."""

    first_day = _day(_("From"))
    last_day = _day(_("Until"))
    org = forms.TypedChoiceField(label=_("Recorded by"), coerce=int, empty_value=None, required=False)
    language = forms.ChoiceField(label=pgettext_lazy("certificate", "Language"), choices=LANGUAGES)

    def __init__(self, data: Any, units: list[tuple[int, str]], today: dt.date, *, every: bool = True) -> None:
        super().__init__(
            data, initial={"first_day": today.replace(month=1, day=1), "last_day": today, "language": "zh"}
        )
        org: Any = self.fields["org"]
        org.required, org.choices = not every, ([("", _("all units"))] if every else []) + units

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("first_day") and data.get("last_day") and data["last_day"] < data["first_day"]:
            self.add_error("last_day", _("This day lies before the first one."))
        return data


class DeskForm(MakeForm):
    """The same, for somebody who asked the recorder for it."""

    phone = forms.CharField(
        label=_("Mobile number of the volunteer"), max_length=30,
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"}),
    )  # fmt: skip
    field_order = ("phone", "first_day", "last_day", "org", "language")

    def clean_phone(self) -> str:
        try:
            return mobile(self.cleaned_data["phone"])
        except BadIdentifier as error:
            raise ValidationError(_("A mobile number has 11 digits.")) from error
