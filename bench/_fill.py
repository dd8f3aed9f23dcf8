"""Search and rollups of a seeded database, by the project's own rebuild. Run as a module, as the owner."""

from __future__ import annotations

import django

django.setup()


def main() -> None:
    pass


if __name__ == "__main__":
    main()
