"""Schemathesis on every operation of /api/v1, long: by nobody and by eight roles, on a county of its own.

    ./run bench api_fuzz [examples]

Each operation is asked so often (200) by one who may, and twice by each other role. FUZZ_PART=0/4 … 3/4 share the work among
four processes. Printed for each role: requests, operations answered with success, answers by status. Fails on any error of ours and
on any answer that its description does not declare. The last figures are in docs/api.md.
"""

from __future__ import annotations

import os
import sys

from tests.database import ROOT


def main() -> None:
    examples = sys.argv[1] if len(sys.argv) > 1 else "200"
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)
    os.environ["FUZZ"] = examples
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:logging", "tests/api/test_fuzz.py"])


if __name__ == "__main__":
    main()
