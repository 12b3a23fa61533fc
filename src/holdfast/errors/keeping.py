# SPDX-License-Identifier: Apache-2.0
"""What goes wrong with what is kept: the store, and values and documents."""

from __future__ import annotations

from holdfast.errors.base import HoldfastError


class StoreError(HoldfastError):
    """The store could not do what was asked; nothing was half-written."""

    code = "store.error"
    hint = "Look at the cause; the last good state is whole."


class StoreUrlUnknown(StoreError, ValueError):
    """The store URL names no store that is installed. Fact: url, with any password masked."""

    code = "store.url-unknown"
    hint = "Use memory:// or sqlite:///path/to/file.db."
    url: str


class StoreUnavailable(StoreError, OSError):
    """The store cannot be opened or reached."""

    code = "store.unavailable"
    hint = "Check the path and that its folder exists and may be read."

    def __init__(self, message: str, /, *, hint: str | None = None, **facts: object) -> None:
        HoldfastError.__init__(self, message, hint=hint, **facts)


class StoreLocked(StoreUnavailable, TimeoutError):
    """Another process held the store's lock for longer than the busy timeout."""

    code = "store.locked"
    hint = "Close the program that holds the database, then try again."


class StoreReadOnly(StoreUnavailable, PermissionError):
    """The store may be read but not written."""

    code = "store.read-only"
    hint = "Give this user the right to write the file and its folder."


class StoreFull(StoreUnavailable):
    """No space was left for the write."""

    code = "store.full"
    hint = "Free some space; the run continues from its last commit."


class StoreDamaged(StoreError):
    """What is stored cannot be what was written."""

    code = "store.damaged"
    hint = "Restore the store from a backup; nothing was changed."


class StoreNewer(StoreError):
    """The store was written by a newer holdfast. Facts: found, supported."""

    code = "store.newer"
    hint = "Upgrade holdfast in this environment."
    found: int
    supported: int


class StoreClosed(StoreError):
    """The store was closed before the call."""

    code = "store.closed"
    hint = "Open the store again."


class InvalidId(StoreError, ValueError):
    """An id has a shape that no store takes."""

    code = "store.invalid-id"
    hint = "Run ids match [A-Za-z0-9][A-Za-z0-9._~-]{0,127}; other ids have no control characters."


class StaleWrite(StoreError):
    """The run has moved on since the writer read it. Facts: run_id, expected, found."""

    code = "store.stale-write"
    hint = "Open the run again: another writer has moved it on."


class OwnershipLost(StoreError):
    """A newer claim on the run exists: this writer may write no more. Facts: run_id, epoch."""

    code = "store.ownership-lost"
    hint = "Nothing to do here: the newer owner carries the run."


class RunOwned(StoreError):
    """Another live process owns the run. Facts: run_id, owner."""

    code = "store.run-owned"
    hint = "Post into the run's inbox (answer, signal, cancel), or wait until its owner ends."


class CheckpointNotFound(StoreError, LookupError):
    """No checkpoint of this id is stored. Fact: checkpoint_id."""

    code = "store.checkpoint-not-found"
    hint = "List the checkpoints there are."


class DocumentError(HoldfastError, ValueError):
    """A document cannot be taken; nothing was changed. Texts name places, never contents."""

    code = "document.invalid"
    hint = "Use a document exactly as holdfast wrote it."


class NotASave(DocumentError, TypeError):
    """This is not a holdfast document of the kind asked for."""

    code = "document.not-a-save"


class Damaged(DocumentError):
    """The document's checksum or shape is wrong: it was cut or changed after it was written."""

    code = "document.damaged"
    hint = "Take another copy of the document."


class UnknownVersion(DocumentError):
    """The document's format is not one this release reads. Facts: found, supported."""

    code = "document.unknown-version"
    hint = "Upgrade holdfast, or give a migration."


class MigrationFailed(DocumentError):
    """A migration raised, or returned what cannot be a document. Facts: found, wanted."""

    code = "document.migration-failed"
    hint = "Mend the migration; what it was given is as it was."
    found: str
    wanted: str


class WrongDefinition(DocumentError):
    """The document belongs to another definition, or to one that lost what it needs.

    Facts: missing, what is gone; unnamed, functions known by their place alone; saved and today,
    the fingerprints.
    """

    code = "document.wrong-definition"
    hint = "Load it with the definition that wrote it, or one that still has what it names."
    missing: tuple[str, ...]
    unnamed: tuple[str, ...]
    saved: str
    today: str


class TooLarge(DocumentError):
    """The document is over a limit. Facts: limit, found."""

    code = "document.too-large"
    hint = "Raise the limit if you trust where the document comes from."


class TypeNotAllowed(DocumentError):
    """The document holds a type that was not registered. Facts: name, place."""

    code = "document.type-not-allowed"
    hint = "Register the type under the name given, before loading."


class ValueRefused(DocumentError, TypeError):
    """The value would not come back equal and of the same type. Facts: place, type_name."""

    code = "document.value-refused"
    hint = "Register the type, convert the value, or keep live objects in runtime resources."
    place: str
    type_name: str
