"""Where a submitted plan stands: its stages, who takes the next, and whether there is anybody to take them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from budgets.models import APPROVING_ROLES, ApprovalStage, BudgetStatus, EventBudget
from budgets.services.approval import (
    refuse_stage,
    required_stages,
    roles_that_may,
    stages_of_submission,
    stages_without_anybody,
)
from budgets.services.problems import ApprovalRefused
from budgetsite.accounts.models import Account, Membership, User
from budgetsite.accounts.roles import Role

# So many names are said; more are "and others".
NAMES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Approver:
    """A member who may approve something."""

    user_id: UUID
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class StageView:
    """One stage. `state` is done, current or ahead; `since` is when it began to wait, for the current one alone."""

    number: int
    role: Role
    because: str
    state: str
    decided_by: User | None = None
    decided_at: datetime | None = None
    since: datetime | None = None

    @property
    def who(self) -> str:
        """Who decides it, with an article: "a manager or an owner" where both may."""
        return who_decides(self.role)


@dataclass(frozen=True, slots=True)
class Standing:
    """The stages of the last submission; `people` may still take one of them, `stages` asked for them."""

    stages: list[StageView]
    people: list[Approver]

    @property
    def current(self) -> StageView | None:
        """The stage that is next; None when all are passed, or the submission has lapsed."""
        return next((stage for stage in self.stages if stage.state == "current"), None)

    @property
    def following(self) -> StageView | None:
        """The stage after the one that is next."""
        return next((stage for stage in self.stages if stage.state == "ahead"), None)

    @property
    def names(self) -> list[str]:
        """The names of who may take the stage that is next, those of the weakest role that suffices first."""
        current = self.current
        return [] if current is None else [person.name for person in self.people if may_take(person, current.role)]

    @property
    def who_next(self) -> str:
        """Who may take the next stage, by name: "Ana or Ben", "Ana, Ben, Cleo or others"; empty for nobody."""
        return _either(self.names)

    def who_instead_of(self, user_id: UUID) -> str:
        """Return who else may take the next stage, by name, so that nobody is lacking for the others."""
        current = self.current
        if current is None:
            return ""
        able = [person for person in self.people if may_take(person, current.role) and person.user_id != user_id]
        return _either([person.name for person in able if not self.left_empty_by(person.user_id)])

    @property
    def unmanned(self) -> list[StageView]:
        """The stages that wait and that nobody will be left for, whoever takes the others."""
        return self._left_empty(self._waiting, self.people)

    def left_empty_by(self, user_id: UUID) -> list[StageView]:
        """Return the later stages that nobody is left for once this person has taken the next one, and only then."""
        others = [person for person in self.people if person.user_id != user_id]
        lacking = {stage.number for stage in self.unmanned}
        return [stage for stage in self._left_empty(self._waiting[1:], others) if stage.number not in lacking]

    @property
    def _waiting(self) -> list[StageView]:
        return [stage for stage in self.stages if stage.state in ("current", "ahead")]

    @staticmethod
    def _left_empty(stages: Sequence[StageView], people: Sequence[Approver]) -> list[StageView]:
        left = stages_without_anybody([stage.role for stage in stages], [person.role for person in people])
        return [stages[position] for position in left]


def approvers() -> list[Approver]:
    """Return the account's members who may approve something, the weaker role first, by name. One statement."""
    members = (
        Membership.objects.filter(role__in=APPROVING_ROLES, user__is_active=True)
        .select_related("user")
        .order_by("user__name", "user_id")
    )
    found = [Approver(member.user_id, str(member.user), Role(member.role)) for member in members]
    return sorted(found, key=lambda person: APPROVING_ROLES.index(person.role))


def may_take(person: Approver, role: str) -> bool:
    return person.role in roles_that_may(role)


def who_decides(role: str) -> str:
    """Return who decides what asks for `role`: "a manager or an owner", "an owner"."""
    return " or ".join(
        f"{'an' if able.label[0] in 'AEIOU' else 'a'} {able.label.lower()}"
        for able in APPROVING_ROLES
        if able in roles_that_may(role)
    )


def standing_of(budget: EventBudget, *, account: Account) -> Standing | None:
    """Return where a budget's last submission stands; None when there was none, or it lapsed. Two statements."""
    if budget.status == BudgetStatus.DRAFT:
        return None
    stages = list(stages_of_submission(budget.pk))
    people = approvers() if budget.status == BudgetStatus.REVIEW else []
    return standing_from(budget, stages, people, account=account) if stages else None


def standing_from(
    budget: EventBudget, stages: Sequence[ApprovalStage], people: Sequence[Approver], *, account: Account
) -> Standing:
    """Make the standing of stages and people that were read already."""
    taken = {stage.decided_by_id for stage in stages}
    own = {budget.submitted_by_id} if account.four_eyes else set()
    return Standing(
        stages=[_view(stage, budget) for stage in stages],
        people=[person for person in people if person.user_id not in taken | own],
    )


def standing_if_submitted(budget: EventBudget, *, account: Account, user_id: UUID) -> Standing:
    """Return how a draft would stand if this person submitted it now, by the account's rules and people."""
    stages = [
        StageView(required.stage, required.role, required.because, "current" if place == 0 else "ahead")
        for place, required in enumerate(required_stages(budget))
    ]
    people = [person for person in approvers() if not (account.four_eyes and person.user_id == user_id)]
    return Standing(stages=stages, people=people)


def refusal_to_approve(
    budget: EventBudget, *, acting_user: User, acting_role: Role, account: Account
) -> ApprovalRefused | None:
    """Return what keeps this person from taking the next stage of a budget in review. One statement."""
    stages = list(stages_of_submission(budget.pk))
    waiting = next((stage for stage in stages if stage.decided_at is None), None)
    if waiting is None:
        return None
    try:
        refuse_stage(waiting, stages, budget, acting_user=acting_user, acting_role=acting_role, account=account)
    except ApprovalRefused as refusal:
        return refusal
    return None


def _either(names: list[str]) -> str:
    if len(names) > NAMES_SHOWN:
        names = [*names[:NAMES_SHOWN], "others"]
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _view(stage: ApprovalStage, budget: EventBudget) -> StageView:
    state = "done" if stage.decided_at else "current" if stage.stage == budget.awaiting_stage else "ahead"
    return StageView(
        number=stage.stage,
        role=Role(stage.role),
        because=stage.because,
        state=state,
        decided_by=stage.decided_by,
        decided_at=stage.decided_at,
        since=budget.awaiting_since if state == "current" else None,
    )
