"""A real browser on a real server: gunicorn on the test database, Debian's Chromium driven by Playwright."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psutil
import pytest
from django.conf import settings
from django.db import connections

from budgetsite.local.health import is_healthy
from budgetsite.local.processes import free_port

START_SECONDS = 30
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
# Of several lists of features that are off Chromium takes the last, so this one repeats Playwright's. Ours are panels
# beneath the address bar: nobody sees them, and each new window would load both, for half a second of computing.
_PLAYWRIGHTS_OWN = (
    "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints", "NetworkTimeServiceQuerying", "AimEnabled",
    "PreconnectToSearch",
)  # fmt: skip
_OURS = ("WebUIOmniboxPopup", "WebUIOmniboxAimPopup")
# Chromium's own services would look for hosts of the outside world at every start.
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--disable-features={','.join((*_PLAYWRIGHTS_OWN, *_OURS))}",
]


class ChromiumMissing(RuntimeError):
    def __init__(self) -> None:
        super().__init__("Chromium is missing; budgetsite/testing/install_chromium.sh installs it.")


class NotServed(RuntimeError):
    def __init__(self, port: int) -> None:
        super().__init__(f"Nothing is served at http://127.0.0.1:{port}.")


def chromium_path() -> str:
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found is None:
        raise ChromiumMissing
    return found


@dataclass(frozen=True)
class WebServer:
    address: str
    process: "subprocess.Popen[bytes]"

    def kill_worker(self) -> None:
        """Kill the process that answers requests; gunicorn starts another one."""
        for worker in psutil.Process(self.process.pid).children():
            worker.kill()


@pytest.fixture(scope="session")
def web_process(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    """Serve the test database, as `make run` serves its own."""
    port = free_port()
    log = tmp_path_factory.mktemp("web") / "gunicorn.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "gunicorn",
                "budgetsite.asgi:application",
                "--config",
                "python:budgetsite.operations.web_server",
                "--bind",
                f"127.0.0.1:{port}",
                "--workers",
                "1",
                "--no-control-socket",
            ],
            env=os.environ | _database_urls(),
            cwd=settings.BASE_DIR,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        address = f"http://127.0.0.1:{port}"
        try:
            try:
                wait_until_served(port, process)
            except NotServed as error:
                pytest.fail(f"{error}\n{log.read_text(errors='replace')[-4000:]}")
            yield WebServer(address, process)
        finally:
            process.terminate()
            process.wait(timeout=20)


@pytest.fixture(scope="session")
def web_server(web_process: WebServer) -> str:
    return web_process.address


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    # Playwright keeps an event loop running in this thread, which Django takes for asynchronous code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    try:
        path = chromium_path()
    except ChromiumMissing as missing:
        pytest.fail(str(missing))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()
        # While its loop runs this thread has connections of its own, and nobody else finds them afterwards.
        for alias in connections:
            connections[alias].close()


@pytest.fixture
def site(web_server: str, committed_db: None) -> str:
    """The address of the site, with committed data that is gone after the test."""
    return web_server


@pytest.fixture
def open_page(chromium, site: str) -> Iterator[Callable[..., object]]:
    """Return a function that opens a page of a window of its own; errors on the page fail the test."""
    contexts, errors = [], []

    def open_one(*, width: int = 1280, height: int = 900):
        context = chromium.new_context(
            base_url=site, viewport={"width": width, "height": height}, locale="en-CA", timezone_id="America/Toronto"
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if "Content Security" in message.text else None)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert errors == []


def _database_urls() -> dict[str, str]:
    """Name the test database in the three logins, for processes of their own."""
    variables = {"owner": "DATABASE_URL", "default": "DATABASE_APP_URL", "service": "DATABASE_SERVICE_URL"}
    urls = {}
    for alias, variable in variables.items():
        parameters = connections[alias].settings_dict
        login = f"{parameters['USER']}:{parameters['PASSWORD']}"
        urls[variable] = f"postgres://{login}@{parameters['HOST']}:{parameters['PORT']}/{parameters['NAME']}"
    return urls


def wait_until_served(port: int, process: subprocess.Popen[bytes]) -> None:
    """Raises `NotServed` when the process ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if is_healthy(port):
            return
        time.sleep(0.1)
    raise NotServed(port)
