"""Requests of a cell, found without reading those of its street."""

from django.db import migrations


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ("insight", "0001_rollups"),
    ]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS insight_cell_request ON loop_request (insight_cell(area_path, heard_at))",
            "DROP INDEX CONCURRENTLY IF EXISTS insight_cell_request",
        ),
    ]
