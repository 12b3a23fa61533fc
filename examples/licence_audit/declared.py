# SPDX-License-Identifier: Apache-2.0
"""Understand what a distribution declares: SPDX expressions, free text, classifiers."""

import re
from dataclasses import dataclass

from .licences import VAGUE, lookup
from .records import KINDS
from .texts import identify, normalise

WORDS_LIMIT = 400
"""Characters of a declaration that are searched for names; more than that is a licence text."""
EXPRESSION_LIMIT = 2_000
"""Characters of an SPDX expression: one that names every part of a big wheel has about 500."""
DEPTH_LIMIT = 20
"""Parentheses inside parentheses in an expression; real ones have two or three."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One declaration, understood."""

    ids: tuple[str, ...]
    kind: str
    expression: str
    exact: bool
    """True for an SPDX expression, False for free text and for names like plain ``BSD``."""

    def families(self) -> frozenset[str]:
        """Give the families of the known licences in this claim."""
        return frozenset(known.family for id_ in self.ids if (known := lookup(id_)))


def strictest(kinds: list[str]) -> str:
    """Give the kind with the most duties, ``unknown`` for none at all."""
    return max(kinds, key=KINDS.index, default="unknown")


def claim_of(text: str) -> Claim | None:
    """Give what *text* declares, None when it names no licence that is known."""
    expression = parse_expression(text)
    names = identify(text) if len(text) > WORDS_LIMIT else names_in(text)
    if expression and len(names) <= sum(lookup(id_) is not None for id_ in expression.ids):
        return expression
    return _claim_of_ids(names, _joined_by(text))


def claim_of_classifiers(classifiers: tuple[str, ...]) -> Claim | None:
    """Give what the classifiers declare together; nobody says which of several may be chosen."""
    ids = [id_ for line in classifiers for id_ in names_in(line.rpartition("::")[2])]
    return _claim_of_ids(tuple(dict.fromkeys(ids)), "AND")


def parse_expression(text: str) -> Claim | None:
    """Give the claim of an SPDX expression, None for anything else.

    At least one licence in it must be known; the others make the kind ``unknown``.
    """
    if len(text) > EXPRESSION_LIMIT:
        return None
    parser = _Parser(re.findall(r"[()]|[^\s()]+", text))
    try:
        kind = parser.either(0)
    except _NotAnExpressionError:
        return None
    if parser.tokens or not any(lookup(id_) for id_ in parser.ids):
        return None
    ids = tuple(dict.fromkeys(parser.ids))
    return Claim(ids=ids, kind=kind, expression=" ".join(text.split()), exact=VAGUE.isdisjoint(ids))


class _NotAnExpressionError(ValueError):
    """The text does not follow the grammar of SPDX expressions."""


