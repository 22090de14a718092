from django.db import migrations

from budgetsite.tenancy.operations import request_role

# What the relay writes into an event. What happened, and to whom, stays as it was recorded.
_MARKS = "relayed_at, attempts, retry_at, failure"


def let_relay_mark(apps, schema_editor):
    role = f'"{request_role()}"'
    own = "tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)"
    schema_editor.execute(f"GRANT UPDATE ({_MARKS}) ON outbox_outboxevent TO {role}")
    schema_editor.execute(
        f"CREATE POLICY tenant_update ON outbox_outboxevent FOR UPDATE TO {role} USING ({own}) WITH CHECK ({own})"
    )


def let_nobody_mark(apps, schema_editor):
    role = f'"{request_role()}"'
    schema_editor.execute("DROP POLICY tenant_update ON outbox_outboxevent")
    schema_editor.execute(f"REVOKE UPDATE ({_MARKS}) ON outbox_outboxevent FROM {role}")


class Migration(migrations.Migration):
    dependencies = [("outbox", "0004_relay_state")]

    operations = [
        migrations.RunPython(let_relay_mark, let_nobody_mark),
        # What happened before there was a relay is no news to anybody.
        migrations.RunSQL(
            sql="UPDATE outbox_outboxevent SET relayed_at = created_at WHERE relayed_at IS NULL",
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]
