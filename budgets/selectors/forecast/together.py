"""The three forecasts of a scoped budget's window, side by side, and the course that led here."""

from dataclasses import dataclass

from budgets.selectors.forecast.burn import BurnForecast, burn_forecast
from budgets.selectors.forecast.course import CoursePoint, course_of
from budgets.selectors.forecast.history import HistoryForecast, history_forecast
from budgets.selectors.forecast.promises import PromisesForecast, promises_forecast
from budgets.selectors.scoped_status import Standing


@dataclass(frozen=True, slots=True)
class Forecast:
    standing: Standing
    burn: BurnForecast
    promises: PromisesForecast
    history: HistoryForecast
    course: list[CoursePoint]


def forecast(standing: Standing) -> Forecast:
    """Return what the window that a budget is in comes to, by three ways to tell. Six statements at most."""
    return Forecast(
        standing=standing,
        burn=burn_forecast(standing),
        promises=promises_forecast(standing),
        history=history_forecast(standing),
        course=course_of(standing),
    )
