# SPDX-License-Identifier: Apache-2.0
"""The licence audit: what is found, how it is judged, and who is asked."""

from pathlib import Path

import pytest

from examples.licence_audit.audit import audit, classify, question_of, row_of
from examples.licence_audit.collect import find_distributions, look_at
from examples.licence_audit.declared import claim_of, claim_of_classifiers, parse_expression
from examples.licence_audit.evidence import FILES_LIMIT, TEXT_LIMIT, read_evidence
from examples.licence_audit.records import KINDS, REASONS, Row
from examples.licence_audit.texts import identify
from tests.examples import planted
from tests.examples.planted import plant


def judged(folder: Path) -> Row:
    """Audit the distribution whose metadata is in *folder*."""
    return audit(look_at(folder))


def outcome(folder: Path) -> tuple[str | None, str, str | None]:
    """Give licence, kind and question of the distribution whose metadata is in *folder*."""
    row = judged(folder)
    return row.licence, row.kind, row.question


# --- the texts ---


@pytest.mark.parametrize(("text", "licence", "kind"), planted.BY_TEXT)
def test_each_licence_is_told_by_its_text_alone(
    tmp_path: Path, text: str, licence: str, kind: str
) -> None:
    """A licence text without any declaration gives the licence and its kind."""
    row = judged(plant(tmp_path, files={"LICENSE": text}))
    assert (row.licence, row.kind, row.confidence) == (licence, kind, "medium")


@pytest.mark.parametrize("prefix", ["# ", "   * ", " // ", "\t"])
def test_comment_signs_and_line_breaks_hide_no_licence(prefix: str) -> None:
    """Layout, case, quotes and comment signs are no part of a licence."""
    text = "\r\n".join(prefix + line for line in planted.MIT.upper().split("\n"))
    assert identify(text) == ("MIT",)


def test_a_licence_that_is_only_named_in_a_text_is_not_its_licence() -> None:
    """Licences mention each other by name; only phrases from their bodies count."""
    mention = "This is compatible with the GNU General Public License and the MIT License."
    assert identify(mention) == ()


def test_every_known_text_is_recognised_in_one_file_with_others() -> None:
    """A file may hold several licences: none hides another one."""
    assert set(identify(planted.MIT + planted.APACHE + planted.GPL_2)) == {
        "MIT",
        "Apache-2.0",
        "GPL-2.0",
    }


# --- the declarations ---


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("MIT OR GPL-3.0-only", "permissive"),
        ("MIT AND GPL-3.0-only", "copyleft"),
        ("(MIT OR GPL-2.0+) AND MPL-2.0", "weak-copyleft"),
        ("GPL-2.0-or-later WITH Classpath-exception-2.0", "copyleft"),
        ("MIT AND LicenseRef-Ours", "unknown"),
        ("mit or apache-2.0", "permissive"),
    ],
)
def test_an_expression_has_the_kind_of_its_best_choice(expression: str, kind: str) -> None:
    """OR lets the user choose the mildest, AND adds all duties up."""
    claim = parse_expression(expression)
    assert claim is not None
    assert claim.kind == kind


@pytest.mark.parametrize("text", ["", "MIT AND", "(MIT", "MIT)", "OR MIT", "MIT MIT", "(" * 999])
def test_what_is_no_expression_is_refused_quietly(text: str) -> None:
    """Text that breaks the grammar is no expression, and no crash."""
    assert parse_expression(text) is None


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("The MIT License", ("MIT",)),
        ("Modified BSD License", ("BSD-3-Clause",)),
        ("3-Clause BSD License", ("BSD-3-Clause",)),
        ("BSD", ("BSD",)),
        ("Apache License, Version 2.0", ("Apache-2.0",)),
        ("GPLv2+", ("GPL-2.0",)),
        ("LGPL v3", ("LGPL-3.0",)),
        ("GNU GPL", ("GPL",)),
        ("Expat (MIT/X11)", ("MIT",)),
        ("MIT or Apache", ("MIT", "Apache-2.0")),
    ],
)
def test_names_in_free_text_are_understood(text: str, ids: tuple[str, ...]) -> None:
    """People write licence names in many ways; a name inside another one does not count."""
    claim = claim_of(text)
    assert claim is not None
    assert claim.ids == ids


