"""How much work the exact looks at solids may be: counted, so that the same file is always told the same."""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_LOOKS = 20_000_000
"""Of points held against triangles, for one body: some seconds. Solids and shells that no plane parts are held against each other point by
point, so that a hostile body of some hundred kilobytes would take minutes; two of a thousand triangles, interleaved, take 6 million."""
MOST_OF_FILE = 40_000_000
"""For all bodies of a file together, beside what they bring: 4 to 11 s."""
A_CORNER = 50
"""So many more there are for each corner of a body of several shells: those of Vienna and The Hague take 34 to 45."""
UNFINISHED = 0
"""No code of val3dity: solids, shells or faces were not held against each other to the end."""
A_PAIR = 1_000
"""What asking for a plane between two surfaces counts as, and all that does not grow with their triangles."""
A_TRIANGLE = 4
"""What is asked of each triangle of two surfaces, near or not."""
A_FACE = 400
"""So many more there are for each face of a shell that is swept: an even mesh of 200,000 takes half of them."""
SWEPT_A_LOOK = 6
"""So many pairs of faces that lie beside each other along x are compared in the time of one look."""
A_NEAR_PAIR = 8
"""What asking for a plane between two faces whose boxes meet counts as."""
BOXES_A_LOOK = 64
"""So many pairs of boxes are compared in the time of one look."""


class LooksSpentError(Exception):
    """As much was looked at of a body as may be, or of its file; what is left of the body is not known."""


@dataclass(slots=True)
class LooksOfFile:
    """How many are left for the bodies of one file, which are looked at in their order: for their solids, and for faces of large shells."""

    left: int = field(default_factory=lambda: MOST_OF_FILE)
    left_for_faces: int = field(default_factory=lambda: MOST_OF_FILE)

    def of_body(self, corners: int) -> Looks:
        """Return those for the next body; its ``corners`` bring some."""
        self.left += A_CORNER * corners
        return Looks(self)

    def of_shell(self, faces: int) -> FaceLooks:
        """Return those for the ``faces`` of the next large shell, which bring some."""
        self.left_for_faces += A_FACE * faces
        return FaceLooks(self, MOST_LOOKS + A_FACE * faces)


@dataclass(slots=True)
class Looks:
    """How many are left for one body."""

    of_file: LooksOfFile = field(default_factory=LooksOfFile)
    left: int = field(default_factory=lambda: MOST_LOOKS)

    def spend(self, count: int) -> None:
        """Take ``count`` of them before they are made; LooksSpentError where they are not left, then and ever after of this body.

        What was not made is not taken from the file: small bodies are looked at to the end after large ones.
        """
        if count > min(self.left, self.of_file.left):
            self.left = -1
        if self.left < 0:
            raise LooksSpentError
        self.left -= count
        self.of_file.left -= count


@dataclass(slots=True)
class FaceLooks:
    """How many are left for the faces of one shell."""

    of_file: LooksOfFile
    left: int

    def spend(self, count: int) -> None:
        """Do so as `Looks.spend`."""
        if count > min(self.left, self.of_file.left_for_faces):
            self.left = -1
        if self.left < 0:
            raise LooksSpentError
        self.left -= count
        self.of_file.left_for_faces -= count
