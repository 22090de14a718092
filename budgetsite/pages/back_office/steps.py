"""Rows on which staff take steps (approve, release, acknowledge): several from the list, one from its own page."""

from collections.abc import Collection
from typing import Any

from django.contrib.admin.utils import unquote

from budgetsite.pages.back_office.model_admin import StaffModelAdmin
from budgetsite.pages.back_office.requests import StaffRequest


class StepsMixin(StaffModelAdmin):
    """`actions` are the list's steps, for roles that may `steps_need`; `actions_detail` those of a row's own page."""

    # An action of the role table.
    steps_need: str

    def steps_offered(self, request: StaffRequest, row: Any) -> Collection[str]:
        """Return which of `actions_detail` this person can take on a row as it stands."""
        raise NotImplementedError

    def get_actions(self, request: StaffRequest) -> dict[str, Any]:
        if not self.may(request, self.steps_need):
            return {}
        return {
            name: (function, name, description)
            for function, name, description in self._get_base_actions()
            if name in self.actions
        }

    def get_actions_detail(self, request: StaffRequest, object_id: Any) -> list[Any]:
        row = self.get_object(request, unquote(str(object_id)))
        if row is None:
            return []
        named = f"{self.opts.app_label}_{self.opts.model_name}_"
        offered = {named + name for name in self.steps_offered(request, row)}
        return [found for found in super().get_actions_detail(request, object_id) if found.action_name in offered]