def test_classifiers_together_oblige_to_all() -> None:
    """Several classifiers do not say that one may choose: the strictest one counts."""
    claim = claim_of_classifiers(
        (
            "License :: OSI Approved :: MIT License",
            "License :: OSI Approved :: GNU General Public License v3 (GPLv3)",
        )
    )
    assert claim is not None
    assert (claim.ids, claim.kind) == (("MIT", "GPL-3.0"), "copyleft")


# --- the questions ---


def test_nobody_is_asked_when_text_and_declaration_agree(tmp_path: Path) -> None:
    """An agreed permissive licence is clear."""
    row = judged(
        plant(tmp_path, headers=("License-Expression: MIT",), files={"LICENSE": planted.MIT})
    )
    assert (row.licence, row.kind, row.confidence) == ("MIT", "permissive", "high")
    assert question_of(row) is None


def test_a_dual_licence_agrees_with_the_text_of_one(tmp_path: Path) -> None:
    """Of a choice, one text is enough."""
    folder = plant(
        tmp_path,
        headers=("License-Expression: MIT OR Apache-2.0",),
        files={"LICENSE.APACHE": planted.APACHE},
    )
    assert outcome(folder) == ("MIT OR Apache-2.0", "permissive", None)


def test_text_against_declaration_is_contradictory(tmp_path: Path) -> None:
    """Another family in the text than in the declaration: the text is shown, a person asked."""
    folder = plant(tmp_path, headers=("License: MIT",), files={"LICENSE": planted.GPL_3})
    assert outcome(folder) == ("GPL-3.0", "copyleft", "contradictory")


def test_two_declarations_can_contradict_each_other(tmp_path: Path) -> None:
    """The text cannot settle what the metadata says in two ways."""
    folder = plant(
        tmp_path,
        headers=("License: MIT", "Classifier: License :: OSI Approved :: BSD License"),
        files={"LICENSE": planted.MIT},
    )
    assert outcome(folder) == ("MIT", "permissive", "contradictory")


def test_members_of_one_family_do_not_contradict(tmp_path: Path) -> None:
    """Plain BSD is borne out by any BSD text, and the text says which one it is."""
    folder = plant(tmp_path, headers=("License: BSD",), files={"LICENSE": planted.BSD_3})
    assert outcome(folder) == ("BSD-3-Clause", "permissive", None)


@pytest.mark.parametrize(
    ("text", "kind"), [(planted.MPL, "weak-copyleft"), (planted.AGPL, "copyleft")]
)
def test_copyleft_is_always_asked(tmp_path: Path, text: str, kind: str) -> None:
    """Weak or strong: somebody decides about copyleft."""
    row = judged(plant(tmp_path, files={"COPYING": text}))
    assert (row.kind, row.question) == (kind, "copyleft")


def test_copyleft_in_a_bundled_part_is_asked(tmp_path: Path) -> None:
    """A permissive package that bundles a copyleft part has both duties."""
    folder = plant(
        tmp_path,
        headers=("License: MIT OR BSD-2-Clause",),
        files={"LICENSE": planted.MIT, "sample/_vendor/part/COPYING.txt": planted.GPL_2},
    )
    assert outcome(folder) == ("(MIT OR BSD-2-Clause) AND GPL-2.0", "copyleft", "copyleft")


def test_the_lesser_gpl_brings_the_gpl_it_refers_to(tmp_path: Path) -> None:
    """LGPL 3 is a supplement to the GPL, whose text comes with it and adds no duty."""
    folder = plant(
        tmp_path,
        headers=("License-Expression: LGPL-3.0-only",),
        files={"COPYING": planted.GPL_3, "COPYING.LESSER": planted.LGPL_3},
    )
    assert outcome(folder) == ("LGPL-3.0-only", "weak-copyleft", "copyleft")


