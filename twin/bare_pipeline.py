"""How numba compiles a kernel that counts no references: what would leave a count wrong is refused."""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import AnalysisPass, register_pass
from numba.core.errors import TypingError
from numba.core.typed_passes import NopythonTypeInference


class BarePipeline(CompilerBase):  # type: ignore[misc] # numba has no types
    """numba's passes, and after types are known a look at what is called and returned."""

    def define_pipelines(self) -> list[object]:
        """Return the passes, as numba asks for them."""
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.add_pass_after(_RefuseCounted, NopythonTypeInference)
        passes.finalize()
        return [passes]


@register_pass(mutates_CFG=False, analysis_only=True)
class _RefuseCounted(AnalysisPass):  # type: ignore[misc] # numba has no types
    """numba itself refuses what allocates in the kernel, but takes these without a word.

    An array that another kernel made and returns is never let go (what it lets go of itself is). One that is given back uncounted is let
    go by the caller, and then once more.
    """

    _name = "refuse_counted"

    def __init__(self) -> None:
        super().__init__()

    def run_pass(self, state: Any) -> bool:  # noqa: ANN401
        name = state.func_id.func_name
        for call, signature in state.calltypes.items():
            called = state.typemap[call.func.name] if getattr(call, "op", None) == "call" else None
            if isinstance(called, types.Dispatcher) and not _is_plain(signature.return_type):
                raise TypingError(f"bare kernel {name} is given {signature.return_type} by {called.dispatcher.py_func.__name__}", call.loc)
        if not _is_plain(state.return_type):
            raise TypingError(f"bare kernel {name} returns {state.return_type}, of which references are counted", state.func_ir.loc)
        return False


def _is_plain(returned: Any) -> bool:  # noqa: ANN401
    """Return whether a type is of numbers alone."""
    if isinstance(returned, types.BaseTuple):
        return all(_is_plain(part) for part in returned)
    return isinstance(types.unliteral(returned), types.Number | types.Boolean | types.NoneType)
