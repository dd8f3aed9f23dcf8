"""Indexes for the orders, filters and counts of lists at a million requests; made while the system serves."""

import datetime
import django.db.models.functions.comparison
from django.conf import settings
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('loop', '0003_words_index'),
        ('orgs', '0001_initial'),
        ('places', '0002_tree_guard'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='exclusion',
            index=models.Index(condition=models.Q(('state', 'proposed')), fields=['area_path'], name='exclusion_proposed'),
        ),
        AddIndexConcurrently(
            model_name='request',
            index=models.Index(django.db.models.functions.comparison.Coalesce(models.F('due_at'), models.Value(datetime.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=datetime.UTC))), models.F('id'), name='request_by_due'),
        ),
        AddIndexConcurrently(
            model_name='request',
            index=models.Index(fields=['-bounces', '-id'], name='request_by_bounces'),
        ),
        AddIndexConcurrently(
            model_name='request',
            index=models.Index(condition=models.Q(('state__in', ('heard', 'dispatched', 'handling', 'appealed', 'split'))), fields=['area_path', 'id'], name='request_open'),
        ),
        AddIndexConcurrently(
            model_name='request',
            index=models.Index(fields=['category', 'area_path', '-id'], name='request_category_area'),
        ),
        AddIndexConcurrently(
            model_name='request',
            index=models.Index(condition=models.Q(('excluded', True)), fields=['area_path', 'heard_at'], name='request_excluded'),
        ),
        AddIndexConcurrently(
            model_name='request',
            index=models.Index(fields=['area_path', 'heard_at'], include=('id', 'state', 'kind', 'urgency', 'channel', 'lap', 'bounces', 'heard_by', 'excluded', 'due_at'), name='request_counted'),
        ),
    ]
