"""Forms of the request page and of revisit calls. They only parse; what is allowed is decided by the steps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from heli.loop.models import Exclusion, Kind, Urgency
from heli.loop.queries import parts

Grouped = list[tuple[str, list[tuple[str, str]]]]
REPLY_LIMIT = 10_000
WORDS_LIMIT = 2000
END_OF_DAY = dt.time(23, 59)


class ManyFiles(forms.FileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Any number of files; the step looks at each. Clean value: a list."""

    def __init__(self, accept: str, **kwargs: Any) -> None:
        shrink = {} if "pdf" in accept else {"data-shrink": "6"}  # large photos are made smaller on the way
        kwargs.setdefault("widget", ManyFiles(attrs={"accept": accept, **shrink}))
        super().__init__(required=False, **kwargs)

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        given = data if isinstance(data, list | tuple) else [data] if data else []
        return [super(FilesField, self).clean(one, initial) for one in given]


class ActForm(forms.Form):
    """A form of one act: `prefix` keeps the ids of several forms on a page apart."""

    use_required_attribute = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.error_messages.setdefault("required", _("Nothing is written here yet."))
            field.error_messages["required"] = _("Nothing is written here yet.")


def area(rows: int, limit: int, **kwargs: Any) -> forms.CharField:
    """A text of several lines; its length is checked by the step, which says how long it is."""
    widget = forms.Textarea(attrs={"rows": rows, "data-counter": limit})
    return forms.CharField(widget=widget, **kwargs)


def choice(options: Iterable[tuple[str, Any]], **kwargs: Any) -> forms.ChoiceField:
    return forms.ChoiceField(choices=list(options), widget=forms.RadioSelect, **kwargs)


class ReplyForm(ActForm):
    text = area(6, REPLY_LIMIT, label=_("The reply to the resident"))
    photos = FilesField("image/*", label=_("Photos"))
    papers = FilesField("image/*,application/pdf", label=_("Papers"))


class ContactForm(ActForm):
    way = choice(parts.WAYS.items(), label=_("How"), initial="phone")
    reached = choice((("yes", _("reached them")), ("no", _("nobody answered"))), label=_("Did you reach them?"))
    text = area(3, WORDS_LIMIT, label=_("What was said, what you agreed"), required=False)


