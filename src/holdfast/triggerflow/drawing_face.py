# SPDX-License-Identifier: Apache-2.0
"""A flow as a picture."""

from __future__ import annotations

from holdfast.definition import draw_flow
from holdfast.definition.draw_flow import Extra
from holdfast.errors import DefinitionError
from holdfast.triggerflow.child import Source
from holdfast.triggerflow.compiled import Compiled
from holdfast.triggerflow.contracts import PARTS, Contract
from holdfast.triggerflow.stream_types import system_schemas
from holdfast.triggerflow.wiring import Wiring


class DrawingFace:
    """Pictures of a flow, as text."""

    _wiring: Wiring

    def compiled(self) -> Compiled:
        """The frozen definition as it stands now."""
        raise NotImplementedError

    def to_mermaid(self, *, mode: str = "simplified") -> str:
        """The flow as a Mermaid flowchart; the same structure gives the same text.

        mode: "simplified" draws a box around each batch, loop and choice; "detailed" has no
        boxes, and labels every edge with its event. Raises: DefinitionError, a ValueError.
        """
        if mode not in ("simplified", "detailed"):
            raise DefinitionError(
                f"to_mermaid: mode is {mode!r}", hint='Pass "simplified" or "detailed".'
            )
        extra = _extra(self._wiring)
        chosen: draw_flow.Mode = "detailed" if mode == "detailed" else "simplified"
        return draw_flow.mermaid(self.compiled().plan, chosen, extra)


def _extra(source: Source) -> Extra:
    """What a picture shows of a flow beside its structure, and of the flows inside it."""
    chunks = source.chunks.values()
    return Extra(
        declares={chunk.id: chunk.emit_signals for chunk in chunks if chunk.emit_signals},
        contract=_contract_lines(source.contract),
        inner={
            node_id: (child.compiled().plan, _extra(child.source))
            for node_id, child in source.children.items()
        },
    )


def _contract_lines(contract: Contract) -> list[str]:
    """What a contract declares, a line each; nothing where nothing is declared."""
    if not contract:
        return []
    names = {"initial_input": "input"}
    lines = [
        f"{names.get(part, part)}: {contract.forms[part].label}"
        for part in PARTS
        if part in contract.forms
    ]
    if contract.spec.meta:
        lines.append(f"meta: {', '.join(contract.spec.meta)}")
    return [*lines, f"system: {', '.join(system_schemas())}"]
