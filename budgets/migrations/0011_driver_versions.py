from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("budgets", "0010_index_history_of_lines"),
    ]

    operations = [
        migrations.AddField(
            model_name="historicalplandriver",
            name="version",
            field=models.PositiveIntegerField(default=1, editable=False),
        ),
        migrations.AddField(
            model_name="plandriver",
            name="version",
            field=models.PositiveIntegerField(default=1, editable=False),
        ),
    ]
