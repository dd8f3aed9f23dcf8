"""What cells are made of and open figures are read from, and standing problems. Counted by the worker afterwards."""

import django.contrib.postgres.fields
import django.db.models.deletion
import heli.core.scope
import heli.insight.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('insight', '0002_cell_index'),
        ('loop', '0006_batches'),
        ('orgs', '0002_caps'),
        ('places', '0003_sites'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='refresh',
            name='sliced_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.CreateModel(
            name='Problem',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(max_length=60)),
                ('area_path', heli.core.scope.PathField(db_collation='C', max_length=24)),
                ('since', models.DateTimeField()),
                ('month', models.DateField(null=True)),
                ('state', models.CharField(default='new', max_length=10)),
                ('plan', models.TextField(default='', max_length=2000)),
                ('words', models.TextField(default='', max_length=1000)),
                ('report', models.TextField(default='', max_length=2000)),
                ('decision', models.CharField(default='', max_length=1000)),
                ('review_on', models.DateField()),
                ('why', models.JSONField(default=dict)),
                ('usual', models.FloatField(default=0)),
                ('named_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(null=True)),
                ('before', models.FloatField(null=True)),
                ('after', models.FloatField(null=True)),
                ('lap', models.PositiveSmallIntegerField(default=1)),
                ('form_key', models.UUIDField(null=True, unique=True)),
                ('area', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='places.area')),
                ('category', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='loop.category')),
                ('named_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('unit', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='orgs.organisation')),
            ],
            options={
                'indexes': [
                    models.Index(fields=['area_path', 'review_on', 'id'], name='problem_area'),
                    models.Index(fields=['unit', 'review_on', 'id'], name='problem_unit'),
                ],
                'constraints': [
                    models.UniqueConstraint(condition=models.Q(('state__in', ('named', 'planned', 'working', 'review', 'relapsed'))), fields=('area_path', 'category'), name='problem_one_in_hand'),
                    models.CheckConstraint(condition=models.Q(('title', ''), _negated=True), name='problem_titled'),
                    models.CheckConstraint(condition=models.Q(models.Q(('state', 'closed'), _negated=True), ('closed_at__isnull', False), _connector='OR'), name='problem_closed'),
                    models.CheckConstraint(condition=models.Q(('month', None), ('month__day', 1), _connector='OR'), name='problem_month'),
                ],
            },
        ),
        migrations.CreateModel(
            name='Member',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('inside', models.BooleanField()),
                ('reason', models.CharField(max_length=300)),
                ('at', models.DateTimeField()),
                ('by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('request', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='loop.request')),
                ('problem', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='members', to='insight.problem')),
            ],
            options={
                'constraints': [
                    models.UniqueConstraint(fields=('problem', 'request'), name='problem_member_once'),
                    models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='problem_member_reason'),
                ],
            },
        ),
        migrations.CreateModel(
            name='Measure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.CharField(max_length=300)),
                ('due_on', models.DateField()),
                ('done_at', models.DateTimeField(null=True)),
                ('done_words', models.CharField(default='', max_length=300)),
                ('dropped_at', models.DateTimeField(null=True)),
                ('unit', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='orgs.organisation')),
                ('problem', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='measures', to='insight.problem')),
            ],
            options={
                'constraints': [
                    models.CheckConstraint(condition=models.Q(('done_at', None), ('dropped_at', None), _connector='OR'), name='measure_one_end'),
                ],
            },
        ),
        migrations.CreateModel(
            name='Round',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('how', models.CharField(choices=[('note', 'internal note'), ('reply', 'the reply of this round')], max_length=6)),
                ('text', models.TextField(max_length=2000)),
                ('at', models.DateTimeField()),
                ('requests', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
                ('results', models.JSONField(default=dict)),
                ('form_key', models.UUIDField(null=True, unique=True)),
                ('by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('problem', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rounds', to='insight.problem')),
            ],
        ),
        migrations.CreateModel(
            name='Slice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
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
                ('cell', heli.insight.models.CellField(db_collation='C', max_length=16)),
                ('inside', heli.core.scope.PathField(db_collation='C', max_length=24)),
                ('day', models.DateField()),
                ('unit', models.BigIntegerField(default=0)),
                ('kind', models.CharField(db_collation='C', max_length=12)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('cell', 'unit', 'kind'), name='slice_once')],
            },
        ),
        migrations.CreateModel(
            name='Tally',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
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
                ('width', models.PositiveSmallIntegerField()),
                ('inside', heli.core.scope.PathField(db_collation='C', default='', max_length=24)),
                ('unit', models.BigIntegerField(default=0)),
                ('kind', models.CharField(db_collation='C', max_length=12)),
                ('day', models.DateField()),
            ],
            options={
                'indexes': [models.Index(fields=['width', 'inside', 'day'], name='tally_area'), models.Index(condition=models.Q(('width', 0)), fields=['unit', 'day'], name='tally_unit'), models.Index(condition=models.Q(('now_open__gt', 0)), fields=['width', 'inside', 'unit'], name='tally_open')],
                'constraints': [models.UniqueConstraint(fields=('width', 'inside', 'unit', 'kind', 'day'), name='tally_once')],
            },
        ),
        migrations.CreateModel(
            name='Candidate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('area_path', heli.core.scope.PathField(db_collation='C', max_length=24)),
                ('why', models.CharField(choices=[('surge', 'more than usual'), ('recurring', 'month after month')], max_length=10)),
                ('people', models.PositiveIntegerField()),
                ('requests', models.PositiveIntegerField()),
                ('expected', models.FloatField()),
                ('odds', models.FloatField()),
                ('periods', django.contrib.postgres.fields.ArrayField(base_field=models.PositiveIntegerField(), size=None)),
                ('since', models.DateTimeField()),
                ('until', models.DateTimeField()),
                ('found_at', models.DateTimeField()),
                ('dismissed_at', models.DateTimeField(null=True)),
                ('dismissed_reason', models.CharField(default='', max_length=300)),
                ('dismissed_people', models.PositiveIntegerField(null=True)),
                ('area', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='places.area')),
                ('category', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='loop.category')),
                ('dismissed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('area_path', 'category'), name='candidate_once'), models.CheckConstraint(condition=models.Q(models.Q(('dismissed_at', None), ('dismissed_people', None), ('dismissed_reason', '')), models.Q(('dismissed_at__isnull', False), ('dismissed_people__isnull', False), models.Q(('dismissed_reason', ''), _negated=True)), _connector='OR'), name='candidate_dismissed')],
            },
        ),
    ]
