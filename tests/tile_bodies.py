"""Bodies of many faces for the tests of the tile engine."""

from __future__ import annotations

import numpy as np

from twin.representation import Faces


def tower(x: float, y: float, foot: float, top: float, sides: int = 48) -> Faces:
    """A prism of many sides."""
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    ring = np.column_stack([x + 6 * np.cos(angle), y + 6 * np.sin(angle)])
    vertices = np.concatenate([np.column_stack([ring, np.full(sides, z)]) for z in (foot, top)])
    low, high = np.arange(sides), np.arange(sides, 2 * sides)
    after = np.roll(low, -1)
    walls = np.column_stack([low, after, after + sides, low + sides]).ravel()
    indices = np.concatenate([low[::-1], high, walls]).astype(np.uint32)
    ends = np.cumsum([sides, sides, *[4] * sides]).astype(np.uint32)
    faces = np.arange(1, sides + 3, dtype=np.uint32)
    kinds = np.array([3, 1, *[2] * sides], np.uint8)
    one = np.ones(1, np.uint32)
    return Faces(vertices, indices, ends, faces, kinds, np.zeros(sides + 2, np.uint16), (sides + 2) * one, one)
