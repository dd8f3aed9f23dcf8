"""What Heli is made of, from requirements.lock: `python -m heli.ops.sbom` prints a CycloneDX 1.5 list (JSON) with versions and hashes.

Made from the lock alone, so it needs no network and lists exactly what is installed.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

LOCK = Path(__file__).parents[2] / "requirements.lock"
PACKAGE = re.compile(r"^([\w.\-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.M)
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def components(lock: str) -> list[dict[str, Any]]:
    """One component for each locked package; its hashes are those of the files that pip accepts for it."""
    starts = list(PACKAGE.finditer(lock))
    ends = [m.start() for m in starts[1:]] + [len(lock)]
    return [
        {
            "type": "library",
            "name": m[1],
            "version": m[2],
            "purl": f"pkg:pypi/{m[1].lower().replace('_', '-')}@{m[2]}",
            "hashes": [{"alg": "SHA-256", "content": h} for h in HASH.findall(lock[m.start() : end])],
        }
        for m, end in zip(starts, ends, strict=True)
    ]


def sbom(lock: str) -> dict[str, Any]:
    return {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": components(lock)}


if __name__ == "__main__":
    json.dump(sbom(LOCK.read_text()), sys.stdout, indent=1)
