"""The base of all tasks of the site: a tenant's task, which runs once where two schedulers have sent it."""

from typing import Any

from budgetsite.tenancy.tasks import TenantTask


class SiteTask(TenantTask):
    """`task_signals` finds out, before it starts, whether another scheduler has sent the same run."""

    abstract = True
    runs_once = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if getattr(self.request, "superseded", False):
            return None
        return super().__call__(*args, **kwargs)
