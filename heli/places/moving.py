"""When an area changes its parent, every table that names areas by path follows. Called by steps.move_area.

Which columns those are is read from the models: every PathField and every array of them. Tables that only ever grow
(events, histories) keep the path they were written under; queries.paths_ever widens a question to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Max
from django.db.models.functions import Length

from heli.core.dbroles import append_only_tables
from heli.core.scope import PathField, ancestors
from heli.places.models import Area

PATH_ROOM = 24  # digits and letters a PathField holds
MOVE = """
UPDATE {table} SET {column} = %(new)s || substr({column}, length(%(old)s) + 1)
WHERE {column} >= %(old)s AND {column} < %(old)s || '~'
"""
MOVE_AREAS = """
UPDATE places_area SET path = %(new)s || substr(path, length(%(old)s) + 1),
       parent_id = CASE id WHEN %(id)s THEN %(parent)s ELSE parent_id END
WHERE path >= %(old)s AND path < %(old)s || '~'
"""


def growing(model: type[models.Model]) -> bool:
    return model._meta.db_table in append_only_tables()


def path_columns() -> Iterator[tuple[type[models.Model], list[Any], list[Any]]]:
    """Tables that follow a move, areas aside: (model, path columns, columns that are lists of paths)."""
    for model in apps.get_models(include_auto_created=True):
        if model is Area or not model._meta.managed or model._meta.proxy or growing(model):
            continue
        fields = model._meta.local_concrete_fields
        plain = [f for f in fields if isinstance(f, PathField)]
        lists = [f for f in fields if isinstance(f, ArrayField) and isinstance(f.base_field, PathField)]
        if plain or lists:
            yield model, plain, lists


def moved(path: str, old: str, new: str) -> str:
    return new + path[len(old) :] if path.startswith(old) else path


def follow(cur: Any, old: str, new: str) -> dict[str, int]:
    """Rewrite the paths of every table; how many rows of which changed."""
    changed: dict[str, int] = {}
    quote = cur.db.ops.quote_name
    for model, plain, lists in path_columns():
        table, rows = quote(model._meta.db_table), 0
        for field in plain:
            cur.execute(MOVE.format(table=table, column=quote(field.column)), {"old": old, "new": new})
            rows += cur.rowcount
        if lists:
            rows += _follow_lists(cur, model, lists, old, new)
        if rows:
            changed[model._meta.label_lower] = rows
    return changed


def _follow_lists(cur: Any, model: type[models.Model], lists: list[Any], old: str, new: str) -> int:
    """Lists of paths, row by row: they are few, and all lists of a row change in one statement.

    `area_reach = {"reach": "paths"}` on a model says that one list holds the areas above another list's.
    """
    quote = cur.db.ops.quote_name
    table, key = quote(model._meta.db_table), quote(model._meta.pk.column)
    names = [f.column for f in lists]
    reach: dict[str, str] = getattr(model, "area_reach", {})
    hit = " OR ".join(
        f"EXISTS (SELECT FROM unnest({quote(n)}) p WHERE p >= %(old)s AND p < %(old)s || '~')" for n in names
    )
    columns = ", ".join(quote(n) for n in names)
    cur.execute(f"SELECT {key}, {columns} FROM {table} WHERE {hit} FOR UPDATE", {"old": old})
    rows = cur.fetchall()
    for pk, *values in rows:
        now = {n: [moved(p, old, new) for p in v] for n, v in zip(names, values, strict=True)}
        for above, of in reach.items():
            now[above] = sorted({""} | {a for p in now[of] for a in ancestors(p)})
        sets = ", ".join(f"{quote(n)} = %s" for n in names)
        cur.execute(f"UPDATE {table} SET {sets} WHERE {key} = %s", [*now.values(), pk])
    return len(rows)


def too_long(old: str, new: str) -> bool:
    """Whether a path inside the area would not fit into its column any more."""
    longest = Area.objects.inside(old).aggregate(n=Max(Length("path")))["n"] or len(old)
    return longest - len(old) + len(new) > PATH_ROOM
