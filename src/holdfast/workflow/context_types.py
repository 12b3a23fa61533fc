# SPDX-License-Identifier: Apache-2.0
"""What a handler's context annotation says: which types it may send, which it may yield.

`WorkflowContext` inherits its subscription from here, so that the declaring side reads annotations
without knowing how a context works.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, get_args, get_origin

from holdfast.errors import DefinitionError
from holdfast.workflow.typing_match import flatten_union, is_type_form

if TYPE_CHECKING:
    # Type checkers know defaults for type variables; the interpreter does from Python 3.13 on.
    from typing import Never

    from typing_extensions import TypeVar

    OutT_contra = TypeVar("OutT_contra", contravariant=True, default=Never)
    W_OutT_contra = TypeVar("W_OutT_contra", contravariant=True, default=Never)
else:
    from typing import Never, TypeVar

    OutT_contra = TypeVar("OutT_contra", contravariant=True)
    W_OutT_contra = TypeVar("W_OutT_contra", contravariant=True)

Types = tuple[Any, ...]


class ContextAnnotations(Generic[OutT_contra, W_OutT_contra]):
    """The subscription of a context: `Context`, `Context[Sends]`, `Context[Sends, Yields]`.

    Both parameters only go in, so a context that may send more passes where less is asked for.
    """

    if not TYPE_CHECKING:

        def __class_getitem__(cls, parameters: Any) -> Any:
            given = parameters if isinstance(parameters, tuple) else (parameters,)
            if len(given) == 1:
                given = (given[0], Never)
            return super().__class_getitem__(given)


def context_types(annotation: Any) -> tuple[Types, Types]:
    """Give the types that a context annotation allows to send and to yield, unions flattened.

    Raises: DefinitionError if the annotation is not a context or names something that is no type.
    """
    origin = get_origin(annotation) or annotation
    if not (isinstance(origin, type) and issubclass(origin, ContextAnnotations)):
        raise DefinitionError(f"{annotation!r} is not a WorkflowContext")
    arguments = get_args(annotation)
    for argument in arguments:
        if not is_type_form(argument):
            raise DefinitionError(f"{argument!r} in {annotation!r} is not a type")
    if not arguments:
        return (), ()
    sends, yields = arguments
    return flatten_union(sends), flatten_union(yields)
