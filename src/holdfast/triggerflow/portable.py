# SPDX-License-Identifier: Apache-2.0
"""The part of an execution that turns into a document and comes from one."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from holdfast.errors import DocumentError, RunBusy, RunError
from holdfast.triggerflow import saves
from holdfast.triggerflow.watching import Watching


class Portable(Watching):
    """Saving a run as a document, and going on from one."""

    def save(self, path: Path | str | None = None, *, require_idle: bool = False) -> dict[str, Any]:
        """The run as a JSON-friendly document; with a path it is written there too.

        Work in flight is in it, and runs again after a load. require_idle: RunBusy, a
        RuntimeError, while work is under way; a run that waits for an answer is idle.
        Raises: ValueRefused with the place of a value that cannot be kept.
        """
        if require_idle and self._flow.run.live:
            raise RunBusy("save(require_idle=True): work is under way", run_id=self.run_id)
        return saves.save(self._flow, path)

    def load(
        self,
        state: Any,
        *,
        runtime_resources: Mapping[str, Any] | None = None,
        validate_resources: bool = False,
        strict: bool = False,
    ) -> Self:
        """Continue from a saved document: a mapping, text, bytes, or a `Path` to a file.

        Nothing runs until the next awaited call, or `async_resume()`. Everything is checked
        first; an execution that a load fails on is as it was. strict: refuse a changed flow.
        Raises: NotASave, Damaged, UnknownVersion, WrongDefinition, TypeNotAllowed, RunBusy while
        handlers of this execution run.
        """
        document = saves.opened(state)
        run, warning = saves.record_of(document, self._flow, strict=strict)
        known = {**self._flow.resources, **(runtime_resources or {})}
        missing = tuple(sorted(set(document.resource_keys) - set(known)))
        if validate_resources and missing:
            raise RunError(
                f"missing resources: {list(missing)}",
                hint="Pass runtime_resources={...} with every key listed.",
                run_id=run.run_id,
                missing=missing,
            )
        if self._home is not None:
            raise RunError(
                "an execution of a store is opened by its run_id",
                hint="Use Engine.adopt(...) to make a document a run of a store.",
                run_id=self.run_id,
            )
        if self._flow.live.running:
            raise RunBusy("handlers of this execution are running", run_id=self.run_id)
        if warning is not None:
            warnings.warn(warning, RuntimeWarning, stacklevel=2)
        self._flow.resources.update(runtime_resources)
        self._take_over(run)
        return self

    def inspect_load(self, state: Any) -> dict[str, Any]:
        """What a load would find, without loading: status, resources missing, what runs again.

        Raises: NotASave, Damaged, UnknownVersion for a document that cannot be read.
        """
        document = saves.opened(state)
        missing = sorted(set(document.resource_keys) - set(self._flow.resources))
        diagnostics: list[dict[str, str]] = []
        again: list[dict[str, Any]] = []
        try:
            run, warning = saves.record_of(document, self._flow, strict=False)
        except DocumentError as error:
            diagnostics.append({"severity": "error", "code": error.code, "message": str(error)})
        else:
            again = saves.will_run_again(run)
            if warning is not None:
                text = {"code": "document.definition-changed", "message": warning}
                diagnostics.append({"severity": "warning", **text})
        broken = any(found["severity"] == "error" for found in diagnostics)
        word = "invalid_snapshot" if broken else "missing_resources" if missing else "ready"
        return {
            "execution_id": document.run_id,
            "snapshot_fingerprint": document.fingerprint,
            "current_flow_definition_fingerprint": self._flow.compiled.fingerprint,
            "missing_resource_keys": missing,
            "diagnostics": diagnostics,
            "will_run_again": again,
            "status": word,
            "ready": word == "ready",
        }

    async def async_resume(self) -> Self:
        """Start what was under way when the run was saved or cancelled; it runs in tasks."""
        await self._ready()
        self._start_interrupted()
        return self

    async def async_release(self) -> dict[str, Any]:
        """Save, and stop without closing, so that somebody else may go on. Returns the document.

        Whoever waits on this execution, and every later call on it, gets a RunError.
        """
        await self._ready()
        await self._flow.live.halt()
        saved = self.save()
        await self.stop()
        text = "the execution was released: go on from its document, or open its run"
        self._flow.live.die(RunError(text, run_id=self.run_id))
        return saved
