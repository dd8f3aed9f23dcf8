"""Make the shipped area table from a full division table: `python -m heli.places.build_data SRC.csv[.xz]`.

SRC has the columns code, name, level, kind (12-digit padded codes). Written beside this file:
`data/areas.csv.xz` with the columns path (code without padding), name, level, kind, initials (of the pinyin).

Pinyin is made here and not at import: it takes a minute for the whole country.
"""

from __future__ import annotations

import csv
import io
import lzma
import sys
import time
from pathlib import Path

from heli.places.names import padded_to_path
from heli.places.pinyin import initials

DATA = Path(__file__).resolve().parent / "data"
COLUMNS = ("path", "name", "level", "kind", "initials")


def read(source: Path) -> list[dict[str, str]]:
    raw = lzma.decompress(source.read_bytes()) if source.suffix == ".xz" else source.read_bytes()
    return list(csv.DictReader(io.StringIO(raw.decode())))


def build(source: Path, target: Path) -> tuple[int, int]:
    """Write the table; rows and bytes."""
    rows = read(source)
    paths = [padded_to_path(r["code"], int(r["level"])) for r in rows]
    if len(set(paths)) != len(paths):
        raise ValueError("two rows share a path")
    letters = initials(zip(paths, (r["name"] for r in rows), strict=True))
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(COLUMNS)
    out.writerows(
        (path, r["name"], r["level"], r["kind"], short) for path, r, short in zip(paths, rows, letters, strict=True)
    )
    packed = lzma.compress(text.getvalue().encode(), preset=9 | lzma.PRESET_EXTREME)
    target.write_bytes(packed)
    return len(rows), len(packed)


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    began = time.perf_counter()
    rows, size = build(Path(sys.argv[1]), DATA / "areas.csv.xz")
    print(f"{rows:,} areas, {size:,} bytes, {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
