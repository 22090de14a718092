from django.db import migrations


class Migration(migrations.Migration):
    """The story of a budget's lines, and its plan as of a moment: the lines that were ever in it, and when."""

    # Without a lock that keeps people from working.
    atomic = False

    dependencies = [("budgets", "0009_entries_by_the_clock")]

    operations = [
        migrations.RunSQL(
            sql="""
                CREATE INDEX CONCURRENTLY IF NOT EXISTS budgets_line_history_of_budget
                ON budgets_historicalbudgetlineitem (tenant_id, budget_id, history_id)
            """,
            reverse_sql="DROP INDEX CONCURRENTLY IF EXISTS budgets_line_history_of_budget",
        ),
    ]
