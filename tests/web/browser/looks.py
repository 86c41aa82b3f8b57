"""What is required of every page: for everybody to read, at any width, by keyboard."""

from pathlib import Path

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")


def barriers(page):
    """What axe-core finds, of any severity: a line each, with the elements."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['impact']}: {violation['id']}: {violation['help']}: "
        + "; ".join(node["html"][:200] for node in violation["nodes"][:5])
        for violation in found["violations"]
    ]


def overflow(page):
    """By how many pixels the page scrolls sideways, and what sticks out."""
    return page.evaluate(
        """() => {
            const root = document.documentElement;
            const more = root.scrollWidth - root.clientWidth;
            if (more <= 0) return [];
            const scrolls = (e) => getComputedStyle(e).overflowX !== "visible";
            const inside = (e) => e.parentElement !== document.body
                && (scrolls(e.parentElement) || inside(e.parentElement));
            return [`${more} px`, ...[...document.querySelectorAll("main *, header *")]
                .filter((e) => e.getBoundingClientRect().right > root.clientWidth && !inside(e))
                .map((e) => e.outerHTML.slice(0, 100))];
        }"""
    )


def focus_is_visible(page):
    """Whether the focused element has an outline that is thick enough, and is on the screen."""
    return page.evaluate(
        """() => {
            const style = getComputedStyle(document.activeElement);
            const box = document.activeElement.getBoundingClientRect();
            return style.outlineStyle === "solid" && parseFloat(style.outlineWidth) >= 2
                && box.right > 0 && box.left < innerWidth
                && box.bottom > 0 && box.top < innerHeight;
        }"""
    )
