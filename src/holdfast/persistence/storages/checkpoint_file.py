# SPDX-License-Identifier: Apache-2.0
"""A checkpoint as one readable JSON file: its name, its bytes, and what speaks against either.

The file begins with the header and ends with the parts, so that a list need not read the parts.
Both have a checksum over the values (not the bytes: whoever indents the file anew breaks nothing).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from holdfast.errors import WorkflowCheckpointException
from holdfast.persistence.checkpoint import (
    CheckpointSummary,
    WorkflowCheckpoint,
    parse_json,
    write_json,
)

FORMAT = "holdfast.checkpoint.1"
SUFFIX = ".json"

#: Ids become file names, so they are as narrow as a run's, with "@" and the length of a seq more.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~@-]{0,159}")
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)

#: Only the top level of the file is indented by two.
_PARTS = b'\n  "parts": '
_CHUNK = 8192


@dataclass(frozen=True, slots=True)
class Header:
    """What a list needs to know of a file."""

    number: int
    summary: CheckpointSummary


class ForeignFileError(Exception):
    """The file is JSON, and not one of ours."""


def file_name(checkpoint_id: object) -> str:
    """The name of the checkpoint's file. Raises: WorkflowCheckpointException for what is no id."""
    if (
        isinstance(checkpoint_id, str)
        and _NAME.fullmatch(checkpoint_id)
        and not _DEVICES.fullmatch(checkpoint_id)
        and not checkpoint_id.endswith(".")
    ):
        return checkpoint_id + SUFFIX
    raise WorkflowCheckpointException(
        "checkpoint id: expected 1 to 160 of the characters A-Z a-z 0-9 . _ ~ @ -, beginning with "
        "a letter or digit, and no name of a device",
        hint="Use the id that save() returned.",
    )


def encode(checkpoint: WorkflowCheckpoint, number: int) -> bytes:
    """The bytes of the file. Raises: WorkflowCheckpointException."""
    fields = checkpoint.to_dict()
    parts = fields.pop("parts")
    header = {"format": FORMAT, "number": number, **fields}
    header["header_checksum"] = _checksum(header)
    document = {**header, "parts": parts}
    document["checksum"] = _checksum(document)
    return write_json(document, indent=2) + b"\n"


def decode(raw: bytes, checkpoint_id: str) -> WorkflowCheckpoint:
    """The checkpoint in the file. Raises: WorkflowCheckpointException."""
    document = parse_json(raw)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise WorkflowCheckpointException("the file holds no checkpoint of this format")
    stored = document.pop("checksum", None)
    if stored != _checksum(document):
        raise WorkflowCheckpointException("the file was cut or changed after it was written")
    if document.get("checkpoint_id") != checkpoint_id:
        raise WorkflowCheckpointException("the file holds a checkpoint of another id")
    for name in ("format", "number", "header_checksum"):
        del document[name]
    return WorkflowCheckpoint.from_dict(document)


def read_header(read: Callable[[int], bytes], size_bytes: int) -> Header:
    """The header, read up to the parts.

    Raises: ForeignFileError, WorkflowCheckpointException if it may be ours but is damaged.
    """
    raw = b""
    while chunk := read(_CHUNK):
        raw += chunk
        place = raw.find(_PARTS)
        if place >= 0:
            raw = raw[:place].rstrip().removesuffix(b",") + b"}"
            break
    document = parse_json(raw)
    if not isinstance(document, dict) or "checkpoint_id" not in document:
        raise ForeignFileError
    header = {k: v for k, v in document.items() if k not in ("parts", "checksum")}
    stored = header.pop("header_checksum", None)
    if header.get("format") != FORMAT or stored != _checksum(header):
        raise WorkflowCheckpointException("the header was changed after it was written")
    number = header.pop("number")
    del header["format"]
    whole = WorkflowCheckpoint.from_dict({**header, "parts": {}})
    return Header(number, msgspec.structs.replace(whole.summary(), size_bytes=size_bytes))


def _checksum(document: dict[str, Any]) -> str:
    return hashlib.sha256(write_json(document, sort_keys=True)).hexdigest()
