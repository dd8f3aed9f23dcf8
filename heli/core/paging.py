"""Keyset paging: the cursor is the sort key of the last row, so page 1,000 costs what page 1 costs."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import F, Model, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from heli.core.errors import Invalid

M = TypeVar("M", bound=Model)
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """One page of rows; `next` is the cursor of the following page or ''."""

    rows: Sequence[R]
    next: str = ""

    def map(self, make: Callable[[R], Any]) -> Page[Any]:
        return Page([make(r) for r in self.rows], self.next)


def _pack(values: Sequence[Any]) -> str:
    plain = [["t", v.isoformat()] if isinstance(v, dt.datetime) else ["d", v.isoformat()] if isinstance(v, dt.date) else v for v in values]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def _unpack(cursor: str, size: int) -> list[Any]:
    try:
        plain = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(plain, list) or len(plain) != size:
            raise ValueError
        return [
            (dt.datetime if v[0] == "t" else dt.date).fromisoformat(v[1]) if isinstance(v, list) else v for v in plain
        ]
    except (ValueError, TypeError, KeyError, IndexError, binascii.Error) as error:
        raise Invalid(_("The link to the next page was cut short. Start from the first page again.")) from error


def keyset(qs: QuerySet[M], *, order: Sequence[str], after: str | None = None, size: int = 50) -> Page[M]:
    """One page of `qs` in `order` (field names, '-' for descending; the last one unique). One statement.

    Nulls sort last; a null key ends keyset order, so order by columns that are not null.
    """
    fields = [o.lstrip("-") for o in order]
    qs = qs.order_by(*(F(f).desc() if o.startswith("-") else F(f).asc() for o, f in zip(order, fields, strict=True)))
    if after:
        values = _unpack(after, len(order))
        later = Q()
        for i, (o, f) in enumerate(zip(order, fields, strict=True)):
            same = Q(**{fields[j]: values[j] for j in range(i)})
            later |= same & Q(**{f"{f}__{'lt' if o.startswith('-') else 'gt'}": values[i]})
        # the first key bounds the index scan; the OR only decides ties
        qs = qs.filter(Q(**{f"{fields[0]}__{'lte' if order[0].startswith('-') else 'gte'}": values[0]}) & later)
    rows = list(qs[: size + 1])
    if len(rows) <= size:
        return Page(rows)
    rows = rows[:size]

    def value(row: Any, field: str) -> Any:
        for part in field.split("__"):
            row = getattr(row, part)
        return row

    return Page(rows, _pack([value(rows[-1], f) for f in fields]))
