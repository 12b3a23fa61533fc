# SPDX-License-Identifier: Apache-2.0
"""The part of an execution that turns into a document and comes from one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from holdfast.errors import RunBusy, RunError
from holdfast.machine import state
from holdfast.machine.run import Run
from holdfast.runtime import inside
from holdfast.runtime.callers import warn_at_caller
from holdfast.runtime.halting import halt_within
from holdfast.runtime.portal import on_loop
from holdfast.triggerflow import binding, inner_needs, load_report, providing, saves
from holdfast.triggerflow.providing import Finding
from holdfast.triggerflow.saves import Opened, Source
from holdfast.triggerflow.watching import Watching


@dataclass(slots=True)
class _Load:
    """A load under way: nothing of the execution has changed yet."""

    opened: Opened
    run: Run
    warning: str | None
    findings: list[Finding]


class Portable(Watching):
    """Saving a run as a document, and going on from one."""

    def save(
        self,
        path: Path | str | None = None,
        *,
        encoding: str = "utf-8",
        require_idle: bool = False,
    ) -> dict[str, Any]:
        """The run as a JSON-friendly document; with a path it is written there too.

        path: a file, written in that encoding; ".yaml" and ".yml" are written as YAML. Work in
        flight is in it, and runs again after a load. require_idle: RunBusy, a RuntimeError, while
        work is under way; a run that waits for an answer is idle.
        Raises: ValueRefused with the place of a value that cannot be kept; ExtraMissing, OSError.
        """
        document = on_loop(self._loop, self._saved, require_idle)
        if path is not None:
            saves.write(Path(path), document, encoding)
        return document

    def _saved(self, require_idle: bool) -> dict[str, Any]:
        if require_idle and self._flow.run.live:
            raise RunBusy("save(require_idle=True): work is under way", run_id=self.run_id)
        return saves.save(self._flow)

    def load(
        self,
        state: Any,
        *,
        encoding: str = "utf-8",
        runtime_resources: Mapping[str, Any] | None = None,
        validate_resources: bool = False,
        strict: bool = False,
    ) -> Self:
        """Continue from a saved document: a mapping, JSON or YAML text, or a `Path` to a file.

        Nothing runs until the next awaited call, or `async_resume()`. Everything is checked
        first; an execution that a load fails on is as it was. No resolver is called.
        encoding: of bytes and files. validate_resources: refuse a run whose resources are not all
        there. strict: refuse a changed flow.
        Raises: NotASave, Damaged, UnknownVersion, WrongDefinition, TypeNotAllowed,
        ResourcesNotReady, RunBusy while handlers of this execution run.
        """
        source = saves.source_of(state, encoding)
        load = self._checked(source, runtime_resources, strict=strict)
        if validate_resources:
            load_report.refuse_blocked(load.findings, load.run.run_id)
        self._mount(load, runtime_resources)
        return self

    async def async_load(
        self,
        state: Any,
        *,
        encoding: str = "utf-8",
        runtime_resources: Mapping[str, Any] | None = None,
        require_resources: bool = True,
        strict: bool = False,
    ) -> dict[str, Any]:
        """Continue from a saved document, its missing resources given by their resolvers.

        Returns the report of `inspect_load`. require_resources: refuse a run whose resources are
        not all there; False only reports them. A load that fails changes nothing.
        Raises: as `load`; ResourcesNotReady, with what a resolver raised as its cause.
        """
        source = saves.source_of(state, encoding)
        load = self._checked(source, runtime_resources, strict=strict)
        load.findings = await providing.resolve(load.findings, self._context(load))
        if require_resources:
            load_report.refuse_blocked(load.findings, load.run.run_id)
        self._refuse_busy()
        about = self._about(load)
        self._mount(load, runtime_resources)
        resolved = [f for f in load.findings if f.state == providing.RESOLVED]
        inner_needs.take(self._flow, resolved)
        return self._report(load, about, self._flow.resources)

    def inspect_load(
        self,
        state: Any,
        *,
        encoding: str = "utf-8",
        runtime_resources: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """What a load would find, without loading: `status`, resources, what runs again, and why.

        status: "ready", "pending_resources" (resolvers can give the rest), "missing_resources" or
        "invalid_snapshot". Each of `diagnostics` has a stable code.
        Raises: NotASave, Damaged for what cannot be read at all; ExtraMissing.
        """
        source = saves.source_of(state, encoding)
        flow = self._flow
        known = {**flow.resources, **(runtime_resources or {})}
        opened: Opened | None = None
        try:
            opened = saves.opened(source, flow)
            load = self._looked(opened, known, strict=False)
        except Exception as error:
            if opened is None and not source.is_object:
                raise
            document = None if opened is None else opened.document
            keys = () if document is None else document.resource_keys
            findings = providing.look(providing.needs_of(keys, (), flow.resources.needs), known)
            today = flow.compiled.fingerprint
            about = [load_report.of_refusal(error)]
            return load_report.report(document, None, today, (findings, known), about)
        return self._report(load, self._about(load), known)

    def _checked(self, source: Source, given: Mapping[str, Any] | None, *, strict: bool) -> _Load:
        """Everything that can be wrong with a load is found here."""
        opened = saves.opened(source, self._flow)
        load = self._looked(opened, {**self._flow.resources, **(given or {})}, strict=strict)
        self._refuse_busy()
        return load

    def _looked(self, opened: Opened, known: Mapping[str, Any], *, strict: bool) -> _Load:
        run, warning = saves.record_of(opened, self._flow, strict=strict)
        here = self._flow.resources.needs
        keys = opened.document.resource_keys
        needs = providing.needs_of(keys, saves.needs_in(run), here)
        lost = providing.lost_handlers(binding.missing(self._flow, run))
        inner = inner_needs.look(self._flow.compiled, needs, known)
        return _Load(opened, run, warning, [*providing.look(needs, known), *inner, *lost])

    def _refuse_busy(self) -> None:
        live = self._flow.live
        if live.dead is not None:
            raise live.dead
        if self._home is not None:
            raise RunError(
                "an execution of a store is opened by its run_id",
                hint="Use Engine.adopt(...) to make a document a run of a store.",
                run_id=self.run_id,
            )
        if live.running:
            raise RunBusy("handlers of this execution are running", run_id=self.run_id)

    def _mount(self, load: _Load, given: Mapping[str, Any] | None) -> None:
        """Nothing can fail from here on: the execution becomes the one that was saved."""
        if load.warning is not None:
            warn_at_caller(load.warning, RuntimeWarning)
        self._flow.resources.update(given)
        self._take_over(load.run)

    def _context(self, load: _Load) -> dict[str, Any]:
        """What resolvers are told of the run they resolve for."""
        flow = self._flow
        values = flow.codec.copy(state.whole(load.run.frames[0]))
        return {
            "execution_id": load.run.run_id,
            "flow_name": flow.compiled.plan.name,
            "snapshot": {**load_report.header(load.opened.document), "state": values},
            "execution": self,
        }

    def _about(self, load: _Load) -> list[dict[str, Any]]:
        found = load_report.of_answers(load.run)
        if load.warning is not None:
            saved, today = load.opened.document.fingerprint, self._flow.compiled.fingerprint
            found.insert(0, load_report.of_change(load.warning, saved, today))
        return found

    def _report(
        self, load: _Load, about: list[dict[str, Any]], mounted: Mapping[str, Any]
    ) -> dict[str, Any]:
        today = self._flow.compiled.fingerprint
        return load_report.report(
            load.opened.document, load.run, today, (load.findings, mounted), about
        )

    async def async_resume(self) -> Self:
        """Start what was under way when the run was saved or cancelled; it runs in tasks."""
        await self._ready()
        self._start_interrupted()
        return self

    async def async_release(self) -> dict[str, Any]:
        """Save, and stop without closing, so that somebody else may go on. Returns the document.

        Whoever waits on this execution, and every later call on it, gets a RunError. A handler
        cannot release its own run: RunBusy.
        """
        await self._ready()
        inside.refuse(self._flow.live.running, "release")
        await halt_within(self._flow.live)
        saved = self.save()
        await self.stop()
        text = "the execution was released: go on from its document, or open its run"
        self._flow.live.die(RunError(text, run_id=self.run_id))
        return saved
