# SPDX-License-Identifier: Apache-2.0
"""The values that travel between the steps of the audit.

Frozen dataclasses of strings, numbers, booleans, None and tuples of such: a durable run can store
each of them and gets an equal one back.
"""

from dataclasses import dataclass

KINDS = (
    "public-domain",
    "permissive",
    "weak-copyleft",
    "copyleft",
    "proprietary",
    "unknown",
)
"""Every kind of licence, from the fewest duties to the most; the order is used to combine them."""

REASONS = ("contradictory", "copyleft", "unknown", "missing")
"""Why a person is asked. When several reasons hold, the first of this order is given."""

DECISIONS = ("clear", "accepted", "rejected", "open")
"""What became of a distribution: nothing to ask, answered yes, answered no, not answered yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One installed distribution, as found on disk."""

    key: str
    """Unique on this machine and safe in file names and ids; the same in every audit."""
    name: str
    version: str
    location: str
    """The folder that holds the distribution, for instance a ``site-packages``."""
    metadata: str
    """Path of its ``.dist-info`` or ``.egg-info``."""
    problems: tuple[str, ...] = ()
    """What is wrong with its metadata; an audit reports it and goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceFile:
    """One file with licence text inside a distribution."""

    path: str
    """Relative to the distribution's location, with forward slashes."""
    own: bool
    """True for the distribution's own licence, False for parts that it bundles and for notices."""
    size_bytes: int
    sha256: str
    text: str
    """The beginning of the file, at most ``evidence.TEXT_LIMIT`` characters of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything a distribution says about its licence."""

    found: Found
    expression: str | None
    """``License-Expression``: an SPDX expression, if the distribution is recent enough."""
    declared: str | None
    """``License``: free text, from one word to the whole licence."""
    classifiers: tuple[str, ...]
    """Only those that begin with ``License ::``."""
    files: tuple[LicenceFile, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the evidence amounts to."""

    licence: str | None
    """An SPDX-like id or expression, None when nothing could be told."""
    kind: str
    """One of ``KINDS``."""
    confidence: str
    """``high``: texts bear the declaration out; ``medium``: text alone, or not for all that is
    declared; ``low``: no text that is recognised, or a contradiction."""
    reasons: tuple[str, ...]
    question: str | None
    """One of ``REASONS``, or None when nobody has to be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the report: a distribution with its verdict, without the texts."""

    key: str
    name: str
    version: str
    location: str
    licence: str | None
    kind: str
    confidence: str
    evidence: tuple[str, ...]
    reasons: tuple[str, ...]
    question: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a person (or a policy) is asked about one distribution."""

    key: str
    name: str
    version: str
    licence: str | None
    kind: str
    reason: str
    text: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to a question: may this distribution be used, and who says so."""

    accept: bool
    note: str = ""
    by: str = ""
