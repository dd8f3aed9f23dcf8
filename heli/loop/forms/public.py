"""What residents type, and what a clerk types for them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from heli.core.fields import MobileField, PhoneField
from heli.loop.models import Channel, Confidentiality

PHOTOS = 6
# More than a step takes, so that a long text comes back whole and the step says how long it is.
ANY_TEXT = 100_000
REACH = (
    ("morning", _("in the morning")),
    ("afternoon", _("in the afternoon")),
    ("evening", _("after 7 in the evening")),
)


class PhotosInput(forms.ClearableFileInput):
    """A file field for several photos."""

    allow_multiple_selected = True


class PhotosField(forms.FileField):
    """Up to six files; what is in them is looked at by the step. Clean value: a list, empty when there are none."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("required", False)
        kwargs.setdefault("widget", PhotosInput(attrs={"accept": "image/*", "multiple": True}))
        super().__init__(**kwargs)

    def clean(self, data: Any, initial: Any = None) -> Any:  # noqa: ARG002  (Django gives it)
        files: Sequence[Any] = data if isinstance(data, list) else [data] if data else []
        kept = [f for f in files if f is not None and f.size]
        if len(kept) > PHOTOS:
            raise forms.ValidationError(
                _("These are %(n)s photos; at most %(most)s fit. Choose the ones that show it best."),
                params={"n": len(kept), "most": PHOTOS},
            )
        return kept


class SubmitForm(forms.Form):
    """The three steps of telling something: what, where, how to reach you."""

    form_key = forms.UUIDField(required=False, widget=forms.HiddenInput)
    text = forms.CharField(required=False, max_length=ANY_TEXT, widget=forms.Textarea, label=_("What is it?"))
    photos = PhotosField(label=_("Photos"))
    category = forms.CharField(required=False, max_length=12)
    picked = forms.BooleanField(required=False)  # the person chose the category; typing on does not change it
    area = forms.CharField(required=False, max_length=24)
    spot = forms.CharField(required=False, max_length=120, label=_("Address or landmark"))
    lat = forms.DecimalField(required=False, min_value=3, max_value=54, max_digits=9, decimal_places=6)
    lon = forms.DecimalField(required=False, min_value=73, max_value=136, max_digits=9, decimal_places=6)
    accuracy = forms.IntegerField(required=False, min_value=0, max_value=100_000)
    twin = forms.CharField(required=False, max_length=200)
    contact = forms.ChoiceField(choices=[("phone", ""), ("none", "")], required=False, initial="phone")
    phone = MobileField(required=False, label=_("Mobile number"))
    name = forms.CharField(required=False, max_length=40, label=_("What to call you"))
    reach = forms.ChoiceField(choices=REACH, required=False, widget=forms.RadioSelect, label=_("When a call suits you"))
    protected = forms.BooleanField(required=False, label=_("Do not let the unit I speak about know that it was me"))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("contact") == "none":
            data |= {"phone": "", "name": "", "reach": "", "protected": False}
            self.errors.pop("phone", None)
            self.errors.pop("name", None)
        elif not data.get("phone") and "phone" not in self.errors:
            self.add_error("phone", _("Write a number to call, or choose “no name” above."))
        for hidden in ("lat", "lon", "accuracy"):  # a place by satellite that cannot be read is as good as none
            if self.errors.pop(hidden, None):
                data |= {"lat": None, "lon": None}
        return data

    def told(self) -> dict[str, Any]:
        """The arguments of `steps.hear` in what was typed; call after is_valid."""
        data = self.cleaned_data
        pair = data.get("lat") is not None and data.get("lon") is not None
        return {
            "text": data["text"],
            "area_path": data["area"],
            "category": data["category"],
            "spot": data["spot"],
            "lat": data["lat"] if pair else None,
            "lon": data["lon"] if pair else None,
            "accuracy": data["accuracy"] if pair else None,
            "name": data["name"],
            "phone": data["phone"],
            "reach": data["reach"],
            "confidentiality": Confidentiality.PROTECTED if data["protected"] else Confidentiality.OPEN,
            "photos": data["photos"],
            "form_key": data["form_key"],
        }


