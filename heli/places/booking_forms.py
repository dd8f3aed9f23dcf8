"""What is typed of a booking, of what a site lends, and of who runs it together. What may be done is decided by the steps."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core.errors import HeliError
from heli.places.resources import OpenTo, Resource, ResourceKind


class Explained(forms.Form):
    """A form that takes a step's error beside its field."""

    def put(self, error: HeliError) -> None:
        self.add_error(error.field if error.field in self.fields else None, error.words)


def _day(label: Any, **more: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}), **more)


def _time(label: Any) -> forms.TimeField:
    return forms.TimeField(label=label, widget=forms.TimeInput(format="%H:%M", attrs={"type": "time", "step": "900"}))


def _number(label: Any, most: int, least: int = 1, **more: Any) -> forms.IntegerField:
    widget = forms.NumberInput(attrs={"inputmode": "numeric"})
    return forms.IntegerField(label=label, min_value=least, max_value=most, widget=widget, **more)


class BookForm(Explained):
    """When, for whom, what for."""

    form_key = forms.UUIDField(required=False, widget=forms.HiddenInput)
    on = _day(_("Day"))
    begin = _time(pgettext_lazy("booking", "From"))
    until = _time(pgettext_lazy("booking", "Until"))
    amount = _number(pgettext_lazy("booking", "How many"), 100_000)
    org = forms.ChoiceField(label=_("For whom"), required=False, widget=forms.RadioSelect)
    purpose = forms.CharField(
        label=_("What for"), max_length=80,
        help_text=_("For who keeps the place; nobody else reads it. No name, no number of a person."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip

    def __init__(self, *args: Any, resource: Resource, orgs: list[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not resource.counted:
            del self.fields["amount"]
        mine = [] if resource.open_to == OpenTo.ORGS else [("", _("for myself"))]
        self.fields["org"].choices = [*mine, *((str(pk), name) for pk, name in orgs)]  # type: ignore[attr-defined]
        if not orgs:
            del self.fields["org"]

    def told(self) -> dict[str, Any]:
        """The arguments of `bookings.book`; an end before the beginning is on the next day (22:00–1:00)."""
        data = self.cleaned_data
        begin, end = (timezone.make_aware(dt.datetime.combine(data["on"], data[n])) for n in ("begin", "until"))
        if end <= begin and data["until"] <= dt.time(6):
            end += dt.timedelta(days=1)
        org = data.get("org") or ""
        return {
            "begin": begin, "end": end, "purpose": data["purpose"], "amount": data.get("amount") or 1,
            "org_id": int(org) if org else None, "form_key": data["form_key"],
        }  # fmt: skip


class ReasonForm(Explained):
    """Why something is cancelled or refused."""

    reason = forms.CharField(label=_("Why"), max_length=120, widget=forms.TextInput(attrs={"autocomplete": "off"}))


class ResourceForm(Explained):
    """Something of a site that can be booked."""

    kind = forms.ChoiceField(
        label=pgettext_lazy("booking", "What it is"), choices=ResourceKind.choices, widget=forms.RadioSelect
    )
    name = forms.CharField(
        label=pgettext_lazy("resource", "Its name"), min_length=2, max_length=40,
        help_text=_("As on its door. For somebody who knows: what they help with, not their name."),
    )  # fmt: skip
    username = forms.CharField(
        label=_("User name of who helps"), max_length=60, required=False,
        help_text=_("Only for somebody who knows. They are asked first, and say how they want to be called."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip
    what_for = forms.CharField(
        label=_("What it is good for"), max_length=200, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    units = _number(_("How many there are"), 100_000, help_text=_("Identical ones; of goods, all there are."))
    seats = _number(_("Seats of a room"), 10_000, required=False)
    open_to = forms.ChoiceField(label=_("Who may book it"), choices=OpenTo.choices, widget=forms.RadioSelect)
    lead_hours = _number(
        _("Hours it is booked before"), 2160, least=0, required=False, help_text=_("Left empty: as the rule says here.")
    )
    longest_hours = _number(
        _("Hours at a time at most"), 2160, required=False, help_text=_("Left empty: as the rule says here.")
    )
    asks = forms.BooleanField(
        label=_("Each booking waits for your yes"), required=False,
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )  # fmt: skip

    def __init__(self, *args: Any, fixed: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if fixed:
            del self.fields["kind"], self.fields["username"]
        if fixed and fixed != ResourceKind.ROOM:
            del self.fields["seats"]
        if fixed == ResourceKind.EXPERT:
            del self.fields["units"]

    def told(self) -> dict[str, Any]:
        """The arguments of the step, kind and user name aside."""
        return {k: v for k, v in self.cleaned_data.items() if k not in {"kind", "username"}}


class CallForm(Explained):
    """How an expert wants to be called."""

    call_name = forms.CharField(
        label=_("How everybody sees you"), max_length=20,
        help_text=_("For example 李律师. Not more than you want everybody to read."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip


class PartnerForm(Explained):
    """What an organisation that runs the site with its keeper brings in."""

    brings = forms.CharField(
        label=_("What they bring in"), max_length=120, help_text=_("Everybody can read it."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip
    since = _day(pgettext_lazy("booking", "Since"))
