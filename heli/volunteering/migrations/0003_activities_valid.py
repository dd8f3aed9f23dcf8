from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    """Who wrote last was not kept before: the rows there hold it."""

    dependencies = [("volunteering", "0002_activities")]

    operations = [ValidateConstraint(model_name="activity", name="activity_second_person")]
