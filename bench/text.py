"""The text engine beside plain tools, on real messages that are not part of this project.

    ./run bench text [cold] [loop] [category] [same] [reply]        all of them when none is named

`cold` (a reader that has learned from our own examples alone) and `loop` (through the database) need nothing else. The
messages of the others are read from ../shared/data/text; without that folder they say so. Scored on their dev part only;
nothing of them is kept. Each part ends with a ratio: ours over the plain tool's, above 1 is better.
"""

from __future__ import annotations

import sys
from importlib import import_module

from bench._place import ROOT, say

DATA = ROOT.parent / "shared" / "data" / "text"
PARTS = ("cold", "loop", "category", "same", "reply")


def main() -> None:
    for name in sys.argv[1:] or PARTS:
        if name not in PARTS:
            raise SystemExit(f"{name}: one of {', '.join(PARTS)}")
        if name in PARTS[2:] and not DATA.is_dir():
            say(f"{name}: {DATA} is not there. The messages may not be passed on; the tests need none of them.")
            continue
        import_module(f"bench._text_{name}").run(DATA)


if __name__ == "__main__":
    main()
