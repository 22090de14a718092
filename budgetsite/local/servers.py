"""The servers that a data folder needs, started and stopped together."""

from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType

from .folder import DataFolder
from .postgres import Postgres
from .signals import StopSignals
from .valkey import Valkey

ADDRESSES = ("DATABASE_URL", "DATABASE_APP_URL", "DATABASE_SERVICE_URL", "REDIS_URL")


class LocalServers:
    """PostgreSQL unless `environ` names one in DATABASE_URL, Valkey unless it names one in REDIS_URL.

    A context manager: entering starts them, leaving stops Valkey and then PostgreSQL.
    """

    def __init__(self, folder: DataFolder, signals: StopSignals, environ: Mapping[str, str], *, durable: bool = True):
        self.folder = folder
        self.environ = environ
        self.postgres = None if environ.get("DATABASE_URL") else Postgres(folder, signals, durable=durable)
        self.valkey = None if environ.get("REDIS_URL") else Valkey(folder, signals, durable=durable)
        self._stack = ExitStack()

    @property
    def started_here(self) -> list[Postgres | Valkey]:
        return [server for server in (self.postgres, self.valkey) if server is not None]

    def __enter__(self) -> "LocalServers":
        other_user = self.postgres is not None and self.postgres.running_as.user is not None
        self.folder.create(traversable=other_user)
        with ExitStack() as stack:
            for server in self.started_here:
                stack.callback(server.stop)
                server.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def environment(self) -> dict[str, str]:
        """Return the addresses and the keys for the processes that use these servers.

        With a server of the caller's own, the logins of requests and jobs are left for the settings to derive
        unless the caller names them.
        """
        environment = {name: self.environ[name] for name in ADDRESSES if self.environ.get(name)}
        if self.postgres is not None:
            addresses = self.postgres.addresses
            environment["DATABASE_URL"] = addresses.owner
            environment["DATABASE_APP_URL"] = addresses.app
            environment["DATABASE_SERVICE_URL"] = addresses.service
        if self.valkey is not None:
            environment["REDIS_URL"] = self.valkey.address
        kept = self.folder.secrets()
        environment["SECRET_KEY"] = self.environ.get("SECRET_KEY") or kept.secret_key
        environment["FIELD_ENCRYPTION_KEYS"] = self.environ.get("FIELD_ENCRYPTION_KEYS") or kept.field_encryption_keys
        return environment
