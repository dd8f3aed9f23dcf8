"""What is typed of a notice."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.notices.models import Group
from heli.notices.steps import LENGTHS
from heli.places.forms import AreaField


def _text(name: str, label: Any, help_text: Any = "", *, rows: int = 0, required: bool = True) -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": rows}) if rows else forms.TextInput()
    return forms.CharField(label=label, max_length=LENGTHS[name], required=required, help_text=help_text, widget=widget)


class NoticeForm(forms.Form):
    """One notice: four plain parts, its source, whom it concerns, where and until when."""

    title = _text("title", _("Title"), _("What somebody gets or has to do, in one line."))
    meaning = _text("meaning", _("What it means for you"), rows=5)
    todo = _text("todo", _("What you need to do"), _("Nothing to do? Say so."), rows=4, required=False)
    until = _text("until", _("Until when"), _("A date, not “soon”."), required=False)
    ask = _text("ask", _("Where to ask"), _("Place and office number, with hours."), required=False)
    groups = forms.MultipleChoiceField(
        label=_("Whom it concerns"),
        choices=Group.choices,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )
    area = AreaField(label=_("Where it holds"))
    source = _text("source", _("What it rests on"), _("Issuing body, title, number and date."), required=False)
    source_url = forms.CharField(
        label=_("Address of the official text"), max_length=300, required=False,
        widget=forms.URLInput(attrs={"inputmode": "url", "placeholder": "https://"}),
    )  # fmt: skip
    valid_from = forms.DateField(
        label=_("Shown from"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )
    valid_to = forms.DateField(
        label=_("Last day"), required=False, widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, by: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["area"].limit(by.paths(Cap.PUBLISH_NOTICES), (2, 3, 4, 5))  # type: ignore[attr-defined]

    def told(self) -> dict[str, Any]:
        """What the step takes."""
        data = {k: v for k, v in self.cleaned_data.items() if k not in {"version", "area"}}
        return data | {"area_path": self.cleaned_data["area"].path}


class WithdrawForm(forms.Form):
    reason = forms.CharField(label=_("Why it is withdrawn"), max_length=200, help_text=_("Everybody can read it."))
