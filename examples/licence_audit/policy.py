# SPDX-License-Identifier: Apache-2.0
"""Answer questions by rules from a file, where no person does.

A policy is a JSON document; the first rule that matches a question answers it::

    {"rules": [{"match": {"reason": "copyleft", "name": ["py*", "mypy"]},
                "accept": true, "note": "a tool, not shipped"}]}

``match`` may name ``name``, ``licence``, ``kind`` and ``reason``; each is a pattern (``*`` and
``?``, upper and lower case are equal) or a list of patterns of which one must fit. A licence
that could not be told is the empty text. An empty ``match`` fits every question.
"""

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from .records import KINDS, REASONS, Answer, Question

SHIPPED = Path(__file__).with_name("policy.json")
"""The policy that comes with the example; its last rule answers what the others do not."""

_FIELDS = {"name", "licence", "kind", "reason"}
_KNOWN = {"kind": KINDS, "reason": REASONS}


class PolicyError(ValueError):
    """A policy file that does not say what it should; the text names the file and the rule."""

    def __init__(self, place: str, problem: str) -> None:
        """Say that there is a *problem* at *place*."""
        super().__init__(f"{place}: {problem}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """An answer for the questions that fit; a field that is not named fits always."""

    match: tuple[tuple[str, tuple[str, ...]], ...]
    """Pairs of a field's name and its patterns."""
    accept: bool
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Rules in the order in which they are asked."""

    rules: tuple[Rule, ...]


def load_policy(path: Path = SHIPPED) -> Policy:
    """Give the policy in the file at *path*.

    Raises: PolicyError, if there is no such file or it is not a policy.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PolicyError(str(path), f"cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise PolicyError(str(path), f"not a JSON document ({error})") from error
    if not isinstance(document, dict) or not isinstance(document.get("rules"), list):
        raise PolicyError(str(path), 'expected an object with a list "rules"')
    return Policy(
        rules=tuple(
            _rule(entry, f"{path}: rule {number}")
            for number, entry in enumerate(document["rules"], 1)
        )
    )


def decide(policy: Policy, question: Question) -> Answer | None:
    """Give the answer of the first rule that fits *question*, None if no rule does."""
    for number, rule in enumerate(policy.rules, 1):
        if all(_fits(question, field, patterns) for field, patterns in rule.match):
            return Answer(accept=rule.accept, note=rule.note, by=f"policy rule {number}")
    return None


def _fits(question: Question, field: str, patterns: tuple[str, ...]) -> bool:
    value = {
        "name": question.name,
        "licence": question.licence or "",
        "kind": question.kind,
        "reason": question.reason,
    }[field].lower()
    return any(fnmatchcase(value, pattern.lower()) for pattern in patterns)


def _rule(entry: object, place: str) -> Rule:
    if not isinstance(entry, dict) or set(entry) - {"match", "accept", "note"}:
        raise PolicyError(place, 'expected an object with "match", "accept" and "note"')
    match, accept, note = entry.get("match"), entry.get("accept"), entry.get("note", "")
    if not isinstance(match, dict) or not set(match) <= _FIELDS:
        raise PolicyError(place, f'"match" may name {", ".join(sorted(_FIELDS))}')
    if not isinstance(accept, bool):
        raise PolicyError(place, '"accept" is true or false')
    if not isinstance(note, str):
        raise PolicyError(place, '"note" is a text')
    pairs = tuple((field, _patterns(match[field], field, place)) for field in sorted(match))
    return Rule(match=pairs, accept=accept, note=note)


def _patterns(value: object, field: str, place: str) -> tuple[str, ...]:
    """Give the patterns; one that can never fit is a mistake, and silence would hide it."""
    entries = value if isinstance(value, list) else [value]
    patterns = tuple(entry for entry in entries if isinstance(entry, str))
    if len(patterns) != len(entries) or not patterns:
        raise PolicyError(place, f'"{field}" is a text or a list of texts')
    for pattern in patterns:
        known = _KNOWN.get(field)
        if known and not any(fnmatchcase(word, pattern.lower()) for word in known):
            raise PolicyError(place, f'"{field}" is never {pattern!r}, but {", ".join(known)}')
    return patterns
