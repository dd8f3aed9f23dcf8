"""Reads of batches: what a file would come to, what became of earlier ones, and what their source is to be told."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import CharField, F, OuterRef, Q, Subquery, TextField, Value
from django.db.models.functions import MD5, Cast, Coalesce, Concat
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from heli.core import laid, tables
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import HeliError, NotFound
from heli.core.paging import Page, keyset
from heli.core.scope import within
from heli.engines.identifiers import mask_name, mask_phone
from heli.loop import batches, importing
from heli.loop.batch_models import Batch, BatchMapping
from heli.loop.batches import FIELDS
from heli.loop.importing import Imported
from heli.loop.models import Category, Handling, Kind, Request, Urgency
from heli.loop.queries import parts
from heli.places.models import Area

Words = str | Promise
SHOWN = 5
UNKNOWN = 40  # words of a field offered for mapping at once, the most frequent first


# One file -------------------------------------------------------------------------------------------------------------
def sheet(batch: Batch) -> tables.Table:
    """The file opened as it was chosen to be read."""
    raw = io.BytesIO(batch.opened())
    return tables.open_sheet(raw, batch.name, batches.HEADINGS, encoding=batch.encoding, heading=batch.heading)


def signature(columns: Sequence[str]) -> str:
    """Tells tables with these headings from others."""
    return hashlib.sha256("\x1f".join(columns).encode()).hexdigest()[:16]


def offered(
    source: str, columns: Sequence[str], paths: Sequence[str]
) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """(columns, words) as they were last mapped for this source; where its headings are new, as they sound. One statement."""
    kept = BatchMapping.objects.filter(within("area_path", tuple(paths)), source=source).order_by("-kept_at")[:20]
    rows = list(kept)
    same = next((m for m in rows if m.signature == signature(columns)), None)
    values = (same or rows[0]).values if rows else {}
    return (same.columns if same is not None else tables.guess(columns, batches.HEADINGS)), values


@dataclass(slots=True)
class Unknown:
    """A word of theirs that we do not know: how many rows have it, and what was typed for it."""

    field: str
    n: int  # its place among the words of this field
    word: str
    rows: int
    typed: str = ""
    wrong: str = ""


@dataclass(slots=True)
class Look:
    """What a file holds and what would come of it."""

    columns: list[str] = field(default_factory=list)
    mapping: dict[str, str] = field(default_factory=dict)
    encoding: str = ""
    heading: int = 0
    above: list[str] = field(default_factory=list)
    spoilt: bool = False
    rows: int = 0
    done: Imported = field(default_factory=Imported)
    wrong: str = ""  # why the table as a whole cannot be taken
    unread: list[str] = field(default_factory=list)
    unknown: list[Unknown] = field(default_factory=list)
    preview: list[dict[str, str]] = field(default_factory=list)

    @property
    def selects(self) -> list[tuple[str, Any, str, bool]]:
        """(field, words, chosen column, needed) for the choice of columns."""
        return [(f, said, self.mapping.get(f, ""), f in batches.NEEDED) for f, said in batches.FIELD_WORDS.items()]

    @property
    def whole(self) -> bool:
        """Every row was looked at, not only the first ones."""
        return self.rows <= laid.DIRECT

    @property
    def ready(self) -> bool:
        new = self.done.taken > 0 or not self.whole
        return not self.wrong and not self.done.errors and new


def lacking(mapping: Mapping[str, str]) -> str:
    """Which columns are still to be named, as a sentence; '' for none."""
    missing = [str(batches.FIELD_WORDS[f]) for f in batches.NEEDED if f not in mapping]
    return _("Say which column holds this: %(fields)s.") % {"fields": "、".join(missing)} if missing else ""


def reach(batch: Batch, by: Actor) -> tuple[str, ...]:
    """Where places that it names are looked for."""
    return (batch.area_path,) if by.system else by.paths(Cap.IMPORT_REQUESTS)


def look_at(batch: Batch, *, by: Actor, at: dt.datetime) -> Look:
    """Read the file and take its first rows through the steps, rolled back."""
    look = Look()
    try:
        table = sheet(batch)
        look.columns, look.encoding, look.heading = table.columns, table.encoding, table.heading
        look.above, look.spoilt = table.above, table.spoilt
        rows = list(islice(table.rows, laid.MOST + 1))
    except HeliError as error:
        look.wrong = error.words
        return look
    look.rows = len(rows)
    look.mapping = {f: c for f, c in batch.columns.items() if c in look.columns}
    if not rows:
        look.wrong = _("There is no row below the headings.")
    elif len(rows) > laid.MOST:
        look.wrong = _(
            "These are more than %(n)s rows. Split the table, or let your operator run heli loop import."
        ) % {"n": laid.MOST}
    elif missing := lacking(look.mapping):
        look.wrong = missing
    elif Batch.objects.filter(source=batch.source, state="waiting").exists():  # its rows would be waited for
        look.wrong = _("Another table of %(source)s is being taken right now. Look again when it is done.") % {
            "source": batch.source
        }
    if look.wrong:
        return look
    reader = batches.Reader(look.mapping, reach(batch, by), batch.values)
    read = list(reader.rows(rows))
    with transaction.atomic():
        look.done = importing.import_rows(
            read[: laid.DIRECT],
            columns={f: f for f in FIELDS},
            defaults={"area": batch.default_area},
            source=batch.source,
            by=by,
            at=at,
        )
        transaction.set_rollback(True)
    look.unread = [str(batches.UNREAD[name]) % {"n": sum(seen.values())} for name, seen in reader.unread.items()]
    look.unknown = [
        Unknown(name, n, word, count)
        for name in batches.MAPPED
        for n, (word, count) in enumerate(sorted(reader.unread.get(name, {}).items(), key=lambda x: -x[1])[:UNKNOWN])
    ]
    look.preview = preview(read[:SHOWN], batch.default_area)
    return look


def preview(rows: Sequence[Mapping[str, str]], default_area: str) -> list[dict[str, str]]:
    """The first rows as they were read, people masked. Two statements."""
    places = dict(
        Area.objects.filter(path__in={r["area"] or default_area for r in rows}).values_list("path", "short_name")
    )
    matters = dict(Category.objects.filter(code__in={r["category"] for r in rows}).values_list("code", "name"))

    def one(r: Mapping[str, str]) -> dict[str, str]:
        who = (mask_name(r["name"]), mask_phone(r["phone"]) if r["phone"] else "")
        where = r["area"] or default_area
        return {
            "key": r["key"],
            "text": r["title"] or r["text"][:60],
            "at": r["at"],
            "place": " · ".join(x for x in (places.get(where, where), r["spot"]) if x),
            "matter": matters.get(r["category"], ""),
            "who": " ".join(x for x in who if x),
        }

    return [one(r) for r in rows]


# Words of theirs ------------------------------------------------------------------------------------------------------
def choices() -> dict[str, list[tuple[str, str]]]:
    """{field: [(code, what it is called)]} for the words of theirs. One statement."""
    leaves = Category.objects.filter(level=3, closed_on=None).order_by("code")
    return {
        "category": [(c.code, str(c)) for c in leaves],
        "kind": [(k.value, str(k.label)) for k in Kind],
        "urgency": [(u.value, str(u.label)) for u in Urgency],
    }


# Batches --------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class BatchLine:
    """A batch for the list."""

    batch: Batch
    chip: tuple[str, Words]


def batches_page(actor: Actor, *, source: str = "", after: str | None = None, size: int = 20) -> Page[BatchLine]:
    """Batches of the actor's areas, newest first. One statement."""
    rows = Batch.objects.visible_to(actor).select_related("made_by").defer("content", "errors", "values")
    if source:
        rows = rows.filter(source=source)
    return keyset(rows, order=("-id",), after=after, size=size).map(lambda b: BatchLine(b, laid.STATES[b.state]))


