"""Faces and number plates in a photo: found, and covered so that nobody can read them again.

Detectors: CenterFace for faces (Xu et al., arXiv 1911.03599; `data/` holds it, with where it is from), a small network
that OpenCV runs; for plates a cascade that comes inside OpenCV 4, trained on Russian ones, which Chinese ones resemble
(Viola and Jones 2001), and a finder of our own for the colours and the shape of Chinese plates (GA 36-2018: blue
440 × 140 mm, green 480 × 140 mm, yellow 440 × 140 or 220 mm). It errs towards finding: a covered poster costs nothing,
an uncovered face does. Nothing finds everything; who sends can cover more, and so can whoever sees a face afterwards.

Nothing is imported until the first photo: OpenCV needs a quarter of a second and 60 MB.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from PIL import Image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

LOOKED_AT: Final = 1600  # longest edge, in pixels, at which is looked: faces are found from about 19 pixels there
CELLS: Final = 5  # a covered place keeps this many cells along its longer side: no face, no character
MARGIN: Final = 0.25  # of a found box, on each side: hair, chin, the frame of a plate
FACES: Final = Path(__file__).parent / "data" / "centerface.onnx"
WHOLE: Final = 832  # up to this edge a picture is looked at in one piece
OVERLAP: Final = 64  # pixels in which the four quarters of a larger one overlap
SURE: Final = 0.25  # of 1: below, the network's peaks are no faces
PLATES: Final = (("haarcascade_russian_plate_number.xml", 1.08, 3),)
# Hue (0…180), saturation and value of the plates' grounds; the last is that of plates for new-energy cars.
COLOURS: Final = (
    ("blue", (98, 110, 50), (126, 255, 255)),
    ("yellow", (15, 110, 90), (35, 255, 255)),
    ("green", (38, 45, 70), (88, 255, 255)),
)
ASPECT: Final = (1.7, 5.6)  # width to height of a plate, seen up to 45° from the side; two-line plates are 2 : 1


class CannotLook(Exception):
    """The detector cannot run here: nothing may be kept that it should have looked at."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the photo: left, top, width, height, and what was found there."""

    x: int
    y: int
    w: int
    h: int
    kind: str = "face"  # face, plate, marked


class _Detectors:
    """OpenCV, the cascade and the network's file, loaded once a process; OpenCV's own threads are off, one photo takes
    one core."""

    def __init__(self) -> None:
        try:
            import cv2
            import numpy as np

            cv2.setNumThreads(1)
            self.cv: Any = cv2
            self.np: Any = np
            self.network = np.fromfile(FACES, np.uint8)
            self.faces()
            self.plates = [(self._load(name), *rest) for name, *rest in PLATES]
        except CannotLook:
            raise
        except Exception as error:
            raise CannotLook(str(error)) from error

    def faces(self) -> Any:
        """The network, for pictures of one size: OpenCV answers wrongly, without an error, when a network is given
        another size than before. Reading it takes 30 ms; what it has allocated goes with it."""
        return self.cv.dnn.readNetFromONNX(self.network)

    def _load(self, name: str) -> Any:
        found = self.cv.CascadeClassifier(self.cv.data.haarcascades + name)
        if found.empty():
            raise CannotLook(name)
        return found


_lock = threading.Lock()
_loaded: _Detectors | None = None


def _detectors() -> _Detectors:
    global _loaded  # noqa: PLW0603  (one set a process)
    with _lock:
        if _loaded is None:
            _loaded = _Detectors()
        return _loaded


def find(photo: Image.Image) -> list[Box]:
    """Faces and number plates of an RGB photo, in its pixels, without margin; overlapping ones are given singly.

    Time: about 2 s for a photo of 1600 × 1200 on one core. CannotLook when the detectors cannot run.
    """
    with _lock_use:
        return _find(photo)


_lock_use = threading.Lock()  # a cascade keeps state while it looks, and one photo at a time is memory enough


