"""Forms of endpoints. What may be chosen is decided by the steps; the forms only read and explain."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core.errors import HeliError
from heli.hooks.catalogue import STEPS
from heli.hooks.models import DeliveryState


class EndpointForm(forms.Form):
    """A new endpoint, or another address for one."""

    name = forms.CharField(
        label=pgettext_lazy("endpoint", "Name"),
        max_length=60,
        help_text=_("As colleagues say it, for example: city hotline."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    url = forms.CharField(
        label=pgettext_lazy("endpoint", "Address"),
        max_length=500,
        help_text=_("Begins with https:// and is reachable from the internet."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "url", "autocapitalize": "none"}),
    )
    steps = forms.MultipleChoiceField(required=False, choices=[(s, s) for s in STEPS])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.errors_of: dict[str, str] = {}  # of the grant and the area, which are chosen outside Django's fields

    def put(self, error: HeliError) -> None:
        """The step's error beside what it is about."""
        if error.field in {"grant", "area"}:
            self.errors_of[error.field] = error.words
        else:
            self.add_error(error.field if error.field in self.fields else None, error.words)


class WhyForm(forms.Form):
    """A sentence why."""

    reason = forms.CharField(
        label=pgettext_lazy("endpoint", "Why"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )


class DeliveryFilterForm(forms.Form):
    """What narrows the list of deliveries; nonsense narrows nothing."""

    state = forms.ChoiceField(required=False, choices=DeliveryState.choices)
    code = forms.RegexField(r"^[0-9A-Za-z-]{0,40}$", required=False)

    def wanted(self) -> dict[str, str]:
        self.is_valid()
        return {"state": self.cleaned_data.get("state", ""), "code": self.cleaned_data.get("code", "")}
