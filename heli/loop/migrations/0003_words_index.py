"""The words of requests that were there before, in batches that each end, then the index over them.

Nothing waits for it: the triggers of 0002 keep what is new meanwhile. Broken off, it goes on where it was when it is
run again (a broken index has to be dropped first: DROP INDEX CONCURRENTLY requestwords_grams).
"""

import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

BATCH = 5000
FILL = """
WITH part AS (SELECT id, area_path, title, text FROM loop_request WHERE id > %s ORDER BY id LIMIT %s),
made AS (
    INSERT INTO loop_requestwords (request_id, area_path, body)
    SELECT id, area_path, heli_folded(title || E'\\n' || text) FROM part
    ON CONFLICT (request_id) DO NOTHING
)
SELECT max(id) FROM part
"""


def fill(_apps, schema_editor):
    last = 0
    with schema_editor.connection.cursor() as cur:
        while last is not None:
            cur.execute(FILL, [last, BATCH])
            last = cur.fetchone()[0]


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("loop", "0002_words"),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
        AddIndexConcurrently(
            model_name="requestwords",
            index=django.contrib.postgres.indexes.GinIndex(
                models.Func(models.F("body"), models.F("area_path"), function="heli_grams"),
                gin_pending_list_limit=1024,
                name="requestwords_grams",
            ),
        ),
        # Without statistics the planner takes any such search for rare and serves it by this index; the application asks
        # for it just where it is (queries/search.py). Nor is every ANALYZE to cut up thousands of texts.
        migrations.RunSQL(
            "ALTER INDEX requestwords_grams ALTER COLUMN 1 SET STATISTICS 0", migrations.RunSQL.noop, elidable=False
        ),
    ]
