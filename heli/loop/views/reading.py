"""The reader (读件助手): how well it reads, which one is in use, what the rule sends on, its samples, its questions."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from heli.core import export, words
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError
from heli.core.pages import HeliRequest, page
from heli.loop import propose
from heli.loop.clocks import local_day
from heli.loop.models import Category
from heli.loop.queries import reading as queries
from heli.loop.queries.decisions import row_cap
from heli.loop.queries.desk import category_tree, cut
from heli.loop.queries.inbox import place_of
from heli.loop.queries.reading import Filters, Matter, Tally
from heli.loop.reading_models import WATCHERS, Reading
from heli.loop.steps import reading as steps
from heli.loop.views.manage import cap_of, may_export, notes_of, purpose_of, see_other
from heli.rulebook.queries import RuleVersion, area_names

Figure = dict[str, Any]


def to_area(where: str, area: str) -> HttpResponse:
    """Back to the page of that area after a write, by GET."""
    return HttpResponseRedirect(
        reverse(f"loop:{where}") + (f"?{urlencode({'area': area})}" if area else ""), status=303
    )


# The page ---------------------------------------------------------------------------------------------------------------
@page("loop/reader/", name="reader", needs=WATCHERS, scope=Scope.AREA)
def reader(request: HeliRequest) -> HttpResponse:
    """Which one reads here and how well, matter by matter; the readers; what the rule sends on."""
    return show(request)


def show(
    request: HeliRequest,
    *,
    area: str | None = None,
    learn: HeliError | None = None,
    lift: tuple[int, str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page; `learn`: why no reader learns now; `lift`: (stop, what was typed, why it stays)."""
    now, actor = timezone.now(), request.actor
    path = queries.here(actor, request.GET.get("area", "") if area is None else area)
    by_matter = queries.matters(actor, path, now)
    told = queries.told(actor, path, now)
    names = area_names({path, path[:6], path[:4], path[:2], *queries.own_areas(actor)})
    listed = readers_of(request, path, names)
    in_use = [line.reader for line in listed["readers"].rows if line.reader.live]  # all there are, on the first page
    later = "readers" in request.GET
    serving = queries.serving(path) if later else max(in_use, key=lambda r: len(r.area_path), default=None)
    drift = request.GET.get("drift") == "1"
    shown = [m for m in by_matter if m.drift] if drift else by_matter
    everything = request.GET.get("all") == "1"
    sent = queries.auto(actor, path, now, names)
    context = {
        "path": path,
        "place": queries.place_name(path, names),
        "areas": [(p, queries.place_name(p, names)) for p in queries.own_areas(actor)[:12]],
        "serving": serving,
        "serving_place": queries.place_name(serving.area_path, names) if serving is not None else "",
        "figures": figures(by_matter, told, path) if serving is not None or told["read"] else [],
        "matters": shown if everything else shown[: queries.SHOWN],
        "left": 0 if everything else max(0, len(shown) - queries.SHOWN),
        "decided": bool(by_matter),
        "drift": drift,
        "drifted": sum(1 for m in by_matter if m.drift),
        "days": queries.DAYS,
        "auto": sent,
        "watch": watched(sent.rules),
        "may_rule": actor.can(Cap.MANAGE_RULES, path=path),
        "may_sample": bool(actor.paths(Cap.DISPATCH)),
        "may_ask": bool(actor.caps.intersection(queries.ASKERS)),
        "may_export": may_export(request),
        "learn_error": learn,
        "lift_error": lift,
        "query": request.GET.urlencode(),
        "now": now,
        **listed,
    }
    return render(request, "loop/reading/reader.html", context, status=status)


def readers_of(request: HeliRequest, path: str, names: dict[str, str]) -> dict[str, Any]:
    """What the list of readers shows."""
    page_ = queries.readers_page(request.actor, path, names, after=request.GET.get("readers"))
    return {
        "readers": page_,
        "learning": any(line.reader.state == "learning" for line in page_.rows),
        "may_learn": request.actor.can(Cap.MANAGE_DUTY, path=path[:6]),
    }


@page("loop/reader/list/", name="reader_list", needs=WATCHERS, scope=Scope.AREA)
def reader_list(request: HeliRequest) -> HttpResponse:
    """The readers alone, asked for while one is learning."""
    path = queries.here(request.actor, request.GET.get("area", ""))
    names = area_names({path[:6], path[:4], path[:2]})
    context = {"path": path, "now": timezone.now(), "fragment": True, **readers_of(request, path, names)}
    return render(request, "loop/reading/readers.html", context)


