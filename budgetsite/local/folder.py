"""The data folder: where the local servers keep everything, and who may use it at the moment."""

import base64
import fcntl
import json
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from .problems import LocalProblem

CHECKOUT = Path(__file__).resolve().parents[2]
LARGEST_LOG_BYTES = 5_000_000


def data_folder_path(environ: Mapping[str, str]) -> Path:
    """Return the data folder that the environment names: DATA_DIR, or `.local` in the checkout."""
    named = environ.get("DATA_DIR", "")
    return Path(named).expanduser().absolute() if named else CHECKOUT / ".local"


def _password() -> str:
    return secrets.token_hex(24)


def _encryption_key() -> str:
    return f"local:{base64.b64encode(secrets.token_bytes(32)).decode()}"


@dataclass(frozen=True)
class Secrets:
    """Made once for a data folder; passwords are hexadecimal, so that they need no quoting in an address."""

    superuser_password: str = field(default_factory=_password)
    owner_password: str = field(default_factory=_password)
    app_password: str = field(default_factory=_password)
    service_password: str = field(default_factory=_password)
    valkey_password: str = field(default_factory=_password)
    secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(64))
    field_encryption_keys: str = field(default_factory=_encryption_key)


class FolderInUse(Exception):
    """Another process holds the folder; `holder` is what it wrote about itself."""

    def __init__(self, holder: str):
        super().__init__(holder)
        self.holder = holder


class DataFolder:
    """Everything below is private to its owner: folders 0700, files 0600."""

    def __init__(self, path: Path):
        self.path = path
        self.secrets_file = path / "secrets.json"
        self.servers_file = path / "servers.json"
        self.lock_file = path / "lock"
        self.postgres = path / "postgres"
        self.valkey = path / "valkey"
        self.logs = path / "logs"

    def create(self, *, traversable: bool = False) -> None:
        """Make the folder and those inside; folders that exist already keep their mode.

        `traversable` lets every user pass through the data folder, not list it: PostgreSQL of another user
        needs that.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _make_private(self.path)
            if traversable:
                self.path.chmod(self.path.stat().st_mode | stat.S_IXOTH)
            _make_private(self.valkey)
            _make_private(self.logs)
        except OSError as error:
            raise LocalProblem(
                f"The data folder {self.path} cannot be made ({error.strerror}). Choose another with "
                "DATA_DIR=/some/folder."
            ) from error

    def log(self, name: str) -> Path:
        """Return the log file of a program; one that has grown large is put aside as `.1` first."""
        path = self.logs / f"{name}.log"
        if path.exists() and path.stat().st_size > LARGEST_LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        path.touch(mode=0o600)
        return path

    def secrets(self) -> Secrets:
        """Return the folder's secrets, made at the first call and the same ever after."""
        stored = self._stored_secrets()
        if stored is None or len(stored) < len(fields(Secrets)):
            stored = self._make_secrets()
        return Secrets(**stored)

    def known_secrets(self) -> Secrets | None:
        """Return the secrets if the folder has all of them; never makes some."""
        stored = self._stored_secrets()
        return None if stored is None or len(stored) < len(fields(Secrets)) else Secrets(**stored)

    def _make_secrets(self) -> dict[str, str]:
        """Make what is missing: a folder of an earlier release lacks the newest. Processes that meet agree."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            stored = asdict(Secrets(**self._stored_secrets() or {}))
            write_private(self.secrets_file, json.dumps(stored, indent=2))
            return stored
        finally:
            os.close(descriptor)

    def _stored_secrets(self) -> dict[str, str] | None:
        try:
            stored: dict[str, str] = json.loads(self.secrets_file.read_text(encoding="utf-8"))
            Secrets(**stored)
            return stored
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise LocalProblem(
                f"{self.secrets_file} is damaged. Restore it from a copy, or remove {self.path} to start empty."
            ) from error

    @contextmanager
    def held(self, description: str) -> Iterator[None]:
        """Hold the folder while the block runs; the kernel lets go of it however this process ends.

        Raises `FolderInUse` at once when another process has it.
        """
        descriptor = os.open(self.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FolderInUse(os.pread(descriptor, 1000, 0).decode("utf-8", "replace").strip()) from None
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, description.encode(), 0)
            yield
        finally:
            os.close(descriptor)


def _make_private(path: Path) -> None:
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if not path.is_dir():
            raise


def write_private(path: Path, text: str) -> None:
    """Replace the file by a complete new one, mode 0600; a reader sees the old one or the new one."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
