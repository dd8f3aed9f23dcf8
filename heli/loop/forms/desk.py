"""Forms of the dispatch desk, of returns, and of the list of all requests. They only parse; the steps decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from heli.loop.forms.unit import ActForm, TurnForm, area, choice
from heli.loop.models import Urgency
from heli.places.forms import AreaField

PARTS = 8  # parts a request may be split into on one form


class PlaceForm(ActForm):
    """Where it is. The area is found by name, initials or number inside `county`."""

    area = AreaField(label=_("Street and community"), levels=(4, 5))
    spot = forms.CharField(
        label=_("Where exactly"),
        max_length=120,
        required=False,
        help_text=_("A door, a lamp, a crossing; nobody's flat unless it matters."),
    )

    def __init__(self, *args: Any, county: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["area"]
        assert isinstance(field, AreaField)
        field.limit((county,), (4, 5))


class CategoryForm(ActForm):
    """What it is about: a leaf of the category tree."""

    category = forms.CharField(label=_("What it is about"), max_length=12)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["category"].error_messages["required"] = _("Choose one from the list.")


class UrgencyForm(ActForm):
    urgency = choice(Urgency.choices, label=_("How urgent"))


class AskForm(ActForm):
    text = area(4, 2000, label=_("Your question; the resident reads it as it stands"))


class DeclineForm(ActForm):
    """Not for this house: the resident reads all three."""

    reason = area(2, 300, label=_("Why it is not taken"), max_length=300)
    legal_basis = forms.CharField(label=_("By which rule"), max_length=300)
    route = area(2, 300, label=_("Which lawful way is open to them, with place and number"), max_length=300)


class ReasonForm(ActForm):
    reason = area(2, 300, label=_("Why"), max_length=300)


class SplitForm(ActForm):
    """Two or more parts, each with a title and its words; empty ones are passed over."""

    def __init__(self, data: Any = None, files: Any = None, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, files, initial=initial)
        typed = zip(data.getlist("title"), data.getlist("words"), strict=False) if data is not None else ()
        self.parts: list[tuple[str, str]] = [(t.strip()[:60], w.strip()) for t, w in typed][:PARTS]
        if not self.parts:
            given = (initial or {}).get("parts", [])
            self.parts = [*given, *[("", "")] * (2 - len(given))]

    def wrong(self, message: Any) -> None:
        """Something is wrong with the parts as a whole."""
        self.add_error(None, message)


class OfferForm(forms.Form):
    """To whom it goes. The duty row and the rule for pushing down come with the unit that was chosen."""

    unit = forms.IntegerField(min_value=1, max_value=2**62)
    assist = forms.TypedMultipleChoiceField(coerce=int, required=False)
    row = forms.IntegerField(required=False, min_value=1, max_value=2**62)
    push_down_rule = forms.CharField(required=False, max_length=200)
    category = forms.CharField(required=False, max_length=12)
    decision = forms.CharField(required=False, max_length=300)  # where a lead is named by force

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        ticked = [v for v in data.getlist("assist") if v.isdecimal() and len(v) <= 18] if data is not None else []
        self.fields["assist"].choices = [(v, v) for v in ticked]  # type: ignore[attr-defined]


class ExportForm(ActForm):
    purpose = forms.CharField(label=_("What do you need the list for?"), max_length=200)


class PhoneForm(ActForm):
    """Sent by POST only: a number never stands in an address."""

    phone = forms.CharField(
        label=_("Whole phone number"),
        max_length=30,
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off", "type": "tel"}),
    )


FORMS: dict[str, Callable[..., Any]] = {  # by verb
    "place": PlaceForm,
    "category": CategoryForm,
    "urgency": UrgencyForm,
    "turn": TurnForm,
    "split": SplitForm,
    "ask": AskForm,
    "decline": DeclineForm,
    "unmerge": ReasonForm,
}


class ImportForm(ActForm):
    """A table of requests, and where those lie that name no place."""

    file = forms.FileField(
        label=_("The table"),
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx,.xz,.gz"}),
        help_text=_("CSV or xlsx, with headings in one of its first lines. At most 10 MB."),
    )
    source = forms.CharField(
        label=_("Where it comes from"),
        max_length=40,
        widget=forms.TextInput(attrs={"list": "import-sources", "autocomplete": "off"}),
        help_text=_(
            "Such as the name of the hotline. A row is known by this and its number, so the same table twice does no harm."
        ),
    )
    area = AreaField(label=_("Place of rows that name none"), required=False)

    def __init__(self, *args: Any, within: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["area"]
        assert isinstance(field, AreaField)
        field.limit(within)
        self.fields["file"].error_messages["required"] = _("Choose the table.")
        self.fields["file"].error_messages["empty"] = _("This file is empty.")
