# SPDX-License-Identifier: Apache-2.0
"""Recognise licences in a text by their distinctive phrases."""

import re

from .licences import LICENCES

_NOT_WORDS = re.compile(r"[^a-z0-9]+")


def normalise(text: str) -> str:
    """Give *text* in lower case with one space for whatever is neither letter nor digit.

    Line breaks, indentation, comment signs, bullets and kinds of quotes all vanish.
    """
    return _NOT_WORDS.sub(" ", text.lower()).strip()


def identify(text: str) -> tuple[str, ...]:
    """Give the ids of the licences whose text is in *text*, in the order of the table."""
    plain = normalise(text)
    found = [
        licence
        for licence in LICENCES.values()
        if any(all(fragment in plain for fragment in words) for words in licence.texts)
    ]
    return without_contained(tuple(licence.id for licence in found))


def without_contained(ids: tuple[str, ...]) -> tuple[str, ...]:
    """Give *ids* without repeats and without those that are part of another one's text."""
    contained = {inner for id_ in ids for inner in LICENCES[id_].contains}
    return tuple(id_ for id_ in dict.fromkeys(ids) if id_ not in contained)
