"""A table that somebody lays down: sealed, looked at, then taken whole or not at all, and forgotten.

Each kind has its own rows, lifecycle and steps in its room (loop.Batch for requests, places.SiteTable for sites); what holds
for all of them stands here.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from django.conf import settings
from django.db import connection, connections, models
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, pgettext_lazy

from heli.core import vault
from heli.core.errors import TakenAlready, WrongState
from heli.core.scope import PathField
from heli.core.states import Lifecycle
from heli.core.steps import Step
from heli.core.tables import RowError

Words = str | Promise
DIRECT = 500  # rows taken while somebody waits; more are taken by a job
MOST = 10_000  # rows of one file; the operator's commands take any number
BYTES = 10 * 2**20
KEPT = dt.timedelta(days=1)  # a file that was looked at and not taken
ERRORS_KEPT = 1_000
ENDED = ("done", "refused", "dropped")
STATES: Mapping[str, tuple[str, Words]] = {
    "draft": ("you", pgettext_lazy("batch", "not taken yet")),
    "waiting": ("doing", pgettext_lazy("batch", "being taken")),
    "done": ("done", pgettext_lazy("batch", "taken")),
    "refused": ("late", pgettext_lazy("batch", "refused: nothing taken")),
    "dropped": ("pause", pgettext_lazy("batch", "thrown away")),
}


class LaidTable(models.Model):
    """One file. Its content is here, sealed, only until it is taken, refused or dropped: it may hold names and numbers."""

    BOUND: ClassVar[str]  # the word of the kind in what the sealed content is bound to
    TURN: ClassVar[int]  # the number of the kind among advisory locks

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    area_path = PathField()  # of the grant it is imported under
    name = models.CharField(max_length=120)
    content = models.TextField(default="")  # sealed
    state = models.CharField(max_length=10, default="draft")
    rows = models.PositiveIntegerField(default=0)
    read = models.PositiveIntegerField(default=0)  # how far the job is; written by its own connection
    known = models.PositiveIntegerField(default=0)
    wrong = models.PositiveIntegerField(default=0)
    errors = models.JSONField(default=list)  # [[line, field, code, words], …], the first thousand
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    ended_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True

    @property
    def bound(self) -> str:
        """What the sealed content is bound to."""
        return f"{self.BOUND}:{self.uid.hex}"

    def seal(self, raw: bytes) -> None:
        self.content = vault.seal_bytes(self.bound, raw)

    def opened(self) -> bytes:
        """The file as it came; CannotOpen (L-501) without the key."""
        return vault.open_bytes(self.bound, self.content)

    def row_errors(self) -> list[RowError]:
        """What was wrong with its rows."""
        return [RowError(*e) for e in self.errors]


def turn(kind: type[LaidTable], pk: int) -> bool:
    """Whether a table is ours until the transaction ends. The row itself stays free: the job writes there how far it is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [kind.TURN, pk % 2**31])
        return bool(cursor.fetchone()[0])


def end(
    s: Step,
    table: LaidTable,
    life: Lifecycle,
    arrow: str,
    *,
    at: dt.datetime,
    errors: Sequence[RowError] = (),
    **counts: int,
) -> None:
    """The table is over, by this arrow, and its content is forgotten. `counts`: fields of the table that say how many."""
    for name, n in counts.items():
        setattr(table, name, n)
    table.wrong = len(errors)
    table.errors = [[e.line, e.field, e.code, str(e.words)] for e in errors[:ERRORS_KEPT]]
    table.content, table.ended_at = "", at
    s.move(table, life, arrow, save=(*counts, "wrong", "errors", "content", "ended_at"))
    s.about(table._meta.label_lower, table.pk, table.area_path)


def forget(kind: type[LaidTable], drop: Callable[[int], Any], at: dt.datetime) -> int:
    """Throw away files that were looked at a day ago and not taken, and those whose job failed for good. Returns how many."""
    old = Q(state="draft", made_at__lt=at - KEPT) | Q(state="waiting", made_at__lt=at - 2 * KEPT)
    done = 0
    for pk in list(kind._default_manager.filter(old).values_list("pk", flat=True)[:500]):
        with contextlib.suppress(TakenAlready, WrongState):  # somebody takes it after all
            drop(pk)
            done += 1
    return done


def progress_of(kind: type[LaidTable], pk: int) -> Callable[[int], None]:
    """Writes down how far a job is, on a connection of its own: the transaction that takes the rows shows nothing yet."""
    side = connections.create_connection("default")

    def tell(n: int) -> None:
        with side.cursor() as cursor:
            cursor.execute(f"UPDATE {kind._meta.db_table} SET read = %s WHERE id = %s", [n, pk])
        side.close()

    return tell


def error_columns(fields: Mapping[str, Words]) -> list[tuple[Words, Callable[[RowError], Any]]]:
    """Columns of the table of errors: which row, which column, what to do. Nothing of the row itself."""
    return [
        (gettext_lazy("Line"), lambda e: e.line),
        (gettext_lazy("Column"), lambda e: str(fields.get(e.field, ""))),
        (gettext_lazy("What is wrong"), lambda e: e.words),
        (pgettext_lazy("column", "Code"), lambda e: e.code),
    ]
