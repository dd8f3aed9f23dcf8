"""What is typed on the pages of suggestions."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core.errors import HeliError
from heli.core.fields import MobileField
from heli.loop.forms.public import ANY_TEXT, PhotosField
from heli.suggestions.models import Verdict
from heli.suggestions.steps.answer import MOST, Plan

DAY = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})


class Typed(forms.Form):
    """A form that takes an error of a step to the field it belongs to."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            kind = "form-select" if isinstance(field.widget, forms.Select) else "form-control"
            if not isinstance(field.widget, forms.RadioSelect | forms.CheckboxInput | forms.HiddenInput):
                field.widget.attrs.setdefault("class", kind)

    def put(self, error: HeliError) -> None:
        """The error beside its field, or above the form with its code."""
        known = error.field in self.fields
        self.add_error(error.field if known else None, error.words if known else str(error))


class SuggestForm(Typed):
    """A suggestion as a resident types it."""

    form_key = forms.UUIDField(required=False, widget=forms.HiddenInput)
    call = forms.CharField(required=False, max_length=20)
    text = forms.CharField(
        max_length=ANY_TEXT,
        widget=forms.Textarea(attrs={"rows": 7}),
        label=_("What do you suggest?"),
        error_messages={"required": _("Say what you suggest: one sentence is enough.")},
    )
    area = forms.CharField(required=False, max_length=24)
    credit = forms.ChoiceField(choices=[("no", _("Without a name")), ("yes", _("With a name"))], required=False)
    credit_name = forms.CharField(required=False, max_length=40, label=_("The name to show"))
    phone = MobileField(required=False, label=_("Mobile number"))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("credit") == "yes" and not data.get("credit_name", "").strip():
            self.add_error("credit_name", _("Write the name to show, or choose “without a name”."))
        if data.get("credit") != "yes":
            data["credit_name"] = ""
        return data


class CallForm(Typed):
    """A call for suggestions."""

    title = forms.CharField(max_length=40, label=_("Title"), help_text=_("Up to 40 characters: what it is about."))
    asked = forms.CharField(max_length=1000, widget=forms.Textarea(attrs={"rows": 4}), label=_("What do you ask?"))
    why = forms.CharField(
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        label=_("What happens with the answers?"),
        help_text=_("Only what you can keep: it is read against the summary."),
    )
    first_day = forms.DateField(widget=DAY, label=pgettext_lazy("suggestions", "First day"))
    last_day = forms.DateField(widget=DAY, label=pgettext_lazy("suggestions", "Last day"))


class SummaryForm(Typed):
    """What came of a call."""

    summary = forms.CharField(
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 6}),
        label=_("What came of it"),
        help_text=_("The numbers stand beside it by themselves: write what was adopted, what not, and why."),
    )


class PublishForm(Typed):
    """Publishing, possibly in words the suggester agreed to."""

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    title = forms.CharField(required=False, max_length=60, label=_("Title"))
    text = forms.CharField(
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 6}),
        label=pgettext_lazy("suggestions", "Words"),
    )
    agreed = forms.CharField(
        required=False,
        max_length=200,
        label=_("How the suggester agreed"),
        help_text=_("Only when you changed the words: for example “by phone, 17 November”."),
    )


class ReasonForm(Typed):
    """A reason that its suggester reads."""

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    reason = forms.CharField(
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
        label=_("Why it is not public; the suggester reads it"),
    )


class TextForm(Typed):
    """Some words."""

    text = forms.CharField(max_length=ANY_TEXT, widget=forms.Textarea(attrs={"rows": 4}), label=_("Your words"))


class NameForm(Typed):
    """The name a suggestion is shown with."""

    credit_name = forms.CharField(max_length=40, label=_("The name to show"))


class WordForm(Typed):
    """A word on a measure, with photos."""

    text = forms.CharField(
        max_length=ANY_TEXT, widget=forms.Textarea(attrs={"rows": 4}), label=pgettext_lazy("measure", "How it goes")
    )
    photos = PhotosField(label=_("Photos"))


class AnswerForm(Typed):
    """Verdict, reasons, and up to eight measures."""

    verdict = forms.ChoiceField(
        choices=Verdict.choices,
        widget=forms.RadioSelect,
        label=_("Is it adopted?"),
        error_messages={"required": _("Choose one of the four.")},
    )
    reasons = forms.CharField(
        max_length=ANY_TEXT,
        widget=forms.Textarea(attrs={"rows": 6}),
        label=_("Why"),
        help_text=_("What speaks for it, what against; the suggester and everybody reads it."),
    )
    basis = forms.CharField(
        required=False,
        max_length=300,
        label=_("The rule or fact it rests on"),
        help_text=_("Needed when it is not adopted: name the rule with its article, or the figure."),
    )

    def __init__(self, *args: Any, units: list[tuple[int, str]], rows: int = 2, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.units, self.n = units, max(1, min(rows, MOST))
        for n in range(self.n):
            self.fields[f"what_{n}"] = forms.CharField(
                required=False,
                max_length=300,
                label=_("What will be done"),
                widget=forms.TextInput({"class": "form-control"}),
            )
            self.fields[f"unit_{n}"] = forms.TypedChoiceField(
                required=False, choices=units, coerce=int, label=_("By which unit"),
                widget=forms.Select({"class": "form-select"}),
            )  # fmt: skip
            self.fields[f"due_{n}"] = forms.DateField(
                required=False,
                label=_("By which day"),
                widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "class": "form-control"}),
            )

    def rows(self) -> list[dict[str, Any]]:
        """The fields of the measures, a row each."""
        return [
            {"n": n + 1, "what": self[f"what_{n}"], "unit": self[f"unit_{n}"], "due": self[f"due_{n}"]}
            for n in range(self.n)
        ]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for n in range(self.n):
            what, due = data.get(f"what_{n}", ""), data.get(f"due_{n}")
            if what and due is None and f"due_{n}" not in self.errors:
                self.add_error(f"due_{n}", _("By which day?"))
            if due is not None and not what:
                self.add_error(f"what_{n}", _("What will be done by that day?"))
        return data

    def put(self, error: HeliError) -> None:
        """What is wrong with the measures stands beside the first of them."""
        if error.field == "plans":
            error.field = "what_0"
        super().put(error)

    def plans(self) -> list[Plan]:
        """The measures in what was typed; call after is_valid."""
        data, found = self.cleaned_data, []
        for n in range(self.n):
            due: dt.date | None = data.get(f"due_{n}")
            if data.get(f"what_{n}") and due is not None:
                found.append(Plan(data[f"what_{n}"], data[f"unit_{n}"] or self.units[0][0], due))
        return found
