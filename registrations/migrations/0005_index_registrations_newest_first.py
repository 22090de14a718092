from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """The back office lists the registrations of all events, newest first."""

    # Without a lock that keeps people from registering.
    atomic = False

    dependencies = [("registrations", "0004_words")]

    operations = [
        AddIndexConcurrently(
            model_name="eventregistration",
            index=models.Index(
                models.F("tenant"),
                models.F("created_at").desc(),
                models.F("id").desc(),
                name="registrations_newest",
            ),
        ),
    ]
