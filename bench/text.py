"""The text engine beside plain tools, on real messages that are not part of this project.

    ./run bench text [category] [same] [reply]        all that there are when none is named

The messages are read from ../shared/data/text; without that folder this says so and stops. Scored on their dev part
only; nothing of them is kept. Each part ends with a ratio: ours over the plain tool's, above 1 is better.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec

from bench._place import ROOT, say

DATA = ROOT.parent / "shared" / "data" / "text"
PARTS = ("category", "same", "reply")


def main() -> None:
    if not DATA.is_dir():
        say(f"No messages to measure on: {DATA} is not there. They may not be passed on; the tests need none of them.")
        return
    for name in sys.argv[1:] or PARTS:
        if name not in PARTS:
            raise SystemExit(f"{name}: one of {', '.join(PARTS)}")
        if find_spec(f"bench._text_{name}"):
            import_module(f"bench._text_{name}").run(DATA)


if __name__ == "__main__":
    main()
