"""The index by which a request finds those that may say the same; made while the system serves."""

import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("loop", "0008_reading")]

    operations = [
        AddIndexConcurrently(
            model_name="request",
            index=django.contrib.postgres.indexes.GinIndex(fields=["traces"], name="request_traces"),
        ),
    ]
