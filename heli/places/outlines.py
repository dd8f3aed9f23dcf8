"""In which county a point lies, and whether it may lie in an area: by the shipped outlines of counties, and where there
is none by the distance from the nearest known point above.

The outlines are simplified, so a point is taken up to `SLACK` outside of them: what is caught is the wrong county, swapped
degrees, or a slip in the first decimals, not the house across the border.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from heli.places.loading import DATA

FILE = DATA / "shapes_37_51_15.topojson"
SLACK = 2.0  # km
REACH = {1: 1500.0, 2: 300.0, 3: 120.0}  # km from the point of a province, city, county
KM = 111.32  # a degree of latitude
Point = tuple[float, float]  # longitude, latitude
Ring = list[Point]


@dataclass(frozen=True, slots=True)
class Outline:
    """A county's boundary: its rings, holes among them, and the box around them (west, south, east, north)."""

    rings: list[Ring]
    box: tuple[float, float, float, float]

    @classmethod
    def of(cls, rings: list[Ring]) -> Outline:
        xs, ys = [p[0] for r in rings for p in r], [p[1] for r in rings for p in r]
        return cls(rings, (min(xs), min(ys), max(xs), max(ys)))

    def holds(self, lon: float, lat: float) -> bool:
        """Ray casting (Shimrat 1962), even and odd: a hole is a ring, too."""
        west, south, east, north = self.box
        inside = False
        if west <= lon <= east and south <= lat <= north:
            for ring in self.rings:
                for (x1, y1), (x2, y2) in pairwise([*ring, ring[0]]):
                    if (y1 > lat) != (y2 > lat) and lon < (x2 - x1) * (lat - y1) / (y2 - y1) + x1:
                        inside = not inside
        return inside


@lru_cache(maxsize=1)
def _counties() -> dict[str, Outline]:
    """{county code: outline} of the shipped shapes (TopoJSON, quantised arcs)."""
    data = json.loads(FILE.read_text())
    (sx, sy), (tx, ty) = data["transform"]["scale"], data["transform"]["translate"]
    arcs: list[Ring] = []
    for arc in data["arcs"]:
        x = y = 0
        line: Ring = []
        for dx, dy in arc:
            x, y = x + dx, y + dy
            line.append((x * sx + tx, y * sy + ty))
        arcs.append(line)

    def ring(refs: list[int]) -> Ring:
        joined: Ring = []
        for ref in refs:
            part = arcs[ref] if ref >= 0 else arcs[~ref][::-1]
            joined += part[1:] if joined else part
        return joined

    def outline(shape: dict[str, Any]) -> Outline:
        several = shape["arcs"] if shape["type"] == "MultiPolygon" else [shape["arcs"]]
        return Outline.of([ring(refs) for polygon in several for refs in polygon])

    shapes = data["objects"]["county"]["geometries"]
    return {s["properties"]["code"]: outline(s) for s in shapes if s.get("type") in {"Polygon", "MultiPolygon"}}


def county_at(lat: float, lon: float) -> str:
    """Path of the county whose shipped boundary holds the point; '' when none does."""
    return next((path for path, outline in _counties().items() if outline.holds(lon, lat)), "")


def _off(ring: Ring, lon: float, lat: float) -> float:
    """Kilometres from a point to a ring's nearest edge."""
    squeeze = math.cos(math.radians(lat))
    best = math.inf
    for (x1, y1), (x2, y2) in zip(ring, [*ring[1:], ring[0]], strict=True):
        ax, ay = (x1 - lon) * squeeze, y1 - lat
        dx, dy = (x2 - x1) * squeeze, y2 - y1
        length = dx * dx + dy * dy
        t = 0.0 if not length else min(1.0, max(0.0, -(ax * dx + ay * dy) / length))
        best = min(best, math.hypot(ax + t * dx, ay + t * dy))
    return best * KM


def apart(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Kilometres between two points, for distances within a city (equirectangular)."""
    squeeze = math.cos(math.radians((lat1 + lat2) / 2))
    return math.hypot((lon1 - lon2) * squeeze, lat1 - lat2) * KM


def plausible(path: str, lat: float, lon: float, known: Iterable[tuple[int, float, float]]) -> bool:
    """Whether a point may lie in the area at `path`. `known`: (level, lat, lon) of the areas above that have a point."""
    outline = _counties().get(path[:6])
    if outline is not None:
        return outline.holds(lon, lat) or any(_off(r, lon, lat) <= SLACK for r in outline.rings)
    nearest = max(known, default=None)
    if nearest is None:
        return True
    level, at_lat, at_lon = nearest
    return apart(lat, lon, at_lat, at_lon) <= REACH.get(level, REACH[3])
