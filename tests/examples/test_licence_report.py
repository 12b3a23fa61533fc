# SPDX-License-Identifier: Apache-2.0
"""The licence audit: rules that answer, and the report for people."""

import json
import os
from html.parser import HTMLParser
from pathlib import Path

import pytest

from examples.licence_audit.policy import PolicyError, decide, load_policy
from examples.licence_audit.records import KINDS, REASONS, Answer, Question, Row
from examples.licence_audit.report import write_report

HOSTILE = "<script>alert('x')</script>|](javascript:x) `\n# \"&amp;"


def a_question(**changed: str | None) -> Question:
    """Give a question that differs from a plain one as *changed* says."""
    plain = {"name": "sample", "licence": "MIT", "kind": "permissive", "reason": "missing"}
    fields = {"key": "sample-1", "version": "1.0", "text": "May it be used?", **plain, **changed}
    return Question(reasons=(), **fields)  # type: ignore[arg-type]


def a_row(name: str = "sample", *, question: str | None = None, **changed: str) -> Row:
    """Give a row that differs from a plain one as the arguments say."""
    texts = {"version": "1.0", "location": "/site", "licence": "MIT", "kind": "permissive"}
    return Row(
        key=f"{name}-1",
        name=name,
        question=question,
        confidence="high",
        evidence=(f"LICENSE of {name}",),
        reasons=(f"text of {name}",),
        **{**texts, **changed},
    )


def a_policy(tmp_path: Path, *rules: object) -> Path:
    """Write a policy file with *rules*."""
    path = tmp_path / "policy.json"
    path.write_text(json.dumps({"rules": rules}))
    return path


# --- the policy ---


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_shipped_policy_answers_every_question(kind: str, reason: str) -> None:
    """No question stays open, and every answer says why and which rule gave it."""
    answer = decide(load_policy(), a_question(kind=kind, reason=reason, licence=None))
    assert answer is not None
    assert answer.note
    assert answer.by.startswith("policy rule ")


@pytest.mark.parametrize("kind", ["copyleft", "proprietary", "unknown"])
@pytest.mark.parametrize("reason", REASONS)
def test_the_shipped_policy_accepts_nothing_doubtful(kind: str, reason: str) -> None:
    """Strong copyleft, vendors' terms and the unknown wait for a person who takes it on."""
    answer = decide(load_policy(), a_question(kind=kind, reason=reason))
    assert answer is not None
    assert not answer.accept


def test_the_first_rule_that_fits_answers(tmp_path: Path) -> None:
    """Rules are asked in their order; what none fits stays open."""
    path = a_policy(
        tmp_path,
        {"match": {"name": ["py*", "SAMPLE"], "licence": "mit"}, "accept": True, "note": "tool"},
        {"match": {"licence": ""}, "accept": False},
    )
    policy = load_policy(path)
    assert decide(policy, a_question()) == Answer(accept=True, note="tool", by="policy rule 1")
    assert decide(policy, a_question(licence=None)) == Answer(accept=False, by="policy rule 2")
    assert decide(policy, a_question(name="other")) is None


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ([], "expected an object"),
        ({"match": {}, "accept": "yes"}, '"accept" is true or false'),
        ({"match": {"colour": "red"}, "accept": True}, '"match" may name'),
        ({"match": {"kind": "copylefty"}, "accept": True}, "never 'copylefty'"),
        ({"match": {"name": []}, "accept": True}, '"name" is a text'),
        ({"match": {}, "accept": True, "note": 1}, '"note" is a text'),
        ({"match": {}, "accept": True, "because": "x"}, "expected an object"),
    ],
)
def test_a_wrong_rule_is_named(tmp_path: Path, rule: object, words: str) -> None:
    """A rule that cannot mean anything is refused with its number and what was expected."""
    with pytest.raises(PolicyError, match="rule 1: ") as caught:
        load_policy(a_policy(tmp_path, rule))
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"rules": 1}', "[" * 100_000])
def test_a_file_that_is_no_policy_is_refused(tmp_path: Path, text: str) -> None:
    """A document of another shape is an error that names the file."""
    path = tmp_path / "policy.json"
    path.write_text(text)
    with pytest.raises(PolicyError, match=r"policy\.json"):
        load_policy(path)
    with pytest.raises(PolicyError, match="cannot be read"):
        load_policy(tmp_path / "absent.json")