class _Parser:
    """A descent through ``OR``, ``AND``, ``WITH`` and parentheses; it gives the kind and ids."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.ids: list[str] = []

    def either(self, depth: int) -> str:
        """Read ``a OR b``: the user may choose, so the mildest kind counts."""
        kinds = [self.both(depth)]
        while self._take("OR"):
            kinds.append(self.both(depth))
        return min(kinds, key=KINDS.index)

    def both(self, depth: int) -> str:
        """Read ``a AND b``: all duties hold, so the strictest kind counts."""
        kinds = [self.one(depth)]
        while self._take("AND"):
            kinds.append(self.one(depth))
        return strictest(kinds)

    def one(self, depth: int) -> str:
        """Read one id, with an exception perhaps, or an expression in parentheses."""
        if depth > DEPTH_LIMIT:
            raise _NotAnExpressionError
        if self._take("("):
            kind = self.either(depth + 1)
            if not self._take(")"):
                raise _NotAnExpressionError
            return kind
        id_ = self._word()
        self.ids.append(id_)
        if self._take("WITH"):
            self._word()
        known = lookup(id_)
        return known.kind if known else "unknown"

    def _take(self, word: str) -> bool:
        if self.tokens and self.tokens[0].upper() == word:
            self.tokens.pop(0)
            return True
        return False

    def _word(self) -> str:
        word = self.tokens.pop(0) if self.tokens else ""
        if not re.fullmatch(r"[A-Za-z0-9.+:-]+", word) or word.upper() in {"AND", "OR", "WITH"}:
            raise _NotAnExpressionError
        return word


_NAMES = tuple(
    (re.compile(rf"\b(?:{pattern})\b"), id_)
    for pattern, id_ in (
        (r"mit 0|mit no attribution", "MIT-0"),
        (r"mit cmu", "MIT-CMU"),
        (r"mit|expat|x11", "MIT"),
        (r"0bsd|zero clause bsd|bsd zero clause", "0BSD"),
        (r"bsd 2 clause|2 clause bsd|simplified bsd|freebsd", "BSD-2-Clause"),
        (r"bsd 3 clause|3 clause bsd|new bsd|modified bsd|revised bsd", "BSD-3-Clause"),
        (r"bsd", "BSD"),
        (r"apache|asl 2(?: 0)?", "Apache-2.0"),
        (r"isc|iscl", "ISC"),
        (r"psf|psfl|psf 2 0|python software foundation|cnri python|python license", "PSF-2.0"),
        (r"mpl 1 1|mozilla public license 1 1", "MPL-1.1"),
        (r"mpl|mpl ?v?2(?: 0)?|mozilla", "MPL-2.0"),
        (r"agpl(?:v?3)?|affero general public licen[cs]e", "AGPL-3.0"),
        (r"lgpl ?v?2 1|lesser general public licen[cs]e v(?:ersion )?2 1", "LGPL-2.1"),
        (r"lgpl ?v?3|lesser general public licen[cs]e v(?:ersion )?3", "LGPL-3.0"),
        (r"lgpl(?:v2)?|lesser general public|library general public", "LGPL"),
        (r"gpl ?v?2|general public licen[cs]e v(?:ersion )?2", "GPL-2.0"),
        (r"gpl ?v?3|general public licen[cs]e v(?:ersion )?3", "GPL-3.0"),
        (r"gpl|gnu general public", "GPL"),
        (r"unlicense", "Unlicense"),
        (r"cc0(?: 1 0)?", "CC0-1.0"),
        (r"public domain", "LicenseRef-Public-Domain"),
        (r"zlib", "Zlib"),
        (r"hpnd|historical permission", "HPND"),
        (r"epl 1 0|eclipse public license 1 0", "EPL-1.0"),
        (r"epl|epl 2 0|eclipse public", "EPL-2.0"),
        (r"zpl|zope", "ZPL-2.1"),
        (r"boost|bsl 1 0", "BSL-1.0"),
        (r"artistic", "Artistic-2.0"),
        (r"wtfpl", "WTFPL"),
        (r"upl|universal permissive", "UPL-1.0"),
        (r"eupl|european union public", "EUPL-1.2"),
        (r"afl|academic free", "AFL-3.0"),
        (r"business source", "BUSL-1.1"),
        (r"proprietary|commercial|non commercial", "LicenseRef-Proprietary"),
    )
)
"""Names that people write, special ones before general ones: a name that is found is taken out."""


def names_in(text: str) -> tuple[str, ...]:
    """Give the ids of the licences that *text* names in whatever wording."""
    plain = normalise(text)
    ids: list[str] = []
    for pattern, id_ in _NAMES:
        plain, count = pattern.subn("|", plain)
        if count:
            ids.append(id_)
    exact = {id_.partition("-")[0] for id_ in ids if id_ not in VAGUE}
    return tuple(id_ for id_ in ids if id_ not in VAGUE & exact)


def _joined_by(text: str) -> str:
    choice = re.search(r"\bor\b(?! later| any later| lesser)|\bdual\b|/", text.lower())
    return "OR" if choice else "AND"


def _claim_of_ids(ids: tuple[str, ...], joined_by: str) -> Claim | None:
    if not ids:
        return None
    kinds = [known.kind for id_ in ids if (known := lookup(id_))]
    kind = min(kinds, key=KINDS.index) if joined_by == "OR" else strictest(kinds)
    return Claim(ids=ids, kind=kind, expression=f" {joined_by} ".join(ids), exact=False)
