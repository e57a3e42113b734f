"""The pictures in the docs: there, light, and none of something that `make pictures` does not take."""

import re

from tests.pictures import FOLDER, MOST_BYTES, PICTURES
from tests.running import CHECKOUT

SHOWN = re.compile(r"pictures/([\w-]+)\.png")


def test_every_picture_that_the_docs_show_is_there_and_light():
    pages = [CHECKOUT / "README.md", *CHECKOUT.glob("docs/*.md")]
    shown = {name for page in pages for name in SHOWN.findall(page.read_text(encoding="utf-8"))}
    taken = {path.stem: path.stat().st_size for path in FOLDER.iterdir()}
    assert set(taken) == {picture.name for picture in PICTURES}
    assert shown <= set(taken)
    assert max(taken.values()) < MOST_BYTES