def watched(rules: dict[str, RuleVersion]) -> dict[str, Any]:
    """The numbers of the sentence that says when a matter stops. Pure; none where a rule is missing."""
    if not set(queries.RULES) <= set(rules):
        return {}
    sample = rules["text.auto.sample"].value
    return {
        "goal": rules["text.auto.precision"].value,
        "window": rules["text.auto.window"].value,
        "days": rules["text.auto.unseen"].value,
        "share": sample["percent"],
        "least": sample["least"],
    }


def figures(by_matter: list[Matter], told: dict[str, int], path: str) -> list[Figure]:
    """What is known of 28 days beside the 28 before; each with the address of its rows. Pure."""
    now = sum((m.now for m in by_matter), Tally())
    old = sum((m.before for m in by_matter), Tally())
    return [
        figure(_("Read"), "read", path, (told["read"], None), (told["read_before"], None)),
        figure(_("Decided by people"), "decided", path, (now.decided, None), (old.decided, None)),
        figure(_("Read right"), "right", path, (now.right, now.decided), (old.right, old.decided)),
        figure(_("It was sure"), "sure", path, (now.sure, now.decided), (old.sure, old.decided)),
        figure(_("Right when sure"), "sure_right", path, (now.sure_right, now.sure), (old.sure_right, old.sure)),
        figure(
            _("Taken for no request"),
            "rejected",
            path,
            (told["rejected"], told["read"]),
            (told["rejected_before"], told["read_before"]),
        ),
    ]


Part = tuple[int, int | None]  # how many, of how many (None: not a share)


def figure(label: str, what: str, path: str, now: Part, before: Part) -> Figure:
    """One number with its denominator and share, and what it was before."""
    (n, of), (old, old_of) = now, before
    share = words.share(old, old_of) if old_of else "–"
    return {
        "label": label,
        "n": n,
        "of": of,
        "share": words.share(n, of) if of else "",
        "before": words.count(old) if old_of is None else share,
        "url": rows_url(what, path),
        "before_url": rows_url(what, path, period="before") if old else "",
    }


def rows_url(what: str, path: str, **more: str) -> str:
    return f"{reverse('loop:reader_rows')}?{urlencode({'what': what, 'area': path, **more})}"


@page("loop/reader/export/", name="reader_export", needs=WATCHERS, scope=Scope.AREA, methods=("POST",))
def reader_export(request: HeliRequest) -> HttpResponse:
    """The table by matter as a spreadsheet."""
    now, purpose = timezone.now(), purpose_of(request)
    path = queries.here(request.actor, request.GET.get("area", ""))
    cap, _path = row_cap(request.actor, WATCHERS, local_day(now))
    found = queries.matters(request.actor, path, now)
    export.take_away(
        name="reader", by=request.actor, at=now, purpose=purpose, rows=len(found), filters={}, path=path,
        cap=cap_of(request, path),
    )  # fmt: skip
    columns: list[export.Column[Matter]] = [
        (_("Code"), lambda m: m.category.code),
        (_("Matter"), lambda m: str(m.category)),
        (_("Decided by people"), lambda m: m.now.decided),
        (_("Read right"), lambda m: m.now.right),
        (_("It was sure"), lambda m: m.now.sure),
        (_("Right when sure"), lambda m: m.now.sure_right),
        (_("Share of all, in percent"), lambda m: percent(m.now.decided, m.all_now)),
        (_("The 28 days before: decided by people"), lambda m: m.before.decided),
        (_("The 28 days before: read right"), lambda m: m.before.right),
        (_("The 28 days before: share of all, in percent"), lambda m: percent(m.before.decided, m.all_before)),
        (_("What has changed"), lambda m: _(", ").join(str(d) for d in m.drift)),
    ]
    book = export.workbook(_("Reader by matter"), columns, found, cap=cap, notes=notes_of(request, purpose, now))
    return export.download(book, f"reader-{local_day(now):%Y%m%d}.xlsx")


def percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None


# Rows -------------------------------------------------------------------------------------------------------------------
@page("loop/reader/rows/", name="reader_rows", needs=WATCHERS, scope=Scope.AREA)
def reader_rows(request: HeliRequest) -> HttpResponse:
    """The readings behind a figure. Titles are shown to those who may read the request."""
    now, f = timezone.now(), Filters.read(request.GET, request.actor)
    tops = list(Category.objects.filter(level=1, closed_on=None).order_by("code"))
    chosen = Category.objects.filter(code=f.category).first() if len(f.category) > 2 else None
    context = {
        "page": queries.rows_page(request.actor, f, now, after=request.GET.get("after")),
        "f": f,
        "what": queries.WHAT[f.what],
        "whats": queries.WHAT.items(),
        "categories": [*tops, *([chosen] if chosen else [])],
        "rejected": queries.REJECTED,
        "narrowed": {k: v for k, v in f.kept().items() if k in {"category", "period"}},
        "days": queries.DAYS,
        "may_export": may_export(request),
        "query": request.GET.urlencode(),
        "now": now,
    }
    return render(request, "loop/reading/rows.html", context)


