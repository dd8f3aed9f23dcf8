"""What of the hours stands in the national system, as a room further right knows it. Until it says so they are a record of
this platform, and every page calls them that."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from django.db.models import CharField, OuterRef, Subquery, Value

_taken: list[Callable[[], Any]] = []


def register(taken: Callable[[], Any]) -> None:
    """Said once, at start: the rows (subject_id: a service, receipt: its number) of hours that were taken there as they
    stand now."""
    _taken[:] = [taken]


def receipts(services: Collection[int]) -> dict[int, str]:
    """{service: number of the receipt}. One statement; none for no services."""
    if not services or not _taken:
        return {}
    return dict(_taken[0]().filter(subject_id__in=list(services)).values_list("subject_id", "receipt"))


def receipt(service: str) -> Any:
    """The same as a column of a query; `service`: its name for the service there."""
    if not _taken:
        return Value("", output_field=CharField())
    return Subquery(_taken[0]().filter(subject_id=OuterRef(service)).values("receipt")[:1])
