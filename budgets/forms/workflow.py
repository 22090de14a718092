from typing import Any

from django import forms

from budgets.services.workflow import MOVES

REASON_HELP = {
    "reject": "What should be different? Whoever submitted it reads this.",
    "revise": "Why does the approved plan have to change? The approvers read this.",
    "finalize": "Why is it closed although it is so far from the plan?",
}


class MoveForm(forms.Form):
    """What a move of a budget asks for: a reason where it needs one, an override where finalizing does."""

    override = forms.BooleanField(label="Finalize all the same")
    reason = forms.CharField(label="Reason", max_length=2000, widget=forms.Textarea(attrs={"rows": 3}), required=False)
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, action: str, needs_override: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not needs_override:
            del self.fields["override"]
        reason = self.fields["reason"]
        reason.help_text = REASON_HELP.get(action, "")
        if MOVES[action].needs_reason or needs_override:
            reason.required = True
            reason.error_messages["required"] = "Say why: the reason is kept with the budget."
        else:
            reason.label = "Remark"
            reason.help_text = "Kept with the decision."
