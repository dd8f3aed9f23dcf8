"""The form of a new version. Each shape of value has its own fields, so that nobody types JSON."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.fields import wrong
from heli.engines.identifiers import BadIdentifier, area_path
from heli.rulebook import keys, queries, shapes
from heli.rulebook.models import Rule
from heli.rulebook.steps import NewRule

UNITS = (
    ("working_day", pgettext_lazy("unit", "working days")),
    ("working_hour", pgettext_lazy("unit", "working hours")),
    ("working_minute", pgettext_lazy("unit", "working minutes")),
    ("day", pgettext_lazy("unit", "days")),
    ("hour", pgettext_lazy("unit", "hours")),
    ("minute", pgettext_lazy("unit", "minutes")),
)
_LABELS = {
    "metres": _("Metres"),
    "days": _("Days"),
}

Fields = dict[str, forms.Field]
Data = Mapping[str, Any]


def _number(label: Any, low: int, high: int, *, required: bool = True) -> forms.IntegerField:
    return forms.IntegerField(label=label, min_value=low, max_value=high, required=required)


def _clock(label: Any, *, required: bool = True) -> forms.TimeField:
    return forms.TimeField(
        label=label, required=required, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )


def _single(low: int, high: int) -> tuple[Fields, Callable[[Data], Any], Callable[[Any], Data]]:
    fields: Fields = {"number": _number(_("Value"), low, high)}
    return fields, lambda d: d["number"], lambda v: {"number": v}


def _named(*names: str) -> tuple[Fields, Callable[[Data], Any], Callable[[Any], Data]]:
    fields: Fields = {n: _number(_LABELS[n], 1, 10**6) for n in names}
    return fields, lambda d: {n: d[n] for n in names}, dict


def _hours(data: Data) -> Any:
    pairs = [(data["opens"], data["closes"]), (data["opens_again"], data["closes_again"])]
    return {"periods": [[f"{a:%H:%M}", f"{b:%H:%M}"] for a, b in pairs if a and b]}


def _hours_back(value: Any) -> Data:
    edges = [dt.time.fromisoformat(t) for pair in value["periods"] for t in pair]
    return dict(zip(("opens", "closes", "opens_again", "closes_again"), edges, strict=False))


WAYS = {1: _("The first way"), 2: _("The second way"), 3: _("The third way")}  # of reaching a resident


def _ways() -> Fields:
    made: Fields = {}
    for n, label in WAYS.items():
        choices = [*(() if n == 1 else (("", "–"),)), *shapes.REACHED_BY.items()]
        made[f"way_{n}"] = forms.ChoiceField(label=label, choices=choices, required=n == 1)
        made[f"hours_{n}"] = _number(_("Hours it is waited for"), 0, 240, required=False)
    return made


def _ways_read(data: Data) -> Any:
    chosen = ((data[f"way_{n}"], data[f"hours_{n}"]) for n in WAYS)
    return [{"way": way, "hours": hours or 0} for way, hours in chosen if way]


def _ways_back(value: Any) -> Data:
    pairs = enumerate(value, start=1)
    return {k: v for n, way in pairs for k, v in ((f"way_{n}", way["way"]), (f"hours_{n}", way["hours"]))}


# shape → its fields, how they are read into a value, how a value is written back into them
_SHAPES: dict[str, tuple[Fields, Callable[[Data], Any], Callable[[Any], Data]]] = {
    "period": (
        {"amount": _number(_("How long"), 1, 100_000), "unit": forms.ChoiceField(label=_("Unit"), choices=UNITS)},
        lambda d: {"amount": d["amount"], "unit": d["unit"]},
        dict,
    ),
    "count": _single(0, 1000),
    "days": _single(1, 3660),
    "rows": _single(1, 100_000),
    "percent": _single(0, 100),
    "flag": (
        {
            "flag": forms.TypedChoiceField(
                label=_("Value"), choices=(("yes", _("yes")), ("no", _("no"))), widget=forms.RadioSelect
            )
        },
        lambda d: d["flag"] == "yes",
        lambda v: {"flag": "yes" if v else "no"},
    ),
    "hours": (
        {
            "opens": _clock(_("Opens")),
            "closes": _clock(_("Closes")),
            "opens_again": _clock(_("Opens again"), required=False),
            "closes_again": _clock(_("Closes again"), required=False),
        },
        _hours,
        _hours_back,
    ),
    "cases": (
        {
            "cases": forms.MultipleChoiceField(
                label=_("Value"),
                choices=list(shapes.CALLED.items()),
                required=False,
                widget=forms.CheckboxSelectMultiple,
            )
        },
        lambda d: list(d["cases"]),
        lambda v: {"cases": v},
    ),
    "channels": (_ways(), _ways_read, _ways_back),
    "weekly": (
        {"weekday": _number(_("Weekday, 1 is Monday"), 1, 7), "hour": _number(_("Hour"), 0, 23)},
        lambda d: {"weekday": d["weekday"], "hour": d["hour"]},
        dict,
    ),
    "nearby": _named("metres", "days"),
    "formula": (
        {
            "count": forms.ChoiceField(label=_("What is counted"), choices=list(shapes.SETS.items())),
            "of": forms.ChoiceField(label=_("Out of"), choices=list(shapes.SETS.items())),
        },
        lambda d: {"count": d["count"], "of": d["of"]},
        dict,
    ),
}


def value_fields(shape: str) -> tuple[str, ...]:
    """Names of the fields that make up a value of this shape."""
    return tuple(_SHAPES[shape][0])


class RuleForm(forms.Form):
    """A new version of one rule. `key` is fixed; with `before` the form starts from that version."""

    after_version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    area = forms.CharField(
        label=_("Area code"),
        required=False,
        max_length=12,
        help_text=_("The rule holds here and below, where no area has its own."),
    )
    urgency = forms.ChoiceField(label=_("Only for this urgency"), required=False)
    kind = forms.ChoiceField(label=_("Only for this kind"), required=False)
    category = forms.CharField(label=_("Only for this category (code)"), required=False, max_length=12)
    valid_from = forms.DateField(
        label=_("First day"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    citation = forms.CharField(
        label=_("Source"),
        max_length=300,
        help_text=_("Law, standard or notice, with its number, article and date."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    citation_url = forms.URLField(label=_("Link to the source"), required=False, max_length=500, assume_scheme="https")
    checked = forms.BooleanField(label=_("I compared the value with the text of this source"), required=False)
    reason = forms.CharField(
        label=_("Why it changes"),
        max_length=300,
        help_text=_("Everybody who is bound by the rule can read this."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(
        self, *args: Any, key: str, actor: Actor, today: dt.date, before: Rule | None = None, **kwargs: Any
    ) -> None:
        self.key = keys.KEYS[key]
        self.actor = actor
        self.today = today
        if before is not None:
            kwargs["initial"] = self._from(before)
        else:
            kwargs["initial"] = {"area": self._own_area(), "valid_from": today}
        super().__init__(*args, **kwargs)
        self.fields["area"].required = "" not in actor.paths(Cap.MANAGE_RULES)
        fields, self._read, _write = _SHAPES[self.key.shape.name]
        self.fields.update({name: copy.deepcopy(field) for name, field in fields.items()})
        for fact in ("urgency", "kind", "category"):
            if fact not in self.key.facts:
                del self.fields[fact]
            elif keys.FACTS[fact]:
                self.fields[fact].choices = [("", _("all")), *keys.FACTS[fact].items()]  # type: ignore[attr-defined]
        self.value_names = tuple(fields)

    def _own_area(self) -> str:
        return next(iter(self.actor.paths(Cap.MANAGE_RULES)), "")

    def _from(self, before: Rule) -> dict[str, Any]:
        _fields, _read, write = _SHAPES[self.key.shape.name]
        newest = queries.versions(before)[0].version
        return {
            "after_version": newest,
            "area": before.area_path if self.actor.can(Cap.MANAGE_RULES, path=before.area_path) else self._own_area(),
            "valid_from": self.today,
            "citation": before.citation,
            "citation_url": before.citation_url,
            **before.applies_to,
            **write(before.value),
        }

    def clean_area(self) -> str:
        text = self.cleaned_data["area"].strip()
        if not text:
            return ""
        try:
            path = area_path(text)
        except BadIdentifier as error:
            raise forms.ValidationError(wrong(error), code=error.code) from error
        if queries.area_names([path])[path] == path:
            raise forms.ValidationError(_("There is no area with this code."))
        return path

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.key.shape.name == "hours" and bool(data.get("opens_again")) != bool(data.get("closes_again")):
            self.add_error("closes_again", _now("An opening time needs a closing time."))
        if not self.errors:
            try:
                keys.check(self.key.key, self._applies_to(), self._read(data))
            except shapes.BadValue as error:
                self.add_error(self.value_names[-1], str(error))
        return data

    def _applies_to(self) -> dict[str, str]:
        data = self.cleaned_data
        return {fact: data[fact] for fact in self.key.facts if data.get(fact)}

    def new_rule(self) -> NewRule:
        """What was typed, for `steps.set_rule`. Call after is_valid()."""
        data = self.cleaned_data
        grant = self.actor.grant_for(Cap.MANAGE_RULES, path=data["area"])
        return NewRule(
            key=self.key.key,
            area_path=data["area"],
            applies_to=self._applies_to(),
            value=self._read(data),
            citation=data["citation"].strip(),
            citation_url=data["citation_url"],
            verified_by=(grant.org_name if grant and grant.org_name else _now("area administrator"))[:60]
            if data["checked"]
            else "",
            verified_on=self.today if data["checked"] else None,
            valid_from=data["valid_from"],
            reason=data["reason"],
        )


class EndForm(forms.Form):
    """The last word on a version that nothing follows."""

    valid_to = forms.DateField(
        label=_("First day without it"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("From then on the rule of the area above holds."),
    )
    why = forms.CharField(label=_("Why it ends"), max_length=300)
