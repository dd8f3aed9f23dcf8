"""What is typed about a site: by who manages an area's sites, and by who keeps one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core.errors import HeliError
from heli.core.fields import PhoneField
from heli.engines.opening import Periods
from heli.places.forms import AreaField
from heli.places.site_steps import read_hours
from heli.places.site_words import WEEKDAYS, hours
from heli.places.sites import Ebike, Position, Service, Site, SiteKind

SAME = ("同上", "同前", "same")
LEVELS = (3, 4, 5, 6)


class HoursField(forms.CharField):
    """Hours of one day; clean value: periods. '同上' in a week stands for the day above."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=80, required=False, **kwargs)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if text.strip() in SAME:
            return None
        try:
            return read_hours(text)
        except HeliError as error:
            raise ValidationError(error.words) from error


def _date(label: Any, **more: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}), **more)


def _degrees(label: Any, **more: Any) -> forms.FloatField:
    return forms.FloatField(
        label=label, widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}), **more
    )


class KeepForm(forms.Form):
    """What the keeper of a site says of it: hours of the week, services, how to get in."""

    services = forms.MultipleChoiceField(
        label=_("What there is"),
        choices=Service.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )
    phone = PhoneField(
        label=_("Phone of the office"), required=False, help_text=_("Everybody can read it: not somebody's own number.")
    )
    way = forms.CharField(
        label=_("How to get there"), max_length=200, required=False, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("As you would tell somebody on the phone: past what, which door."),
    )  # fmt: skip
    gate = forms.CharField(label=_("Where riders go in"), max_length=80, required=False)
    gate_lat = _degrees(_("Latitude of that gate"), required=False)
    gate_lon = _degrees(_("Longitude of that gate"), required=False)
    park = forms.CharField(label=_("Where they may park"), max_length=80, required=False)
    ebike = forms.ChoiceField(label=_("Electric bikes"), choices=Ebike.choices, required=False)
    access_until = forms.CharField(
        label=_("Until when"),
        max_length=40,
        required=False,
        help_text=_("For example: until 22:00, later by the south gate"),
    )
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for day, name in enumerate(WEEKDAYS):
            self.fields[f"day{day}"] = HoursField(label=name)

    @property
    def days(self) -> list[Any]:
        """The seven fields of the week."""
        return [self[f"day{n}"] for n in range(7)]

    def week(self) -> list[Periods]:
        """The week as it was typed."""
        rows: list[Periods] = []
        for n in range(7):
            said = self.cleaned_data[f"day{n}"]
            rows.append((rows[-1] if rows else ()) if said is None else said)
        return rows

    def told(self) -> dict[str, Any]:
        """What the step takes, hours and version aside."""
        return {k: v for k, v in self.cleaned_data.items() if not k.startswith("day") and k not in {"version", "area"}}


class SiteForm(KeepForm):
    """All of a site, for who manages the sites of an area."""

    name = forms.CharField(label=_("Its name"), min_length=2, max_length=60)
    kind = forms.ChoiceField(label=_("Kind"), choices=SiteKind.choices)
    position = forms.ChoiceField(
        label=_("Which service position"),
        choices=Position.choices,
        required=False,
        help_text=_("Only for a service position: the name on its sign."),
    )
    area = AreaField(label=_("Street or community"), levels=LEVELS)
    address = forms.CharField(label=pgettext_lazy("site", "Address"), max_length=120)
    lat = _degrees(_("Latitude"))
    lon = _degrees(_("Longitude"))
    valid_from = _date(_("There since"), required=False)

    def __init__(self, *args: Any, within: Iterable[str] = (), fixed: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if fixed:
            del self.fields["area"]
        else:
            self.fields["area"].limit(within, LEVELS)  # type: ignore[attr-defined]

    def told(self) -> dict[str, Any]:
        data = super().told()
        if data.get("valid_from") is None:
            data.pop("valid_from", None)
        return data


class DayForm(forms.Form):
    """One day with other hours."""

    on = _date(_("Day"))
    hours = HoursField(label=_("Hours of that day"), help_text=_("Empty: closed that day."))
    note = forms.CharField(label=_("Why"), max_length=60, required=False, help_text=_("Everybody can read it."))


class CloseForm(forms.Form):
    """Closing for good."""

    on = _date(_("First day on which it is no more"))
    reason = forms.CharField(label=_("Why it closes"), max_length=120, help_text=_("Everybody can read it."))


def first_values(site: Site, week: list[Periods]) -> dict[str, Any]:
    """A site as its form shows it."""
    names = (
        "name", "kind", "position", "address", "lat", "lon", "valid_from", "services", "phone", "way", "gate", "gate_lat", "gate_lon",
        "park", "ebike", "access_until", "version",
    )  # fmt: skip
    values: dict[str, Any] = {n: getattr(site, n) for n in names}
    for day, periods in enumerate(week):
        values[f"day{day}"] = (
            SAME[0] if day and periods and periods == week[day - 1] else hours(periods) if periods else ""
        )
    return values
