from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    """The rows of before hold it as well: it was stricter."""

    dependencies = [("wishes", "0002_taken_off")]

    operations = [ValidateConstraint(model_name="wish", name="wish_shown_by_consent")]
