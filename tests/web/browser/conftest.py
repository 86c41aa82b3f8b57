"""A real browser on a real server. Whatever a page complains of fails the test that opened it."""

import os
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from ..conftest import PASSWORD
from .world import world  # noqa: F401

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def chromium():
    """The system's Chromium. Without it, a laptop skips and CI fails.

    A module's own: while one is open, the thread has a running event loop, and Playwright starts
    no second one beside it.
    """
    if not CHROMIUM.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI needs {CHROMIUM}", pytrace=False)
        pytest.skip(f"no {CHROMIUM}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium, address):
    """A function that opens a window of some width and colours; none may complain of anything.

    What the console calls an error counts, and so does what the content security policy refuses,
    a script that throws, and a file that is not there.
    """
    contexts, complaints = [], []

    def open_window(*, width=1280, scheme="light", javascript=True):
        context = chromium.new_context(
            base_url=address,
            viewport={"width": width, "height": 800},
            color_scheme=scheme,
            java_script_enabled=javascript,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: _note_message(message, complaints))
        page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
        page.on("response", lambda response: _note_response(response, complaints))
        return page

    yield open_window
    for context in contexts:
        with suppress(Exception):
            context.close()
    assert complaints == []


def _note_message(message, complaints):
    # Chromium says this of pages that are refused on purpose, too; see `_note_response`.
    if message.type == "error" and not message.text.startswith("Failed to load resource"):
        complaints.append(f"{message.location.get('url')}: {message.text}")


def _note_response(response, complaints):
    if response.status >= 400 and response.request.resource_type != "document":
        complaints.append(f"{response.url}: {response.status}")


def sign_in(page, login, password=PASSWORD):
    """By the form, as a person does."""
    page.goto("/sign-in")
    page.get_by_label("Login").fill(login)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()
