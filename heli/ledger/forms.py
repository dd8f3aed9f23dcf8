"""What a recorder or reviewer writes about one service."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from heli.ledger.models import BY_HAND, Grade, Service

WITH_MINUTES = ("approve", "hold", "correct")


class ActForm(forms.Form):
    """Minutes, what they rest on, and the reason; only what the act asks for."""

    minutes = forms.IntegerField(label=_("Minutes"), min_value=1, max_value=1440)
    grade = forms.ChoiceField(label=_("What it rests on"), choices=[(g.value, g.label) for g in BY_HAND])
    reason = forms.CharField(label=_("Reason"), max_length=200, help_text=_("The volunteer reads it."))

    def __init__(self, *args: Any, verb: str, service: Service, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if verb not in WITH_MINUTES:
            del self.fields["minutes"]
        else:
            known = service.credited or service.checked or service.claimed or service.planned
            self.fields["minutes"].initial = known
        if verb not in WITH_MINUTES or service.checked is not None:
            del self.fields["grade"]
        else:
            self.fields["grade"].initial = Grade.LEADER
        if verb == "approve":
            del self.fields["reason"]
