# SPDX-License-Identifier: Apache-2.0
"""The contract of a flow, as its builder declares it and as anybody reads it."""

from __future__ import annotations

from typing import Any, Self

from holdfast.triggerflow.contracts import Contract, TriggerFlowContractSpec, changed
from holdfast.triggerflow.unset import UNSET
from holdfast.triggerflow.wiring import Wiring


class ContractReading:
    """Reading a contract: the same for flows and their executions."""

    __slots__ = ()

    def _contract(self) -> Contract:
        raise NotImplementedError

    def get_contract(self) -> TriggerFlowContractSpec:
        """What was declared, as it was declared."""
        return self._contract().spec

    def get_contract_metadata(self) -> dict[str, Any]:
        """Labels and JSON schemas of what was declared, and of the engine's own stream items.

        {} where nothing was declared. A copy.
        """
        return self._contract().metadata()


class ContractFace(ContractReading):
    """Declaring a contract."""

    __slots__ = ()
    _wiring: Wiring

    def _contract(self) -> Contract:
        return self._wiring.contract

    def set_contract(
        self,
        *,
        initial_input: Any = UNSET,
        stream: Any = UNSET,
        result: Any = UNSET,
        meta: dict[str, Any] | None = UNSET,
    ) -> Self:
        """Declare what the flow takes, streams and gives; what is left out stays as it is.

        Each part is a type, a pydantic model or a typing annotation; None takes it away. Values
        are checked, and turned into what is declared, at the start, at each stream item, and when
        a result is set. Returns the flow. Raises: TypeError naming the part, ExtraMissing.
        """
        given = {"initial_input": initial_input, "stream": stream, "result": result, "meta": meta}
        parts = {name: value for name, value in given.items() if value is not UNSET}
        self._wiring.put_contract(changed(self._wiring.contract, parts))
        return self
