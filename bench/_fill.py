"""Rollups of a seeded database, by the project's own rebuild (`heli insight rebuild`). Run as a module, as the owner.

The words of the search are filled by bench/_seed_sql.py the way their trigger does; a database that is migrated gets
both by its migrations.
"""

from __future__ import annotations

import django

django.setup()

from django.db import connection
from django.utils import timezone

from bench._place import say
from heli.insight.models import Touched
from heli.insight.refresh import rebuild


def main() -> None:
    Touched.objects.all().delete()
    say(f"  {rebuild(timezone.now()):,} cells of rollups")
    with connection.cursor() as cur:
        cur.execute("ANALYZE")


if __name__ == "__main__":
    main()
