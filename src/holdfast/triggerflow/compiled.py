# SPDX-License-Identifier: Apache-2.0
"""A flow as executions run it: frozen, with the functions that its nodes call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.definition.blueprint import Blueprint
from holdfast.triggerflow.chunk import Handler
from holdfast.triggerflow.contracts import Contract
from holdfast.triggerflow.resources import Resources
from holdfast.triggerflow.shared import SharedData


@dataclass(frozen=True, slots=True)
class Compiled:
    """A frozen flow: its blueprint, what each node calls by its id, and its fingerprint.

    contract: None where nothing is declared. subs: the sub-flows at every depth, by the path of
    their nodes; such a node has no handler.
    """

    plan: Blueprint
    handlers: Mapping[str, Handler]
    fingerprint: str
    contract: Contract | None = None
    subs: Mapping[str, Sub] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sub:
    """The flow of a sub-flow: its frozen form, and the live things that its own runs have."""

    compiled: Compiled
    resources: Resources
    data: SharedData
    settings: Mapping[str, Any]
