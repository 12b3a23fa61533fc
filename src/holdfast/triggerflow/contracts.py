# SPDX-License-Identifier: Apache-2.0
"""Contracts: what a flow takes, what it puts into its stream, and what its result is."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.errors import ContractRefused, DefinitionError
from holdfast.triggerflow.forms import Form, form_from, form_of, plain_of
from holdfast.triggerflow.stream_types import system_schemas

PARTS = ("initial_input", "stream", "result")


@dataclass(frozen=True)
class TriggerFlowContractSpec:
    """What was declared: an annotation for each part, or None; and what else is to be known."""

    initial_input: Any = None
    stream: Any = None
    result: Any = None
    meta: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract in force. forms: only of the parts that are declared."""

    spec: TriggerFlowContractSpec
    forms: Mapping[str, Form]

    def check(self, part: str, value: Any, run_id: str) -> Any:
        """The value as the part declares it. Raises: ContractRefused, a ValueError."""
        form = self.forms.get(part)
        if form is None:
            return value
        fitted, found = form.fit(value)
        if found:
            raise ContractRefused(
                f"{part} does not fit the contract of the flow: {'; '.join(found)}",
                run_id=run_id,
                part=part,
                problems=found,
            )
        return fitted

    def metadata(self) -> dict[str, Any]:
        """The contract for readers: labels and JSON schemas, also of what the engine itself tells.

        {} where nothing is declared.
        """
        if not self:
            return {}
        parts = {
            part: {"label": form.label, "schema": form.schema} if form is not None else None
            for part, form in ((part, self.forms.get(part)) for part in PARTS)
        }
        return copy.deepcopy({**parts, "meta": self.spec.meta, "system_stream": system_schemas()})

    def plain(self) -> dict[str, Any] | None:
        """The contract as JSON-friendly data, from which `from_plain` makes one that checks."""
        if not self:
            return None
        stored = {part: plain_of(form) for part, form in self.forms.items()}
        return copy.deepcopy({**stored, "meta": self.spec.meta})

    def canonical(self) -> dict[str, Any]:
        """What of it is structure: what values it takes, whichever library checks them."""
        return {
            "parts": {part: form.accepts for part, form in self.forms.items()},
            "meta": self.spec.meta,
        }

    def __bool__(self) -> bool:
        return bool(self.forms or self.spec.meta)


NO_CONTRACT = Contract(TriggerFlowContractSpec(), {})


def changed(contract: Contract, parts: Mapping[str, Any]) -> Contract:
    """The contract with some parts declared anew; None takes one away. Raises: TypeError.

    What cannot be declared leaves the contract as it was.
    """
    given = dict(parts)
    if "meta" in given:
        given["meta"] = _checked(given["meta"]) if isinstance(given["meta"], dict) else {}
    spec = {name: getattr(contract.spec, name) for name in (*PARTS, "meta")} | given
    forms = dict(contract.forms)
    for part in PARTS:
        if part in given:
            forms.pop(part, None)
            if given[part] is not None:
                forms[part] = form_of(given[part], part)
    return Contract(TriggerFlowContractSpec(**spec), forms)


def from_plain(stored: Mapping[str, Any] | None) -> Contract:
    """A contract from a blueprint: without classes, so values are checked but not turned.

    Raises: DefinitionError.
    """
    if stored is None:
        return NO_CONTRACT
    if not isinstance(stored, Mapping) or not stored.keys() <= {*PARTS, "meta"}:
        raise DefinitionError(f"contract: expected a mapping of {', '.join(PARTS)} and meta")
    forms = {part: form_from(stored[part], part) for part in PARTS if part in stored}
    meta = stored.get("meta", {})
    return Contract(TriggerFlowContractSpec(meta=_checked(meta)), forms)


def _checked(meta: Any) -> dict[str, Any]:
    """A copy of the meta data, which goes into blueprints. Raises: DefinitionError."""
    try:
        copied = json.loads(json.dumps(meta, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise DefinitionError(f"contract meta: expected JSON-friendly data ({error})") from error
    if not isinstance(copied, dict):
        raise DefinitionError("contract meta: expected a mapping")
    return copied
