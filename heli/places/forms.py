"""Choosing an area inside a form, and the forms of the area page.

    area = AreaField(label=_("Where"), within=("370602",))        # its value is an Area

The picker is a search field with radio buttons below it. With HTMX they appear while one types; without it the form
comes back with them. What was typed is enough when it can only mean one area.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from heli.core.scope import covers
from heli.places import queries
from heli.places.landmark_queries import called
from heli.places.models import Area, Kind, Scheme
from heli.places.queries import Hit

OPTIONS = 8


def pick(
    text: str, *, chosen: str = "", within: tuple[str, ...] = (), levels: Sequence[int] | None = None
) -> tuple[Hit | None, list[Hit]]:
    """What a picker shows: the area chosen so far, and those found."""
    area = Area.objects.offered().filter(path=chosen).first() if chosen else None
    if area is not None and within and not covers(within, area.path):
        area = None
    picked = Hit(area, queries.full_names([area])[area.path]) if area is not None else None
    found = queries.search(text, within=within, levels=levels, limit=OPTIONS) if text.strip() else []
    if not found:  # an estate, a road…
        found = queries.hits(called(text, within, levels, OPTIONS))
    return picked, [h for h in found if picked is None or h.path != picked.path]


class AreaPicker(forms.Widget):
    """A search field and radio buttons; see places/_picker.html for what may be put around it."""

    template_name = "places/_picker.html"
    within: tuple[str, ...] = ()
    levels: Sequence[int] | None = None

    def value_from_datadict(self, data: Any, files: Any, name: str) -> tuple[str, str]:  # noqa: ARG002
        every = data.getlist(name) if hasattr(data, "getlist") else [data.get(name, "")]
        return next((v for v in reversed(every) if v), ""), str(data.get(f"{name}_typed", ""))[:60]

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        if isinstance(value, Area):
            value = (value.path, "")
        chosen, typed = value if isinstance(value, tuple) else (str(value or ""), "")
        picked, found = pick(typed, chosen=chosen, within=self.within, levels=self.levels)
        asked = [("field", name), *(("within", p) for p in self.within), *(("level", n) for n in self.levels or ())]
        return {
            "name": name,
            "typed": typed,
            "picked": picked,
            "found": found,
            "url": f"{reverse('places:pick')}?{urlencode(asked)}",
            "attrs": self.build_attrs(self.attrs, attrs),
        }

    def id_for_label(self, id_: str) -> str:
        return id_

    def use_required_attribute(self, initial: Any) -> bool:  # noqa: ARG002  (Django gives it)
        return False  # the radio buttons below may hold the answer while the search field is empty


class AreaField(forms.Field):
    """A field whose value is an Area in force, inside `within` if given, of one of `levels` if given."""

    widget = AreaPicker
    default_error_messages = {
        "required": _("Choose a place: type its name, the first letters of its pinyin, or its code."),
        "unknown": _("No place here is called %(text)s. Try a part of the name."),
        "several": _("%(text)s can mean several places. Choose one."),
        "gone": _("That place cannot be chosen here."),
    }

    def __init__(
        self,
        *,
        within: Iterable[str] = (),
        levels: Sequence[int] | None = None,
        label: Any = None,
        required: bool = True,
        help_text: Any = "",
        initial: Any = None,
    ) -> None:
        super().__init__(label=label, required=required, help_text=help_text, initial=initial)
        self.limit(within, levels)

    def limit(self, within: Iterable[str], levels: Sequence[int] | None = None) -> None:
        """Keep to these areas and levels (a form does so when it knows who asks)."""
        self.within = tuple(within)
        self.levels = levels
        assert isinstance(self.widget, AreaPicker)
        self.widget.within, self.widget.levels = tuple(p for p in self.within if p), levels

    def clean(self, value: Any) -> Area | None:
        chosen, typed = value if isinstance(value, tuple) else (str(value or ""), "")
        within = tuple(p for p in self.within if p)
        picked, found = pick(typed, chosen=chosen, within=within, levels=self.levels)
        if chosen:
            if picked is None or (self.levels is not None and picked.level not in self.levels):
                raise ValidationError(self.error_messages["gone"], code="gone")
            return picked.area
        if not typed.strip():
            if self.required:
                raise ValidationError(self.error_messages["required"], code="required")
            return None
        exact = [h for h in found if typed.strip() in {h.name, h.area.short_name, h.path}]
        if len(sure := exact or found) == 1:
            return sure[0].area
        code = "several" if found else "unknown"
        raise ValidationError(self.error_messages[code], code=code, params={"text": typed})


# The area page ----------------------------------------------------------------------------------------------------------
def _basis() -> forms.CharField:
    return forms.CharField(
        label=_("On what basis"), max_length=200, help_text=_("The decision or announcement, with its number and date.")
    )


class CorrectForm(forms.Form):
    name = forms.CharField(label=_("Its name"), min_length=2, max_length=60)
    basis = _basis()


class AddForm(forms.Form):
    name = forms.CharField(label=_("Its name"), min_length=2, max_length=60)
    kind = forms.ChoiceField(
        label=_("Kind"),
        choices=[(k.value, k.label) for k in (Kind.ADMIN, Kind.FUNCTIONAL, Kind.LIKE_COMMUNITY, Kind.LIKE_VILLAGE)],
    )
    code = forms.CharField(
        label=_("Official code"),
        max_length=12,
        required=False,
        help_text=_("Without one it gets a number of our own, with the letter L in it."),
    )
    basis = _basis()


class MoveForm(forms.Form):
    parent = AreaField(label=_("Under which area"))
    code = forms.CharField(label=_("New official code"), max_length=12, required=False)
    basis = _basis()


class EndForm(forms.Form):
    on = forms.DateField(label=_("Last day"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
    basis = _basis()


class PinForm(forms.Form):
    lat = forms.FloatField(
        label=_("Latitude"), min_value=3, max_value=54, widget=forms.NumberInput(attrs={"step": "any"})
    )
    lon = forms.FloatField(
        label=_("Longitude"), min_value=73, max_value=136, widget=forms.NumberInput(attrs={"step": "any"})
    )
    basis = forms.CharField(label=_("On what basis"), max_length=200, required=False)


class AliasForm(forms.Form):
    name = forms.CharField(label=_("Another name"), max_length=40, required=False)
    code = forms.CharField(label=_("Another number"), max_length=24, required=False)
    scheme = forms.ChoiceField(
        label=_("Whose number"), choices=[(s.value, s.label) for s in (Scheme.OLD, Scheme.FORMAL, Scheme.OWN)]
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not data.get("name") and not data.get("code"):
            self.add_error("name", _("Write a name or a number."))
        return data
