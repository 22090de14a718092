"""What someone else changed on a quantity since it was read."""

from budgets.models import PlanDriver
from budgets.selectors.changed_fields import RECORDS_READ, ChangedField, compared


def driver_changes_since(driver: PlanDriver, *, version: int) -> list[ChangedField]:
    """Compare the driver with how it stood in `version` of its budget. Two statements."""
    records = PlanDriver.history.filter(id=driver.pk).select_related("history_user").order_by("-history_id")
    read = records.filter(version__lte=version).first()
    newer = list(records.filter(version__gt=version)[:RECORDS_READ])
    if read is None or not newer:
        return []
    names = ("name", "quantity", "follows_guests")
    return compared(names, read=read, present=driver, newer=newer, is_whole=len(newer) < RECORDS_READ)