@page("loop/reader/rows/export/", name="reader_rows_export", needs=WATCHERS, scope=Scope.AREA, methods=("POST",))
def reader_rows_export(request: HeliRequest) -> HttpResponse:
    """The same rows as a spreadsheet; codes of requests only for those who may read them."""
    now, f, purpose = timezone.now(), Filters.read(request.GET, request.actor), purpose_of(request)
    path = queries.here(request.actor, f.area)
    most, _path = row_cap(request.actor, WATCHERS, local_day(now))
    rows = list(queries.listed(request.actor, f, now).order_by("-request_id")[: most + 1])
    if len(rows) > most:
        raise export.TooManyRows(cap=most)
    export.take_away(
        name="readings", by=request.actor, at=now, purpose=purpose, rows=len(rows), filters=f.kept(), path=path,
        cap=cap_of(request, path),
    )  # fmt: skip
    columns: list[export.Column[Any]] = [
        (_("Code"), lambda r: r.request.code if r.seen else ""),
        (_("Told"), lambda r: r.request.heard_at),
        (_("Read as"), lambda r: str(r.category or queries.REJECTED.get(r.rejected, ""))),
        (_("How probable, in percent"), lambda r: round(r.probability * 100) if r.category else None),
        (_("Sure"), lambda r: _("yes") if r.sure else ""),
        (_("People said"), lambda r: str(r.settled or "")),
        (_("Decided"), lambda r: r.settled_at),
        (_("Sent on by the rule"), lambda r: _("yes") if r.auto else ""),
    ]
    book = export.workbook(_("What was read"), columns, rows, cap=most, notes=notes_of(request, purpose, now))
    return export.download(book, f"readings-{local_day(now):%Y%m%d}.xlsx")


# Learn, switch, lift ----------------------------------------------------------------------------------------------------
def area_sent(request: HeliRequest) -> str:
    return queries.here(request.actor, request.POST.get("area", ""))


@page("loop/reader/learn/", name="reader_learn", needs=Cap.MANAGE_DUTY, scope=Scope.AREA, methods=("POST",))
def reader_learn(request: HeliRequest) -> HttpResponse:
    """Let a reader of this county learn from what people decided; what is missing is said beside the button."""
    path = area_sent(request)
    try:
        steps.learn(area_path=path[:6], by=request.actor, at=timezone.now())
    except HeliError as error:
        if error.code == "L-403":
            raise
        return show(request, area=path, learn=error, status=error.status)
    messages.success(request, _("It is learning. You may leave this page; it reads with the old one until you switch."))
    return to_area("reader", path)


@page(
    "loop/reader/<int:reader_id>/switch/",
    name="reader_switch",
    needs=Cap.MANAGE_DUTY,
    scope=Scope.AREA,
    methods=("POST",),
)
def reader_switch(request: HeliRequest, reader_id: int) -> HttpResponse:
    """Read with this one from now on; the one before can be taken out again."""
    path = area_sent(request)
    try:
        made = steps.switch(reader_id=reader_id, by=request.actor, at=timezone.now())
    except HeliError as error:
        if error.status != 409:
            raise
        messages.warning(request, _("Nothing was switched: a colleague was first. Below you see which one reads now."))
    else:
        messages.success(request, _("Version %(n)s reads from now on.") % {"n": made.version})
    return to_area("reader", path)


@page("loop/reader/stops/<int:stop_id>/lift/", name="reader_lift", needs=Cap.MANAGE_DUTY, scope=Scope.AREA, methods=("POST",))  # fmt: skip
def reader_lift(request: HeliRequest, stop_id: int) -> HttpResponse:
    """The rule may send this matter on again, for a reason."""
    path, reason = area_sent(request), request.POST.get("reason", "").strip()[:300]
    try:
        stood = steps.lift(stop_id=stop_id, by=request.actor, at=timezone.now(), reason=reason)
    except HeliError as error:
        if error.field == "reason":
            return show(request, area=path, lift=(stop_id, reason, error.words), status=error.status)
        if error.status != 409:
            raise
        messages.warning(request, _("A colleague has lifted it already."))
    else:
        messages.success(request, _("“%(matter)s” may be sent on by the rule again.") % {"matter": stood.category})
    return to_area("reader", path)


