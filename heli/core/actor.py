"""Who acts. Every step and every query takes an Actor; nothing asks for the request or the user model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from heli.core.caps import Cap, Scope
from heli.core.scope import covers


@dataclass(frozen=True, slots=True)
class GrantView:
    """One grant in force: what its holder may do, for which organisation, in which areas."""

    id: int
    caps: frozenset[Cap]
    org_id: int | None
    org_name: str
    paths: tuple[str, ...]
    acting_for_id: int | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """A person (with the grants in force now), the holder of a secret link, the public, or the system itself.

    `name` is for greeting only and never enters an event.
    """

    user_id: int | None
    name: str = ""
    grants: tuple[GrantView, ...] = ()
    voice_id: int | None = None
    system: bool = False
    token_id: int | None = None  # the token of another system through which they act; it enters every event
    caps: frozenset[Cap] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "caps", frozenset(c for g in self.grants for c in g.caps))

    @property
    def is_staff(self) -> bool:
        return bool(self.grants)

    def _with(self, cap: Cap) -> Iterator[GrantView]:
        return (g for g in self.grants if cap in g.caps)

    def paths(self, cap: Cap) -> tuple[str, ...]:
        """Area paths where the actor holds the capability; the system holds it everywhere."""
        if self.system:
            return ("",)
        return tuple(sorted({p for g in self._with(cap) for p in g.paths}))

    def org_ids(self, *caps: Cap) -> tuple[int, ...]:
        """Organisations for which the actor holds any of the capabilities."""
        return tuple(sorted({g.org_id for c in caps for g in self._with(c) if g.org_id is not None}))

    def grant_for(self, cap: Cap, *, path: str | None = None, org_id: int | None = None) -> GrantView | None:
        """The grant that lets the actor do this, or None.

        With `path` the area must lie in the grant's areas; with `org_id` the grant must be that organisation's.
        """
        for g in self._with(cap):
            if (path is None or covers(g.paths, path)) and (org_id is None or g.org_id == org_id):
                return g
        return None

    def can(self, cap: Cap, *, path: str | None = None, org_id: int | None = None) -> bool:
        return self.system or self.grant_for(cap, path=path, org_id=org_id) is not None

    def may(self, needs: Cap | None, scope: Scope, *, path: str | None, org_id: int | None) -> bool:
        """Whether an arrow that needs `needs` in `scope` is open for a thing at `path` that is with `org_id`."""
        if self.system:
            return True
        if scope is Scope.PUBLIC:
            return needs is None or needs in self.caps
        if scope is Scope.LINK:
            return self.voice_id is not None
        if scope is Scope.SELF:
            return self.user_id is not None
        if scope is Scope.SYSTEM or needs is None:
            return False
        if scope is Scope.OWN_UNIT:
            return org_id is not None and self.can(needs, org_id=org_id)
        return path is not None and self.can(needs, path=path)


PUBLIC = Actor(user_id=None)
SYSTEM = Actor(user_id=None, system=True)
