"""Areas as path ranges: `path >= p AND path < p || '~'` under the C collation (digits and letters sort below '~').

A range uses the plain b-tree index on the path, where LIKE under a generic plan would scan it whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Q

LENGTHS = (2, 4, 6, 9, 12)  # province, city, county, township, village


if TYPE_CHECKING:
    _Text = models.CharField[str, str]
else:  # Django's fields take no type parameters when they run
    _Text = models.CharField


class PathField(_Text):
    """The unpadded code path of an area (37 › 3706 › 370602 › 370602003 › 370602003006), C collation."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 24)
        kwargs["db_collation"] = "C"
        super().__init__(*args, **kwargs)


def within(field: str, paths: Iterable[str]) -> Q:
    """Rows whose `field` lies in any of the areas. No areas: no rows. The empty path is the whole country."""
    kept: list[str] = []
    for p in sorted(set(paths)):
        if not kept or not p.startswith(kept[-1]):
            kept.append(p)
    if kept == [""]:
        return ~Q(pk__in=[])  # every row, also when it is joined by OR: an empty Q would drop out of that
    return reduce(or_, (Q(**{f"{field}__gte": p, f"{field}__lt": p + "~"}) for p in kept), Q(pk__in=[]))


def covers(paths: Iterable[str], path: str) -> bool:
    """Whether the area at `path` lies in (or is) one of `paths`."""
    return any(path.startswith(p) for p in paths)


def ancestors(path: str, *, itself: bool = True) -> tuple[str, ...]:
    """'370602003' → ('37', '3706', '370602', '370602003'); levels below the village (grids) count too."""
    cut = tuple(path[:n] for n in LENGTHS if n < len(path))
    return (*cut, path) if itself and path else cut
