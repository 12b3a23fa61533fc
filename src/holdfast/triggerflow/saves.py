# SPDX-License-Identifier: Apache-2.0
"""A run as a document, and back: what `save` writes and `load` takes."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from holdfast.errors import Damaged, HoldfastError, NotASave
from holdfast.machine import snapshot, sound
from holdfast.machine.run import Run
from holdfast.persistence.document import (
    Document,
    open_document,
    read_file,
    seal,
    to_bytes,
    write_file,
)
from holdfast.persistence.parts import Part, body_pieces, merge
from holdfast.persistence.yaml_text import dump, parse
from holdfast.runtime.migrating import resealed
from holdfast.runtime.reopening import FLOW_SAVE, forget_place
from holdfast.triggerflow.binding import base_of
from holdfast.triggerflow.compatible import check_flow
from holdfast.triggerflow.requirements import Requirement, from_told
from holdfast.triggerflow.running import FlowRun

#: The fact that holds what a run needs from outside itself, declared by its flow or by it.
NEEDS = "requirements"
#: The fact that holds what was asked for when the execution was made, by the names of arguments.
AUTO_CLOSE = "auto_close"
#: Files with these endings are YAML; all others are JSON.
YAML = frozenset({".yaml", ".yml"})


def save(flow: FlowRun) -> dict[str, Any]:
    """The document of a run. Raises: ValueRefused with the place of a value that is refused."""
    run = flow.run
    parts = snapshot.full_parts(run, flow.codec)
    needs = flow.resources.needs.told()
    if needs:
        parts["facts"] = flow.codec.encode({**run.facts, NEEDS: needs}, "facts")
    return seal(
        FLOW_SAVE,
        definition=run.plan.name,
        fingerprint=flow.compiled.fingerprint,
        run_id=run.run_id,
        sequence=0 if flow.live.saver is None else flow.live.saver.keeper.head,
        resource_keys=sorted(flow.resources),
        body=b"".join(body_pieces(parts)),
        saved_at=flow.live.clock.now(),
        version=flow.versions.current,
    )


def write(path: Path, document: Mapping[str, Any], encoding: str = "utf-8") -> None:
    """Write a document to a file whose ending says how; folders are made.

    Raises: LookupError for an unknown encoding, UnicodeEncodeError for one that lacks a letter.
    """
    text: Mapping[str, Any] | bytes = document
    if path.suffix.lower() in YAML:
        text = dump(dict(document)).encode(encoding)
    elif not _is_utf_8(encoding):
        text = to_bytes(document).decode().encode(encoding)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, text)


@dataclass(frozen=True, slots=True)
class Source:
    """A document as it was handed over: a mapping, or JSON text or bytes.

    is_object: it can be read, so what is wrong with it is wrong with the save.
    """

    value: Any

    @property
    def is_object(self) -> bool:
        """Whether it is a mapping, or JSON that is one."""
        if isinstance(self.value, Mapping):
            return True
        try:
            msgspec.json.decode(self.value, type=dict[str, msgspec.Raw])
        except (msgspec.MsgspecError, TypeError, UnicodeError, RecursionError):
            return False
        return True


def source_of(given: Any, encoding: str = "utf-8") -> Source:
    """What was given to a load: a mapping, JSON or YAML as text or bytes, a `Path` to a file.

    Text is never a path. encoding: of bytes and files.
    Raises: NotASave, Damaged, TooLarge, ExtraMissing; LookupError for an unknown encoding.
    """
    is_yaml = False
    if isinstance(given, Path):
        is_yaml = given.suffix.lower() in YAML
        try:
            given = read_file(given)
        except OSError as error:
            raise NotASave(f"no document can be read from {given}: {error.strerror}") from error
    if isinstance(given, bytes) and not _is_utf_8(encoding):
        given = _text(given, encoding)
    if isinstance(given, str | bytes) and (is_yaml or _looks_like_yaml(given)):
        text = given if isinstance(given, str) else _text(given)
        given = parse(text, "the document")
        if not isinstance(given, Mapping):
            raise NotASave("the document is YAML, but no mapping")
    return Source(given)


def _looks_like_yaml(given: str | bytes) -> bool:
    """Whether a text begins as a block mapping of YAML does; JSON begins with a bracket."""
    start = given[:200] if isinstance(given, str) else given[:200].decode("utf-8", "replace")
    for line in start.splitlines():
        if line.strip() and not line.startswith(("#", "---")):
            key, colon, _ = line.partition(":")
            return bool(colon) and key.strip("\"'").isidentifier()
    return False


def _is_utf_8(encoding: str) -> bool:
    return codecs.lookup(encoding).name == "utf-8"


def _text(data: bytes, encoding: str = "UTF-8") -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise Damaged(f"the document is not text in {encoding}") from None


@dataclass(frozen=True, slots=True)
class Opened:
    """A checked document. was_migrated: it comes from another version of the flow."""

    document: Document
    was_migrated: bool = False


def opened(source: Source, flow: FlowRun) -> Opened:
    """A checked document, brought to the version of the flow.

    Raises: NotASave, Damaged, UnknownVersion, TooLarge; what a migration raises.
    """
    document = open_document(source.value, kind=FLOW_SAVE)
    if not flow.versions.differs(document.version):
        return Opened(document)
    given = source.value
    tree = given if isinstance(given, Mapping) else msgspec.json.decode(given)
    migrated = flow.versions.migrated(tree)
    if migrated is None:
        return Opened(document)
    return Opened(resealed(migrated, FLOW_SAVE), was_migrated=True)


def record_of(found: Opened, flow: FlowRun, *, strict: bool) -> tuple[Run, str | None]:
    """A record from a document, checked against the flow; and what to warn of.

    Raises: WrongDefinition, Damaged, TypeNotAllowed. The execution is untouched until it returns.
    """
    document = found.document
    plan = base_of(flow).plan
    try:
        run = _restored(document, flow)
        is_same = document.fingerprint == flow.compiled.fingerprint
        flaw = sound.first_flaw(run, plan, is_same=is_same) or facts_flaw(run.facts)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if isinstance(error, HoldfastError):
            raise
        raise Damaged("the record has not the shape that was written") from error
    if flaw is not None:
        raise Damaged(f"the record is none that a flow could have: {flaw}")
    prints = (document.fingerprint, flow.compiled.fingerprint)
    warning = check_flow(run, plan, prints, strict=strict and not found.was_migrated)
    forget_place(run)
    return run, None if found.was_migrated else warning


def _restored(document: Document, flow: FlowRun) -> Run:
    parts: dict[str, Part] = merge(document.body, ())
    run = snapshot.restore(document.run_id, "flow", base_of(flow).plan, parts, flow.codec)
    snapshot.rebind(run, flow.codec)
    return run


def facts_flaw(facts: Any) -> str | None:
    """What is wrong with the facts that a load acts on, or None."""
    if not isinstance(facts, dict) or not all(isinstance(key, str) for key in facts):
        return "facts: expected names and values"
    held = facts.get(AUTO_CLOSE, {})
    if not isinstance(held, dict) or not held.keys() <= {"auto_close", "auto_close_timeout"}:
        return "facts: auto_close is not what was asked for"
    delay = held.get("auto_close_timeout")
    if delay is not None and (isinstance(delay, bool) or not isinstance(delay, int | float)):
        return "facts: auto_close_timeout is no number of seconds"
    return None


def needs_in(run: Run) -> list[Requirement]:
    """What the record says that the run needs. Raises: Damaged."""
    try:
        return [from_told(told) for told in run.facts.get(NEEDS, ())]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Damaged("the record's requirements have not the shape that was written") from error
