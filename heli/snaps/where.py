"""From a point of a phone to a community: what was told near there before, pins of areas, and the county's boundary.

The official table of areas has no points below the county, so the room learns: each snap whose community was chosen or
found teaches where that community lies. Points are WGS-84 degrees, as browsers give them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

from heli.loop.models import Request
from heli.places.models import Area
from heli.places.outlines import apart, county_at, plausible
from heli.snaps.models import Snap

STEP = Decimal("0.005")  # of a cell: some 550 m to the north, 440 m to the east at 37° N
NEAR = 450  # metres: a snap at most so far away speaks for its community, and a point no rougher than that is asked for one
PINNED = 1200  # metres: and so does a pin
SEEN = 60  # earlier snaps that are asked
BESIDE = 4  # other communities that are offered


def cell_of(lat: Decimal, lon: Decimal) -> int:
    """The cell of a point, as one number; its neighbours differ by 1 and by 100,000."""
    return int(lat // STEP) * 100_000 + int(lon // STEP)


@dataclass(frozen=True, slots=True)
class Found:
    """The area a point lies in: its community where one is known nearby, otherwise its county; none outside."""

    area: Area | None
    near: bool  # a community, told by what lies near; otherwise only the county is known
    others: tuple[Area, ...] = ()  # communities that lie near, too: the likelier first


def _cells(lat: Decimal, lon: Decimal) -> list[int]:
    middle = cell_of(lat, lon)
    return [middle + north * 100_000 + east for north in (-1, 0, 1) for east in (-1, 0, 1)]


def nearest(lat: Decimal, lon: Decimal, home: str, accuracy: float | None = None) -> Found:
    """Where a point lies, as far as it is known; of a rough one (accuracy in metres) only the county is told. Two
    statements, three where only the county is known."""
    if accuracy is not None and accuracy > NEAR:
        return _county(lat, lon, home)
    here = (float(lat), float(lon))
    told = Request.objects.filter(
        pk__in=Snap.objects.filter(cell__in=_cells(lat, lon)).order_by("-pk").values("pk")[:SEEN],
        area__level__gte=5,
        area_path__startswith=home,
        lat__isnull=False,
        accuracy__lte=NEAR,
    ).values_list("area_path", "lat", "lon")
    votes: Counter[str] = Counter()
    for path, at_lat, at_lon in told:
        if at_lat is not None and at_lon is not None:
            away = apart(*here, float(at_lat), float(at_lon)) * 1000
            if away <= NEAR:
                votes[path] += round(1000 / (away + 60))
    reach = Decimal("0.015")
    pins = Area.objects.offered().filter(
        level=5,
        path__startswith=home,
        lat__range=(lat - reach, lat + reach),
        lon__range=(lon - reach, lon + reach),
    )
    for pin in pins[:SEEN]:
        assert pin.lat is not None and pin.lon is not None
        away = apart(*here, float(pin.lat), float(pin.lon)) * 1000
        if away <= PINNED:
            votes[pin.path] += round(2000 / (away + 60))
    ranked = [path for path, _n in votes.most_common(1 + BESIDE)]
    known = {a.path: a for a in Area.objects.offered().filter(path__in=ranked)} if ranked else {}
    if found := [known[path] for path in ranked if path in known]:
        return Found(found[0], near=True, others=tuple(found[1:]))
    return _county(lat, lon, home)


def _county(lat: Decimal, lon: Decimal, home: str) -> Found:
    """The county of the shipped outlines; at the shore and along a border also the one of home that lies beside."""
    county = county_at(float(lat), float(lon))
    offered = Area.objects.offered()
    if county.startswith(home) or home.startswith(county or "-"):
        return Found(offered.filter(path=max(county, home, key=len)).first(), near=False)
    own = offered.filter(path__startswith=home[:6], level=3)
    return Found(next((a for a in own if plausible(a.path, float(lat), float(lon), ())), None), near=False)
