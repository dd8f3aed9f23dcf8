"""What a dispatcher does with an item: each verb is one POST and one step; then the next item comes up by itself.

A step that refuses brings the item back with what was typed and the reason beside its field. Where a colleague was
first, the item comes back as it is now, with a line that says who was first.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _

from heli.core.actor import Actor
from heli.core.caps import Scope
from heli.core.errors import HeliError, Invalid, NotFound
from heli.core.pages import HeliRequest, page
from heli.loop import steps
from heli.loop.forms import desk as forms
from heli.loop.models import Request
from heli.loop.queries import desk as queries
from heli.loop.views.desk import Said, View, Wrong, address, form_of, refused, said_after, second, show


@dataclass(frozen=True, slots=True)
class Given:
    """What a verb is called with."""

    by: Actor
    at: dt.datetime
    r: Request
    form: Any
    post: Any

    def __getitem__(self, name: str) -> Any:
        return self.form.cleaned_data[name]

    def id_of(self, name: str) -> int:
        """A primary key that was sent; Invalid (L-400) for anything else."""
        typed = self.post.get(name, "")
        if not typed.isdecimal() or len(typed) > 18:
            raise Invalid(message=_("Choose one from the list."), field=name)
        return int(typed)


@dataclass(frozen=True, slots=True)
class Verb:
    """One act. `run` returns the id of the request the line speaks of; `then`: the code to stay on, or "" for the next."""

    run: Callable[[Given], int]
    form: str = ""
    then: Callable[[Given], str] = lambda _g: ""


def stay(g: Given) -> str:
    return str(g.r.code)


def _offer(g: Given) -> int:
    row_id = g["row"]
    steps.offer(
        category=g["category"],
        request_id=g.r.pk,
        unit_id=g["unit"],
        by=g.by,
        at=g.at,
        assists=g["assist"],
        duty_row_id=queries.duty_row_for(g.r, g["unit"], row_id) if row_id else None,
        push_down_rule=g["push_down_rule"],
    )
    return int(g.r.pk)


def _force(g: Given) -> int:
    steps.force(request_id=g.r.pk, unit_id=g["unit"], by=g.by, at=g.at, decision=g["decision"], assists=g["assist"])
    return int(g.r.pk)


def _merge(g: Given) -> int:
    steps.merge(request_id=g.r.pk, into_id=g.id_of("into"), by=g.by, at=g.at)
    return int(g.r.pk)


def _merge_in(g: Given) -> int:
    twin = g.id_of("twin")
    steps.merge(request_id=twin, into_id=g.r.pk, by=g.by, at=g.at)
    return twin


def _unmerge(g: Given) -> int:
    reason = g.post.get("reason", "").strip() or _("taken back at the desk")
    steps.unmerge(request_id=g.r.pk, by=g.by, at=g.at, reason=reason[:200])
    return int(g.r.pk)


def _kept(g: Given) -> str:
    """After taking apart: the one it was joined into if that still waits here, else itself."""
    kept = g.r.merged_into
    return str(kept.code if kept is not None and kept.state == "heard" else g.r.code)


def _take_back(g: Given) -> int:
    steps.take_back(request_id=g.r.pk, by=g.by, at=g.at)
    return int(g.r.pk)


def _split(g: Given) -> int:
    steps.split(request_id=g.r.pk, parts=g.form.parts, by=g.by, at=g.at)
    return int(g.r.pk)


def _ask(g: Given) -> int:
    steps.ask_resident(request_id=g.r.pk, by=g.by, at=g.at, text=g["text"])
    return int(g.r.pk)


def _decline(g: Given) -> int:
    papers = {n: g[n] for n in ("reason", "legal_basis", "route")}
    steps.decline(request_id=g.r.pk, by=g.by, at=g.at, **papers)
    return int(g.r.pk)


def _place(g: Given) -> int:
    steps.reclassify(request_id=g.r.pk, by=g.by, at=g.at, area_path=g["area"].path, spot=g["spot"].strip())
    return int(g.r.pk)


def _category(g: Given) -> int:
    steps.reclassify(request_id=g.r.pk, by=g.by, at=g.at, category=g["category"])
    return int(g.r.pk)


def _urgency(g: Given) -> int:
    steps.reclassify(request_id=g.r.pk, by=g.by, at=g.at, urgency=g["urgency"])
    return int(g.r.pk)


def _turn(g: Given) -> int:
    steps.turn(request_id=g.r.pk, kind=g["kind"], by=g.by, at=g.at, reason=g["reason"])
    return int(g.r.pk)


VERBS = {
    "dispatch": Verb(_offer, "offer"),
    "force": Verb(_force, "offer"),
    "merge": Verb(_merge),
    "merge_in": Verb(_merge_in, then=stay),
    "unmerge": Verb(_unmerge, then=_kept),
    "take_back": Verb(_take_back, then=stay),
    "split": Verb(_split, "split"),
    "ask": Verb(_ask, "ask"),
    "decline": Verb(_decline, "decline"),
    "place": Verb(_place, "place", stay),
    "category": Verb(_category, "category", stay),
    "urgency": Verb(_urgency, "urgency", stay),
    "turn": Verb(_turn, "turn", stay),
}
BACK = {"take_back", "unmerge"}  # these begin where the request does not wait at the desk


@page("loop/desk/act/<int:pk>/<slug:verb>/", name="desk_act", needs=queries.DESK, scope=Scope.AREA, methods=("POST",))
def desk_act(request: HeliRequest, pk: int, verb: str) -> HttpResponse:
    """One verb on one request; who may do it is decided by the step."""
    v = VERBS.get(verb)
    if v is None:
        raise NotFound
    r = queries.at_desk_by_id(request.actor, pk, "category", "area", "merged_into")
    form = forms.OfferForm(request.POST) if v.form == "offer" else form_of(v.form, r, request.POST) if v.form else None
    g = Given(request.actor, timezone.now(), r, form, request.POST)
    if form is not None and not form.is_valid():
        if v.form == "offer":
            said = Said(_("Choose a unit: it is missing in what was sent."), "late")
            return show(request, r.code, said=said, queue_too=True, status=400)
        return show(request, r.code, form=form, what=v.form, status=400)
    try:
        done = v.run(g)
    except NotFound:
        raise
    except HeliError as error:
        return not_done(request, g, verb, v, error)
    return next_item(request, verb, done, v.then(g), queries.key_of(r))


def next_item(request: HeliRequest, verb: str, done: int, code: str, key: queries.Key) -> HttpResponse:
    """What comes up after an act: the item to stay on, or the one that follows in the queue, with the line of what was done."""
    view, now = View.of(request), timezone.now()
    if not code:
        rows = queries.queue_page(request.actor, view.seg, now, after=view.after or None)
        code = queries.next_after([row for row in rows.rows if row.pk != done], key)
    if not request.htmx:
        return HttpResponseRedirect(address(code, view, done=f"{verb}-{done}"), status=303)
    response = show(request, code, said=said_after(request, verb, done, now), queue_too=True)
    response["HX-Push-Url"] = address(code, view)
    response["HX-Trigger"] = "desk:changed"
    return response


def not_done(request: HeliRequest, g: Given, verb: str, v: Verb, error: HeliError) -> HttpResponse:
    """The item as it is now, with the reason where it belongs."""
    fresh = queries.at_desk_by_id(request.actor, g.r.pk)
    if fresh.state != "heard" and verb not in BACK:
        return show(request, fresh.code, said=second(fresh, g.at), queue_too=True, status=409)
    if v.form == "offer":
        typed = g[error.field] if error.field in {"push_down_rule", "decision"} else ""
        wrong = Wrong(g["unit"], error.field or "", error.words, typed)
        return show(request, fresh.code, wrong=wrong, status=error.status)
    if g.form is not None:
        if isinstance(g.form, forms.SplitForm):
            g.form.wrong(error.words)
        else:
            field = {"area_path": "area"}.get(error.field or "", error.field)
            g.form.add_error(field if field in g.form.fields else None, error.words)
        return show(request, fresh.code, form=g.form, what=v.form, status=error.status)
    return show(request, fresh.code, said=refused(error), queue_too=True, status=error.status)
