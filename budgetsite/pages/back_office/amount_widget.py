"""The field in which the staff type an amount of money."""

from typing import Any

from unfold.widgets import UnfoldAdminTextInputWidget


class AmountWidget(UnfoldAdminTextInputWidget):
    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"inputmode": "decimal", "autocomplete": "off", **(attrs or {})})
        self.attrs["class"] = f"{self.attrs.get('class', '')} amount-input"
