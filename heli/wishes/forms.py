"""What residents, givers and workers type. What may be done is decided by the steps; forms only read and explain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core.errors import HeliError
from heli.core.fields import PhoneField
from heli.wishes.models import TITLE, WORDS, Gift

ANY = 10_000  # more than a step takes, so that a long text comes back whole and the step says how long it is


def day(**kwargs: Any) -> forms.DateField:
    return forms.DateField(widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}), **kwargs)


class Explained(forms.Form):
    """A form that takes a step's error beside its field."""

    def put(self, error: HeliError) -> None:
        self.add_error(error.field if error.field in self.fields else None, error.words)


class MakeForm(Explained):
    """Three questions for a resident: what, where, how to reach you."""

    form_key = forms.UUIDField(required=False, widget=forms.HiddenInput)
    text = forms.CharField(
        label=_("What do you wish for?"),
        max_length=ANY,
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": _("Say what you wish for: one sentence is enough.")},
    )
    area = forms.CharField(required=False, max_length=24)
    spot = forms.CharField(required=False, max_length=120)
    phone = PhoneField(
        label=_("Phone number"),
        error_messages={"required": _("Write a number: somebody calls before they come and look.")},
    )
    name = forms.CharField(label=_("What to call you"), required=False, max_length=40)


class HomeForm(Explained):
    """What the worker saw, and what the wall may say."""

    visited_on = day(label=_("Looked in on"))
    seen = forms.CharField(
        label=_("What you saw, in one sentence"),
        max_length=200,
        help_text=_("For your unit, not for the wall. No name, no number, no door."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    title = forms.CharField(
        label=_("The wish in a few words"), max_length=ANY, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    words = forms.CharField(
        label=_("What the wall says"),
        max_length=ANY,
        help_text=_("Everybody reads it. Who it is, and where they live, must not be in it."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    gift = forms.ChoiceField(label=_("What is wished for"), choices=Gift.choices, widget=forms.RadioSelect)
    needed = forms.IntegerField(
        label=_("How many"),
        min_value=1,
        max_value=1_000_000,
        help_text=_("Several givers can share it: 3 blankets, 2 afternoons. For money, the sum in yuan."),
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
    measure = forms.CharField(
        label=pgettext_lazy("wish", "Of what"),
        max_length=8,
        required=False,
        help_text=_("blankets, afternoons… Not for money."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    keeper = forms.CharField(
        label=_("Who takes the money and gives a receipt"),
        max_length=60,
        required=False,
        help_text=_("Only for money. It never passes through here."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    until = day(label=_("Waits until"), required=False, help_text=_("Left empty: as long as the rule allows."))

    def home(self) -> dict[str, Any]:
        """The arguments of `steps.check`; call after is_valid."""
        names = ("visited_on", "seen", "title", "words", "gift", "needed", "measure", "keeper", "until")
        return {n: self.cleaned_data[n] for n in names}


CONSENT = _("The resident agrees that this stands on the wall, and knows that they can take it back at any time.")


class CheckForm(HomeForm):
    """The home check of a wish the unit already holds."""

    consent = forms.BooleanField(label=CONSENT, required=False)


class PostForm(CheckForm):
    """One page for a worker: who, where, what they said, what was seen, what the wall says."""

    form_key = forms.UUIDField(required=False, widget=forms.HiddenInput)
    unit = forms.TypedChoiceField(label=_("For the unit"), coerce=int, widget=forms.RadioSelect)
    name = forms.CharField(
        label=_("Name"), required=False, max_length=40, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    phone = PhoneField(label=_("Phone number"), required=False, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    text = forms.CharField(
        label=_("What they say, in their words"),
        max_length=ANY,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": _("Say what they wish for: one sentence is enough.")},
    )
    area = forms.CharField(required=False, max_length=24)
    spot = forms.CharField(
        label=_("Address"),
        required=False,
        max_length=120,
        help_text=_("For your unit only."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    field_order = ("form_key", "unit", "name", "phone", "text", "area", "spot")

    def __init__(self, *args: Any, units: Sequence[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["unit"]
        field.choices = units
        if len(units) == 1:
            field.required, field.empty_value = False, units[0][0]


class PublishForm(Explained):
    consent = forms.BooleanField(label=CONSENT, required=False)


ONESELF = "0"  # among the organisations one may give for


class PledgeForm(Explained):
    """How much, by when, for whom, and how the worker reaches the giver."""

    form_key = forms.UUIDField(required=False, widget=forms.HiddenInput)
    giver = forms.ChoiceField(label=_("Who gives"), widget=forms.RadioSelect, required=False)
    amount = forms.IntegerField(
        label=pgettext_lazy("pledge", "How much"),
        min_value=1,
        max_value=1_000_000,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
    promised_on = day(label=_("Delivered by"))
    phone = PhoneField(label=_("Your phone number"))
    name = forms.CharField(label=_("What to call you"), required=False, max_length=40)

    def __init__(self, *args: Any, orgs: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["giver"]
        field.choices, field.required = [*orgs, (ONESELF, _("Myself"))], bool(orgs)

    def org_id(self) -> int | None:
        """The organisation it is given for, None for the person."""
        return int(self.cleaned_data["giver"] or ONESELF) or None


class DeliverForm(Explained):
    delivered_on = day(label=_("Delivered on"))
    how = forms.CharField(
        label=_("How it was delivered"),
        required=False,
        max_length=200,
        help_text=_("For example: left with the community office."),
    )
    reference = forms.CharField(label=_("Number of the receipt"), required=False, max_length=40)
    photo = forms.FileField(
        label=_("Photo"),
        required=False,
        help_text=_("Of what was given, without a face, a name or a door."),
        widget=forms.ClearableFileInput(attrs={"accept": "image/*"}),
    )

    def __init__(self, *args: Any, money: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not money:
            del self.fields["reference"]

    def put(self, error: HeliError) -> None:
        if error.field == "photos":  # as files are called wherever there may be several
            error.field = "photo"
        super().put(error)


class ReasonForm(Explained):
    reason = forms.CharField(
        label=pgettext_lazy("wish", "Why"),
        max_length=300,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class ReplyForm(Explained):
    """An honest reply: the resident reads it."""

    reason = forms.CharField(
        label=_("What you tell the resident"), max_length=ANY, widget=forms.Textarea(attrs={"rows": 3})
    )


class ExtendForm(ReasonForm):
    until = day(label=_("Waits until"))
    field_order = ("until", "reason")


class ReceiveForm(Explained):
    word = forms.ChoiceField(
        label=_("The resident said so"),
        choices=[("visit", _("when I was there")), ("phone", pgettext_lazy("said", "on the phone"))],
        widget=forms.RadioSelect,
    )


class ThanksForm(Explained):
    words = forms.CharField(
        label=_("Words for the givers"), required=False, max_length=ANY, widget=forms.Textarea(attrs={"rows": 3})
    )


class PurposeForm(Explained):
    purpose = forms.CharField(
        label=_("What do you need it for?"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )


LIMITS = {"title": TITLE, "words": WORDS}
