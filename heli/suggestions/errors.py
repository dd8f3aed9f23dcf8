"""Errors of suggestions (L-220 … L-229)."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from heli.core.errors import HeliError


class EditedAfterSeconding(HeliError):
    code = "L-220"
    status = 409
    sentence = _(
        "Neighbours have seconded these very words, so they stay as they are. Add what you want to say as an addendum: "
        "it is shown below with its date."
    )


class OwnSuggestion(HeliError):
    code = "L-221"
    status = 409
    sentence = _("You suggested this yourself: your word counts already.")


class SecondedAlready(HeliError):
    code = "L-222"
    status = 409
    sentence = _("You have seconded this already, and it counts once.")


class NotSeconded(HeliError):
    code = "L-223"
    status = 409
    sentence = _("You have not seconded this, so there is nothing to take back.")


class AnsweredAlready(HeliError):
    code = "L-224"
    status = 409
    sentence = _("It is not open any more: answered, joined or taken back. What stood behind it stays as it was.")


class CallClosed(HeliError):
    code = "L-225"
    status = 409
    sentence = _("This call takes no more suggestions. You can still suggest it freely: choose “no call”.")


class NotASuggestion(HeliError):
    code = "L-226"
    status = 409
    sentence = _("This request is of another kind. The desk or the unit can take it for a suggestion first.")


class MeasuresMissing(HeliError):
    code = "L-227"
    status = 400
    sentence = _("Say what will be done, by whom and by when: what is adopted needs at least one measure.")


class CannotJoin(HeliError):
    code = "L-228"
    status = 409
    sentence = _(
        "Joined can be two of one county: one that no unit has taken on yet, with one that is not answered yet. These two "
        "stay apart."
    )


class WordsChanged(HeliError):
    code = "L-229"
    status = 409
    sentence = _("The suggester corrected it in the meantime. Read the new words, then decide.")
