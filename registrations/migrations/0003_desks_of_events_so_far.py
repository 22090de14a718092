from django.db import migrations


class Migration(migrations.Migration):
    """Events that were made before registrations were taken get a desk, and ten hours to collect from eight on."""

    dependencies = [("registrations", "0002_tenant_rules")]

    operations = [
        migrations.RunSQL(
            sql="""
                INSERT INTO registrations_registrationdesk (id, tenant_id, event_id, deleted_at, cancel_until_hours,
                    kept_share, offer_minutes, pending_count, approved_count, rejected_count, cancelled_count,
                    collected_count)
                SELECT gen_random_uuid(), e.tenant_id, e.id, e.deleted_at, 0, 0, 1440, 0, 0, 0, 0, 0
                FROM events_event e;

                INSERT INTO registrations_pickupslot (id, tenant_id, event_id, deleted_at, starts_at, ends_at,
                    location, capacity, booked)
                SELECT gen_random_uuid(), e.tenant_id, e.id, e.deleted_at, s.starts_at, s.starts_at + interval '1 hour',
                    '', 10, 0
                FROM events_event e
                CROSS JOIN LATERAL (
                    SELECT (date_trunc('day', e.event_date AT TIME ZONE e.timezone) + make_interval(hours => hour))
                        AT TIME ZONE e.timezone AS starts_at
                    FROM generate_series(8, 17) hour
                ) s;
            """,
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]
