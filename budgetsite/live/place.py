"""Where an account's journal ends just now: what a page that is about to be read listens on from."""

import logging
import time
from dataclasses import dataclass
from uuid import UUID

import redis

from budgetsite.live.journal import read

logger = logging.getLogger(__name__)

_AWAY_FOR_SECONDS = 5


@dataclass(slots=True)
class Places:
    """After Valkey did not answer it is left alone for a while: no page waits in vain."""

    away_until: float = 0.0

    def now(self, tenant_id: UUID) -> str:
        """Return the place, as `Last-Event-ID` names it; nothing where Valkey is away.

        Whoever asks before they read figures misses no change of these: it is told after this place.
        """
        if time.monotonic() < self.away_until:
            return ""
        try:
            return str(read(tenant_id, None).cursor)
        except redis.RedisError as error:
            self.away_until = time.monotonic() + _AWAY_FOR_SECONDS
            logger.warning("pages open without their place in the journal: %s", type(error).__name__)
            return ""


places = Places()