# --- the report ---


class Page(HTMLParser):
    """Collects what a browser would make of a page."""

    def __init__(self, text: str) -> None:
        """Read the page in *text*."""
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember the tag and its attributes."""
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        """Remember the text."""
        self.words += data


def test_hostile_names_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    """Markup in any text of a distribution or an answer is text in both files."""
    row = a_row(HOSTILE, question="unknown", version=HOSTILE, licence=HOSTILE, kind=HOSTILE)
    answer = Answer(accept=True, note=HOSTILE, by=HOSTILE)
    markdown, page = write_report(tmp_path, [row], {row.key: answer})
    seen = Page(page.read_text())
    assert "script" not in seen.tags
    assert seen.words.count("<script>alert('x')</script>") >= 7
    assert not {name for name, _ in seen.attributes} & {"href", "src", "onclick"}
    [line] = [line for line in markdown.read_text().splitlines() if "alert" in line]
    assert "<script>" not in line
    assert line.replace("\\|", "").count("|") == 8
    assert "](" not in line.replace("\\]", "")


def test_a_name_that_utf8_cannot_hold_is_written(tmp_path: Path) -> None:
    """Parts of undecodable file names appear as escapes."""
    _, page = write_report(tmp_path, [a_row("caf\udce9")], {})
    assert "caf\\udce9" in page.read_text()


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    """One file: no script, no link, no picture; the style is inside and knows the dark."""
    _, page = write_report(tmp_path, [a_row()], {})
    text = page.read_text()
    assert not {"script", "link", "img", "iframe"} & set(Page(text).tags)
    assert "prefers-color-scheme: dark" in text
    assert 'name="viewport"' in text
    assert "url(" not in text
    assert "@import" not in text


def test_totals_and_decisions_tell_what_became_of_each(tmp_path: Path) -> None:
    """Clear, accepted, rejected and open are counted and each row says by whom."""
    rows = [
        a_row("clear"),
        a_row("yes", question="missing"),
        a_row("no", question="copyleft", kind="copyleft"),
        a_row("later", question="unknown", kind="unknown"),
    ]
    answers = {
        "yes-1": Answer(accept=True, note="fine", by="ann"),
        "no-1": Answer(accept=False, note="ask legal", by="policy rule 3"),
        "clear-1": Answer(accept=False, note="never asked", by="bob"),
    }
    markdown, page = write_report(tmp_path, rows, answers)
    text = markdown.read_text()
    assert "4 distributions, 3 questions." in text
    for line in ("| permissive | 2 |", "| copyleft | 1 |", "| rejected | 1 |", "| open | 1 |"):
        assert line in text
    assert "| accepted: fine | ann |" in text
    assert "bob" not in text
    words = Page(page.read_text()).words
    for word in ("ask legal", "policy rule 3", "nobody yet", "LICENSE of yes", "copyleft"):
        assert word in words


def test_the_same_rows_in_any_order_give_the_same_bytes(tmp_path: Path) -> None:
    """A fan-out ends in any order; reports of equal audits are equal."""
    rows = [a_row(name) for name in ("Beta", "alpha", "gamma")]
    first = [path.read_bytes() for path in write_report(tmp_path / "one", rows, {})]
    second = [path.read_bytes() for path in write_report(tmp_path / "two", rows[::-1], {})]
    assert first == second


def test_an_empty_audit_has_a_report(tmp_path: Path) -> None:
    """No distributions is a result, too."""
    markdown, page = write_report(tmp_path, [], {})
    assert "0 distributions" in markdown.read_text()
    assert "0 distributions" in page.read_text()


def test_a_report_that_cannot_be_finished_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk costs the new report and never the one that is there; nothing is left behind."""
    markdown, _ = write_report(tmp_path, [a_row()], {})
    before = markdown.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_report(tmp_path, [], {})
    assert markdown.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2