def sources(actor: Actor) -> list[str]:
    """Names of the sources that batches of the actor's areas came from. One statement."""
    rows = Batch.objects.visible_to(actor).filter(state="done").order_by("source")
    return list(rows.values_list("source", flat=True).distinct()[:200])


def seen(actor: Actor, pk: int) -> Batch:
    """One batch; NotFound (L-404) for one of other areas. One statement."""
    found: Batch | None = Batch.objects.visible_to(actor).select_related("made_by").filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


# The outcome goes back ------------------------------------------------------------------------------------------------
def kept(name: str) -> Any:
    """A field of the request, of the one it was joined with where it was."""
    return Coalesce(F(f"merged_into__{name}"), F(name))


def _text(name: str) -> Any:
    return Coalesce(Cast(kept(name), CharField()), Value(""))


MARKED = ("state", "lap", "unit_id", "dispatched_at", "replied_at", "closed_at", "solved", "satisfaction")


def outcomes(actor: Actor, source: str, *, everything: bool = False) -> Any:
    """Requests of a source where the actor may export, with `mark` (MD5 of what is told) and `reply`; only those that
    changed since they were told last, unless `everything`."""
    parts_of_mark = [x for name in MARKED for x in (_text(name), Value("|"))]
    this = Coalesce(OuterRef("merged_into_id"), OuterRef("pk"))
    said = Handling.objects.filter(Q(request=this) | Q(request__parent=this), state="sent").order_by("-sent_at", "-id")
    rows: Any = (
        Request.objects.visible_to(actor)
        .filter(within("area_path", actor.paths(Cap.EXPORT)), source=source, source_key__isnull=False)
        .annotate(
            mark=MD5(Concat(*parts_of_mark, output_field=TextField())),
            told=Coalesce(F("imported__told"), Value("")),
            asked_by=F("imported__due_at"),
            reply=Subquery(said.values("text")[:1]),
        )
        .select_related("unit", "merged_into__unit")
        .order_by("id")
    )
    return rows if everything else rows.exclude(told=F("mark"))


def outcome_columns() -> list[tuple[Any, Any]]:
    """Columns of the file that goes back: their number first. What it says of a reply is what the resident reads."""

    def of(name: str) -> Any:
        return lambda r: getattr(r.merged_into or r, name)

    return [
        (gettext_lazy("Their number"), lambda r: r.source_key),
        (pgettext_lazy("column", "Code"), lambda r: r.code),
        (gettext_lazy("State"), lambda r: str(parts.STATE_WORDS[(r.merged_into or r).state])),
        (gettext_lazy("Unit"), lambda r: getattr((r.merged_into or r).unit, "name", "")),
        (gettext_lazy("Reply"), lambda r: r.reply or ""),
        (pgettext_lazy("column", "Answered"), of("replied_at")),
        (gettext_lazy("Solved"), lambda r: str(parts.SOLVED.get((r.merged_into or r).solved, ""))),
        (gettext_lazy("Satisfaction, 1 to 5"), of("satisfaction")),
        (pgettext_lazy("column", "Closed"), of("closed_at")),
        (gettext_lazy("Wanted done by"), lambda r: r.asked_by),
    ]
