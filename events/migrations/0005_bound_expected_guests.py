import django.core.validators
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_approval_reminders"),
        ("events", "0004_expected_guests"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="event",
            name="expected_guests",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="How many guests are expected; a plan can count on it.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(10000000, "Expect 10,000,000 guests at most.")],
            ),
        ),
        migrations.AlterField(
            model_name="historicalevent",
            name="expected_guests",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="How many guests are expected; a plan can count on it.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(10000000, "Expect 10,000,000 guests at most.")],
            ),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("expected_guests__isnull", True), ("expected_guests__range", (0, 10000000)), _connector="OR"
                ),
                name="events_event_guests_within_bounds",
            ),
        ),
    ]