def _find(photo: Image.Image) -> list[Box]:
    d = _detectors()
    try:
        pixels = d.np.asarray(photo.convert("RGB"))
        scale = min(1.0, LOOKED_AT / max(photo.size))
        seen = _scaled(d, pixels, scale)
        found = [*_faces(d, seen), *_plates(d, seen)]
    except Exception as error:
        raise CannotLook(str(error)) from error
    back = 1 / scale
    return [Box(round(b.x * back), round(b.y * back), round(b.w * back), round(b.h * back), b.kind) for b in found]


def _scaled(d: _Detectors, pixels: Any, scale: float) -> Any:
    return pixels if scale == 1 else d.cv.resize(pixels, None, fx=scale, fy=scale, interpolation=d.cv.INTER_AREA)


def _faces(d: _Detectors, rgb: Any) -> list[Box]:
    """Faces in a picture of at most LOOKED_AT pixels: a small one in one piece; of a larger one each quarter, for faces
    far away, then all of it reduced, for those near by. A network needs memory by the size of what it is shown."""
    high, wide = rgb.shape[:2]
    net = d.faces()
    if max(high, wide) <= WHOLE:
        return _singly(_seen(d, net, rgb, (-(-wide // 32) * 32, -(-high // 32) * 32)))
    w, h = (-(-(n + OVERLAP) // 64) * 32 for n in (wide, high))  # one size for all five: a multiple of 32
    found: list[Box] = []
    for x in (0, max(0, wide - w)):
        for y in (0, max(0, high - h)):
            found += [Box(b.x + x, b.y + y, b.w, b.h) for b in _seen(d, net, rgb[y : y + h, x : x + w], (w, h))]
    scale = min(w / wide, h / high, 1.0)
    for b in _seen(d, net, _scaled(d, rgb, scale), (w, h)):
        found.append(Box(*(round(v / scale) for v in (b.x, b.y, b.w, b.h))))
    return _singly(found)


def _seen(d: _Detectors, net: Any, rgb: Any, size: tuple[int, int]) -> list[Box]:
    """Faces in a picture that lies in the upper left of the size (width, height) the network is shown. It answers for
    every fourth pixel: how surely a face has its middle there, the logarithm of its height and width, and by how much
    the middle is beside that pixel."""
    np = d.np
    shown = np.zeros((size[1], size[0], 3), np.uint8)
    part = rgb[: size[1], : size[0]]
    shown[: part.shape[0], : part.shape[1]] = part
    net.setInput(d.cv.dnn.blobFromImage(shown))
    sure, sizes, beside = net.forward(["537", "538", "539"])  # the names its outputs have in the file
    ys, xs = np.nonzero(sure[0, 0] > SURE)
    h, w = np.exp(sizes[0][:, ys, xs]) * 4
    y, x = (np.stack((ys, xs)) + beside[0][:, ys, xs] + 0.5) * 4
    boxes = np.rint(np.stack((x - w / 2, y - h / 2, w, h), 1)).astype(int).tolist()
    return [Box(*boxes[i]) for i in d.cv.dnn.NMSBoxes(boxes, sure[0, 0, ys, xs].tolist(), SURE, 0.3)]


def _plates(d: _Detectors, rgb: Any) -> list[Box]:
    found: list[Box] = []
    grey = d.cv.cvtColor(rgb, d.cv.COLOR_RGB2GRAY)
    for cascade, step, neighbours in d.plates:
        for x, y, w, h in cascade.detectMultiScale(grey, step, neighbours, minSize=(40, 13)):
            found.append(Box(int(x), int(y), int(w), int(h), "plate"))
    return _singly([*found, *_coloured(d, rgb, grey)])


def _coloured(d: _Detectors, rgb: Any, grey: Any) -> list[Box]:
    """Oblong patches of a plate's colour with strokes of another brightness in them, as characters make."""
    cv, np = d.cv, d.np
    hsv = cv.cvtColor(rgb, cv.COLOR_RGB2HSV)
    most = rgb.shape[0] * rgb.shape[1] * 0.2
    found: list[Box] = []
    for _name, low, high in COLOURS:
        mask = cv.inRange(hsv, np.array(low, np.uint8), np.array(high, np.uint8))
        closed = cv.morphologyEx(mask, cv.MORPH_CLOSE, np.ones((5, 11), np.uint8))
        outlines, _tree = cv.findContours(closed, cv.RETR_EXTERNAL, cv.CHAIN_APPROX_SIMPLE)
        for outline in outlines:
            (_cx, _cy), (a, b), _angle = cv.minAreaRect(outline)
            long, short = max(a, b), min(a, b)
            if short < 8 or long < 26 or long * short > most or not ASPECT[0] <= long / short <= ASPECT[1]:
                continue
            x, y, w, h = cv.boundingRect(outline)
            if w < h or cv.contourArea(outline) < 0.6 * long * short:
                continue
            inside = grey[y : y + h, x : x + w]
            edges = np.abs(np.diff(inside.astype(np.int16), axis=1)) > 28
            strokes = edges[h // 4 : h - h // 4].sum(axis=1)  # changes of brightness along each line of its middle
            if strokes.size and np.median(strokes) >= 6 and inside.std() > 18:
                found.append(Box(int(x), int(y), int(w), int(h), "plate"))
    return found


def _singly(boxes: Iterable[Box]) -> list[Box]:
    """Boxes without those that lie, for the most part, in a larger one."""
    kept: list[Box] = []
    for b in sorted(boxes, key=lambda b: -b.w * b.h):
        if not any(_shared(b, k) > 0.6 * b.w * b.h for k in kept):
            kept.append(b)
    return kept


def _shared(a: Box, b: Box) -> int:
    w = min(a.x + a.w, b.x + b.w) - max(a.x, b.x)
    h = min(a.y + a.h, b.y + b.h) - max(a.y, b.y)
    return max(0, w) * max(0, h)


def cover(photo: Image.Image, boxes: Sequence[Box], *, margin: float = MARGIN) -> Image.Image:
    """A copy of an RGB photo with these places reduced to a few flat cells each; places outside of it are left out."""
    out = photo.copy()
    for b in boxes:
        dx, dy = round(b.w * margin), round(b.h * margin)
        left, top = max(0, b.x - dx), max(0, b.y - dy)
        right, bottom = min(out.width, b.x + b.w + dx), min(out.height, b.y + b.h + dy)
        if right <= left or bottom <= top:
            continue
        place = out.crop((left, top, right, bottom))
        cell = max(place.size) / CELLS
        few = place.resize(
            (max(1, round(place.width / cell)), max(1, round(place.height / cell))), Image.Resampling.BOX
        )
        out.paste(few.resize(place.size, Image.Resampling.NEAREST), (left, top))
    return out


def blur(photo: Image.Image, marked: Sequence[Box] = ()) -> tuple[Image.Image, list[Box]]:
    """The photo with what was found, and what a person marked, covered; and all those places.

    CannotLook when the detector cannot run: the caller keeps nothing then.
    """
    found = find(photo)
    return cover(cover(photo, found), marked, margin=0), [*found, *marked]


def likeness(photo: Image.Image) -> int | None:
    """64 bits that stay nearly the same when a picture is sent again, cut or pressed harder (difference hash, N. Krawetz
    2013); none for a picture with nothing in it, which is like any other such."""
    small = photo.convert("L").resize((9, 8), Image.Resampling.BOX)
    rows = [small.crop((0, y, 9, y + 1)).tobytes() for y in range(8)]
    if max(map(max, rows)) - min(map(min, rows)) < 16:
        return None
    bits = 0
    for row in rows:
        for left, right in pairwise(row):
            bits = bits << 1 | (left > right)
    return bits


def apart(one: int, other: int) -> int:
    """In how many of their 64 bits two likenesses differ; up to about 6 it is the same picture."""
    return (one ^ other).bit_count()