# Samples ----------------------------------------------------------------------------------------------------------------
@page("loop/reader/samples/", name="reader_samples", needs=Cap.DISPATCH, scope=Scope.AREA)
def reader_samples(request: HeliRequest) -> HttpResponse:
    """The day's samples, one by one."""
    after = request.GET.get("after", "")
    return show_sample(request, int(after) if after.isascii() and after.isdecimal() and len(after) < 18 else 0)


def show_sample(
    request: HeliRequest, after: int = 0, error: HeliError | None = None, status: int = 200
) -> HttpResponse:
    now = timezone.now()
    found = queries.looking(request.actor, now, after=after)
    context: dict[str, Any] = {"x": found, "sample": found.sample, "error": error, "now": now}
    if found.sample is not None:
        r = found.sample.reading.request
        context |= {"r": r, "place": place_of(r), "percent": round(found.sample.reading.probability * 100)}
    response = render(request, "loop/reading/samples.html", context, status=status)
    response["Cache-Control"] = "no-store"
    return response


@page("loop/reader/samples/<int:pk>/", name="reader_look", needs=Cap.DISPATCH, scope=Scope.AREA, methods=("POST",))
def reader_look(request: HeliRequest, pk: int) -> HttpResponse:
    """What it is about, as somebody read it; then the next one."""
    try:
        sample = steps.look(
            reading_id=pk, by=request.actor, at=timezone.now(), category=request.POST.get("category", "")[:12]
        )
    except HeliError as error:
        if error.field == "category":
            return show_sample(request, pk - 1, error, error.status)
        if error.code != "L-102":
            raise
        messages.info(request, _("A colleague has looked at that one. Here is the next."))
    else:
        if sample.right:
            messages.success(request, _("Written down: it was right."))
        else:
            messages.warning(
                request, _("Written down: it was wrong. The request itself goes on as it was sent; correct it where it is now.")
            )  # fmt: skip
    return HttpResponseRedirect(f"{reverse('loop:reader_samples')}?after={pk}", status=303)


# What it wants to know --------------------------------------------------------------------------------------------------
@page("loop/reader/asks/", name="reader_asks", needs=queries.ASKERS, scope=Scope.AREA)
def reader_asks(request: HeliRequest) -> HttpResponse:
    """Ten requests from whose answer it learns most."""
    now = timezone.now()
    path = queries.here(request.actor, request.GET.get("area", ""))
    context = {
        "asks": [(a, place_of(a.reading.request)) for a in queries.asks(request.actor, path, now)],
        "path": path,
        "reads": bool(request.actor.caps.intersection({Cap.DISPATCH, Cap.SUPERVISE, Cap.VIEW_REQUESTS})),
        "now": now,
    }
    response = render(request, "loop/reading/asks.html", context)
    response["Cache-Control"] = "no-store"
    return response


@page("loop/reader/asks/<int:pk>/", name="reader_ask", needs=queries.ASKERS, scope=Scope.AREA, methods=("GET", "POST"))
def reader_ask(request: HeliRequest, pk: int) -> HttpResponse:
    """One of them with the whole list of matters; answered, it goes away."""
    now = timezone.now()
    if request.method != "POST":
        return show_ask(request, queries.ask(request.actor, pk), now)
    try:
        steps.answer(request_id=pk, by=request.actor, at=now, category=request.POST.get("category", "")[:12])
    except HeliError as error:
        if error.field == "category":
            return show_ask(request, queries.ask(request.actor, pk), now, error, error.status)
        if error.code != "L-102" or request.htmx:
            raise
        messages.info(request, _("A colleague has answered that one."))
        return see_other("reader_asks")
    said = str(Category.objects.get(code=request.POST["category"]))
    if request.htmx:
        return render(request, "loop/reading/answered.html", {"said": said})
    messages.success(request, _("It learned: “%(matter)s”.") % {"matter": said})
    return see_other("reader_asks")


def show_ask(
    request: HeliRequest, reading: Reading, now: dt.datetime, error: HeliError | None = None, status: int = 200
) -> HttpResponse:
    r = reading.request
    context = {
        "reading": reading,
        "r": r,
        "place": place_of(r),
        "marked": cut(r.text, reading.words),
        "guessed": propose.of_reading({"choices": reading.choices, "sure": False, "words": reading.words, "rejected": ""}, r.text),
        "tree": category_tree(),
        "error": error,
        "page_base": "web/base.html",
        "now": now,
    }  # fmt: skip
    response = render(request, "loop/reading/ask.html", context, status=status)
    response["Cache-Control"] = "no-store"
    return response
