"""Keyset paging: the cursor is the sort key of the last row, so page 1,000 costs what page 1 costs."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import DateTimeField, F, Field, Model, Q, QuerySet
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


def _plain(value: Any) -> Any:
    """A sort key as JSON; the field reads it back (`_read`)."""
    return value.isoformat() if isinstance(value, dt.date) else value  # a datetime is a date


def _pack(values: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([_plain(v) for v in values]).encode()).decode().rstrip("=")


def _column(qs: QuerySet[Any], name: str) -> Field[Any, Any]:
    """The model field or annotation behind a sort key like `org__name`."""
    if name in qs.query.annotations:
        found: Field[Any, Any] = qs.query.annotations[name].output_field
        return found
    model: Any = qs.model
    *way, last = name.split("__")
    for part in way:
        model = model._meta.get_field(part).related_model
    field: Field[Any, Any] = model._meta.get_field(last)
    return field


def _read(field: Field[Any, Any], value: Any) -> Any:
    if value is None or isinstance(value, list | dict) or (isinstance(value, str) and "\0" in value):
        raise ValueError
    if isinstance(field, DateTimeField) and "T" not in str(value):
        raise ValueError
    read = field.to_python(value)
    if isinstance(read, dt.datetime) and read.tzinfo is None:
        raise ValueError
    return read


def _unpack(cursor: str, columns: Sequence[Field[Any, Any]]) -> list[Any]:
    try:
        plain = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(plain, list):
            raise ValueError
        return [_read(column, value) for column, value in zip(columns, plain, strict=True)]
    except (ValueError, TypeError, OverflowError, RecursionError, ValidationError) as error:
        raise Invalid(_("The link to the next page was cut short. Start from the first page again.")) from error


def keyset(qs: QuerySet[M], *, order: Sequence[str], after: str | None = None, size: int = 50) -> Page[M]:
    """One page of `qs` in `order` (field names, '-' for descending; the last one unique). One statement.

    Nulls sort last; a null key ends keyset order, so order by columns that are not null.
    """
    fields = [o.lstrip("-") for o in order]
    qs = qs.order_by(*(F(f).desc() if o.startswith("-") else F(f).asc() for o, f in zip(order, fields, strict=True)))
    if after:
        values = _unpack(after, [_column(qs, f) for f in fields])
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
