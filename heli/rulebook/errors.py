"""What can go wrong with rules: L-3xx."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from heli.core.errors import HeliError


class RuleMissing(HeliError):
    """Nothing is in force for a key here; whoever asked must not guess. `key` names it."""

    code = "L-301"
    status = 503
    sentence = _(
        "No rule is in force here for “%(key)s”, so nothing was done. The area administrator can add it to the rules."
    )

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(key=key)


class RuleChanged(HeliError):
    code = "L-302"
    status = 409
    sentence = _(
        "A colleague changed this rule while you were writing. Look at the new version, then write yours again."
    )


class RuleAmbiguous(HeliError):
    code = "L-303"
    status = 400
    sentence = _(
        "Another row says something else for the same cases: %(other)s. Add a condition that tells the two apart."
    )


class BadRuleFile(HeliError):
    """A reviewed file that cannot be imported; nothing of it was."""

    code = "L-304"
    status = 400
    sentence = _("%(where)s: %(message)s")
