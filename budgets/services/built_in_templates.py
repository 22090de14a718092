"""The templates that every account begins with. They are the account's to change or delete."""

from decimal import Decimal
from fractions import Fraction

from budgets.models import BudgetTemplate, Category, TemplateBasis, TemplateLine
from budgets.services.categories import EVENT_CATEGORIES, WEDDING_BENCHMARKS
from budgets.services.template import SHARE_UNIT
from budgetsite.money.allocation import round_together

WEDDING_TEMPLATE = "Wedding (typical shares)"
WEDDING_DESCRIPTION = (
    "What couples typically spend on each category, as shares of the total. Typical shares add up to 130%, because "
    "hardly anybody spends on all of them; here they are divided by 1.30, so that they add up to 100%."
)
EVENT_TEMPLATE = "Event"
EVENT_DESCRIPTION = "A line for each of the usual categories of an event, with the amounts left for you to fill in."


def wedding_shares() -> dict[str, Decimal]:
    """Return the benchmark shares brought to 100%, with three decimals: category → percent of the total."""
    typical = sum(WEDDING_BENCHMARKS.values())
    shares = round_together([Fraction(share * 100, typical) for share in WEDDING_BENCHMARKS.values()], SHARE_UNIT)
    return dict(zip(WEDDING_BENCHMARKS, shares, strict=True))


def seed_templates() -> None:
    """Give the current tenant, which has the seeds' categories, its first templates."""
    categories = {category.name: category for category in Category.objects.all()}
    wedding = BudgetTemplate.objects.create(name=WEDDING_TEMPLATE, description=WEDDING_DESCRIPTION)
    event = BudgetTemplate.objects.create(name=EVENT_TEMPLATE, description=EVENT_DESCRIPTION)
    shares = [(wedding, name, TemplateBasis.SHARE, share) for name, share in wedding_shares().items()]
    # The seeds give no shares for these: nobody's figures are better than invented ones.
    empty = [(event, name, TemplateBasis.AMOUNT, Decimal(0)) for name in EVENT_CATEGORIES]
    TemplateLine.objects.bulk_create(
        TemplateLine(
            template=template,
            category=categories[name],
            name=name,
            basis=basis,
            value=value,
            sort_order=position * 10,
        )
        for lines in (shares, empty)
        for position, (template, name, basis, value) in enumerate(lines, start=1)
    )
