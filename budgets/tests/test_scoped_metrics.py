"""How many scoped budgets stand how, for whoever watches the site."""

from datetime import timedelta
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from budgets.models import BudgetWindow, Reservation
from budgets.selectors.scoped_status import standings_of
from budgets.services.reservation import reserve
from budgets.services.scoped_budget import delete_scoped_budget
from budgetsite.accounts.roles import Role
from budgetsite.operations import figures
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.people import make_account, make_member
from budgetsite.testing.scoped_budgets import make_scoped_budget, spend


def told(name):
    [metric] = figures._sources[name].read()
    return {tuple(sample.labels.values()): sample.value for sample in metric.samples}


def test_budgets_in_force_are_counted_as_their_pages_show_them(committed_db):
    now = timezone.now()
    day = timedelta(days=1)
    begun = now.date() - 3 * day
    with transaction.atomic():
        account = make_account()
        user = make_member(account, Role.OWNER).user
        with tenant_scope(account.pk):
            season = make_scoped_budget(account, user, amount=5000, start_date=begun, enforcement="ignore")
            kept = [season]
            # What is used of 1,000.00, and when; only what stands in the present window counts.
            for used, at in (("799.99", now), ("800", now), ("950", now), ("1000", now), ("5000", now - 70 * day)):
                team = make_scoped_budget(account, user, scope_type="team", start_date=begun, parent_id=season.pk)
                spend(team, user, used, now=now, timestamp=at)
                kept.append(team)
            # The same window in several rows is one window.
            BudgetWindow.objects.filter(budget=kept[2]).update(actual_amount=300)
            second = BudgetWindow.objects.get(budget=kept[2])
            second.pk, second.shard, second.actual_amount = None, 1, Decimal(500)
            second._state.adding = True
            second.save()
            # Reserved counts, until it has expired.
            once = {"period": "weekly", "recurring": False, "scope_type": "project"}
            for ttl in (3600, 1):
                project = make_scoped_budget(account, user, start_date=begun, **once)
                asked = {"amount": Decimal(960), "ttl_seconds": ttl, "acting_user": user}
                reserve(budget_id=project.pk, now=now - day, **asked)
                kept.append(project)
            Reservation.objects.filter(budget=kept[-2]).update(expires_at=now + day)
            # Over, not begun, deleted: not counted.
            over = make_scoped_budget(account, user, start_date=begun - 7 * day, **once)
            spend(over, user, 2000, now=now, timestamp=now - 5 * day)
            make_scoped_budget(account, user, start_date=begun, end_date=begun + day)
            make_scoped_budget(account, user, start_date=begun + 30 * day)
            gone = make_scoped_budget(account, user, start_date=begun)
            delete_scoped_budget(budget_id=gone.pk, acting_user=user, now=now)
            standing = standings_of([one.pk for one in kept], now=now)

    assert told("scoped_budgets") == {
        # 799.99, 800, 950, 1000 and the reservations of none: 3,549.99 of 5,000.
        ("organization", "normal"): 1,
        ("team", "normal"): 2,
        ("team", "warning"): 1,
        ("team", "critical"): 1,
        ("team", "exceeded"): 1,
        ("project", "normal"): 1,
        ("project", "critical"): 1,
    }
    on_pages = {}
    for one in standing:
        key = (one.budget.scope_type, one.level.value)
        on_pages[key] = on_pages.get(key, 0) + 1
    assert told("scoped_budgets") == on_pages
    assert told("reservations") == {("held",): 1, ("expired",): 1}
