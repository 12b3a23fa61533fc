# SPDX-License-Identifier: Apache-2.0
"""What one execution has bound beside its definition; see `binding`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from holdfast.definition.retry import Tries
from holdfast.machine.bindings import Binding
from holdfast.triggerflow.compiled import Compiled

#: The id of a binding, and the kind and name of the signal it hears.
Key = tuple[str, str, str]


@dataclass(slots=True)
class Bound:
    """The live side of bindings. base: the definition without them; made: by this execution.

    tries: how often and how long the handler is called, by the id of the binding.
    """

    base: Compiled
    functions: dict[Key, Callable[..., Any]] = field(default_factory=dict)
    made: dict[Key, Binding] = field(default_factory=dict)
    tries: dict[str, Tries] = field(default_factory=dict)
