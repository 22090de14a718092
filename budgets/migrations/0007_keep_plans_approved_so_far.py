from django.db import migrations


class Migration(migrations.Migration):
    """Plans that were approved before revisions were kept become revisions, and what is in review gets its stage."""

    dependencies = [("budgets", "0006_plan_lifecycle_tenant_rules")]

    operations = [
        migrations.RunSQL(
            sql="""
                INSERT INTO budgets_budgetrevision (id, tenant_id, budget_id, number, version, currency,
                    total_budget_amount, total_follows_lines, projected_income_amount, notes, reason,
                    submitted_by_id, submitted_at, approved_by_id, approved_at)
                SELECT gen_random_uuid(), b.tenant_id, b.id, b.revision, b.version, b.currency,
                    b.total_budget_amount, b.total_follows_lines, 0, b.notes, '',
                    b.submitted_by_id, b.submitted_at, b.approved_by_id, coalesce(b.approved_at, b.updated_at)
                FROM budgets_eventbudget b
                WHERE b.status IN ('approved', 'active', 'finalized', 'archived');

                INSERT INTO budgets_planline (id, tenant_id, revision_id, line_item_id, kind, category_id, section,
                    name, description, notes, budgeted_amount, sort_order, transferred_amount)
                SELECT gen_random_uuid(), l.tenant_id, r.id, l.id, l.kind, l.category_id, l.section,
                    l.name, l.description, l.notes, l.budgeted_amount, l.sort_order, 0
                FROM budgets_budgetrevision r
                JOIN budgets_eventbudget b ON b.tenant_id = r.tenant_id AND b.id = r.budget_id
                JOIN budgets_budgetlineitem l ON l.tenant_id = b.tenant_id AND l.budget_id = b.id
                    AND l.deleted_at IS NOT DISTINCT FROM b.deleted_at;

                INSERT INTO budgets_approvalstage (id, tenant_id, budget_id, submission, stage, role, because,
                    deleted_at)
                SELECT gen_random_uuid(), b.tenant_id, b.id, b.version, 1, 'manager', '', b.deleted_at
                FROM budgets_eventbudget b WHERE b.status = 'review';

                UPDATE budgets_eventbudget SET awaiting_stage = 1, awaiting_role = 'manager',
                    awaiting_since = coalesce(submitted_at, updated_at)
                WHERE status = 'review';
            """,
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]
