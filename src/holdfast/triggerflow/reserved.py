# SPDX-License-Identifier: Apache-2.0
"""Keys that the engine keeps for itself: in state, and in close snapshots."""

from __future__ import annotations

from typing import Any, Final

#: The state key that holds the result; a close snapshot has it if anything has set it.
FINAL: Final = "$final_result"
#: Where a close snapshot holds the interventions of a run that had any.
INTERVENTIONS: Final = "$interventions"
#: Stands for a result that is not there; None is one.
NO_RESULT: Final[Any] = object()
