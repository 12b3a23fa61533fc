# SPDX-License-Identifier: Apache-2.0
"""`____`: a line in the program text that can also tell what passes it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from holdfast.definition.blueprint import Node
from holdfast.triggerflow.place import Place, place_of
from holdfast.triggerflow.wiring import Wiring


def attach(wiring: Wiring, place: Place, notes: tuple[Any, ...], options: dict[str, Any]) -> None:
    """Put a note beside the chain, if it is to tell anything; else declare nothing.

    options: log_info, print_info and show_value, and notes by name.
    """
    ways = {key: bool(options.pop(key)) for key in ("log_info", "print_info", "show_value")}
    if not any(ways.values()):
        return
    lines = [str(note) for note in notes]
    lines.extend(f"{key}: {value}" for key, value in options.items())
    told = {"lines": lines, **ways}
    digest = hashlib.blake2b(json.dumps(told).encode(), digest_size=9).hexdigest()
    where = place_of(place.signal)
    wiring.put(
        Node(
            id=f"note@{where}:{digest}",
            kind="note",
            name="____",
            listens=(place.signal,),
            emits=f"note:{where}:{digest}",
            options=told,
        )
    )