def new_key() -> uuid.UUID:
    """A key for one showing of a form: what is sent twice with it counts once."""
    return uuid.uuid4()


class JudgeForm(forms.Form):
    """Contacted? Solved? Satisfied? And why."""

    voice = forms.IntegerField(required=False)  # at the counter: whose judgement this is
    contacted = forms.ChoiceField(
        choices=[("yes", _("I was")), ("no", _("I was not"))],
        widget=forms.RadioSelect,
        label=_("Were you contacted?"),
        error_messages={"required": _("Choose whether anybody got in touch.")},
    )
    solved = forms.ChoiceField(
        choices=[("yes", _("Solved")), ("partly", _("In part")), ("no", _("Not solved"))],
        widget=forms.RadioSelect,
        label=_("Is it solved?"),
        error_messages={"required": _("Choose: solved, partly, or not.")},
    )
    satisfaction = forms.TypedChoiceField(
        choices=[(n, "") for n in range(1, 6)],
        coerce=int,
        widget=forms.RadioSelect,
        label=_("Are you satisfied?"),
        error_messages={"required": _("Choose one of the five.")},
    )
    words = forms.CharField(required=False, max_length=ANY_TEXT, widget=forms.Textarea, label=_("What you want to say"))


class WordsForm(forms.Form):
    """Something more about a request: words, photos, or both."""

    text = forms.CharField(required=False, max_length=ANY_TEXT, widget=forms.Textarea, label=_("Your words"))
    photos = PhotosField(label=_("Photos"))


class LinkForm(forms.Form):
    """At the counter: an end to a link that was lost or shown around, for somebody who was seen."""

    checked = forms.CharField(
        max_length=200,
        label=_("How you made sure who asks"),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": _("Write how you made sure: it stands in the history.")},
    )


class FindForm(forms.Form):
    """A code, and the phone number that was left with it."""

    code = forms.CharField(
        max_length=40,
        label=_("Your code"),
        widget=forms.TextInput(
            attrs={"autocapitalize": "characters", "autocomplete": "off", "placeholder": "ZF-7K3M-42P"}
        ),
        error_messages={"required": _("Type the code that stood on the page after sending.")},
    )
    phone = PhoneField(required=False, label=_("The phone number you left"))


class CounterForm(forms.Form):
    """One dense page on which a clerk or a seat of the hotline takes a request down."""

    form_key = forms.UUIDField(required=False, widget=forms.HiddenInput)
    channel = forms.ChoiceField(
        choices=[(Channel.COUNTER, Channel.COUNTER.label), (Channel.PHONE, Channel.PHONE.label)],
        widget=forms.RadioSelect,
    )
    phone = PhoneField(required=False, label=_("Phone number"))
    name = forms.CharField(required=False, max_length=40, label=_("Name"))
    reach = forms.ChoiceField(
        choices=REACH, required=False, widget=forms.RadioSelect, label=_("When a call suits them")
    )
    protected = forms.BooleanField(required=False, label=_("The unit is not to know who said it"))
    text = forms.CharField(required=False, max_length=ANY_TEXT, widget=forms.Textarea, label=_("What they say"))
    photos = PhotosField(label=_("Photos"))
    category = forms.CharField(required=False, max_length=12)
    picked = forms.BooleanField(required=False)
    area = forms.CharField(required=False, max_length=24)
    spot = forms.CharField(required=False, max_length=120, label=_("Where exactly"))

    def told(self) -> dict[str, Any]:
        """The arguments of `steps.hear` in what was typed; call after is_valid."""
        data = self.cleaned_data
        return {
            "text": data["text"],
            "area_path": data["area"],
            "category": data["category"],
            "spot": data["spot"],
            "channel": data["channel"],
            "name": data["name"],
            "phone": data["phone"],
            "reach": data["reach"],
            "confidentiality": Confidentiality.PROTECTED if data["protected"] else Confidentiality.OPEN,
            "photos": data["photos"],
            "form_key": data["form_key"],
        }
