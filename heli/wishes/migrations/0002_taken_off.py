from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    """What has come may be taken off the wall, too: it stays delivered or fulfilled, without consent."""

    dependencies = [("wishes", "0001_initial")]

    operations = [
        migrations.RemoveConstraint(model_name="wish", name="wish_shown_by_consent"),
        AddConstraintNotValid(
            model_name="wish",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ("open", "pledged", "delivered", "fulfilled")), _negated=True)
                | models.Q(
                    ("opened_at__isnull", False),
                    models.Q(("consent_at__isnull", False), ("state__in", ("delivered", "fulfilled")), _connector="OR"),
                ),
                name="wish_shown_by_consent",
            ),
        ),
    ]
