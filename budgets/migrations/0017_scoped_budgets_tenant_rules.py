from django.db import migrations

from budgetsite.tenancy.operations import AddTenantForeignKey, SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("budgets", "0016_scoped_budgets")]

    operations = [
        SecureTenantTable("ScopedBudget", replicated=True),
        SecureTenantTable("BudgetWindow"),
        SecureTenantTable("Reservation"),
        SecureTenantTable("HistoricalScopedBudget", append_only=True),
        AddTenantForeignKey("EventBudget", "funded_by"),
        AddTenantForeignKey("LedgerEntry", "scoped_budget"),
        # Usage in one hash, from the usage before it on the same scoped budget: as `budgets_ledger_hash`, in the six
        # decimals that usage has.
        migrations.RunSQL(
            sql="""
                CREATE FUNCTION budgets_usage_hash(
                    prev_hash bytea, tenant_id uuid, id uuid, scoped_budget_id uuid, seq bigint, kind text,
                    committed_delta numeric, actual_delta numeric, currency text, source text, source_id text,
                    occurred_at timestamptz
                ) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
                    SELECT sha256(coalesce(prev_hash, ''::bytea) || convert_to(concat_ws('|',
                        'usage', tenant_id::text, id::text, scoped_budget_id::text, seq::text, kind,
                        round(committed_delta, 6)::text, round(actual_delta, 6)::text, currency, source,
                        length(source_id)::text, source_id,
                        (extract(epoch FROM occurred_at) * 1000000)::bigint::text), 'UTF8'))
                $$;
            """,
            reverse_sql="""
                DROP FUNCTION budgets_usage_hash(bytea, uuid, uuid, uuid, bigint, text, numeric, numeric, text, text,
                    text, timestamptz);
            """,
        ),
    ]
