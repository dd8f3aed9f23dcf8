"""The two forms of the board: a word of supervision, and what an export is for."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

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
