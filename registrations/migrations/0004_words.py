from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("registrations", "0003_desks_of_events_so_far"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="checkin",
            options={"base_manager_name": "objects", "verbose_name": "check-in", "verbose_name_plural": "check-ins"},
        ),
        migrations.AlterModelOptions(
            name="eventoption",
            options={"base_manager_name": "objects", "verbose_name": "option", "verbose_name_plural": "options"},
        ),
        migrations.AlterModelOptions(
            name="eventregistration",
            options={
                "base_manager_name": "objects",
                "verbose_name": "registration",
                "verbose_name_plural": "registrations",
            },
        ),
        migrations.AlterModelOptions(
            name="historicaleventoption",
            options={
                "get_latest_by": ("history_date", "history_id"),
                "ordering": ("-history_date", "-history_id"),
                "verbose_name": "historical option",
                "verbose_name_plural": "historical options",
            },
        ),
        migrations.AlterModelOptions(
            name="historicalregistrationdesk",
            options={
                "get_latest_by": ("history_date", "history_id"),
                "ordering": ("-history_date", "-history_id"),
                "verbose_name": "historical registration policy",
                "verbose_name_plural": "historical registration policies",
            },
        ),
        migrations.AlterModelOptions(
            name="pickupslot",
            options={"base_manager_name": "objects", "verbose_name": "slot", "verbose_name_plural": "slots"},
        ),
        migrations.AlterModelOptions(
            name="registrationdesk",
            options={
                "base_manager_name": "objects",
                "verbose_name": "registration policy",
                "verbose_name_plural": "registration policies",
            },
        ),
        migrations.AlterModelOptions(
            name="waitlistentry",
            options={
                "base_manager_name": "objects",
                "verbose_name": "waitlist entry",
                "verbose_name_plural": "waitlist entries",
            },
        ),
    ]