def test_an_unrecognised_text_is_unknown_even_if_declared(tmp_path: Path) -> None:
    """A declaration does not vouch for a text that says something of its own."""
    folder = plant(tmp_path, headers=("License: MIT",), files={"LICENSE": planted.ODD})
    assert outcome(folder) == ("MIT", "permissive", "unknown")
    folder = plant(tmp_path, "other", files={"LICENSE": planted.ODD})
    assert outcome(folder) == (None, "unknown", "unknown")


def test_proprietary_terms_are_unknown_terms(tmp_path: Path) -> None:
    """A vendor's own terms have to be read by somebody."""
    folder = plant(tmp_path, files={"LICENSE": planted.VENDOR})
    assert outcome(folder) == ("LicenseRef-Proprietary", "proprietary", "unknown")


def test_a_missing_text_is_asked_even_if_declared(tmp_path: Path) -> None:
    """The text is owed to users; a bare declaration does not give it."""
    assert outcome(plant(tmp_path, headers=("License: MIT",))) == ("MIT", "permissive", "missing")
    assert outcome(plant(tmp_path, "other")) == (None, "unknown", "missing")


def test_a_licence_text_inside_the_metadata_counts_as_text(tmp_path: Path) -> None:
    """Some distributions put the whole licence into the License header."""
    text = planted.MIT.rstrip().replace("\n", "\n        ")
    assert outcome(plant(tmp_path, headers=(f"License: {text}",))) == ("MIT", "permissive", None)


# --- the files ---


def test_only_licence_files_are_read(tmp_path: Path) -> None:
    """People, code and documents about licensing are no licence texts."""
    folder = plant(
        tmp_path,
        files={
            "LICENSE": planted.MIT,
            "AUTHORS.md": planted.GPL_3,
            "sample/license.py": planted.GPL_3,
            "sample/create-license.rst": planted.GPL_3,
        },
    )
    assert [Path(file.path).name for file in read_evidence(look_at(folder)).files] == ["LICENSE"]


def test_a_licence_is_found_without_a_record(tmp_path: Path) -> None:
    """The metadata folder is looked through even if RECORD is gone."""
    folder = plant(tmp_path, files={"LICENCE.txt": planted.MIT})
    (folder / "RECORD").unlink()
    assert outcome(folder) == ("MIT", "permissive", None)


def test_a_record_cannot_make_the_audit_read_elsewhere(tmp_path: Path) -> None:
    """Paths that leave the distribution's location are a finding and are not opened."""
    (tmp_path / "LICENSE").write_text(planted.MIT)
    record = ("../LICENSE,,", f"{tmp_path}/LICENSE,,", "a/../../LICENSE,,", "gone/LICENSE,,")
    folder = plant(tmp_path / "site", record=record)
    evidence = read_evidence(look_at(folder))
    assert evidence.files == ()
    assert len(evidence.problems) == len(record)


def test_texts_and_files_are_bounded(tmp_path: Path) -> None:
    """However much a distribution carries, the evidence stays small and says what was left out."""
    files = {f"sample/{number}/LICENSE": "x" for number in range(FILES_LIMIT + 5)}
    folder = plant(tmp_path, files={"LICENSE": planted.MIT + "y" * 2 * TEXT_LIMIT, **files})
    evidence = read_evidence(look_at(folder))
    assert len(evidence.files) == FILES_LIMIT
    assert evidence.files[0].own
    assert len(evidence.files[0].text) == TEXT_LIMIT
    assert any("licence files" in problem for problem in evidence.problems)


# --- broken metadata ---


def test_a_folder_without_metadata_is_a_finding(tmp_path: Path) -> None:
    """Name and version come from the folder's name, and somebody is asked."""
    folder = tmp_path / "lost-2.0.dist-info"
    folder.mkdir()
    row = judged(folder)
    assert (row.name, row.version, row.question) == ("lost", "2.0", "missing")
    assert "no METADATA and no PKG-INFO" in row.reasons


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff\xfe garbage",
        b"Name:\nVersion:\n",
        b"License: MIT\n",
        b"Name: \x01\x02\nVersion: " + b"9" * 10_000,
        "Name: sämple\nAuthor: Zoë\nLicense: MIT\n".encode("latin-1"),
    ],
)
def test_broken_metadata_never_stops_an_audit(tmp_path: Path, content: bytes) -> None:
    """Whatever METADATA and RECORD hold, there is one row with a name, a version and a reason."""
    folder = tmp_path / "broken-0.1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_bytes(content)
    (folder / "RECORD").write_bytes(b'"unclosed\n\x00,\xff' + content)
    [found] = find_distributions([tmp_path])
    assert found.name
    assert 0 < len(found.version) <= 120
    assert found.problems
    assert audit(found).question in REASONS


