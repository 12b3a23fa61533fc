# SPDX-License-Identifier: Apache-2.0
"""Judge a distribution by the text of its licence, and say when a person has to be asked.

The text decides; the declarations are compared with it. A person is asked when the result is

contradictory   text and declaration, or two declarations, name licences of different families
copyleft        copyleft or weak copyleft, be it only a part that is bundled and not declared
unknown         no licence text that is recognised, or terms that are nobody's but the vendor's
missing         no licence text at all; the licence may be declared, its text is still owed

Everything but ``read_evidence`` is a pure function of its arguments.
"""

from .declared import Claim, claim_of, claim_of_classifiers, strictest
from .evidence import read_evidence
from .licences import LICENCES
from .records import Evidence, Found, Question, Row, Verdict
from .texts import identify, without_contained

__all__ = ["audit", "classify", "question_of", "read_evidence", "row_of"]

_COPYLEFT = {"weak-copyleft", "copyleft"}
_MILD = {"permissive", "public-domain"}
_LINE = 80
_ASKED = {
    "contradictory": "contradicts itself about its licence",
    "copyleft": "is, or contains, copyleft software",
    "unknown": "has licence terms that were not recognised",
    "missing": "comes without a licence text",
}


def audit(found: Found) -> Row:
    """Give the row of the report for *found*: read, judge, and keep no texts."""
    evidence = read_evidence(found)
    return row_of(evidence, classify(evidence))


def classify(evidence: Evidence) -> Verdict:
    """Give the verdict on one distribution."""
    claims = _claims(evidence)
    own, bundled = _texts(evidence)
    conflict = _conflict(claims, own)
    base, base_kind = _licence(claims, own)
    extra = _undeclared(claims, own, bundled)
    kind = strictest([base_kind, *(LICENCES[id_].kind for id_ in extra)])
    has_text = any(file.own for file in evidence.files) or bool(own)
    if conflict:
        question: str | None = "contradictory"
    elif kind in _COPYLEFT:
        question = "copyleft"
    elif has_text and (not own or kind in {"proprietary", "unknown"}):
        question = "unknown"
    else:
        question = None if has_text else "missing"
    return Verdict(
        licence=_joined(base, extra),
        kind=kind,
        confidence="low" if conflict or not own else _confidence(claims, own + bundled),
        reasons=_reasons(evidence, claims, own, bundled, conflict),
        question=question,
    )


def row_of(evidence: Evidence, verdict: Verdict) -> Row:
    """Give the row of the report: where each piece of evidence is, without the texts."""
    found = evidence.found
    lines = [f"expression: {evidence.expression}"] if evidence.expression else []
    if evidence.declared:
        lines.append(f"declared: {_short(evidence.declared)}")
    lines += [f"classifier: {line.rpartition('::')[2].strip()}" for line in evidence.classifiers]
    lines += [f"{file.path} (sha256 {file.sha256[:12]})" for file in evidence.files]
    return Row(
        key=found.key,
        name=found.name,
        version=found.version,
        location=found.location,
        licence=verdict.licence,
        kind=verdict.kind,
        confidence=verdict.confidence,
        evidence=tuple(lines),
        reasons=verdict.reasons,
        question=verdict.question,
    )


def question_of(row: Row) -> Question | None:
    """Give the question to put to a person about *row*, None when there is nothing to ask."""
    if row.question is None:
        return None
    licence = f" Best guess: {row.licence} ({row.kind})." if row.licence else ""
    return Question(
        key=row.key,
        name=row.name,
        version=row.version,
        licence=row.licence,
        kind=row.kind,
        reason=row.question,
        text=f"{row.name} {row.version} {_ASKED[row.question]}.{licence} May it be used?",
        reasons=row.reasons,
    )


def _claims(evidence: Evidence) -> list[tuple[str, Claim]]:
    """Give the declarations that could be understood, the most binding one first."""
    candidates = (
        ("License-Expression", claim_of(evidence.expression) if evidence.expression else None),
        ("License", claim_of(evidence.declared) if evidence.declared else None),
        ("classifiers", claim_of_classifiers(evidence.classifiers)),
    )
    return [(source, claim) for source, claim in candidates if claim]


