"""What is wrong with a page, in light and dark, at a desk's size and a phone's."""

import os
from collections.abc import Sequence
from itertools import product

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

# What reaches beyond the screen, unless it scrolls by itself; nothing where the page does not.
TOO_WIDE = """() => {
    const width = document.documentElement.clientWidth, needed = document.documentElement.scrollWidth
    if (needed <= width) return []
    const beyond = one =>
        one.getBoundingClientRect().right > width && !one.parentElement.closest('.table-responsive')
    const found = [...document.body.querySelectorAll('*')].filter(beyond).map(one => one.outerHTML.slice(0, 150))
    return [`${needed} pixels`, ...found]
}"""
AXE = Axe().axe_script
ASK_AXE = """async () => {
    const found = await axe.run({resultTypes: ['violations'], preload: false, selectors: false, ancestry: false})
    return found.violations.flatMap(one => one.nodes.map(node => `${one.id}: ${node.html.slice(0, 150)}`))
}"""
DESK, PHONE = (1280, 900), (320, 640)
LIGHT = [("light", DESK)]
# Each colour and each size once; with CALLUS_LOOKS=all, as in `make drill`, each colour at each size.
WAYS_TO_LOOK = [("light", DESK), ("dark", PHONE)]
if os.environ.get("CALLUS_LOOKS") == "all":
    WAYS_TO_LOOK = list(product(("light", "dark"), (DESK, PHONE)))


def faults_of(page: Page, ways: Sequence[tuple[str, tuple[int, int]]] = WAYS_TO_LOOK) -> dict[str, list[str]]:
    """By each way to look: what axe finds on the page as it is now, and whether it is wider than the screen."""
    found = {}
    for scheme, (width, height) in ways:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": height})
        if not page.evaluate("typeof axe === 'object'"):
            page.evaluate(AXE)
        violations = page.evaluate(ASK_AXE)
        faults = violations + [f"wider than the screen: {one}" for one in page.evaluate(TOO_WIDE)]
        if faults:
            found[f"{scheme} {width}"] = faults
    return found
