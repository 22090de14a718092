from django.db import migrations


class Migration(migrations.Migration):
    """The contents of an entry as one hash, from the entry before it. The trigger `chain` and the proof share it.

    No text that people write goes in: erasing a person leaves every hash as it is.
    """

    dependencies = [("budgets", "0002_tenant_rules")]

    operations = [
        migrations.RunSQL(
            sql="""
                CREATE FUNCTION budgets_ledger_hash(
                    prev_hash bytea, tenant_id uuid, id uuid, budget_id uuid, line_item_id uuid, seq bigint, kind text,
                    committed_delta numeric, actual_delta numeric, currency text, source text, source_id text,
                    occurred_at timestamptz
                ) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
                    SELECT sha256(coalesce(prev_hash, ''::bytea) || convert_to(concat_ws('|',
                        tenant_id::text, id::text, budget_id::text, coalesce(line_item_id::text, '-'), seq::text, kind,
                        round(committed_delta, 3)::text, round(actual_delta, 3)::text, currency, source,
                        length(source_id)::text, source_id,
                        (extract(epoch FROM occurred_at) * 1000000)::bigint::text), 'UTF8'))
                $$;
            """,
            reverse_sql="""
                DROP FUNCTION budgets_ledger_hash(bytea, uuid, uuid, uuid, uuid, bigint, text, numeric, numeric, text,
                    text, text, timestamptz);
            """,
        ),
    ]
