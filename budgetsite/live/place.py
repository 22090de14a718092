"""Where an account's journal ends just now: what a page that is about to be read listens on from."""

import logging
from dataclasses import dataclass, field
from uuid import UUID

import redis

from budgetsite.live.journal import read
from budgetsite.valkey import Absence

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Places:
    """After Valkey did not answer it is left alone for a while: no page waits in vain."""

    absence: Absence = field(default_factory=Absence)

    def now(self, tenant_id: UUID) -> str:
        """Return the place, as `Last-Event-ID` names it; nothing where Valkey is away.

        Whoever asks before they read figures misses no change of these: it is told after this place.
        """
        if self.absence.lasts:
            return ""
        try:
            return str(read(tenant_id, None).cursor)
        except redis.RedisError as error:
            self.absence.begin()
            logger.warning("pages open without their place in the journal: %s", type(error).__name__)
            return ""


places = Places()
