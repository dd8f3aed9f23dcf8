"""Forms of supervision orders and of the revisit workbench. They only parse; what is allowed is decided by the steps."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from heli.loop.forms.unit import ActForm, FilesField, area

CODES = re.compile(r"[\s,，、;；]+")


class OrderForm(ActForm):
    """A new order. Units are chosen beside it (name `units`, with `for_<id>` what is asked of each)."""

    codes = forms.CharField(
        label=_("Requests it is about, by code"),
        required=False,
        max_length=1000,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("Several codes with a blank between them. Without any it is a standing matter."),
    )
    area_path = forms.CharField(label=_("Area of a standing matter"), max_length=24, required=False)
    title = forms.CharField(label=_("What it is about"), max_length=60)
    demand = area(4, 2000, label=_("What is demanded"))
    meet_place = forms.CharField(label=_("Meeting on site: where"), max_length=120, required=False)
    meet_at = forms.DateTimeField(
        label=_("When"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        error_messages={"invalid": _("Write the time as 2026-11-22 14:30.")},
    )

    def clean_codes(self) -> list[str]:
        typed = CODES.split(self.cleaned_data["codes"].upper().strip())
        return list(dict.fromkeys(c for c in typed if c))

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        place, at = data.get("meet_place", "").strip(), data.get("meet_at")
        if place and at is None and "meet_at" not in self.errors:
            self.add_error("meet_at", _("Say when they meet."))
        if at is not None and not place:
            self.add_error("meet_place", _("Say where they meet."))
        return data


class ReportForm(ActForm):
    text = area(5, 4000, label=_("What came of it: what was done, when, what is left"))
    papers = FilesField("image/*,application/pdf", label=_("Papers"))


class BackForm(ActForm):
    reason = area(2, 300, label=_("What is missing"), max_length=300)


class MinutesForm(ActForm):
    minutes = area(4, 4000, label=_("What was agreed"))


class CloseForm(ActForm):
    decision = area(2, 500, label=_("How it ended"), max_length=500)
    public_words = area(2, 1000, label=_("For the residents: what was done"), max_length=1000, required=False)


class WithdrawForm(ActForm):
    reason = area(2, 300, label=_("Why it no longer stands"), max_length=300)


class AgainForm(ActForm):
    """Not reached: when to call again, by one of the buttons or a time of one's own, and a remark."""

    words = forms.CharField(label=_("Remark"), max_length=300, required=False)
    again = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)
    again_at = forms.DateTimeField(
        label=_("Or at another time"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        error_messages={"invalid": _("Write the time as 2026-11-22 14:30.")},
    )

    def moment(self) -> dt.datetime | None:
        """The time that was chosen; None: the rule says."""
        typed = self.cleaned_data.get("again", "")
        if typed:
            try:
                at = dt.datetime.fromisoformat(typed)
            except ValueError:
                return None
            return at if timezone.is_aware(at) else timezone.make_aware(at)
        own: dt.datetime | None = self.cleaned_data.get("again_at")
        return own
