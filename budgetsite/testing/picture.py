"""`make picture`: the README's picture of the main screen, taken from the demo as `make run` shows it.

Runs on throw-away servers that hold the demo (`python -m budgetsite.local picture`).
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import django
from django.conf import settings

from budgetsite.local.processes import free_port

WIDTH, HEIGHT = 1280, 1120


def take_picture(path: Path) -> None:
    from playwright.sync_api import sync_playwright

    from budgets.demo.people import PASSWORD
    from budgetsite.testing.browser import CHROMIUM_ARGUMENTS, chromium_path, wait_until_served

    port = free_port()
    address = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "gunicorn",
            "budgetsite.asgi:application",
            "--bind",
            f"127.0.0.1:{port}",
            "--no-control-socket",
        ],
        cwd=settings.BASE_DIR,
    )
    try:
        wait_until_served(port, server)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_ARGUMENTS)
            page = browser.new_page(base_url=address, viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
            _open_budget(page, PASSWORD)
            path.parent.mkdir(exist_ok=True)
            page.screenshot(path=path)
            browser.close()
    finally:
        server.terminate()
        server.wait(timeout=20)


def _open_budget(page: Any, password: str) -> None:
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill("omid.organizer@our-networks.example")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.locator("main").get_by_role("link", name="Our Networks 2018").first.click()
    page.locator("#budget-summary").wait_for()


if __name__ == "__main__":
    django.setup()
    take_picture(Path(sys.argv[1]))
