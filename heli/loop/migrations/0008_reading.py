"""What reads the requests: readers, readings, lessons, samples; what people decided before is the first lesson."""


import django.contrib.postgres.fields
import django.db.models.deletion
import heli.core.scope
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

# Whatever was sent on with a matter was decided by a person then.
BEFORE = """
INSERT INTO loop_lesson (request_id, area_path, category_id, how, said_at)
SELECT id, area_path, category_id, 'sent', dispatched_at FROM loop_request
 WHERE dispatched_at IS NOT NULL AND category_id IS NOT NULL AND merged_into_id IS NULL ORDER BY id
"""


class Migration(migrations.Migration):

    dependencies = [
        ('loop', '0007_decisions'),
        ('orgs', '0002_caps'),
        ('places', '0004_site_tables'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='AutoStop',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('area_path', heli.core.scope.PathField(db_collation='C', max_length=24)),
                ('why', models.CharField(choices=[('precision', 'too often wrong'), ('unseen', 'nobody looked')], max_length=10)),
                ('right', models.PositiveIntegerField(default=0)),
                ('looked', models.PositiveIntegerField(default=0)),
                ('stopped_at', models.DateTimeField()),
                ('lifted_at', models.DateTimeField(null=True)),
                ('reason', models.CharField(default='', max_length=300)),
            ],
        ),
        migrations.CreateModel(
            name='Lesson',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('area_path', heli.core.scope.PathField(db_collation='C', max_length=24)),
                ('how', models.CharField(choices=[('sent', 'sent on as this'), ('corrected', 'matter corrected'), ('returned', 'given back'), ('sampled', 'looked at in a sample'), ('asked', 'asked for by the reader')], max_length=10)),
                ('said_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Reader',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('area_path', heli.core.scope.PathField(db_collation='C', max_length=24)),
                ('version', models.PositiveIntegerField()),
                ('state', models.CharField(choices=[('learning', 'learning'), ('ready', 'ready to compare'), ('live', 'in use'), ('retired', 'put away'), ('failed', 'failed')], default='learning', max_length=10)),
                ('made_at', models.DateTimeField()),
                ('ready_at', models.DateTimeField(null=True)),
                ('live_at', models.DateTimeField(null=True)),
                ('upto', models.BigIntegerField(default=0)),
                ('own', models.PositiveIntegerField(default=0)),
                ('lessons', models.PositiveIntegerField(default=0)),
                ('progress', models.PositiveSmallIntegerField(default=0)),
                ('measures', models.JSONField(default=dict)),
                ('against', models.JSONField(default=dict)),
                ('failure', models.CharField(default='', max_length=300)),
                ('content', models.BinaryField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Reading',
            fields=[
                ('request', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='reading', serialize=False, to='loop.request')),
                ('area_path', heli.core.scope.PathField(db_collation='C', max_length=24)),
                ('read_at', models.DateTimeField()),
                ('probability', models.FloatField(default=0)),
                ('sure', models.BooleanField(default=False)),
                ('choices', models.JSONField(default=list)),
                ('words', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20), default=list, size=None)),
                ('rejected', models.CharField(default='', max_length=16)),
                ('settled_at', models.DateTimeField(null=True)),
                ('auto', models.BooleanField(default=False)),
            ],
        ),
        migrations.AddField(
            model_name='request',
            name='traces',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), db_default=[], default=list, size=None),
        ),
        migrations.AddField(
            model_name='autostop',
            name='category',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='loop.category'),
        ),
        migrations.AddField(
            model_name='autostop',
            name='lifted_by',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='lesson',
            name='category',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='loop.category'),
        ),
        migrations.AddField(
            model_name='lesson',
            name='request',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='lessons', to='loop.request'),
        ),
        migrations.AddField(
            model_name='lesson',
            name='said_by',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='reader',
            name='made_by',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.CreateModel(
            name='Sample',
            fields=[
                ('reading', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='sample', serialize=False, to='loop.reading')),
                ('area_path', heli.core.scope.PathField(db_collation='C', max_length=24)),
                ('drawn_at', models.DateTimeField()),
                ('right', models.BooleanField(null=True)),
                ('looked_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name='reading',
            name='category',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='loop.category'),
        ),
        migrations.AddField(
            model_name='reading',
            name='reader',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='loop.reader'),
        ),
        migrations.AddField(
            model_name='reading',
            name='settled',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='loop.category'),
        ),
        migrations.AddConstraint(
            model_name='autostop',
            constraint=models.UniqueConstraint(condition=models.Q(('lifted_at', None)), fields=('area_path', 'category'), name='autostop_once'),
        ),
        migrations.AddConstraint(
            model_name='autostop',
            constraint=models.CheckConstraint(condition=models.Q(('lifted_at', None), models.Q(('reason', ''), _negated=True), _connector='XOR'), name='autostop_lifted'),
        ),
        migrations.AddIndex(
            model_name='lesson',
            index=models.Index(fields=['area_path', 'id'], name='lesson_area'),
        ),
        migrations.AddIndex(
            model_name='lesson',
            index=models.Index(fields=['request', '-id'], name='lesson_request'),
        ),
        migrations.AddConstraint(
            model_name='lesson',
            constraint=models.CheckConstraint(condition=models.Q(('how', 'returned'), ('category__isnull', False), _connector='XOR'), name='lesson_says'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='lesson',
            trigger=pgtrigger.compiler.Trigger(name='kept', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='a319750aa925925a92fd7182b64043925ef23632', operation='UPDATE OR DELETE', pgid='pgtrigger_kept_173d9', table='loop_lesson', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='reader',
            constraint=models.UniqueConstraint(fields=('area_path', 'version'), name='reader_version'),
        ),
        migrations.AddConstraint(
            model_name='reader',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'live')), fields=('area_path',), name='reader_one_live'),
        ),
        migrations.AddConstraint(
            model_name='reader',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'learning')), fields=('area_path',), name='reader_one_learning'),
        ),
        migrations.AddConstraint(
            model_name='reader',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state__in', ('ready', 'live')), _negated=True), ('content__isnull', False), _connector='OR'), name='reader_content'),
        ),
        migrations.AddField(
            model_name='sample',
            name='category',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='loop.category'),
        ),
        migrations.AddField(
            model_name='sample',
            name='looked_by',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='reading',
            index=models.Index(condition=models.Q(('settled_at__isnull', False)), fields=['area_path', 'settled_at'], include=('category', 'settled', 'sure', 'probability'), name='reading_settled_area'),
        ),
        migrations.AddIndex(
            model_name='reading',
            index=models.Index(condition=models.Q(('auto', True)), fields=['area_path', 'read_at'], name='reading_auto'),
        ),
        migrations.AddIndex(
            model_name='reading',
            index=models.Index(fields=['area_path', '-request'], name='reading_area'),
        ),
        migrations.AddConstraint(
            model_name='reading',
            constraint=models.CheckConstraint(condition=models.Q(('settled', None), ('settled_at__isnull', False), _connector='XOR'), name='reading_settled'),
        ),
        migrations.AddConstraint(
            model_name='reading',
            constraint=models.CheckConstraint(condition=models.Q(('probability__range', (0, 1))), name='reading_probability'),
        ),
        migrations.AddIndex(
            model_name='sample',
            index=models.Index(condition=models.Q(('right', None)), fields=['area_path', 'drawn_at'], name='sample_waiting'),
        ),
        migrations.AddIndex(
            model_name='sample',
            index=models.Index(condition=models.Q(('right__isnull', False)), fields=['area_path', 'category', '-looked_at'], name='sample_seen'),
        ),
        migrations.AddConstraint(
            model_name='sample',
            constraint=models.CheckConstraint(condition=models.Q(('right', None), ('looked_at__isnull', False), _connector='XOR'), name='sample_looked_at'),
        ),
        migrations.RunSQL(BEFORE, migrations.RunSQL.noop),
    ]
