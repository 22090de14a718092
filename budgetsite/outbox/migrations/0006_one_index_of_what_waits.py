from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("outbox", "0005_relay_rules")]

    operations = [
        migrations.RemoveIndex(model_name="outboxevent", name="outbox_event_of_subject"),
        migrations.RemoveIndex(model_name="outboxevent", name="outbox_event_waiting"),
        migrations.AddIndex(
            model_name="outboxevent",
            index=models.Index(
                fields=["tenant", "subject_id", "subject_type", "position"],
                condition=models.Q(relayed_at=None),
                name="outbox_event_waiting",
            ),
        ),
    ]
