from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0002_once_and_outbox'),
    ]

    operations = [
        migrations.CreateModel(
            name='Shared',
            fields=[
                ('key', models.BinaryField(max_length=32, primary_key=True, serialize=False)),
                ('value', models.TextField()),
                ('ends', models.DateTimeField()),
            ],
            options={
                'db_table': 'core_shared',
            },
        ),
        migrations.RunSQL('ALTER TABLE core_shared SET UNLOGGED', 'ALTER TABLE core_shared SET LOGGED'),
        migrations.CreateModel(
            name='Session',
            fields=[
                ('session_key', models.CharField(db_collation='C', max_length=64, primary_key=True, serialize=False)),
                ('session_data', models.TextField()),
                ('expire_date', models.DateTimeField()),
                ('user_id', models.BigIntegerField(null=True)),
                ('since', models.DateTimeField()),
                ('seen_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'core_session',
                'indexes': [
                    models.Index(fields=['expire_date'], name='session_expires'),
                    models.Index(condition=models.Q(('user_id__isnull', False)), fields=['user_id'], name='session_user'),
                ],
            },
        ),
        # Before this, sessions were Django's own: whoever was logged in logs in once more.
        migrations.RunSQL('DROP TABLE IF EXISTS django_session', migrations.RunSQL.noop),
    ]
