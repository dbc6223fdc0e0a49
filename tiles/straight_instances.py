"""Straight pipes in a content's local frame as instances of unit models: a tube and the two halves of a ball, or a box."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from tiles.instance_nodes import Instances
from tiles.local_frame import Projection
from tiles.mesh.batch import MeshBatch
from tiles.mesh.placement import Model
from tiles.mesh.profile import BOX, ROUND, balance
from tiles.mesh.straight import Straights
from tiles.mesh.sweep import Ending, Sections, plain_paths, sweep


def straight_instances(pipes: Straights, ends: NDArray[np.float64], projection: Projection, row_of: NDArray[np.int64]) -> list[Instances]:
    """Return the instances of ``pipes`` whose axes end at ``ends`` (n, 2, 3) of the local frame of ``projection``.

    ``row_of`` gives the row in the property table of each feature of the run. All circles have the polygon of the one that needs most
    sides. A ball is not stretched as its tube is, so it is a model of its own; both halves are turned as their tube. Boxes are level where
    they are: kilometres away the frame is not, and a steep box would turn about its axis by that angle over its level part.
    """
    way = ends[:, 1] - ends[:, 0]
    length, rotation = np.linalg.norm(way, axis=1), along(way)
    groups = []
    if (box := np.flatnonzero(pipes.is_box)).size:
        scale = np.column_stack([length, pipes.width_m, pipes.height_m])[box]
        level = rolled(rotation[box], _across(pipes.ends_m[box], projection))
        groups.append(Instances(_box(), ends[box, 0], level, scale, row_of[pipes.feature[box]]))
    if (tube := np.flatnonzero(~pipes.is_box)).size:
        sides = pipes.most_sides
        across = pipes.width_m[tube] * balance(np.array([sides]))
        start, turned, feature = ends[tube, 0], rotation[tube], row_of[pipes.feature[tube]]
        ball = np.column_stack([across, across, across])
        body, first, last = _tube(sides)
        groups.append(Instances(body, start, turned, np.column_stack([length[tube], across, across]), feature))
        groups.append(Instances(first, start, turned, ball, feature))
        groups.append(Instances(last, ends[tube, 1], turned, ball, feature))
    return groups


def along(way: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the unit quaternions (n, 4) x, y, z, w that turn x to ``way`` (n, 3) and leave y level."""
    yaw, pitch = np.arctan2(way[:, 1], way[:, 0]) / 2, -np.arctan2(way[:, 2], np.hypot(way[:, 0], way[:, 1])) / 2
    turn, straight, tilt, level = np.sin(yaw), np.cos(yaw), np.sin(pitch), np.cos(pitch)
    return np.column_stack([-turn * tilt, straight * tilt, turn * level, straight * level])


def rolled(rotation: NDArray[np.float64], across: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return unit quaternions (n, 4) of `along` turned about x until y goes as far ``across`` (n, 3), nearly at right angles, as it can."""
    x, y, z, w = rotation.T
    aside = np.column_stack([2 * (x * y - z * w), 1 - 2 * (x * x + z * z), 2 * (y * z + x * w)])
    above = np.column_stack([2 * (x * z + y * w), 2 * (y * z - x * w), 1 - 2 * (x * x + y * y)])
    half = np.arctan2((across * above).sum(axis=1), (across * aside).sum(axis=1)) / 2
    turn, straight = np.sin(half), np.cos(half)
    return np.column_stack([w * turn + x * straight, y * straight + z * turn, z * straight - y * turn, w * straight - x * turn])


def _across(ends_m: NDArray[np.float64], projection: Projection) -> NDArray[np.float64]:
    """Return the local way (n, 3) of a level metre to the left of axes (n, 2, 3), which do not stand upright, at their middles."""
    way, middle = ends_m[:, 1] - ends_m[:, 0], ends_m.mean(axis=1)
    left = np.column_stack([-way[:, 1], way[:, 0], np.zeros(len(way))]) / np.hypot(way[:, 0], way[:, 1])[:, None]
    here, there = projection.project(np.concatenate([middle, middle + left]))[0].reshape(2, -1, 3)
    return there - here


@functools.cache
def _box() -> Model:
    """Return the box of width and height 1 about the x axis, from 0 to 1."""
    return Model(_swept(BOX, 4, Ending.FLAT))


@functools.cache
def _tube(sides: int) -> tuple[Model, Model, Model]:
    """Return the tube of diameter 1 about the x axis from 0 to 1, and halves of a ball about the origin: behind it and ahead of it."""
    closed = _swept(ROUND, sides, Ending.BALL)
    x = closed.positions[closed.triangles, 0]
    first, last = _part(closed, (x <= 0).all(axis=1), 0.0), _part(closed, (x >= 1).all(axis=1), 1.0)
    return Model(_swept(ROUND, sides, Ending.NONE)), Model(first), Model(last)


def _swept(shape: int, sides: int, ending: Ending) -> MeshBatch:
    points, half = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]), np.array([0.5])
    section = Sections.closed(np.array([shape]), half, half, np.array([sides]), np.array([int(ending)]))
    return sweep(plain_paths(points, np.array([0, 2]), section, np.zeros(1, np.int64)), np.zeros(1, np.uint8))


def _part(mesh: MeshBatch, chosen: NDArray[np.bool_], x_m: float) -> MeshBatch:
    """Return the ``chosen`` triangles of ``mesh``, what lies at ``x_m`` at the origin."""
    vertices, renumbered = np.unique(mesh.triangles[chosen], return_inverse=True)
    positions = mesh.positions[vertices] - [x_m, 0.0, 0.0]
    triangles = renumbered.reshape(-1, 3).astype(np.uint32)
    return MeshBatch(positions, mesh.normals[vertices], triangles, mesh.feature[vertices], mesh.left_out)
