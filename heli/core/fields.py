"""Form fields for numbers of people and organisations: read forgivingly, and said precisely when they are wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from heli.engines import identifiers
from heli.engines.identifiers import BadIdentifier

_NAMES: dict[str, str | Promise] = {
    "mobile": gettext_lazy("a mobile number"),
    "phone": gettext_lazy("a phone number"),
    "resident_id": gettext_lazy("an identity number"),
    "organisation": gettext_lazy("a unified social credit code"),
    "area": gettext_lazy("an area code"),
    "request": gettext_lazy("a request's code"),
}


def wrong(error: BadIdentifier) -> str:
    """What is wrong and what it should be: "少了 1 位：手机号是 11 位，您填了 10 位。"."""
    slots = {"what": _NAMES[error.kind], "given": error.given, "expected": error.expected, "off": error.off_by}
    match error.code:
        case "empty":
            return _("Nothing is typed here yet: it takes %(what)s.") % slots
        case "too_short":
            said = ngettext(
                "%(off)s character is missing: %(what)s has %(expected)s, you typed %(given)s.",
                "%(off)s characters are missing: %(what)s has %(expected)s, you typed %(given)s.",
                error.off_by,
            )
            return said % slots
        case "too_long" | "bad_length":
            said = ngettext(
                "%(off)s character too many: %(what)s has %(expected)s, you typed %(given)s.",
                "%(off)s characters too many: %(what)s has %(expected)s, you typed %(given)s.",
                error.off_by,
            )
            if error.code == "bad_length":
                return _("The length does not fit: %(what)s has %(expected)s characters, you typed %(given)s.") % slots
            return said % slots
        case "bad_character":
            return _("Character %(place)s cannot stand in %(what)s. Look at it once more.") % {
                **slots,
                "place": (error.at or 0) + 1,
            }
        case "bad_start":
            if error.kind == "mobile":
                return _("A mobile number begins with 13 to 19. For a land line, type the area code first.")
            return _("This does not begin as %(what)s does. Look at it once more.") % slots
        case "bad_date":
            return _("The date of birth inside it does not exist. Look at digits 7 to 14.")
        case "future":
            return _("The date of birth inside it is still to come. Look at digits 7 to 14.")
    return _("The last character does not fit the others, so one of them is mistyped.")


class NumberField(forms.CharField):
    """A text field that folds and checks what is typed with one of the readers of `engines.identifiers`."""

    reader: Callable[[str], Any]
    attributes: dict[str, str]

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 40)
        super().__init__(**kwargs)
        for name, value in self.attributes.items():
            self.widget.attrs.setdefault(name, value)

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        if not text:
            return ""
        try:
            return str(type(self).reader(text))
        except BadIdentifier as error:
            raise forms.ValidationError(wrong(error), code=error.code) from error


class MobileField(NumberField):
    """A mobile number; clean value: 11 digits."""

    reader = staticmethod(identifiers.mobile)
    attributes = {"type": "tel", "inputmode": "tel", "autocomplete": "tel-national"}


class PhoneField(NumberField):
    """A mobile number or a land line with its area code; clean value: digits."""

    reader = staticmethod(identifiers.phone)
    attributes = {"type": "tel", "inputmode": "tel", "autocomplete": "tel-national"}


class OrganisationCodeField(NumberField):
    """A unified social credit code; clean value: 18 characters."""

    reader = staticmethod(lambda text: identifiers.organisation_code(text).number)
    attributes = {"autocapitalize": "characters", "autocomplete": "off"}
