"""Take the pictures of this folder: `python docs/screenshots/take.py http://127.0.0.1:8000`.

It needs Playwright, Pillow and Chromium, and a demo at that address whose submissions are graded.
A picture shows what a person sees who is signed in, at two widths and in two colour schemes.
"""

import argparse
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).parent
CHROMIUM = "/usr/bin/chromium"
PASSWORD = "correct horse"  # noqa: S105 - the demo's, printed for everybody
WIDTHS = {"phone": 390, "desktop": 1280}
SCHEMES = ("light", "dark")
HIGHEST = 1600
COLOURS = 128
COURSE = "/courses/deep-learning/"
ASSIGNMENT = COURSE + "assignments/dense-conv1x1/"
MISTAKEN = (
    HERE.parents[1]
    / "assignments/dense-conv1x1/submissions/known_wrong/dx_kernel_not_transposed/layers.py"
)


def at(path: str) -> Callable[[Page], None]:
    """What goes to a path."""
    return lambda page: page.goto(path) and None


def report(page: Page) -> None:
    """The oldest submission of an assignment that has a report with something to mend."""
    page.goto(ASSIGNMENT)
    page.locator("#history ~ .scroll tbody a").last.click()


def progress(page: Page) -> None:
    """Hand in what has a mistake, and look before it is graded."""
    page.goto(ASSIGNMENT)
    page.set_input_files("#files", MISTAKEN)
    page.get_by_role("button", name="Hand in at once").click()
    page.locator("#progress li").first.wait_for()


def roster(page: Page) -> None:
    """What a roster would change, before it changes anything."""
    page.goto(COURSE + "roster")
    page.get_by_label("Or paste it here").fill(
        "login,name,email,role,section\ngrace,Grace Hopper,,student,B\n"
        "dorothy,Dorothy Vaughan,dorothy@example.org,student,A\njoan,Joan Clarke,,assistant,\n"
    )
    page.get_by_role("button", name="Preview what changes").click()


def regrade(page: Page) -> None:
    """The newest regrade of the assignment; one of the latest submissions, if there is none."""
    page.goto(ASSIGNMENT + "settings/")
    made = page.locator("main a[href*='/regrades/']")
    if made.count() == 0:
        page.get_by_label("Which").select_option(label="each student's latest submission")
        page.get_by_label("Why").fill("A check was too strict on small batches.")
        page.get_by_role("button", name="Grade anew, to look at").click()
    else:
        made.first.click()


# Whose picture of what: its name, who is signed in, and how they come there.
PICTURES: list[tuple[str, str, Callable[[Page], None]]] = [
    ("student-course", "{student}", at(COURSE)),
    ("student-assignment", "{student}", at(ASSIGNMENT)),
    ("student-report", "{student}", report),
    ("student-progress", "grace", progress),
    ("instructor-class", "ada", at(COURSE + "class/dense-conv1x1/")),
    ("instructor-gradebook", "ada", at(COURSE + "gradebook/")),
    ("instructor-student", "ada", at(COURSE + "students/niels/")),
    ("instructor-settings", "ada", at(ASSIGNMENT + "settings/")),
    ("instructor-roster", "ada", roster),
    ("instructor-regrade", "ada", regrade),
]


def sign_in(page: Page, login: str) -> None:
    """By the form."""
    page.goto("/sign-in")
    page.get_by_label("Login").fill(login)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()


def take(browser: Browser, address: str, student: str, only: str) -> None:
    """All pictures whose name contains a word; each person signs in once."""
    kept: dict[str, Any] = {}
    for device, width in WIDTHS.items():
        for scheme in SCHEMES:
            context = browser.new_context(
                base_url=address,
                viewport={"width": width, "height": 800},
                color_scheme=scheme,
            )
            page, signed_in = context.new_page(), ""
            for name, whose, come in PICTURES:
                login = whose.format(student=student)
                if only not in name:
                    continue
                if login != signed_in:
                    context.clear_cookies()
                    if login in kept:
                        context.add_cookies(kept[login])
                    else:
                        sign_in(page, login)
                        kept[login] = context.cookies()
                    signed_in = login
                come(page)
                height = min(page.evaluate("document.documentElement.scrollHeight"), HIGHEST)
                clip = {"x": 0, "y": 0, "width": width, "height": height}
                taken = Image.open(io.BytesIO(page.screenshot(full_page=True, clip=clip)))
                few = taken.convert("RGB").quantize(COLOURS)
                few.save(HERE / f"{name}-{device}-{scheme}.png", optimize=True)
            context.close()


def main() -> None:
    """Read the arguments, and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", help="of a demo, such as http://127.0.0.1:8000")
    parser.add_argument("--student", default="niels", help="who has handed in twice")
    parser.add_argument("--only", default="", help="pictures whose name contains this")
    given = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        take(browser, given.address.rstrip("/"), given.student, given.only)
        browser.close()


if __name__ == "__main__":
    main()
