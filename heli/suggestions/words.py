"""How the steps of this room are called in the trail of a request."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = str | Promise
# step → (title for staff, title for the resident or None when the same, station letter, the resident's own act)
TITLES: Mapping[str, tuple[Words, Words | None, int, bool]] = {
    "suggestions.suggest": (_("Written down as a suggestion"), None, 0, True),
    "suggestions.take_up": (_("Taken up as a suggestion"), None, 0, False),
    "suggestions.publish": (_("Made public"), None, 0, False),
    "suggestions.keep_private": (_("Not made public"), None, 0, False),
    "suggestions.correct": (_("The suggester corrected the words"), _("You corrected your words"), 0, True),
    "suggestions.add": (_("The suggester added something"), _("You added something"), 0, True),
    "suggestions.read_addendum": (_("The addition was read"), None, 0, False),
    "suggestions.credit": (_("The suggester decided about the name"), _("You decided about your name"), 0, True),
    "suggestions.show_name": (_("The name was read"), None, 0, False),
    "suggestions.join": (_("A suggestion like it was joined to it"), None, 0, False),
    "suggestions.follow_joined": (_("Those who second it followed"), None, 0, False),
    "suggestions.answer": (_("The answer was written"), None, 0, False),
    "suggestions.report": (_("The unit said how a measure goes"), None, 0, False),
    "suggestions.finish": (_("The unit said that a measure is done"), None, 0, False),
    "suggestions.give_up": (_("The unit wants to give up a measure"), None, 0, False),
    "suggestions.confirm": (_("A measure was seen to be done"), None, 4, False),
    "suggestions.let_go": (_("Giving up a measure was accepted"), None, 4, False),
    "suggestions.send_back": (_("A measure was sent back: not done yet"), None, 0, False),
}
