"""What a search reads of a request: the functions, the table, and the triggers that keep it from now on. What is there
already and the index over it come in 0003, without holding anybody up."""

import django.db.models.deletion
import heli.core.scope
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

# The same as heli.engines.grams: folded, grams, area_grams; tests/loop/test_search.py holds them together.
FROM = "".join(chr(c) for c in (*range(0xFF01, 0xFF5F), 0x3000, *range(65, 91)))
TO = ("".join(chr(c) for c in (*range(0x21, 0x7F), 0x20, *range(65, 91)))).lower().replace("'", "''")
FUNCTIONS = f"""
CREATE FUNCTION heli_folded(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN translate($1, '{FROM}', '{TO}');

CREATE FUNCTION heli_grams(body text, area text) RETURNS bigint[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    found bigint[] := ARRAY[]::bigint[];
    before bigint := 0;
    point bigint;
    one text;
BEGIN
    FOREACH one IN ARRAY string_to_array(body, NULL) LOOP
        point := ascii(one);
        IF point >= 48 AND (point < 12288 OR point > 12351) THEN
            found := found || point;
            IF before > 0 THEN
                found := found || ((before << 21) | point);
            END IF;
            before := point;
        ELSE
            before := 0;
        END IF;
    END LOOP;
    IF area ~ '^[0-9]+$' THEN
        found := found || ARRAY(
            SELECT -left(area, n)::bigint FROM unnest(ARRAY[2, 4, 6, 9, 12]) AS n WHERE n <= length(area)
        );
    END IF;
    RETURN found;
END
$$;
"""
GONE = "DROP FUNCTION heli_grams(text, text); DROP FUNCTION heli_folded(text);"


class Migration(migrations.Migration):
    dependencies = [
        ("loop", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(FUNCTIONS, GONE),
        migrations.CreateModel(
            name="RequestWords",
            fields=[
                (
                    "request",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="words",
                        serialize=False,
                        to="loop.request",
                    ),
                ),
                ("area_path", heli.core.scope.PathField(db_collation="C", max_length=24)),
                ("body", models.TextField()),
            ],
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="request",
            trigger=pgtrigger.compiler.Trigger(
                name="words",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nINSERT INTO loop_requestwords (request_id, area_path, body)\nVALUES (NEW.id, NEW.area_path, heli_folded(NEW.title || E'\\n' || NEW.text))\nON CONFLICT (request_id) DO UPDATE SET area_path = EXCLUDED.area_path, body = EXCLUDED.body;\nRETURN NULL;\n",
                    hash="050e6fed8a3048df7c1d387b9926b2d729e7748f",
                    operation="INSERT",
                    pgid="pgtrigger_words_dc50a",
                    table="loop_request",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="request",
            trigger=pgtrigger.compiler.Trigger(
                name="words_again",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."area_path" IS DISTINCT FROM (NEW."area_path") OR OLD."text" IS DISTINCT FROM (NEW."text") OR OLD."title" IS DISTINCT FROM (NEW."title"))',
                    func="\nINSERT INTO loop_requestwords (request_id, area_path, body)\nVALUES (NEW.id, NEW.area_path, heli_folded(NEW.title || E'\\n' || NEW.text))\nON CONFLICT (request_id) DO UPDATE SET area_path = EXCLUDED.area_path, body = EXCLUDED.body;\nRETURN NULL;\n",
                    hash="ec5107409a4ae7cfaa3231a9f62f7e228b1dbb0c",
                    operation="UPDATE",
                    pgid="pgtrigger_words_again_da48c",
                    table="loop_request",
                    when="AFTER",
                ),
            ),
        ),
    ]
