"""What `/look/` shows: one of each component, with invented content, to be looked at in every mode."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils.translation import gettext as _

from heli.core import words
from heli.web.parts import ClockPart, Reason, Station, TrailEntry
from heli.web.templatetags.heli import icon_names


def kit(now: dt.datetime) -> dict[str, Any]:
    """Context of the gallery."""

    def ago(minutes: int) -> dt.datetime:
        return now - dt.timedelta(minutes=minutes)

    soon, later = ago(-38), ago(-60 * 76)
    return {
        "now": now,
        "modes": ["plain", "dark", "contrast", "dark-contrast", "large", "dark-contrast-large"],
        "icons": sorted(icon_names()),
        "chips": [
            ("", _("to dispatch")),
            ("doing", _("in hand")),
            ("you", _("your turn")),
            ("soon", _("due soon")),
            ("late", _("late")),
            ("back", _("returned")),
            ("pause", _("clock stopped")),
            ("done", _("solved")),
        ],
        "late": [
            Station(_("received"), "done", words.when(ago(9000), now)),
            Station(_("sent on"), "done", words.when(ago(8000), now)),
            Station(_("late"), "late", words.left_short(-2 * words.DAY)),
            Station(_("you judge it")),
        ],
        "again": [
            Station(_("received"), "done"),
            Station(_("sent on again"), "done"),
            Station(_("handled again"), "now"),
            Station(_("you judge it again")),
        ],
        "closed": [Station(said, "done") for said in (_("received"), _("sent on"), _("handled"), _("solved"))],
        "clocks": [
            ClockPart(
                _("Dispatch"),
                words.left(-130),
                "late",
                72,
                words.due_by(ago(130), now),
                _("Rule: dispatch, version 1"),
                "#",
            ),
            ClockPart(
                _("First contact"),
                words.left(38, working=True),
                "soon",
                91,
                words.due_by(soon, now),
                _("Rule: first contact, version 3"),
                "#",
                until=soon,
                verified=False,
            ),
            ClockPart(
                _("Reply"),
                words.left(76 * 60),
                "doing",
                35,
                words.due_by(later, now),
                _("Rule: ordinary request, version 3"),
                "#",
                provisional=True,
            ),
            ClockPart(_("Opinion of the street"), _("clock stopped"), "pause", 45, "", _("Order to stop"), "#"),
            ClockPart(
                _("Acceptance"),
                _("took %(amount)s") % {"amount": words.amount(32)},
                "done",
                24,
                words.limit(2, "hour"),
                _("Rule: acceptance, version 1"),
                "#",
            ),
        ],
        "entries": [
            TrailEntry(ago(30), _("Looked at it, fenced it off"), _("with 3 photos"), public=True),
            TrailEntry(ago(1500), _("The unit took it on"), station=3, public=True),
            TrailEntry(ago(1700), _("Returned to the desk"), _("not in this unit's care"), public=False),
            TrailEntry(ago(2900), _("Sent to the unit"), station=2, public=True, source_words="4.1.3", source_url="#"),
            TrailEntry(ago(3000), _("You said this"), station=1, you=True),
        ],
        "reasons": [
            Reason(_("The duty list names it for this category"), "+", "4.2.1", "#"),
            Reason(_("It has 34 in hand, 5 due soon"), "-", "34", "#"),
            Reason(_("Whether the pipe is public is not known yet"), "?"),
        ],
    }
