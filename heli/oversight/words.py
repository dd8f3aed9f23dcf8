"""What states and steps are called, for those who handle tips and for who told one."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Words = str | Promise

STATES: Mapping[str, Words] = {
    "received": pgettext_lazy("tip", "to look at"),
    "looking": pgettext_lazy("tip", "being looked at"),
    "passed_on": pgettext_lazy("tip", "passed on"),
    "genuine": pgettext_lazy("tip", "genuine"),
    "unproven": pgettext_lazy("tip", "not proven"),
    "closed": pgettext_lazy("tip", "finished"),
}
CHIPS: Mapping[str, str] = {
    "received": "soon",
    "looking": "doing",
    "passed_on": "you",
    "genuine": "done",
    "unproven": "pause",
    "closed": "done",
}
# for the teller: a headline, and what it means
TELLER: Mapping[str, tuple[Words, Words]] = {
    "received": (
        _("We have it"),
        _("Somebody looks at it. Until then give nothing to those people, and sign nothing."),
    ),
    "looking": (
        _("Somebody is looking into it"),
        _("It is compared with the registers and with what others told. Until then give nothing."),
    ),
    "passed_on": (
        _("It was passed on to those who may investigate"),
        _("You can ask there under the number below. When they have finished, you read it here."),
    ),
    "genuine": (
        _("As far as the registers show, they are who they say they are"),
        _("You did right to ask. If something else about them troubles you, tell it as a request of its own."),
    ),
    "unproven": (
        _("It could not be proven"),
        _(
            "That says neither that they are genuine nor that they are not. Give nothing you do not want to give; "
            "if they come again, tell us."
        ),
    ),
    "closed": (_("The office it went to has finished"), _("What came of it stands below.")),
}
STEPS: Mapping[str, Words] = {
    "tip.receive": pgettext_lazy("tip step", "told"),
    "tip.look": pgettext_lazy("tip step", "taken up"),
    "tip.pass_on": pgettext_lazy("tip step", "passed on"),
    "tip.find_genuine": pgettext_lazy("tip step", "found genuine"),
    "tip.find_unproven": pgettext_lazy("tip step", "could not be proven"),
    "tip.close": pgettext_lazy("tip step", "finished"),
    "tip.reopen": pgettext_lazy("tip step", "looked at again"),
    "tip.note": pgettext_lazy("tip step", "note written"),
    "tip.link": pgettext_lazy("tip step", "put together with another"),
    "tip.unlink": pgettext_lazy("tip step", "taken apart"),
    "tip.reveal": pgettext_lazy("tip step", "contact read"),
    "tip.forget": pgettext_lazy("tip step", "contact, words and photos destroyed"),
}
