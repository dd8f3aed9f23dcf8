"""From a point of a phone to a community: what was told near there before, pins of areas, and the county's boundary.

The official table of areas has no points below the county, so the room learns: each snap whose community was chosen or
found teaches where that community lies. Points are WGS-84 degrees, as browsers give them.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path

from heli.loop.models import Request
from heli.places import queries as places
from heli.places.models import Area
from heli.snaps.models import Snap

SHAPES = Path(places.__file__).parent / "data" / "shapes_37_51_15.topojson"
STEP = Decimal("0.005")  # of a cell: some 550 m to the north, 440 m to the east at 37° N
NEAR = 450  # metres: a snap at most so far away speaks for its community
PINNED = 1200  # metres: and so does a pin
SEEN = 60  # earlier snaps that are asked


def cell_of(lat: Decimal, lon: Decimal) -> int:
    """The cell of a point, as one number; its neighbours differ by 1 and by 100,000."""
    return int(lat // STEP) * 100_000 + int(lon // STEP)


def metres(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Between two points (latitude, longitude), for distances within a town."""
    north = (a[0] - b[0]) * 111_320
    east = (a[1] - b[1]) * 111_320 * math.cos(math.radians((a[0] + b[0]) / 2))
    return math.hypot(north, east)


@dataclass(frozen=True, slots=True)
class Found:
    """The area a point lies in: its community where one is known nearby, otherwise its county; none outside."""

    area: Area | None
    near: bool  # a community, told by what lies near; otherwise only the county is known


def _cells(lat: Decimal, lon: Decimal) -> list[int]:
    middle = cell_of(lat, lon)
    return [middle + north * 100_000 + east for north in (-1, 0, 1) for east in (-1, 0, 1)]


def nearest(lat: Decimal, lon: Decimal, home: str) -> Found:
    """Where a point lies, as far as it is known. Two statements, three where only the county is known."""
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
            away = metres(here, (float(at_lat), float(at_lon)))
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
        away = metres(here, (float(pin.lat), float(pin.lon)))
        if away <= PINNED:
            votes[pin.path] += round(2000 / (away + 60))
    if votes:
        best = Area.objects.offered().filter(path=votes.most_common(1)[0][0]).first()
        if best is not None:
            return Found(best, near=True)
    county = county_at(here[0], here[1])
    if not county.startswith(home) and not home.startswith(county or "-"):
        return Found(None, near=False)
    return Found(Area.objects.offered().filter(path=max(county, home, key=len)).first(), near=False)


# The county of a point ---------------------------------------------------------------------------------------------------
Ring = list[tuple[float, float]]


def county_at(lat: float, lon: float) -> str:
    """Path of the county whose shipped boundary holds the point; '' when none does."""
    for path, (west, south, east, north), rings in _counties():
        if west <= lon <= east and south <= lat <= north and _inside(lon, lat, rings):
            return path
    return ""


def _inside(x: float, y: float, rings: Sequence[Ring]) -> bool:
    """Even and odd: holes are rings, too."""
    odd = False
    for ring in rings:
        for (x1, y1), (x2, y2) in pairwise(ring):
            if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
                odd = not odd
    return odd


@cache
def _counties() -> list[tuple[str, tuple[float, float, float, float], list[Ring]]]:
    """Boundaries of the counties of the shipped shapes (TopoJSON: arcs of deltas on a grid)."""
    topology = json.loads(SHAPES.read_text(encoding="utf-8"))
    (sx, sy), (tx, ty) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs: list[Ring] = []
    for arc in topology["arcs"]:
        x = y = 0
        line: Ring = []
        for dx, dy in arc:
            x, y = x + dx, y + dy
            line.append((x * sx + tx, y * sy + ty))
        arcs.append(line)

    def ring(of: Iterable[int]) -> Ring:
        line: Ring = []
        for n in of:
            part = arcs[n] if n >= 0 else arcs[~n][::-1]
            line += part[1:] if line else part
        return line

    found = []
    for shape in topology["objects"]["county"]["geometries"]:
        polygons = shape["arcs"] if shape["type"] == "MultiPolygon" else [shape["arcs"]]
        rings = [ring(r) for polygon in polygons for r in polygon]
        xs, ys = [p[0] for r in rings for p in r], [p[1] for r in rings for p in r]
        found.append((str(shape["properties"]["code"]), (min(xs), min(ys), max(xs), max(ys)), rings))
    return found
