from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("loop", "0004_lists")]

    operations = []
