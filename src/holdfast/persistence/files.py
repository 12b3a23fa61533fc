# SPDX-License-Identifier: Apache-2.0
"""Documents in files: written whole or not at all, and safe once the call has returned."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from holdfast.errors import DocumentError, NotASave
from holdfast.persistence.limits import Limits, check_size

_compact = msgspec.json.Encoder().encode


def to_bytes(doc: Mapping[str, Any]) -> bytes:
    """The document as compact JSON, its keys in the order they have. Raises: DocumentError."""
    try:
        return _compact(doc)
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise DocumentError("the document holds something that is not JSON") from None


def write_file(path: str | os.PathLike[str], doc: Mapping[str, Any] | bytes) -> None:
    """Write a document so that the file is, at any moment, the old one or the new one, whole.

    The new file goes to disk beside the old one, takes its name, and the folder goes to disk.
    doc: what `seal` returned, or its bytes. Raises: OSError, DocumentError.
    """
    target = Path(path)
    data = doc if isinstance(doc, bytes) else to_bytes(doc)
    draft = target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}.tmp")
    try:
        with draft.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    _sync_folder(target.parent)


def read_file(
    path: str | os.PathLike[str],
    *,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> bytes:
    """The bytes of a document, for `open_document`; no more is read than the limit allows.

    Raises: OSError as `open` does; NotASave when it is not a plain file; TooLarge.
    """
    target = Path(path)
    if target.exists() and not target.is_file():
        raise NotASave("the path names something that is not a file")
    with target.open("rb") as file:
        data = file.read(limits.size_bytes + 1)
    check_size(len(data), limits, "the file")
    return data


def _sync_folder(folder: Path) -> None:
    """Put the new name on disk; Windows has no such call, there the rename does it."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
