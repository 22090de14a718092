"""The days that expenses, bills and payments may carry."""

from datetime import date

from budgets.services.problems import BudgetProblem

# Days outside were typed wrongly; far beyond them no moment of the day can be stored.
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2199, 12, 31)


class ImpossibleDay(BudgetProblem):
    code = "out_of_range"

    def __init__(self, day: date) -> None:
        self.day = day
        super().__init__(f"Give a day from {FIRST_DAY.year} to {LAST_DAY.year}, and not in the year {day.year}.")


def refuse_impossible_days(*days: date | None) -> None:
    for day in days:
        if day is not None and not FIRST_DAY <= day <= LAST_DAY:
            raise ImpossibleDay(day)
