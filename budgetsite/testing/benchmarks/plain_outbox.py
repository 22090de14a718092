"""The outbox relayed by hand: the same rows claimed and marked by the same statements, and handed to nobody."""

from uuid import UUID, uuid4

import psycopg
from django.db import connections
from psycopg.rows import dict_row

from budgetsite.outbox.relay import BOUNDS, CLAIM, MARK

_FIRST_SUBJECT = UUID(int=0)


class PlainOutbox:
    """A connection as the request's role, under the policies."""

    def __init__(self, tenant_id: UUID) -> None:
        settings = connections["default"].settings_dict
        self._connection = psycopg.connect(
            host=settings["HOST"],
            port=settings["PORT"],
            user=settings["USER"],
            password=settings["PASSWORD"],
            dbname=settings["NAME"],
            autocommit=True,
            row_factory=dict_row,
        )
        self._tenant_id = tenant_id

    def close(self) -> None:
        self._connection.close()

    def relay_all(self, batch: int) -> None:
        """Claim and mark until nothing is left that nobody has."""
        while self.relay(batch):
            pass

    def relay(self, batch: int) -> int:
        """Claim and mark up to `batch` events; return how many."""
        return self._relay(uuid4(), batch) or self._relay(_FIRST_SUBJECT, batch)

    def _relay(self, start: UUID, batch: int) -> int:
        with self._connection.transaction():
            self._connection.execute("SELECT set_config('app.tenant_id', %s, true)", [str(self._tenant_id)])
            self._connection.execute(BOUNDS)
            parameters = {"tenant": self._tenant_id, "start": start, "most": batch}
            claimed = self._connection.execute(CLAIM, parameters).fetchall()
            if claimed:
                self._connection.execute(MARK, [self._tenant_id, [row["id"] for row in claimed]])
        return len(claimed)
