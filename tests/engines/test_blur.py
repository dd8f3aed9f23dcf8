"""Faces and plates are found and cannot be read afterwards; what cannot be looked at is not kept."""

from __future__ import annotations

import io
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageStat

from heli.engines import blur
from heli.engines.blur import Box

SKIN, INK = (214, 176, 150), (46, 36, 32)


def face(size: int) -> Image.Image:
    """A drawn face, frontal: nobody's."""
    s = 400
    image = Image.new("RGB", (s, s), (120, 130, 140))
    d = ImageDraw.Draw(image)
    d.ellipse((70, 20, 330, 200), fill=INK)  # hair
    d.ellipse((85, 50, 315, 385), fill=SKIN)
    for x in (150, 250):
        d.ellipse((x - 38, 160, x + 38, 205), fill=(176, 140, 118))  # hollow
        d.ellipse((x - 30, 170, x + 30, 200), fill=(240, 236, 230))
        d.ellipse((x - 13, 170, x + 13, 198), fill=(30, 24, 22))
        d.line((x - 38, 148, x + 38, 146), fill=INK, width=12)  # brow
    d.polygon(((200, 190), (178, 268), (222, 268)), fill=(196, 156, 130))
    d.line((178, 268, 222, 268), fill=(130, 92, 80), width=8)
    d.ellipse((150, 300, 250, 330), fill=(150, 70, 66))
    d.line((150, 315, 250, 315), fill=(90, 40, 40), width=5)
    return image.filter(ImageFilter.GaussianBlur(5)).resize((size, size), Image.Resampling.LANCZOS)


def plate(width: int, ground: tuple[int, int, int], ink: tuple[int, int, int]) -> Image.Image:
    """A drawn plate of 440 × 140 mm with seven characters."""
    image = Image.new("RGB", (440, 140), ground)
    d = ImageDraw.Draw(image)
    d.rectangle((6, 6, 433, 133), outline=ink, width=3)
    d.text((24, 22), "LF8K29T", font=ImageFont.load_default(86), fill=ink)
    return image.resize((width, round(width * 140 / 440)), Image.Resampling.LANCZOS)


def street(size: tuple[int, int] = (1200, 900)) -> Image.Image:
    """Houses, a road, a parked car without a plate."""
    rng = random.Random(7)
    image = Image.new("RGB", size, (180, 196, 208))
    d = ImageDraw.Draw(image)
    for x in range(0, size[0], 200):
        d.rectangle(
            (x, rng.randrange(80, 300), x + 190, size[1] // 2), fill=tuple(rng.randrange(110, 190) for _ in "rgb")
        )
    d.rectangle((0, size[1] // 2, size[0], size[1]), fill=(98, 99, 104))
    d.rounded_rectangle((480, 520, 940, 780), 40, fill=(206, 208, 210))
    return image.filter(ImageFilter.GaussianBlur(1))


def covers(found: list[Box], box: tuple[int, int, int, int]) -> bool:
    """Whether the middle of a place (left, top, width, height) is covered, with the margin that is painted."""
    x, y, w, h = box
    points = [(x + w * a, y + h * b) for a in (0.2, 0.5, 0.8) for b in (0.3, 0.5, 0.7)]
    m = blur.MARGIN
    return all(
        any(b.x - b.w * m <= px <= b.x + b.w * (1 + m) and b.y - b.h * m <= py <= b.y + b.h * (1 + m) for b in found)
        for px, py in points
    )


@pytest.mark.parametrize("size", [28, 90, 180, 320])
def test_a_face_is_found(size):
    scene = street()
    scene.paste(face(size), (150, 420))
    inner = (150 + size // 5, 420 + size // 5, size * 3 // 5, size * 3 // 5)
    assert covers(blur.find(scene), inner)


@pytest.mark.parametrize(
    ("ground", "ink"),
    [((24, 64, 172), (250, 250, 250)), ((92, 186, 118), (12, 12, 12)), ((238, 178, 24), (12, 12, 12))],
)
@pytest.mark.parametrize("width", [60, 110, 240])
def test_a_plate_is_found_in_each_of_its_colours(ground, ink, width):
    scene = street()
    scene.paste(plate(width, ground, ink), (600, 640))
    assert covers(blur.find(scene), (600, 640, width, round(width * 140 / 440)))


def test_an_empty_street_stays_as_it_is():
    scene = street()
    blurred, found = blur.blur(scene)
    assert found == [] and blurred.tobytes() == scene.tobytes()


def test_what_is_covered_cannot_be_read():
    scene = street()
    scene.paste(plate(240, (24, 64, 172), (250, 250, 250)), (600, 640))
    blurred, _found = blur.blur(scene)
    colours = blurred.crop((604, 644, 836, 712)).getcolors(10_000)
    assert colours is not None and len(colours) <= (blur.CELLS + 2) ** 2  # a few flat cells are all there is
    before, after = (
        ImageStat.Stat(i.crop((604, 644, 836, 712)).convert("L").filter(ImageFilter.FIND_EDGES)).mean[0]
        for i in (scene, blurred)
    )
    assert after < before / 3


def test_marked_places_are_covered_also_at_the_edge_and_beyond_it():
    scene = street()
    blurred, found = blur.blur(scene, [Box(-40, 300, 300, 300, "marked"), Box(5000, 5000, 10, 10, "marked")])
    assert len(found) == 2 and blurred.size == scene.size
    colours = blurred.crop((0, 300, 260, 600)).getcolors(1000)
    assert colours is not None and len(colours) <= blur.CELLS**2


def test_the_detector_is_loaded_with_the_first_photo_and_not_before():
    code = "import sys; import heli.engines.blur; sys.exit(int('cv2' in sys.modules or 'numpy' in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("broken", ["no network", "half a network", "no cascade"])
def test_without_what_it_looks_with_it_says_so(monkeypatch, tmp_path, broken):
    monkeypatch.setattr(blur, "_loaded", None)
    if broken == "no cascade":
        monkeypatch.setattr(blur, "PLATES", (("nothing.xml", 1.06, 3),))
    else:
        file = tmp_path / "network"
        if broken == "half a network":
            file.write_bytes(blur.FACES.read_bytes()[: 2**20])
        monkeypatch.setattr(blur, "FACES", file)
    with pytest.raises(blur.CannotLook):
        blur.find(street())


def test_a_photo_of_another_shape_before_it_changes_nothing():
    """OpenCV's network, given another size than before, answers wrongly and does not say so; two threads look at once."""
    scenes = [street().resize(size) for size in ((1200, 900), (900, 1200), (400, 300))]
    for scene in scenes:
        scene.paste(face(90), (150, 120))
    with ThreadPoolExecutor(2) as two:
        for scene, found in zip(scenes * 2, two.map(blur.find, scenes * 2), strict=True):
            faces = [b for b in found if b.kind == "face"]
            assert len(faces) == 1 and covers(faces, (168, 138, 54, 54)), scene.size


def test_a_picture_sent_again_has_nearly_the_same_likeness():
    def again(image: Image.Image, quality: int, size: tuple[int, int]) -> Image.Image:
        out = io.BytesIO()
        image.resize(size).save(out, "JPEG", quality=quality)
        return Image.open(out)

    one = street()
    first, second = blur.likeness(one), blur.likeness(again(one, 40, (700, 525)))
    other = blur.likeness(one.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert first is not None and second is not None and other is not None
    assert blur.apart(first, second) <= 5 < blur.apart(first, other)
    assert blur.likeness(Image.new("RGB", (50, 50), "black")) is None
