"""Why a receipt is refused. Each says the cause in its name, and the sentence says what would be right."""

from budgets.services.problems import BudgetProblem

MEGABYTE = 1024 * 1024
LARGEST_BYTES = 10 * MEGABYTE
# A phone's picture has twelve to fifty; what claims more is no receipt, and would fill the memory when it is opened.
LARGEST_PIXELS = 50_000_000
MOST_RECEIPTS = 50


class ReceiptNotFound(BudgetProblem):
    code = "receipt_not_found"

    def __init__(self) -> None:
        super().__init__("This expense has no such receipt, or it is deleted.")


class ReceiptTooLarge(BudgetProblem):
    code = "too_large"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"“{name}” is larger than {LARGEST_BYTES // MEGABYTE} MB. "
            "Photograph it at a lower resolution, or print fewer pages to the PDF."
        )


class NotAReceipt(BudgetProblem):
    """Its content is none of the kinds that are kept, whatever its name says."""

    code = "not_a_receipt"

    def __init__(self, name: str, what: str) -> None:
        super().__init__(f"“{name}” is {what}. Send a JPEG, PNG or GIF picture, or a PDF.")


class DamagedReceipt(BudgetProblem):
    code = "damaged"

    def __init__(self, name: str, advice: str = "Open it, save it again and send the new file.") -> None:
        super().__init__(f"“{name}” can't be opened: it is damaged or incomplete. {advice}")


class TooManyPixels(BudgetProblem):
    code = "too_many_pixels"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"“{name}” has more than {LARGEST_PIXELS // 1_000_000} million pixels. "
            "Make the picture smaller and send it again."
        )


class MovingPicture(BudgetProblem):
    code = "moving_picture"

    def __init__(self, name: str) -> None:
        super().__init__(f"“{name}” moves; a receipt stands still. Send one picture of it.")


class ProtectedReceipt(BudgetProblem):
    code = "protected"

    def __init__(self, name: str) -> None:
        super().__init__(f"“{name}” is protected by a password. Print it to a PDF without one and send that.")


class TwoKindsAtOnce(BudgetProblem):
    """A file that is a PDF to one program and something else to another."""

    code = "two_kinds"

    def __init__(self, name: str) -> None:
        super().__init__(f"“{name}” holds something else beside the PDF. Print it to a PDF again and send that.")


class SameReceipt(BudgetProblem):
    """`receipt_id` is the one that is there."""

    code = "same_receipt"

    def __init__(self, name: str, receipt_id: str) -> None:
        self.receipt_id = receipt_id
        super().__init__(f"This is on the expense already, as “{name}”.")


class TooManyReceipts(BudgetProblem):
    code = "too_many_receipts"

    def __init__(self) -> None:
        super().__init__(f"An expense has at most {MOST_RECEIPTS} receipts. Delete some, or put several into one PDF.")


class LinkRefused(BudgetProblem):
    code = "link_refused"


class HostNotAllowed(LinkRefused):
    code = "host_not_allowed"

    def __init__(self, host: str, allowed: list[str]) -> None:
        self.host, self.allowed = host, allowed
        hosts = f"It allows {', '.join(allowed)}." if allowed else "It allows none so far."
        super().__init__(
            f"This account takes no links to {host}. {hosts} "
            "Send the file itself, or ask a manager to add the host to the expense policy."
        )
