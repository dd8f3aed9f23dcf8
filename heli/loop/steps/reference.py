"""Changes of reference data by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import Invalid, NotFound, PaperMissing, TakenAlready
from heli.core.steps import step
from heli.loop.clocks import local_day
from heli.loop.models import Category, Urgency

MOST_WORDS, LONGEST_WORD = 60, 20


def put_category(
    *,
    code: str,
    words: Iterable[str],
    urgency: str,
    closed: bool,
    by: Actor,
    at: dt.datetime,
    reason: str,
    seen: Iterable[str] | None = None,
) -> Category:
    """Other words, another urgency, or closed (open again). The code and name of a category never change.

    Categories are the same everywhere: only who keeps the duty list of the installation's own area may change them.
    `seen`: the words the writer saw; TakenAlready (L-102) when a colleague changed them since.

    Raises:
        Invalid: a word too long, too many, an unknown urgency, or open categories below one that closes (L-400).
        NotFound, Forbidden, PaperMissing (no reason).
    """
    kept = list(dict.fromkeys(w.strip() for w in words if w.strip()))
    if long := next((w for w in kept if len(w) > LONGEST_WORD), ""):
        said = _("“%(word)s” is longer than %(n)s characters.") % {"word": long, "n": LONGEST_WORD}
        raise Invalid(said, field="words")
    if len(kept) > MOST_WORDS:
        raise Invalid(_("At most %(n)s words fit.") % {"n": MOST_WORDS}, field="words")
    if urgency not in Urgency.values:
        raise Invalid(_("Choose how urgent it is."), field="urgency")
    if not reason.strip():
        raise PaperMissing(field="reason", paper=_("why it is changed"))
    with step("categories.put", by=by, at=at) as s:
        s.require(Cap.MANAGE_DUTY, path=settings.HELI_HOME_AREA)
        category = Category.objects.select_for_update().filter(code=code).first()
        if category is None:
            raise NotFound
        if seen is not None and list(seen) != category.words:
            raise TakenAlready
        was_closed = category.closed_on is not None
        if closed and not was_closed and Category.objects.filter(parent=category, closed_on=None).exists():
            raise Invalid(_("Close what is below it first."), field="closed")
        s.record(category, added=[w for w in kept if w not in category.words], reason=reason.strip()[:200])
        s.record(removed=[w for w in category.words if w not in kept], urgency=urgency)
        if closed != was_closed:
            s.record(closed=closed)
            category.closed_on = local_day(at) if closed else None
        category.words, category.urgency = kept, urgency
        category.save(update_fields=["words", "urgency", "closed_on"])
        s.about("loop.category", category.pk, settings.HELI_HOME_AREA)
    return category
