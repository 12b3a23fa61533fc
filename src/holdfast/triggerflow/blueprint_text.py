# SPDX-License-Identifier: Apache-2.0
"""Blueprints as text and files: JSON, or YAML with the extra `yaml`. Text is never a path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from holdfast.errors import Damaged, NotASave, TooLarge
from holdfast.persistence.files import read_file, write_file
from holdfast.persistence.limits import Limits, check_shape
from holdfast.persistence.yaml_text import dump, parse

YAML = frozenset({".yaml", ".yml"})
_WHAT = "the blueprint"


def to_json(config: dict[str, Any]) -> str:
    """The config as JSON, for people to read."""
    return json.dumps(config, indent=2, allow_nan=False) + "\n"


def to_yaml(config: dict[str, Any]) -> str:
    """The config as YAML. Raises: ExtraMissing."""
    return dump(config)


def from_json(text: str | bytes, encoding: str = "utf-8") -> Any:
    """What JSON text holds. Raises: NotASave, Damaged, TooLarge; all ValueErrors."""
    data = text if isinstance(text, bytes) and encoding == "utf-8" else _text(text, encoding)
    raw = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    check_shape(raw, Limits(), _WHAT)
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise NotASave("a blueprint text is JSON; this is not") from error


def from_yaml(text: str | bytes, encoding: str = "utf-8") -> Any:
    """What YAML text holds. Raises: Damaged, TooLarge, ExtraMissing."""
    return parse(_text(text, encoding), _WHAT)


def from_text(text: str | bytes) -> Any:
    """What a text holds: JSON if it begins with a bracket, else YAML."""
    start = text[:200].lstrip() if isinstance(text, str) else _text(text[:200], "latin-1").lstrip()
    if start.startswith(("{", "[")):
        return from_json(text)
    try:
        found = from_yaml(text)
    except (Damaged, TooLarge) as error:
        raise NotASave("a blueprint text is JSON or YAML; this is neither") from error
    if isinstance(found, str):
        raise NotASave("a blueprint text is JSON or YAML; this is neither")
    return found


def from_file(path: str | Path, encoding: str = "utf-8") -> Any:
    """What a file holds; ".yaml" and ".yml" are YAML, all else is JSON. Raises: OSError too."""
    read = from_yaml if Path(path).suffix.lower() in YAML else from_json
    return read(bytes_of(path), encoding)


def bytes_of(path: str | Path) -> bytes:
    """What a file holds, as it is. Raises: OSError, NotASave, TooLarge."""
    return read_file(path)


def write(path: str | Path, text: str, encoding: str) -> None:
    """Write the text to a file; its folders are made. The file is the old or the new one, whole."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_file(path, text.encode(encoding))


def _text(text: str | bytes, encoding: str) -> str:
    if isinstance(text, str):
        return text
    if not isinstance(text, bytes):
        raise TypeError(f"expected text or bytes; found {type(text).__name__}")
    try:
        return text.decode(encoding)
    except UnicodeDecodeError:
        raise Damaged(f"{_WHAT} is not text in {encoding}") from None
