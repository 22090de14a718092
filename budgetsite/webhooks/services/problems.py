"""Why something is refused about webhooks."""

from uuid import UUID


class WebhookProblem(Exception):
    """A refusal that the caller can do something about; `code` names it for programs, `field` what it is about."""

    code = "conflict"
    field: str | None = None


class TooManyWebhooks(WebhookProblem):
    code = "too_many_webhooks"

    def __init__(self, most: int) -> None:
        super().__init__(f"An account has at most {most} webhooks. Delete one that is not needed any more.")


class UnknownKinds(WebhookProblem):
    code = "unknown_kind"
    field = "kinds"

    def __init__(self, names: list[str]) -> None:
        super().__init__(
            f"There are no events called {', '.join(names)}. Name them as budget.approved, or all of a family as"
            " budget.*; GET /api/v1/webhooks/event-kinds lists them."
        )


class UrlNotAllowed(WebhookProblem):
    code = "invalid_url"
    field = "url"


class WebhookNotFound(WebhookProblem):
    code = "not_found"

    def __init__(self, endpoint_id: UUID) -> None:
        self.endpoint_id = endpoint_id
        super().__init__("There is no such webhook, or it was deleted.")


class DeliveryNotFound(WebhookProblem):
    code = "not_found"

    def __init__(self, delivery_id: UUID) -> None:
        self.delivery_id = delivery_id
        super().__init__("There is no such delivery, or it is no longer kept.")


class WebhookIsPaused(WebhookProblem):
    code = "webhook_paused"

    def __init__(self) -> None:
        super().__init__("This webhook is paused, so nothing is sent to it. Resume it first.")


class DeliveryUnderWay(WebhookProblem):
    code = "under_way"

    def __init__(self) -> None:
        super().__init__("This delivery is being sent already. Look again in a minute.")
