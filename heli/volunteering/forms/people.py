"""What volunteers, workers and leaders type. What may be done is decided by the steps; forms only read and explain."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core.errors import HeliError
from heli.core.fields import MobileField, PhoneField
from heli.volunteering.models import Field, Level, Limit, ProofKind, Skill
from heli.volunteering.models.people import PARTS
from heli.volunteering.steps.proofs import SHOWN

OFF = {"autocomplete": "off"}


def line(**kwargs: Any) -> forms.CharField:
    return forms.CharField(widget=forms.TextInput(attrs=OFF), **kwargs)


def day(**kwargs: Any) -> forms.DateField:
    return forms.DateField(widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}), **kwargs)


class Explained(forms.Form):
    """A form that takes a step's error beside its field."""

    def put(self, error: HeliError) -> None:
        self.add_error(error.field if error.field in self.fields else None, error.words)


class NameForm(Explained):
    name = line(label=_("Name on the identity card"), max_length=40)
    id_number = forms.CharField(
        label=_("Identity number"), max_length=40,
        widget=forms.TextInput(attrs={**OFF, "inputmode": "text", "autocapitalize": "characters", "class": "h-digits"}),
    )  # fmt: skip


class RegisterForm(NameForm):
    """One's own registration: who, where, what one likes to do."""

    area = forms.CharField(required=False, max_length=24)
    fields_ = forms.MultipleChoiceField(
        label=_("What would you like to help with?"), choices=Field.choices, required=False,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip


class RegisterForForm(RegisterForm):
    """A worker registers somebody at the counter or on the phone."""

    phone = MobileField(label=_("Mobile number"), required=False, widget=forms.TextInput(attrs=OFF))
    consent = line(
        label=_("How they said yes"),
        max_length=200,
        help_text=_("For example: said so at the counter, signed the form."),
    )
    seen_card = forms.BooleanField(label=_("I have looked at the identity card."), required=False)


class WhenForm(Explained):
    """What, when, what not."""

    fields_ = forms.MultipleChoiceField(
        label=_("What would you like to help with?"), choices=Field.choices, required=False,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    free = forms.TypedMultipleChoiceField(
        coerce=int, choices=[(n, str(n)) for n in range(PARTS)], required=False, widget=forms.CheckboxSelectMultiple
    )
    limits = forms.MultipleChoiceField(
        label=_("What you do not do"), choices=Limit.choices, required=False, widget=forms.CheckboxSelectMultiple
    )
    longest = forms.TypedChoiceField(
        label=_("How long at most"), coerce=int, empty_value=None, required=False,
        choices=[
            ("", _("as it comes")), (60, _("1 hour")), (90, _("an hour and a half")), (120, _("2 hours")),
            (180, _("3 hours")), (240, _("4 hours")), (480, _("a whole day")),
        ],
    )  # fmt: skip
    far = forms.TypedChoiceField(
        label=_("How far from home"), coerce=int, empty_value=None, required=False,
        choices=[
            ("", _("anywhere")), (1000, _("on foot, 1 km")), (3000, _("3 km")), (10000, _("10 km")), (30000, _("30 km")),
        ],
    )  # fmt: skip
    by_phone = forms.BooleanField(label=_("Tell me by text message and call."), required=False)

    def told(self) -> dict[str, Any]:
        """The arguments of `steps.people.change`; call after is_valid."""
        data = self.cleaned_data
        return {
            "fields": data["fields_"], "free": data["free"], "limits": data["limits"], "most_minutes": data["longest"],
            "reach": data["far"], "by_phone": data["by_phone"],
        }  # fmt: skip


class WhenForForm(WhenForm):
    consent = line(label=_("How they said yes"), max_length=200)


class ShowForm(Explained):
    """Something that can be shown."""

    kind = forms.ChoiceField(
        label=_("What do you show?"), choices=[(k.value, k.label) for k in SHOWN], widget=forms.RadioSelect
    )
    skill = forms.ModelChoiceField(
        label=_("Which one"), queryset=Skill.objects.order_by("-kind", "id"), required=False, empty_label=_("choose")
    )
    level = forms.TypedChoiceField(
        label=_("How well"),
        choices=Level.choices,
        coerce=int,
        empty_value=None,
        required=False,
        widget=forms.RadioSelect,
    )
    valid_from = day(label=_("Valid from"))
    valid_to = day(label=_("Valid to"), help_text=_("As it stands on the paper; for a skill, when to ask again."))
    how = line(label=_("In words"), required=False, max_length=200, help_text=_("The insurer, who issued it."))
    paper = forms.FileField(
        label=_("Photo or PDF of the paper"), required=False,
        widget=forms.ClearableFileInput(attrs={"accept": "image/*,application/pdf"}),
    )  # fmt: skip

    def put(self, error: HeliError) -> None:
        if error.field == "photos":  # as files are called wherever there may be several
            error.field = "paper"
        super().put(error)

    def told(self, files: Any) -> dict[str, Any]:
        """The arguments of `steps.proofs.show`; call after is_valid."""
        data = self.cleaned_data
        skill = data["skill"].pk if data["skill"] and data["kind"] == ProofKind.SKILL else None
        return {
            "kind": data["kind"], "skill_id": skill, "level": data["level"] or 1, "valid_from": data["valid_from"],
            "valid_to": data["valid_to"], "how": data["how"], "papers": files.getlist("paper"),
        }  # fmt: skip


class ShowForForm(ShowForm):
    consent = line(label=_("How they said yes"), max_length=200)


class GuardianForm(Explained):
    name = line(label=_("Name of the guardian"), max_length=40)
    phone = PhoneField(label=_("The guardian's number"), widget=forms.TextInput(attrs=OFF))


class GuardianForForm(GuardianForm):
    consent = line(label=_("How they said yes"), max_length=200)


class ConsentForm(Explained):
    consent = line(label=_("How they said yes"), max_length=200)


class VerifyForm(Explained):
    """What stands on the card in the worker's hand."""

    name = line(label=_("Name on the card"), max_length=40)
    last = forms.CharField(
        label=_("Last six characters of the number"), max_length=12,
        widget=forms.TextInput(attrs={**OFF, "class": "h-digits", "autocapitalize": "characters"}),
    )  # fmt: skip


class ReasonForm(Explained):
    reason = line(label=pgettext_lazy("volunteer", "Why"), max_length=200, help_text=_("The volunteer reads it."))


class HowForm(Explained):
    how = line(
        label=_("How you know"), required=False, max_length=200,
        help_text=_("Looked at the paper; asked the register; the guardian said so on the phone."),
    )  # fmt: skip


class PurposeForm(Explained):
    purpose = line(label=_("What do you need it for?"), max_length=200)


class FindForm(Explained):
    phone = PhoneField(label=_("Phone number"), widget=forms.TextInput(attrs=OFF))


class NothingForm(Explained):
    """A button alone."""


class AskForm(Explained):
    words = line(label=_("A word to the leader"), required=False, max_length=200)
    leaves = forms.TypedChoiceField(label=_("Instead of"), coerce=int, empty_value=None, required=False)

    def __init__(self, *args: Any, others: list[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["leaves"]
        field.choices = [("", _("I stay in my other teams")), *others]
        if not others:
            del self.fields["leaves"]


class TeamForm(Explained):
    words = forms.CharField(
        label=_("What the team does, and when"), required=False, max_length=300, widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Everybody reads it. No names, no numbers."),
    )  # fmt: skip
    fields_ = forms.MultipleChoiceField(
        label=_("Fields"), choices=Field.choices, required=False, widget=forms.CheckboxSelectMultiple
    )
    takes = forms.BooleanField(label=_("The team takes new members."), required=False)
