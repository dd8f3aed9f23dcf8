"""Orders of supervisors with their parts, weekly digests, revisit calls with their tries and second listens."""

import django.contrib.postgres.fields
import django.db.models.deletion
import heli.core.scope
from django.conf import settings
from django.db import migrations, models


# What was answered before is called as it was before: every round that nobody has judged. Tries were kept as reviews.
WAITING = """
INSERT INTO loop_revisit (request_id, lap, area_path, unit_id, why, state, way, call_at, attempts, passed_by, made_at)
SELECT r.id, r.lap, r.area_path, r.unit_id, 'sample', 'waiting', 'phone', coalesce(r.replied_at, now()),
       (SELECT count(*) FROM loop_review v WHERE v.request_id = r.id AND v.lap = r.lap AND NOT v.reached), '{}',
       coalesce(r.replied_at, now())
  FROM loop_request r
 WHERE r.state = 'replied' AND EXISTS (SELECT 1 FROM loop_voice v WHERE v.request_id = r.id)
"""


class Migration(migrations.Migration):

    dependencies = [
        ('loop', '0004_lists'),
        ('orgs', '0002_caps'),
        ('rulebook', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Order',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('county', models.CharField(db_collation='C', max_length=6)),
                ('year', models.PositiveSmallIntegerField()),
                ('serial', models.PositiveIntegerField()),
                ('area_path', heli.core.scope.PathField(db_collation='C', max_length=24)),
                ('title', models.CharField(max_length=60)),
                ('demand', models.TextField(max_length=2000)),
                ('amount', models.PositiveIntegerField()),
                ('measure', models.CharField(max_length=20)),
                ('due_at', models.DateTimeField()),
                ('provisional', models.BooleanField(default=False)),
                ('state', models.CharField(default='open', max_length=10)),
                ('issued_at', models.DateTimeField()),
                ('form_key', models.UUIDField(null=True, unique=True)),
                ('meet_at', models.DateTimeField(null=True)),
                ('meet_place', models.CharField(default='', max_length=120)),
                ('met_at', models.DateTimeField(null=True)),
                ('minutes', models.TextField(default='', max_length=4000)),
                ('public_words', models.TextField(default='', max_length=1000)),
                ('ended_at', models.DateTimeField(null=True)),
                ('ended_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('issued_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('rule', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='rulebook.rule')),
            ],
            options={
                'indexes': [
                    models.Index(fields=['area_path', 'state', '-id'], name='order_area'),
                ],
                'constraints': [
                    models.UniqueConstraint(fields=('county', 'year', 'serial'), name='order_number'),
                    models.CheckConstraint(condition=models.Q(('state__in', ('open', 'closed', 'withdrawn'))), name='order_state'),
                    models.CheckConstraint(condition=models.Q(('state', 'open'), ('ended_at__isnull', False), _connector='XOR'), name='order_ended'),
                    models.CheckConstraint(condition=models.Q(('due_at__gte', models.F('issued_at'))), name='order_forward'),
                    models.CheckConstraint(condition=models.Q(models.Q(('meet_at', None), ('meet_place', '')), models.Q(('meet_at__isnull', False), models.Q(('meet_place', ''), _negated=True)), _connector='OR'), name='order_meets_somewhere'),
                    models.CheckConstraint(condition=models.Q(models.Q(('met_at', None), ('minutes', '')), models.Q(('minutes', ''), _negated=True), _connector='OR'), name='order_minutes'),
                ],
            },
        ),
        migrations.CreateModel(
            name='OrderPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('area_path', heli.core.scope.PathField(db_collation='C', max_length=24)),
                ('demand', models.CharField(default='', max_length=500)),
                ('state', models.CharField(default='issued', max_length=12)),
                ('due_at', models.DateTimeField()),
                ('came', models.BooleanField(null=True)),
                ('share', models.CharField(default='', max_length=500)),
                ('share_by', models.DateField(null=True)),
                ('outcome', models.TextField(default='', max_length=4000)),
                ('papers', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None)),
                ('acknowledged_at', models.DateTimeField(null=True)),
                ('reported_at', models.DateTimeField(null=True)),
                ('accepted_at', models.DateTimeField(null=True)),
                ('back_reason', models.CharField(default='', max_length=300)),
                ('backs', models.PositiveSmallIntegerField(default=0)),
                ('order', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='parts', to='loop.order')),
                ('reported_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('unit', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='orgs.organisation')),
            ],
            options={
                'indexes': [
                    models.Index(fields=['unit', 'state', 'due_at'], name='order_part_unit'),
                ],
                'constraints': [
                    models.UniqueConstraint(fields=('order', 'unit'), name='order_unit_once'),
                    models.CheckConstraint(condition=models.Q(models.Q(('state__in', ('reported', 'accepted')), _negated=True), models.Q(models.Q(('outcome', ''), _negated=True), ('reported_at__isnull', False)), _connector='OR'), name='order_outcome_written'),
                    models.CheckConstraint(condition=models.Q(models.Q(('state', 'sent_back'), _negated=True), models.Q(('back_reason', ''), _negated=True), _connector='OR'), name='order_back_reason'),
                    models.CheckConstraint(condition=models.Q(('state__in', ('issued', 'acknowledged', 'reported', 'sent_back', 'accepted', 'withdrawn'))), name='order_part_state'),
                ],
            },
        ),
        migrations.CreateModel(
            name='OrderRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('open', models.BooleanField(default=True)),
                ('order', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='about', to='loop.order')),
                ('request', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='orders', to='loop.request')),
            ],
            options={
                'constraints': [
                    models.UniqueConstraint(fields=('order', 'request'), name='order_request_once'),
                    models.UniqueConstraint(condition=models.Q(('open', True)), fields=('request',), name='order_one_open'),
                ],
            },
        ),
        migrations.CreateModel(
            name='Recheck',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('area_path', heli.core.scope.PathField(db_collation='C', max_length=24)),
                ('state', models.CharField(default='waiting', max_length=10)),
                ('drawn_at', models.DateTimeField()),
                ('at', models.DateTimeField(null=True)),
                ('contacted', models.BooleanField(null=True)),
                ('solved', models.CharField(default='', max_length=6)),
                ('satisfaction', models.PositiveSmallIntegerField(null=True)),
                ('words', models.CharField(default='', max_length=300)),
                ('by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('request', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rechecks', to='loop.request')),
                ('review', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='recheck', to='loop.review')),
                ('unit', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='orgs.organisation')),
            ],
            options={
                'indexes': [
                    models.Index(fields=['area_path', 'state', 'id'], name='recheck_area'),
                ],
                'constraints': [
                    models.CheckConstraint(condition=models.Q(('state__in', ('waiting', 'same', 'differs', 'unreached'))), name='recheck_state'),
                    models.CheckConstraint(condition=models.Q(models.Q(('state__in', ('same', 'differs')), _negated=True), models.Q(('contacted__isnull', False), ('satisfaction__range', (1, 5)), ('solved__in', ('yes', 'partly', 'no'))), _connector='OR'), name='recheck_whole'),
                ],
            },
        ),
        migrations.CreateModel(
            name='Revisit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('lap', models.PositiveSmallIntegerField()),
                ('area_path', heli.core.scope.PathField(db_collation='C', max_length=24)),
                ('why', models.CharField(choices=[('sample', 'drawn by chance'), ('urgent', 'urgent: always called'), ('redo', 'done anew: always called'), ('protected', 'protected: always called'), ('complaint', 'a complaint: always called')], max_length=10)),
                ('state', models.CharField(default='waiting', max_length=10)),
                ('way', models.CharField(default='phone', max_length=8)),
                ('message_at', models.DateTimeField(null=True)),
                ('call_at', models.DateTimeField()),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('claimed_until', models.DateTimeField(null=True)),
                ('passed_by', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None)),
                ('made_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('claimed_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('request', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='revisits', to='loop.request')),
                ('rule', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='rulebook.rule')),
                ('unit', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='orgs.organisation')),
            ],
            options={
                'indexes': [
                    models.Index(condition=models.Q(('state', 'waiting')), fields=['area_path', 'call_at', 'id'], name='revisit_queue'),
                    models.Index(condition=models.Q(('message_at__isnull', False)), fields=['message_at'], name='revisit_message'),
                ],
                'constraints': [
                    models.UniqueConstraint(fields=('request', 'lap'), name='revisit_once_a_lap'),
                    models.CheckConstraint(condition=models.Q(('state__in', ('waiting', 'reached', 'judged', 'unreached', 'over'))), name='revisit_state'),
                    models.CheckConstraint(condition=models.Q(('state', 'waiting'), ('ended_at__isnull', False), _connector='XOR'), name='revisit_ended'),
                    models.CheckConstraint(condition=models.Q(models.Q(('claimed_by', None), ('claimed_until', None)), models.Q(('claimed_by__isnull', False), ('claimed_until__isnull', False)), _connector='OR'), name='revisit_claim'),
                ],
            },
        ),
        migrations.CreateModel(
            name='Attempt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('way', models.CharField(max_length=8)),
                ('result', models.CharField(choices=[('sent', 'message sent'), ('no_answer', 'nobody answered'), ('reached', 'reached'), ('passed', 'passed on to a colleague')], max_length=10)),
                ('again_at', models.DateTimeField(null=True)),
                ('words', models.CharField(default='', max_length=300)),
                ('by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('voice', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='loop.voice')),
                ('revisit', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='tries', to='loop.revisit')),
            ],
            options={
                'indexes': [
                    models.Index(fields=['by', 'at'], name='attempt_by_day'),
                ],
            },
        ),
        migrations.CreateModel(
            name='Digest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('week', models.DateField()),
                ('area_path', heli.core.scope.PathField(db_collation='C', max_length=24)),
                ('figures', models.JSONField()),
                ('made_at', models.DateTimeField()),
                ('unit', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='orgs.organisation')),
            ],
            options={
                'indexes': [models.Index(fields=['unit', '-week'], name='digest_unit')],
                'constraints': [models.UniqueConstraint(fields=('week', 'area_path', 'unit'), name='digest_once', nulls_distinct=False)],
            },
        ),
        migrations.RunSQL(WAITING, migrations.RunSQL.noop),
    ]
