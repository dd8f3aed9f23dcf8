"""What the application's database role may do. It cannot change or delete an event, a reading, or a rule's history."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import connection

APP_ROLE = "heli_app"


def append_only_tables() -> list[str]:
    """Tables that only ever grow: models marked `append_only` and the trigger-written histories."""
    tables = [m for m in apps.get_models(include_auto_created=True) if m._meta.managed and not m._meta.proxy]
    return [
        m._meta.db_table
        for m in tables
        if getattr(m, "append_only", False) or "pgh_id" in {f.name for f in m._meta.fields}
    ]


def grant_to_app(**_kwargs: Any) -> None:
    """Run by the owner after each migration; skipped where the role does not exist or we are not the owner."""
    with connection.cursor() as cur:
        cur.execute("SELECT 1 FROM pg_roles WHERE rolname = %s AND rolname <> current_user", [APP_ROLE])
        if cur.fetchone() is None:
            return
        cur.execute(f"GRANT USAGE ON SCHEMA public TO {APP_ROLE}")
        cur.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {APP_ROLE}")
        cur.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {APP_ROLE}")
        existing = set(connection.introspection.table_names(cur))
        for table in append_only_tables():
            if table in existing:
                cur.execute(f'REVOKE UPDATE, DELETE, TRUNCATE ON "{table}" FROM {APP_ROLE}')
        seal_parts(cur)


def seal_parts(cur: Any) -> None:
    """Partitions are reached through their table only, and so are the tables that core/partition.py works with: the
    application has no right on any of them. Call as the owner, after a GRANT on all tables."""
    cur.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        " AND (relispartition OR relname LIKE 'core\\_event\\_%')"
    )
    for (part,) in cur.fetchall():
        cur.execute(f'REVOKE ALL ON "{part}" FROM {APP_ROLE}')


def grant_events(cur: Any) -> None:
    """The application's rights on a table of events that was made anew; where there is such a role."""
    cur.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [APP_ROLE])
    if cur.fetchone() is None:
        return
    cur.execute(f"GRANT SELECT, INSERT ON core_event TO {APP_ROLE}")
    cur.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {APP_ROLE}")
    cur.execute(f"GRANT EXECUTE ON FUNCTION heli_event_months(int) TO {APP_ROLE}")
    seal_parts(cur)
