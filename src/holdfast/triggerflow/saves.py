# SPDX-License-Identifier: Apache-2.0
"""A run as a document, and back: what `save` writes and `load` takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from holdfast.errors import NotASave
from holdfast.machine import snapshot
from holdfast.machine.run import DUE, Run
from holdfast.persistence.document import Document, open_document, read_file, seal, write_file
from holdfast.persistence.parts import Part, body_pieces, merge
from holdfast.runtime.home import FLOW_SAVE
from holdfast.triggerflow.compatible import check_flow
from holdfast.triggerflow.running import FlowRun


def save(flow: FlowRun, path: Path | str | None) -> dict[str, Any]:
    """The document of a run; written to the path too, if one is given.

    Raises: ValueRefused with the place of a value that would not come back.
    """
    run = flow.run
    parts = snapshot.full_parts(run, flow.codec)
    document = seal(
        FLOW_SAVE,
        definition=run.plan.name,
        fingerprint=flow.compiled.fingerprint,
        run_id=run.run_id,
        sequence=0 if flow.live.saver is None else flow.live.saver.keeper.head,
        resource_keys=sorted(flow.resources),
        body=b"".join(body_pieces(parts)),
        saved_at=flow.live.clock.now(),
    )
    if path is not None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_file(Path(path), document)
    return document


def opened(source: Any) -> Document:
    """A checked document: from a mapping, text or bytes; a `Path` is read as a file.

    Raises: NotASave, Damaged, UnknownVersion, TooLarge.
    """
    if isinstance(source, Path):
        try:
            source = read_file(source)
        except OSError as error:
            raise NotASave(f"no document can be read from {source}: {error.strerror}") from error
    return open_document(source, kind=FLOW_SAVE)


def record_of(document: Document, flow: FlowRun, *, strict: bool) -> tuple[Run, str | None]:
    """A record from a document, checked against the flow; and what to warn of.

    Raises: WrongDefinition, Damaged, TypeNotAllowed. The execution is untouched until it returns.
    """
    parts: dict[str, Part] = merge(document.body, ())
    plan = flow.compiled.plan
    run = snapshot.restore(document.run_id, "flow", plan, parts, flow.codec)
    snapshot.rebind(run, flow.codec)
    prints = (document.fingerprint, flow.compiled.fingerprint)
    return run, check_flow(run, plan, prints, strict=strict)


def will_run_again(run: Run) -> list[dict[str, Any]]:
    """The deliveries that were under way when the run was saved, as `inspect_load` lists them."""
    return [
        {"id": d.id, "node": d.node, "event": d.event, "attempt": d.attempt}
        for d in run.deliveries.values()
        if d.status == DUE
    ]
