from django.db import migrations

# The benchmark shares of a wedding ÷ 1.30 by the largest remainder, and the seed's categories of events.
TEMPLATES = """
    CREATE TEMPORARY TABLE built_in_template (name text, description text) ON COMMIT DROP;
    INSERT INTO built_in_template VALUES
        ('Wedding (typical shares)', 'What couples typically spend on each category, as shares of the total. Typical shares add up to 130%, because hardly anybody spends on all of them; here they are divided by 1.30, so that they add up to 100%.'),
        ('Event', 'A line for each of the usual categories of an event, with the amounts left for you to fill in.');
"""

LINES = """
    CREATE TEMPORARY TABLE built_in_line (template text, position integer, category text, basis text, value numeric)
        ON COMMIT DROP;
    INSERT INTO built_in_line VALUES
        ('Wedding (typical shares)', 1, 'Venue', 'share', 30.769),
        ('Wedding (typical shares)', 2, 'Catering', 'share', 23.077),
        ('Wedding (typical shares)', 3, 'Photography', 'share', 7.692),
        ('Wedding (typical shares)', 4, 'Videography', 'share', 3.846),
        ('Wedding (typical shares)', 5, 'Flowers', 'share', 6.154),
        ('Wedding (typical shares)', 6, 'Music', 'share', 6.154),
        ('Wedding (typical shares)', 7, 'Transport', 'share', 2.308),
        ('Wedding (typical shares)', 8, 'Attire', 'share', 6.154),
        ('Wedding (typical shares)', 9, 'Rings', 'share', 2.308),
        ('Wedding (typical shares)', 10, 'Stationery', 'share', 1.538),
        ('Wedding (typical shares)', 11, 'Decorations', 'share', 2.308),
        ('Wedding (typical shares)', 12, 'Cake', 'share', 1.538),
        ('Wedding (typical shares)', 13, 'Hair/Makeup', 'share', 2.308),
        ('Wedding (typical shares)', 14, 'Gifts/Favors', 'share', 1.538),
        ('Wedding (typical shares)', 15, 'Miscellaneous', 'share', 2.308),
        ('Event', 1, 'Food & Beverage', 'amount', 0),
        ('Event', 2, 'Labor', 'amount', 0),
        ('Event', 3, 'Equipment Rental', 'amount', 0),
        ('Event', 4, 'Venue', 'amount', 0),
        ('Event', 5, 'Transportation', 'amount', 0),
        ('Event', 6, 'Decor & Florals', 'amount', 0),
        ('Event', 7, 'Entertainment', 'amount', 0),
        ('Event', 8, 'Miscellaneous', 'amount', 0);
"""

# Lines for the categories that an account still has under these names; an account without any gets no template.
GIVE = """
    INSERT INTO budgets_budgettemplate (id, tenant_id, name, description, currency)
    SELECT gen_random_uuid(), a.id, t.name, t.description, ''
    FROM accounts_account a CROSS JOIN built_in_template t
    WHERE NOT EXISTS (
            SELECT FROM budgets_budgettemplate b
            WHERE b.tenant_id = a.id AND lower(b.name) = lower(t.name) AND b.deleted_at IS NULL
        )
        AND EXISTS (
            SELECT FROM built_in_line l
            JOIN budgets_category c ON c.tenant_id = a.id AND lower(c.name) = lower(l.category) AND c.deleted_at IS NULL
            WHERE l.template = t.name
        );

    INSERT INTO budgets_templateline (id, tenant_id, template_id, kind, category_id, section, name, description, basis,
        value, sort_order)
    SELECT gen_random_uuid(), b.tenant_id, b.id, 'cost', c.id, '', c.name, '', l.basis, l.value, l.position * 10
    FROM built_in_template t
    JOIN budgets_budgettemplate b ON b.name = t.name AND b.description = t.description AND b.created_by_id IS NULL
        AND b.deleted_at IS NULL
    JOIN built_in_line l ON l.template = t.name
    JOIN budgets_category c ON c.tenant_id = b.tenant_id AND lower(c.name) = lower(l.category) AND c.deleted_at IS NULL
    WHERE NOT EXISTS (
        SELECT FROM budgets_templateline o WHERE o.tenant_id = b.tenant_id AND o.template_id = b.id
    );

    INSERT INTO budgets_historicalbudgettemplate (id, tenant_id, name, description, currency, created_by_id, deleted_at,
        history_date, history_type)
    SELECT b.id, b.tenant_id, b.name, b.description, b.currency, NULL, NULL, now(), '+'
    FROM built_in_template t
    JOIN budgets_budgettemplate b ON b.name = t.name AND b.description = t.description AND b.created_by_id IS NULL
        AND b.deleted_at IS NULL
    WHERE NOT EXISTS (
        SELECT FROM budgets_historicalbudgettemplate h WHERE h.tenant_id = b.tenant_id AND h.id = b.id
    );
"""

TAKE = """
    CREATE TEMPORARY TABLE built_in_taken ON COMMIT DROP AS
    SELECT b.tenant_id, b.id
    FROM budgets_budgettemplate b
    JOIN built_in_template t ON t.name = b.name AND t.description = b.description
    WHERE b.created_by_id IS NULL;

    DELETE FROM budgets_templateline l USING built_in_taken t WHERE l.tenant_id = t.tenant_id AND l.template_id = t.id;
    DELETE FROM budgets_historicalbudgettemplate h USING built_in_taken t
        WHERE h.tenant_id = t.tenant_id AND h.id = t.id;
    DELETE FROM budgets_budgettemplate b USING built_in_taken t WHERE b.tenant_id = t.tenant_id AND b.id = t.id;
"""


class Migration(migrations.Migration):
    """Accounts that are there already get the templates that a new one begins with."""

    dependencies = [("budgets", "0007_keep_plans_approved_so_far")]

    operations = [migrations.RunSQL(sql=TEMPLATES + LINES + GIVE, reverse_sql=TEMPLATES + TAKE)]
