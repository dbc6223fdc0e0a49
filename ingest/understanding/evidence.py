"""What a detector holds of one aspect of a layer, how surely, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from twin.errors import Text

type Aspect = Literal["encoding", "crs", "axes", "vertical", "height-offset", "unit", "codes", "column"]
SURE, LIKELY = 0.9, 0.6
"""From here a proposal needs no second look, and from here it is worth to be the one shown."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One aspect of a layer as it is proposed to be understood."""

    aspect: Aspect
    value: str | None
    """What is proposed, in the words of a request for a check; None where the sample does not decide."""
    confidence: float
    """0…1; what a file declares and its values do not gainsay is near 1."""
    text: Text
    subject: str | None = None
    """The column it is about; None for the layer."""
    stated: str | None = None
    """What the file itself says, where it says anything."""
    code: str | None = None
    """The code of the problem a load would end with; None where it would not."""

    @property
    def gainsays(self) -> bool:
        """Whether the file says one thing and its values another."""
        return self.stated is not None and self.value is not None and self.value != self.stated
