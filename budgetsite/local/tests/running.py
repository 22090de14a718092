"""Running the stand-in site as a process of its own and looking at it from outside."""

import http.client
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from budgetsite.local.discovery import RunningServers, described
from budgetsite.local.folder import CHECKOUT, DataFolder
from budgetsite.local.processes import ProcessIdentity, free_port, spawn

PATIENCE_SECONDS = 30


def eventually(condition: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until, f"{what} did not come about"
        time.sleep(0.02)


class StandIn:
    """Starts stand-in sites on one port; `end` ends those that a failed test left."""

    def __init__(self, environ: dict[str, str], output: Path):
        self.port = free_port()
        self.environ = environ | {"PORT": str(self.port)}
        self.folder = DataFolder(Path(environ["DATA_DIR"]))
        self.output = output
        self.started: list[subprocess.Popen[bytes]] = []
        self.seen: set[ProcessIdentity] = set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self, *mode: str) -> subprocess.Popen[bytes]:
        return self.start_command(sys.executable, "-m", "budgetsite.local.tests.stand_in", *mode)

    def start_command(self, *command: str | Path) -> subprocess.Popen[bytes]:
        process = spawn(command, environ=self.environ, log=self.output, cwd=CHECKOUT)
        self.started.append(process)
        return process

    def serve(self) -> subprocess.Popen[bytes]:
        return self.until_ready(lambda: self.start("site"))

    def until_ready(self, start: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        """Start a site and wait until it says that it is ready."""
        earlier = self.said().count("is ready at")
        process = start()
        eventually(lambda: self.said().count("is ready at") > earlier or process.poll() is not None, "a ready site")
        assert process.poll() is None, self.said()
        return process

    def run(self, *mode: str) -> int:
        return self.start(*mode).wait(PATIENCE_SECONDS)

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8") if self.output.exists() else ""

    def description(self) -> RunningServers:
        description = described(self.folder)
        assert description is not None
        self.seen |= set(description.processes.values())
        return description

    def is_healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def end(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.terminate()
                process.wait(PATIENCE_SECONDS)
        for identity in self.seen:
            if survivor := identity.process():
                survivor.kill()