def _texts(evidence: Evidence) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the licences whose texts are there: the distribution's own, and others' it bundles."""
    texts = [file.text for file in evidence.files if file.own]
    if evidence.declared and "\n" in evidence.declared:
        texts.append(evidence.declared)
    own = without_contained(tuple(id_ for text in texts for id_ in identify(text)))
    parts = [id_ for file in evidence.files if not file.own for id_ in identify(file.text)]
    return own, tuple(id_ for id_ in dict.fromkeys(parts) if id_ not in own)


def _families(ids: tuple[str, ...]) -> frozenset[str]:
    return frozenset(LICENCES[id_].family for id_ in ids)


def _conflict(claims: list[tuple[str, Claim]], own: tuple[str, ...]) -> str:
    """Say who contradicts whom, "" if nobody does. One licence in common is agreement."""
    sides = [(f"{source} ({claim.expression})", claim.families()) for source, claim in claims]
    if own:
        sides.append((f"the text ({', '.join(own)})", _families(own)))
    sides = [(who, families) for who, families in sides if families]
    for number, (who, families) in enumerate(sides):
        for other, other_families in sides[number + 1 :]:
            if not families & other_families:
                return f"{who} and {other} name different licences"
    return ""


def _licence(claims: list[tuple[str, Claim]], own: tuple[str, ...]) -> tuple[str | None, str]:
    """Give the licence and its kind: the texts, put as the declaration puts them if it is exact."""
    families = claims[0][1].families() if claims else frozenset()
    named = [id_ for id_ in own if LICENCES[id_].family in families]
    if own and not named:
        return " AND ".join(own), strictest([LICENCES[id_].kind for id_ in own])
    if not claims:
        return None, "unknown"
    claim = claims[0][1]
    if claim.exact or len(claim.ids) > len(named):
        return claim.expression, claim.kind
    return (" OR " if " OR " in claim.expression else " AND ").join(named), claim.kind


def _undeclared(
    claims: list[tuple[str, Claim]], own: tuple[str, ...], bundled: tuple[str, ...]
) -> list[str]:
    """Give the licences with duties that are carried as texts and that the first claim omits."""
    named = claims[0][1].families() if claims else frozenset()
    named |= _families(own) if not named & _families(own) else frozenset()
    return [
        id_
        for id_ in without_contained(own + bundled)
        if LICENCES[id_].family not in named and LICENCES[id_].kind not in _MILD
    ]


def _confidence(claims: list[tuple[str, Claim]], texts: tuple[str, ...]) -> str:
    """Tell how far recognised texts that nobody contradicts bear the declaration out."""
    if not claims:
        return "medium"
    claim = claims[0][1]
    enough = " OR " in claim.expression or claim.families() <= _families(texts)
    return "high" if enough else "medium"


def _joined(base: str | None, extra: list[str]) -> str | None:
    if base and extra and " OR " in base:
        base = f"({base})"
    return " AND ".join([*([base] if base else []), *extra]) or None


def _reasons(
    evidence: Evidence,
    claims: list[tuple[str, Claim]],
    own: tuple[str, ...],
    bundled: tuple[str, ...],
    conflict: str,
) -> tuple[str, ...]:
    """Give the facts behind the verdict, each a short line."""
    lines = [conflict] if conflict else []
    lines.append(f"text: {', '.join(own)}" if own else _no_text(evidence))
    lines += [f"{source}: {claim.expression}" for source, claim in claims]
    if not claims:
        lines.append("nothing understandable is declared")
    families = claims[0][1].families() if claims else _families(own)
    extra = [id_ for id_ in own if LICENCES[id_].family not in families]
    if extra and not conflict:
        lines.append(f"the text goes beyond the declaration: {', '.join(extra)}")
    if bundled:
        lines.append(f"bundled parts and notices: {', '.join(bundled)}")
    return (*lines, *evidence.problems)


def _no_text(evidence: Evidence) -> str:
    names = [file.path.rpartition("/")[2] for file in evidence.files if file.own]
    return f"text not recognised: {', '.join(names)}" if names else "no licence text"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LINE else f"{line[: _LINE - 1]}…"
