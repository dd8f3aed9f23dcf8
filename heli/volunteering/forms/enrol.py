"""What is typed about places in shifts. What may be done is decided by the steps; forms only read and explain."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core.errors import HeliError
from heli.volunteering.models.kind import WORDS, Felt, Quality

OFF = {"autocomplete": "off"}


class Explained(forms.Form):
    """A form that takes a step's error beside its field."""

    def put(self, error: HeliError) -> None:
        self.add_error(error.field if error.field in self.fields else None, error.words)


class EnrolForm(Explained):
    form_key = forms.UUIDField(required=False, widget=forms.HiddenInput)
    read = forms.BooleanField(
        label=_("I have read what it asks for and which risks there are."),
        error_messages={"required": _("Read the risks first, then tick here.")},
    )


class ForForm(Explained):
    """A worker or leader enrols somebody."""

    form_key = forms.UUIDField(required=False, widget=forms.HiddenInput)
    numbers = forms.CharField(
        label=_("Volunteer numbers"),
        max_length=2000,
        help_text=_("Several at once: one a line, or with blanks between."),
        widget=forms.Textarea(attrs={"rows": 2, **OFF}),
    )
    together = forms.BooleanField(label=_("They come together: all of them, or nobody"), required=False)
    consent = forms.CharField(
        label=_("How they said yes"),
        max_length=200,
        required=False,
        help_text=_("For example: 周银龄 came to the office today and asked for it."),
        widget=forms.TextInput(attrs=OFF),
    )

    def read_numbers(self) -> list[str]:
        text = self.cleaned_data["numbers"].replace(",", " ").replace("，", " ").replace("、", " ")
        return list(dict.fromkeys(text.upper().split()))


class ReasonForm(Explained):
    reason = forms.CharField(label=pgettext_lazy("place", "Why"), max_length=200, widget=forms.TextInput(attrs=OFF))


class PassForm(Explained):
    number = forms.CharField(
        label=_("Volunteer number of who comes instead"),
        required=False,
        max_length=12,
        widget=forms.TextInput(attrs=OFF),
    )


class AnswerForm(Explained):
    words = forms.CharField(label=_("What you say to it"), max_length=200, widget=forms.Textarea(attrs={"rows": 2}))


class PinForm(Explained):
    pin = forms.CharField(
        label=_("PIN of this shift"),
        max_length=6,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )


class NumberForm(Explained):
    number = forms.CharField(label=_("Your volunteer number"), max_length=12, widget=forms.TextInput(attrs=OFF))


class PaperForm(Explained):
    """A signed sheet: its photo, and whom it stands for."""

    paper = forms.FileField(
        label=_("Photo of the signed sheet"), widget=forms.ClearableFileInput(attrs={"accept": "image/*"})
    )


# Afterwards -----------------------------------------------------------------------------------------------------------
def some_words(**more: Any) -> forms.CharField:
    return forms.CharField(max_length=WORDS, widget=forms.Textarea(attrs={"rows": 3, **OFF}), **more)


class SayForm(Explained):
    """How a shift was, for who served in it."""

    felt = forms.ChoiceField(label=_("How was this shift?"), choices=Felt.choices, widget=forms.RadioSelect)
    words = some_words(
        label=_("In your words"), required=False,
        help_text=_("The organiser reads it together with what others said, without a name."),
    )  # fmt: skip
    concern = forms.BooleanField(
        label=_("Somebody was not safe."), required=False,
        help_text=_("Then who reviews activities here looks at it at once, with your volunteer number. The organiser does not see it."),
    )  # fmt: skip


class ObjectForm(Explained):
    words = some_words(label=_("What you say to it"))


class ThankForm(Explained):
    words = some_words(label=_("Your thanks"), help_text=_("Only those you thank read it, each for themselves."))


class EvaluateForm(Explained):
    quality = forms.ChoiceField(label=_("How did the service go?"), choices=Quality.choices, widget=forms.RadioSelect)
    words = some_words(
        label=_("A few words on it"),
        required=False,
        help_text=_("Of the service, not of a person. Who served reads it."),
    )


class SettleForm(Explained):
    found = some_words(label=_("What you found, and what was done"), help_text=_("The volunteer reads it."))


class TellingForm(Explained):
    remind = forms.BooleanField(label=_("Remind me before a shift, by text message."), required=False)
    weekly = forms.BooleanField(
        label=_("Tell me once a week what fits me."), required=False,
        help_text=_("One text message a week, only when something fits. Nobody sees whether you open it."),
    )  # fmt: skip


class PairForm(Explained):
    number = forms.CharField(label=_("Their volunteer number"), max_length=12, widget=forms.TextInput(attrs=OFF))
