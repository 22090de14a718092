"""The local Valkey: broker, cache and live updates of one machine."""

import signal
import subprocess

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from .binaries import valkey_binary
from .folder import DataFolder
from .problems import LocalProblem
from .processes import free_port, last_lines, spawn, stop
from .signals import StopSignals

START_SECONDS = 30
STOP_SECONDS = 15
PORT_ATTEMPTS = 5


class Valkey:
    """One server in a data folder; a durable one saves its data when it stops: queued work survives."""

    name = "Valkey"

    def __init__(self, folder: DataFolder, signals: StopSignals, *, durable: bool = True):
        self.folder = folder
        self.signals = signals
        self.durable = durable
        self.port: int | None = None
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"redis://:{self.folder.secrets().valkey_password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it; a second call after it has died uses the port it had, since others know that one."""
        attempts = 1 if self.port is not None else PORT_ATTEMPTS
        for attempt in range(1, attempts + 1):
            port = free_port() if self.port is None else self.port
            if self._launch(port):
                self.port = port
                return
            if attempt == attempts:
                log = self.folder.log("valkey")
                raise LocalProblem(f"Valkey did not start. {log} ends with:\n{last_lines(log)}")

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process, signal.SIGTERM, seconds=STOP_SECONDS)

    def _launch(self, port: int) -> bool:
        """Start it and wait until it answers; return False when it ended instead."""
        self.process = spawn(
            [valkey_binary(), "-"],
            environ={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            log=self.folder.log("valkey"),
            # It keeps its file in its working folder, so that no path has to be quoted in its configuration.
            cwd=self.folder.valkey,
            # The configuration holds the password and everybody can read a command line, so it goes here.
            stdin=subprocess.PIPE,
        )
        process = self.process
        try:
            if process.stdin is None:
                raise RuntimeError("Valkey was started without the pipe for its configuration.")
            with process.stdin as configuration:
                configuration.write(self._configuration(port).encode())
            self.signals.wait_until(
                lambda: process.poll() is not None or self._answers(port),
                seconds=START_SECONDS,
                otherwise=f"Valkey did not answer within {START_SECONDS} s. See {self.folder.log('valkey')}.",
            )
        except BaseException:
            self.stop()
            raise
        return process.poll() is None

    def _configuration(self, port: int) -> str:
        return "\n".join(
            [
                "bind 127.0.0.1",
                f"port {port}",
                "protected-mode yes",
                f"requirepass {self.folder.secrets().valkey_password}",
                "daemonize no",
                "appendonly no",
                "save 300 1" if self.durable else 'save ""',
                # A full cache gives up what expires anyway; queued work has no expiry and is never given up.
                "maxmemory 256mb",
                "maxmemory-policy volatile-lru",
                "",
            ]
        )

    def _answers(self, port: int) -> bool:
        with redis.Redis(
            host="127.0.0.1",
            port=port,
            password=self.folder.secrets().valkey_password,
            socket_timeout=2,
            retry=Retry(NoBackoff(), 0),
        ) as client:
            try:
                return bool(client.ping())
            except (redis.BusyLoadingError, redis.ConnectionError, redis.TimeoutError):
                return False
