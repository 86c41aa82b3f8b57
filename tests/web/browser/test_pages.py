"""Every page: nothing for axe-core to find, no scrolling sideways, no complaint of the browser."""

import pytest

from .conftest import sign_in
from .looks import barriers, overflow

ASSIGNMENT = "/courses/dl/assignments/dense/"

# Who looks at what: a path, or the name of a page of `world`.
PAGES = [
    ("sam", "/"),
    ("sam", "/account"),
    ("sam", "/courses/dl/"),
    ("sam", ASSIGNMENT),
    ("sam", "queued"),
    ("sam", "running"),
    ("sam", "waiting"),
    ("sam", "report"),
    ("sam", "poor report"),
    ("sam", "held report"),
    ("sam", "/nothing-here"),
    ("anna", "report"),
    ("anna", "waiting"),
    *(
        ("ines", f"/courses/dl/{page}")
        for page in (
            "class/dense/",
            "gradebook/",
            "students/sam/",
            "queue/",
            "log/",
            "roster",
            "exports",
            "settings/",
            "assignments/dense/settings/",
        )
    ),
]


@pytest.fixture
def problems(world):
    """A function that goes through all pages; what the looks found, by page."""

    def go_through(page, look):
        found = {"sign-in": look(page)} if page.goto("/sign-in") else {}
        last = None
        for login, name in PAGES:
            if login != last:
                page.context.clear_cookies()
                sign_in(page, login)
                last = login
            page.goto(world.paths.get(name, name))
            found[login, name] = look(page)
        page.context.clear_cookies()
        sign_in(page, "sam")
        for name, code in (("preview", b"x = 1\n" * 60), ("refusal", b"PK\x03\x04damaged")):
            page.goto(ASSIGNMENT)
            upload = {"name": "layers.py", "mimeType": "text/x-python", "buffer": code}
            if name == "refusal":
                upload["name"] = "mine.zip"
            page.set_input_files("#files", upload)
            page.get_by_role("button", name="Look at it first").click()
            page.wait_for_url("**/preview")
            found[name] = look(page)
        return {name: lines for name, lines in found.items() if lines}

    return go_through


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1280), ("light", 1280)])
def test_no_page_has_a_barrier(open_page, problems, scheme, width):
    assert problems(open_page(scheme=scheme, width=width), barriers) == {}


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_page_scrolls_sideways(open_page, problems, width):
    assert problems(open_page(width=width), overflow) == {}
