"""What a phone sends with a snap, and what staff decide."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from heli.snaps.steps import WORDS_LIMIT


class SnapForm(forms.Form):
    """One photo, one button, the place; nothing else is asked."""

    form_key = forms.UUIDField(required=False)
    hazard = forms.CharField(required=False, max_length=12)
    words = forms.CharField(required=False, max_length=WORDS_LIMIT, label=_("In a few words"))
    area = forms.CharField(required=False, max_length=24, label=_("Community"))
    spot = forms.CharField(required=False, max_length=120, label=_("Where exactly"))
    lat = forms.DecimalField(required=False, min_value=3, max_value=54)
    lon = forms.DecimalField(required=False, min_value=73, max_value=136)
    accuracy = forms.FloatField(required=False, min_value=0)
    photo = forms.FileField(required=False, label=_("Photo"))
    about_place = forms.BooleanField(required=False)
    alone = forms.BooleanField(required=False)  # without the account that is logged in

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for hidden in ("lat", "lon", "accuracy", "form_key"):  # what a person does not see is never their mistake
            if self.errors.pop(hidden, None):
                data[hidden] = None
        return data

    def told(self) -> dict[str, Any]:
        """The arguments of `steps.take` in what arrived; call after is_valid."""
        data = self.cleaned_data
        pair = data.get("lat") is not None and data.get("lon") is not None
        exact = Decimal("0.000001")
        return {
            "hazard": data["hazard"],
            "words": data["words"],
            "area_path": data["area"],
            "spot": data["spot"],
            "lat": data["lat"].quantize(exact) if pair else None,
            "lon": data["lon"].quantize(exact) if pair else None,
            "accuracy": round(min(data["accuracy"], 100_000)) if pair and data.get("accuracy") is not None else None,
            "photo": data["photo"] if data["photo"] else None,
            "form_key": data["form_key"],
            "about_place": data["about_place"],
        }


class PointForm(forms.Form):
    """Where a phone is."""

    lat = forms.DecimalField(min_value=3, max_value=54)
    lon = forms.DecimalField(min_value=73, max_value=136)
    accuracy = forms.FloatField(required=False, min_value=0)


class DecideForm(forms.Form):
    """Give thanks or not, with the reason the sender reads."""

    give = forms.ChoiceField(choices=[("yes", ""), ("no", "")])
    reason = forms.CharField(
        max_length=300,
        label=_("Reason; whoever sent it reads it"),
        error_messages={"required": _("Write the reason: whoever sent it reads it.")},
    )