def test_a_licence_in_an_odd_encoding_is_read(tmp_path: Path) -> None:
    """UTF-16 and Latin-1 texts are licence texts too."""
    folder = plant(tmp_path)
    for encoding in ("utf-16", "latin-1"):
        (folder / "LICENSE").write_bytes(f"© Zoë\n{planted.MIT}".encode(encoding))
        assert outcome(folder) == ("MIT", "permissive", None)


def test_an_old_metadata_file_is_a_distribution(tmp_path: Path) -> None:
    """An ``.egg-info`` may be one file instead of a folder."""
    (tmp_path / "old-0.9.egg-info").write_text("Name: old\nVersion: 0.9\nLicense: GPL\n")
    [found] = find_distributions([tmp_path])
    assert (found.name, found.version, found.problems) == ("old", "0.9", ())
    assert audit(found).question == "copyleft"


# --- the search ---


def test_the_order_does_not_depend_on_the_disk(tmp_path: Path) -> None:
    """Distributions are sorted by name, version and location, whatever the order of the paths."""
    for site, name, version in (("b", "zeta", "1"), ("a", "Alpha", "2"), ("b", "alpha", "10")):
        plant(tmp_path / site, name, version)
    paths = [tmp_path / "a", tmp_path / "b"]
    found = find_distributions(paths)
    assert [(one.name, one.version) for one in found] == [
        ("alpha", "10"),
        ("Alpha", "2"),
        ("zeta", "1"),
    ]
    assert found == find_distributions(paths[::-1])
    assert len({one.key for one in found}) == len(found)


def test_one_place_is_searched_once(tmp_path: Path) -> None:
    """A link to a folder, the folder twice, and a name in two spellings give one distribution."""
    site = tmp_path / "lib"
    plant(site, "my-pkg")
    (site / "my_pkg.egg-info").mkdir()
    (site / "my_pkg.egg-info" / "PKG-INFO").write_text("Name: My.Pkg\nVersion: 1.0\n")
    (tmp_path / "lib64").symlink_to(site)
    [found] = find_distributions([site, tmp_path / "lib64", site, tmp_path / "absent"])
    assert found.metadata.endswith(".dist-info")


def test_the_same_version_in_two_places_is_two_distributions(tmp_path: Path) -> None:
    """Each installed copy has files of its own, hence a key and a verdict of its own."""
    for site in ("a", "b"):
        plant(tmp_path / site)
    first, second = find_distributions([tmp_path / "a", tmp_path / "b"])
    assert first.key != second.key


def test_the_real_environment_gets_one_verdict_each() -> None:
    """Every distribution on this machine is judged, with known words, and nothing raises."""
    found = find_distributions()
    verdicts = {one.key: classify(read_evidence(one)) for one in found}
    assert len(verdicts) == len(found) > 0
    assert {"pytest", "msgspec"} <= {one.name for one in found}
    for verdict in verdicts.values():
        assert verdict.kind in KINDS
        assert verdict.question in {None, *REASONS}
        assert verdict.confidence in {"high", "medium", "low"}
        assert verdict.reasons
        assert (verdict.licence is None) <= (verdict.question is not None)


def test_a_row_keeps_no_texts(tmp_path: Path) -> None:
    """What a run stores of a distribution is small: digests stand for the texts."""
    folder = plant(tmp_path, files={"LICENSE": planted.MIT * 20})
    evidence = read_evidence(look_at(folder))
    row = row_of(evidence, classify(evidence))
    assert evidence.files[0].sha256[:12] in row.evidence[-1]
    assert len(repr(row)) < 1_000
