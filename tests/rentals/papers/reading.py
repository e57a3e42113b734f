"""Reading our PDFs with a program that did not write them."""

import io
from typing import Any

import pypdf

from rentals.models import Paper


def reader(content: bytes | memoryview) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(bytes(content)))


def text_of(content: bytes | memoryview) -> str:
    """All that it says, spaces and ends of lines made one space."""
    return " ".join(" ".join(page.extract_text() for page in reader(content).pages).split())


def says(paper: Paper, *parts: str) -> bool:
    """Whether all of `parts` stand in the paper; the missing one is shown by the assertion."""
    text = text_of(paper.content)
    for part in parts:
        assert part in text, part
    return True


def described_in(paper: Paper) -> list[str]:
    """What the pictures in it are, as a screen reader is told."""
    pdf = reader(paper.content)
    size: Any = pdf.trailer["/Size"]
    things = [pdf.get_object(number) for number in range(1, size)]
    return [thing["/Alt"] for thing in things if isinstance(thing, dict) and "/Alt" in thing]
