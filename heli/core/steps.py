"""The shape of every write: one transaction, one lock order, one Event.

    with step("dispatch.accept", by=by, at=at) as s:
        dispatch = s.lock(Dispatch, dispatch_id)
        s.move(dispatch, DISPATCH, "accept")
        s.about("loop.request", dispatch.request_id, dispatch.area_path)

Leaving the block appends the Event; leaving it by an exception rolls everything back, queued jobs included.
Cost beside the step's own statements: BEGIN, one INSERT of the Event, COMMIT.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from django.db import models, transaction

from heli.core import metrics
from heli.core.actor import Actor, GrantView
from heli.core.caps import Cap, Scope
from heli.core.errors import Forbidden, NotFound, PaperMissing, WrongState
from heli.core.logs import scrub
from heli.core.models import Event
from heli.core.states import Lifecycle

M = TypeVar("M", bound=models.Model)


class Versioned(Protocol):
    """Anything that was used as a rule: the event keeps its key, version and row."""

    @property
    def id(self) -> int: ...
    @property
    def key(self) -> str: ...
    @property
    def version(self) -> int: ...


class Step:
    """What happens inside one `with step(...)` block."""

    def __init__(self, name: str, by: Actor, at: dt.datetime) -> None:
        if at.tzinfo is None:
            raise ValueError("a step's time has a time zone")
        self.by = by
        self.at = at
        self.event = Event(step=name, at=at, user_id=by.user_id, data={}, rules=[])
        self._grant: GrantView | None = None

    def lock(self, model: type[M], pk: int, *, related: tuple[str, ...] = ()) -> M:
        """The row, locked until the transaction ends; NotFound (L-404) when the actor may not see it."""
        found = (
            model._default_manager.visible_to(self.by)  # type: ignore[attr-defined]
            .select_for_update(of=("self",))
            .select_related(*related)
            .filter(pk=pk)
            .first()
        )
        if found is None:
            raise NotFound
        return found  # type: ignore[no-any-return]

    def move(self, thing: Any, lifecycle: Lifecycle, name: str, *, save: tuple[str, ...] = (), **papers: Any) -> None:
        """Take one arrow: state, capability with its scope, and papers are checked; then the state is saved.

        `save` names further fields of `thing` that were set in this step; a new thing is inserted whole. Call while
        holding the row's lock.

        Raises:
            WrongState: the arrow does not leave the present state (L-101).
            Forbidden: the actor lacks the capability here (L-403).
            PaperMissing: a paper is empty (L-103).
        """
        arrow = lifecycle.arrows[name]
        self.allow(thing, arrow.needs, arrow.scope, *arrow.also)
        if thing.state not in arrow.sources:
            raise WrongState
        for paper in arrow.papers:
            if not str(papers.get(paper) or "").strip():
                raise PaperMissing(field=paper, paper=paper)
        before, thing.state = thing.state, arrow.target
        if thing._state.adding:
            thing.save(force_insert=True)
        else:
            thing.save(update_fields=["state", *save])
        if self.event.object_type == "":
            self.event.object_type, self.event.object_id = thing._meta.label_lower, thing.pk
            self.event.before = before
        self.event.after = arrow.target
        self.event.data.update({k: v for k, v in papers.items() if isinstance(v, str | int | float | bool | list)})

    def move_many(self, things: Sequence[Any], lifecycle: Lifecycle, name: str, *, save: tuple[str, ...] = ()) -> None:
        """As `move` for many rows of one table; a paper is a field of each. One statement for each 500. Call while holding
        their locks."""
        arrow = lifecycle.arrows[name]
        for thing in things:
            self.allow(thing, arrow.needs, arrow.scope, *arrow.also)
            if thing.state not in arrow.sources:
                raise WrongState
            for paper in arrow.papers:
                if not str(getattr(thing, paper) or "").strip():
                    raise PaperMissing(field=paper, paper=paper)
            thing.state = arrow.target
        if things:
            type(things[0])._default_manager.bulk_update(things, ["state", *save], batch_size=500)

    def allow(self, thing: Any, needs: Cap | None, scope: Scope, *also: tuple[Cap, Scope]) -> None:
        """Forbidden (L-403) unless the actor holds one of the capabilities for this thing."""
        path, org_id = getattr(thing, "area_path", None), getattr(thing, "unit_id", None)
        for cap, where in ((needs, scope), *also):
            if self.by.may(cap, where, path=path, org_id=org_id):
                if cap is not None and not self.by.system:
                    self._grant = self._grant or self.by.grant_for(
                        cap,
                        path=path if where is Scope.AREA else None,
                        org_id=org_id if where is Scope.OWN_UNIT else None,
                    )
                return
        raise Forbidden

    def require(self, cap: Cap, *, path: str | None = None, org_id: int | None = None) -> None:
        """Forbidden (L-403) unless the actor holds the capability there; the grant used enters the event."""
        if self.by.system:
            return
        grant = self.by.grant_for(cap, path=path, org_id=org_id)
        if grant is None:
            raise Forbidden
        self._grant = self._grant or grant

    def about(self, subject_type: str, subject_id: int, area_path: str) -> None:
        """The thing whose timeline this event belongs to."""
        self.event.subject_type, self.event.subject_id, self.event.area_path = subject_type, subject_id, area_path

    def record(self, thing: models.Model | None = None, *, public: bool | None = None, **data: Any) -> None:
        """Facts for the timeline. Never personal data; `public` events are shown to the resident."""
        if thing is not None:
            self.event.object_type, self.event.object_id = thing._meta.label_lower, thing.pk
        if public is not None:
            self.event.public = public
        self.event.data.update(data)

    def rule(self, *versions: Versioned) -> None:
        """Rule versions this step was decided by."""
        self.event.rules.extend([v.key, v.version, v.id] for v in versions)

    def defer(self, task: Any, **kwargs: Any) -> None:
        """A job in this transaction: rolled back with it."""
        task.defer(**kwargs)

    def close(self) -> Event:
        if not self.event.subject_type:
            raise AssertionError(f"step {self.event.step} did not say what it is about")
        if self._grant is not None:
            self.event.org_id, self.event.acting_for_id = self._grant.org_id, self._grant.acting_for_id
        elif not self.by.system and self.by.grants and self.event.org_id is None:
            self.event.org_id = self.by.grants[0].org_id
        if self.by.token_id is not None:
            self.event.data["token"] = self.by.token_id
        # Steps clean what people write; whatever slips through anywhere still does not enter what can never be changed.
        self.event.data = {k: scrub(v) if isinstance(v, str) else v for k, v in self.event.data.items()}
        self.event.save(force_insert=True)
        metrics.stepped(self.event.step)
        return self.event


@contextmanager
def step(name: str, *, by: Actor, at: dt.datetime) -> Iterator[Step]:
    """Open the transaction of one write; append its Event on leaving."""
    with transaction.atomic():
        s = Step(name, by, at)
        yield s
        s.close()
