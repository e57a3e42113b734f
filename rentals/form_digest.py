"""Telling forms apart by what was entered and by the content of their files."""

import hashlib
from collections.abc import Iterator
from typing import Any


def digest_of_form(request: Any) -> str:
    """The same for the same entries and files, whatever the boundary or the token of the form was."""
    digest = hashlib.sha256()
    for piece in pieces(request):
        digest.update(piece)
    return digest.hexdigest()


def pieces(request: Any) -> Iterator[bytes]:
    """Each field's name and content, lengths included, so that no two forms read alike."""
    for name, file in sorted(request.FILES.items()):
        yield f"{name!r} {file.name!r} {file.size} ".encode()
        yield from file.chunks()
        file.seek(0)
    for name, values in sorted(request.POST.lists()):
        if name != "csrfmiddlewaretoken":
            yield f"{name!r} {values!r} ".encode()