class ExtendForm(ActForm):
    kind = choice(
        (("more", _("more working days")), ("pause", _("stop the clock until a day"))),
        label=_("What you ask"),
        initial="more",
    )
    days = forms.IntegerField(
        label=_("Working days more"),
        required=False,
        min_value=1,
        max_value=250,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
    until = forms.DateField(label=_("Stopped until"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    reason = area(2, 300, label=_("Why"), max_length=300)
    basis = forms.CharField(label=_("What it rests on"), max_length=300)

    def until_moment(self) -> dt.datetime | None:
        """The end of the chosen day, local time."""
        day = self.cleaned_data.get("until")
        return timezone.make_aware(dt.datetime.combine(day, END_OF_DAY)) if day else None


class ReturnForm(ActForm):
    reason_code = choice(parts.RETURN_CODES.items(), label=_("Why it is not yours"))
    reason = area(3, 300, label=_("The reason in a sentence or two"), max_length=300)
    legal_basis = forms.CharField(label=_("What it rests on"), max_length=300)


class UnitForm(ActForm):
    """A form that names a unit, found by a search beside it."""

    unit_id = forms.IntegerField(label=_("Which unit"), widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["unit_id"].error_messages["required"] = _("Choose a unit from the list.")


class HelpForm(UnitForm):
    reason = area(2, 200, label=_("What you need them for"), max_length=200)


class ForceForm(UnitForm):
    decision = area(3, 300, label=_("The decision, with its document"), max_length=300)


class WordsForm(ActForm):
    """One text: a note, a question, an opinion, a supervisor's word."""

    text = area(3, WORDS_LIMIT)

    def __init__(self, *args: Any, label: Any = "", limit: int = WORDS_LIMIT, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["text"].label = label
        self.fields["text"].widget.attrs["data-counter"] = limit


class ReasonForm(ActForm):
    reason = area(2, 300, label=_("What is missing"), max_length=300)


class DecideForm(ActForm):
    """Yes or no, with a reason that a no cannot be without."""

    decide = forms.ChoiceField(widget=forms.RadioSelect)
    reason = area(2, 300, label=_("Reason"), max_length=300, required=False)

    def __init__(self, *args: Any, yes: Any, no: Any, label: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["decide"].choices = [("yes", yes), ("no", no)]  # type: ignore[attr-defined]
        self.fields["decide"].label = label
        self.fields["decide"].error_messages["required"] = _("Choose one of the two.")


class AppealForm(DecideForm):
    reason = area(3, 500, label=_("The decision and its reason; the resident reads it"), max_length=500)


class ExcludeForm(ActForm):
    reason = choice(Exclusion.REASONS, label=_("Why it should not count"))
    evidence = area(2, 500, label=_("The evidence: which document, number, date"), max_length=500)


class ReclassifyForm(ActForm):
    """The choices are only shown (see `offer`): whether a code exists is for the step to say."""

    category = forms.CharField(label=_("What it is about"), required=False, widget=forms.Select)
    area_path = forms.CharField(label=_("Where it is"), required=False, widget=forms.Select)
    spot = forms.CharField(label=_("Where exactly"), required=False, max_length=120)
    urgency = choice(Urgency.choices, label=_("How urgent"))

    def offer(self, categories: Grouped, areas: Grouped) -> None:
        """What can be chosen, by group."""
        self.fields["category"].widget.choices = [("", _("not known yet")), *categories]
        self.fields["area_path"].widget.choices = areas


class TurnForm(ActForm):
    """What kind of request it really is, and why. The resident reads the reason."""

    kind = choice(Kind.choices, label=_("What it really is"))
    reason = area(2, 300, label=_("Why; the resident reads it"), max_length=300)


PURPOSES: tuple[Any, ...] = (
    _("first contact"),
    _("agree on a visit"),
    _("ask for facts"),
    _("tell the outcome"),
    _("revisit call"),
)


class RevealForm(ActForm):
    """What somebody needs a number for: one of the usual purposes, or in their own words."""

    purpose = forms.ChoiceField(label=_("What do you need it for?"))
    other = forms.CharField(label=_("In your own words"), required=False, max_length=150)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        usual = [(str(p), p) for p in PURPOSES]
        self.fields["purpose"].choices = [("", _("choose")), *usual, ("other", _("something else"))]  # type: ignore[attr-defined]
        self.fields["purpose"].error_messages["required"] = _(
            "Say what you need the number for; the resident can see it."
        )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if data.get("purpose") == "other" and not data.get("other", "").strip():
            self.add_error("other", _("Say what you need the number for; the resident can see it."))
        return data

    def said(self) -> str:
        """The purpose as it is kept."""
        return str(
            self.cleaned_data["other"] if self.cleaned_data["purpose"] == "other" else self.cleaned_data["purpose"]
        )


class JudgeForm(ActForm):
    """What a resident says of a round, written down by somebody who had no hand in it."""

    contacted = choice(
        (("yes", _("somebody did")), ("no", _("nobody did"))), label=_("Did anybody get in touch with you?")
    )
    solved = choice(parts.SOLVED.items(), label=_("Is it solved?"))
    satisfaction = choice(
        [(str(n), said) for n, said in sorted(parts.SATISFACTION.items(), reverse=True)],
        label=_("How satisfied are you?"),
    )
    words = area(3, 1000, label=_("Their words"), max_length=1000, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("contacted", "solved", "satisfaction"):
            self.fields[name].error_messages["required"] = _("Choose one; ask again if it was not clear.")


class ExportForm(ActForm):
    purpose = forms.CharField(label=_("What do you need the list for?"), max_length=200)


def form_for(tab: str, data: Any = None, files: Any = None, initial: dict[str, Any] | None = None) -> ActForm | None:
    """The form of a tab of the request page, empty or with what was typed; None where an act needs none."""
    made: dict[str, Callable[..., ActForm]] = {
        "reply": ReplyForm,
        "review": partial(
            DecideForm, label=_("Does it go out?"), yes=_("Yes, send it to the resident"), no=_("No, write it better")
        ),
        "contact": ContactForm,
        "extend": ExtendForm,
        "return": ReturnForm,
        "help": HelpForm,
        "ask": partial(WordsForm, label=_("Your question; the resident reads it as it stands")),
        "note": partial(WordsForm, label=_("Only staff who see this request read it")),
        "opinion": partial(WordsForm, label=_("What you did or found; the lead unit uses it for the reply")),
        "decide": partial(
            DecideForm,
            label=_("Is the return right?"),
            yes=_("Yes, it waits for dispatch again"),
            no=_("No, the unit keeps it"),
        ),
        "reclassify": ReclassifyForm,
        "turn": TurnForm,
        "supervise": partial(
            WordsForm, label=_("To the units that hold it; the resident sees that you wrote, not what"), limit=1000
        ),
        "extension": partial(
            DecideForm,
            label=_("Is more time given?"),
            yes=_("Yes, the resident is told"),
            no=_("No, the deadline stays"),
        ),
        "appeal": partial(
            AppealForm, label=_("What now?"), yes=_("Once more, with a new clock"), no=_("Close it, with the reason")
        ),
        "force": ForceForm,
        "exclude": ExcludeForm,
        "exclusion": partial(
            DecideForm,
            label=_("Should it be left out of the rates?"),
            yes=_("Yes, it is left out and counted in public as left out"),
            no=_("No, it counts"),
        ),
        "lift": ReasonForm,
        "judge": JudgeForm,
    }
    return made[tab](data, files, initial=initial) if tab in made else None
