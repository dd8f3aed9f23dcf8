"""Tables of what is counted ahead, and the triggers that note what has to be counted again: one small insert when a
request is made or changed, one when a clock for a reply is."""

import heli.core.scope
import heli.insight.models
from django.db import migrations, models

TRIGGERS = """
CREATE FUNCTION insight_cell(area text, heard timestamptz) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN left(area, 9) || '/' || ((heard AT TIME ZONE 'Asia/Shanghai')::date - DATE '2000-01-01')::text;

CREATE FUNCTION insight_request_touched() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO insight_touched (cell) VALUES (insight_cell(OLD.area_path, OLD.heard_at));
    END IF;
    IF TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND (OLD.area_path, OLD.heard_at) <> (NEW.area_path, NEW.heard_at) THEN
        INSERT INTO insight_touched (cell) VALUES (insight_cell(NEW.area_path, NEW.heard_at));
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER insight_made AFTER INSERT OR DELETE ON loop_request
FOR EACH ROW EXECUTE FUNCTION insight_request_touched();
CREATE TRIGGER insight_changed AFTER UPDATE ON loop_request
FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION insight_request_touched();

CREATE FUNCTION insight_clock_touched() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO insight_touched (cell)
    SELECT insight_cell(r.area_path, r.heard_at) FROM loop_request r
    WHERE r.id = CASE TG_OP WHEN 'DELETE' THEN OLD.request_id ELSE NEW.request_id END;
    RETURN NULL;
END
$$;
CREATE TRIGGER insight_started AFTER INSERT ON loop_clock
FOR EACH ROW WHEN (NEW.kind IN ('reply', 'redo')) EXECUTE FUNCTION insight_clock_touched();
CREATE TRIGGER insight_ran AFTER UPDATE ON loop_clock
FOR EACH ROW WHEN (
    (OLD.kind IN ('reply', 'redo') OR NEW.kind IN ('reply', 'redo'))
    AND (OLD.kind, OLD.outcome, OLD.due_at) IS DISTINCT FROM (NEW.kind, NEW.outcome, NEW.due_at)
) EXECUTE FUNCTION insight_clock_touched();
CREATE TRIGGER insight_gone AFTER DELETE ON loop_clock
FOR EACH ROW WHEN (OLD.kind IN ('reply', 'redo')) EXECUTE FUNCTION insight_clock_touched();
"""
GONE = """
DROP TRIGGER insight_made ON loop_request;
DROP TRIGGER insight_changed ON loop_request;
DROP TRIGGER insight_started ON loop_clock;
DROP TRIGGER insight_ran ON loop_clock;
DROP TRIGGER insight_gone ON loop_clock;
DROP FUNCTION insight_request_touched();
DROP FUNCTION insight_clock_touched();
DROP FUNCTION insight_cell(text, timestamptz);
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ("loop", "0002_words"),
    ]

    operations = [
        migrations.CreateModel(
            name='Refresh',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('rebuilt_at', models.DateTimeField()),
                ('at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Rollup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('width', models.PositiveSmallIntegerField()),
                ('inside', heli.core.scope.PathField(db_collation='C', max_length=24)),
                ('day', models.DateField()),
                ('cell', heli.insight.models.CellField(db_collation='C', max_length=16)),
                ('turns_at', models.DateTimeField(null=True)),
                ('now_open', heli.insight.models.Counter(default=0)),
                ('now_overdue', heli.insight.models.Counter(default=0)),
                ('now_due_soon', heli.insight.models.Counter(default=0)),
                ('now_bounced', heli.insight.models.Counter(default=0)),
                ('now_redo', heli.insight.models.Counter(default=0)),
                ('counted', heli.insight.models.Counter(default=0)),
                ('judged', heli.insight.models.Counter(default=0)),
                ('answered_contacted', heli.insight.models.Counter(default=0)),
                ('contacted', heli.insight.models.Counter(default=0)),
                ('answered_solved', heli.insight.models.Counter(default=0)),
                ('solved', heli.insight.models.Counter(default=0)),
                ('answered_satisfied', heli.insight.models.Counter(default=0)),
                ('satisfied', heli.insight.models.Counter(default=0)),
                ('replied_on_time', heli.insight.models.Counter(default=0)),
                ('replied_or_overdue', heli.insight.models.Counter(default=0)),
                ('unrated', heli.insight.models.Counter(default=0)),
                ('waiting', heli.insight.models.Counter(default=0)),
                ('excluded', heli.insight.models.Counter(default=0)),
            ],
            options={
                'indexes': [models.Index(fields=['width', 'inside', 'day'], name='rollup_area'), models.Index(condition=models.Q(('now_open__gt', 0)), fields=['width', 'inside'], name='rollup_open'), models.Index(condition=models.Q(('turns_at__isnull', False)), fields=['turns_at'], name='rollup_turns')],
                'constraints': [models.UniqueConstraint(fields=('width', 'cell'), name='rollup_once')],
            },
        ),
        migrations.CreateModel(
            name='Touched',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('cell', heli.insight.models.CellField(db_collation='C', max_length=16)),
            ],
            options={
                'indexes': [models.Index(fields=['cell'], name='touched_cell')],
            },
        ),
        migrations.RunSQL(TRIGGERS, GONE),
    ]
