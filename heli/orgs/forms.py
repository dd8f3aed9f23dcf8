"""Forms of organisations and grants. What may be chosen is decided by the steps; the forms only read and explain."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core.days import midnight
from heli.core.errors import HeliError
from heli.core.fields import OrganisationCodeField
from heli.orgs import queries
from heli.orgs.errors import TooLong
from heli.orgs.models import OrgKind
from heli.orgs.steps import USUAL
from heli.people.models import USERNAME


def next_midnight(day: dt.date) -> dt.datetime:
    """The end of that day, local time."""
    return midnight(day + dt.timedelta(days=1))


class OrgForm(forms.Form):
    """A new organisation, or another name for one."""

    name = forms.CharField(label=_("Full name"), max_length=80)
    short_name = forms.CharField(
        label=_("Short name"),
        max_length=30,
        required=False,
        help_text=_("As colleagues say it. Shown in lists and to residents."),
    )
    kind = forms.ChoiceField(label=_("Kind"), choices=OrgKind.choices)
    code = OrganisationCodeField(label=_("Unified social credit code"), required=False)
    parent = forms.IntegerField(required=False, widget=forms.HiddenInput)
    area = forms.CharField(label=pgettext_lazy("orgs", "Area"), required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not new:  # what it is and where it lies stays
            del self.fields["kind"], self.fields["area"]


class ReasonForm(forms.Form):
    """A sentence why."""

    reason = forms.CharField(
        label=pgettext_lazy("orgs", "Why"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off", "maxlength": "200"}),
    )


class MemberForm(forms.Form):
    username = forms.CharField(
        label=_("User name"), max_length=60, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    title = forms.CharField(label=_("Post"), max_length=40, required=False)


class PersonForm(forms.Form):
    """An account for a colleague."""

    username = forms.CharField(
        label=_("User name"),
        max_length=60,
        validators=[USERNAME],
        help_text=_("They log in with it, for example yu.keyuan. Not a phone number."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
    call_name = forms.CharField(label=_("What colleagues call them"), max_length=40)


class GrantForm(forms.Form):
    """Who, what, where, until when, why."""

    username = forms.CharField(
        label=_("User name"),
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
    role = forms.ChoiceField(label=_("Role"))
    valid_to = forms.DateField(
        label=_("Last day"),
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        help_text=_("At most a year; it can be given anew."),
    )
    acting_for = forms.CharField(
        label=_("In place of"),
        max_length=60,
        required=False,
        help_text=_("User name of the colleague who is away. They must hold the same role."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
    reason = forms.CharField(
        label=pgettext_lazy("orgs", "Why"), max_length=200, help_text=_("The post, or the paper it rests on."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.roles = queries.roles()
        self.errors_of: dict[str, str] = {}  # of the unit and the areas, which are chosen outside Django's fields
        role = self.fields["role"]
        assert isinstance(role, forms.ChoiceField)
        role.choices = [(r.key, str(r)) for r in self.roles]
        self.fields["valid_to"].initial = self.latest()

    def put(self, error: HeliError) -> None:
        """The step's error beside what it is about."""
        if error.field in {"org", "paths"}:
            self.errors_of[error.field] = error.words
        else:
            self.add_error(error.field if error.field in self.fields else None, error.words)

    @staticmethod
    def latest() -> dt.date:
        """The last day that can be chosen today."""
        return timezone.localdate() + USUAL - dt.timedelta(days=1)

    def clean_valid_to(self) -> dt.date:
        day: dt.date = self.cleaned_data["valid_to"]
        if day < timezone.localdate():
            raise forms.ValidationError(_("This day is over. Choose today or a later day."))
        if day > self.latest():
            raise forms.ValidationError(TooLong(days=USUAL.days).words)
        return day


class GrantFilterForm(forms.Form):
    """What narrows the list of grants; everything may be left empty, and nonsense narrows nothing."""

    person = forms.CharField(required=False, max_length=60)
    role = forms.CharField(required=False, max_length=40)
    unit = forms.CharField(required=False, max_length=80)
    area = forms.RegexField(r"^[0-9A-Za-z]{0,24}$", required=False)
    state = forms.ChoiceField(required=False, choices=[(s, s) for s in ("now", "soon", "ended", "all")])

    def wanted(self) -> queries.GrantFilter:
        self.is_valid()
        data = self.cleaned_data
        return queries.GrantFilter(
            person=data.get("person", ""),
            role=data.get("role", ""),
            unit=data.get("unit", ""),
            path=data.get("area", ""),
            state=data.get("state") or "now",
        )
