"""The validity of bodies by ISO 19107, from the ring up: what is wrong below is not looked at above (Ledoux 2013, 2018)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property

import numpy as np

from ingest.checks.solids.boundaries import LOOSE, Boundaries, boundaries_of
from ingest.checks.solids.fault import Floats, Ints, Mask, SolidFault, Tolerances
from ingest.checks.solids.hulls import Hull, hulls_of
from ingest.checks.solids.looks import UNFINISHED, Looks, LooksOfFile, LooksSpentError
from ingest.checks.solids.planes import Planes, planes_of
from ingest.checks.solids.polygons import plainly_sound, ring_faults
from ingest.checks.solids.rings import is_convex, same_points, self_intersections, tangled, too_few_points
from ingest.checks.solids.self_crossing import crossing_faces
from ingest.checks.solids.shells import shell_faults, signed_volumes_m3, sound_shells, weld
from ingest.checks.solids.shells_of_solid import shell_faults_of_solid
from ingest.checks.solids.solids_together import faults_between
from ingest.checks.solids.triangles import UntriangulatedError, bent
from ingest.readers.source import Makeup
from twin.representation import Faces

_SELF_INTERSECTION, _RINGS_MEET = 104, 201
_FAR, _BENT, _CROSSING, _INWARDS = 203, 204, 306, 405


def validity_faults(
    bodies: Sequence[Faces],
    tolerances: Tolerances | None = None,
    makeups: Sequence[Makeup] = (),
    doubtful: Mask | None = None,
    looks: LooksOfFile | None = None,
) -> list[SolidFault]:
    """Return the faults of ``bodies``, by body and code; coordinates in metres, their places in the same CRS.

    Faces need not be well-formed beyond their ends: a ring may have too few corners; ValueError of corners at vertices that a body has not.
    ``makeups`` tells for each body what geometries its solids are of (without it each is one), and whether rings were mended in reading:
    then its shells are not looked at. ``doubtful`` (F,) are the faces of all bodies whose rings and planes are not known to be sound;
    without it none is. ``looks`` are those left for the bodies of their file, of which these take theirs in their order; without it they
    are a file.
    """
    if not any(len(body.indices) for body in bodies):
        return []
    for number, body in enumerate(bodies):
        if len(body.indices) and int(body.indices.max()) >= len(body.vertices):
            raise ValueError(f"body {number} has a corner at a vertex that it has not")
    meeting, looks = np.empty(0, dtype=np.int64), looks or LooksOfFile()
    before = replace(looks)
    while True:
        looks.left, looks.left_for_faces = before.left, before.left_for_faces
        work = _Validity(boundaries_of(bodies), tolerances or Tolerances(), makeups or [Makeup()] * len(bodies), doubtful, looks)
        work.meeting_rings(meeting)
        try:
            work.rings_and_polygons()
            work.shells()
            work.solids()
        except UntriangulatedError as error:  # looked at anew with these told: nothing above them is triangulated again
            if np.isin(error.faces, meeting).any():
                raise
            meeting = np.union1d(meeting, error.faces)
        else:
            return sorted(work.faults, key=lambda f: (f.body, f.code))


class _Validity:
    """Climbs the levels over one batch; remembers which faces, shells and solids are sound so far."""

    def __init__(self, b: Boundaries, tolerances: Tolerances, makeups: Sequence[Makeup], doubtful: Mask | None, looks: LooksOfFile) -> None:
        self.faults: list[SolidFault] = []
        self._b = b
        self._makeups = makeups
        self._tolerances = tolerances
        self._sound_face = np.ones(len(b.face_start) - 1, dtype=bool)
        self._doubtful_face = self._sound_face.copy() if doubtful is None else doubtful
        self._sound_shell = np.ones(len(b.shell_start), dtype=bool)
        self._few = self._few_or_same() if self._doubtful_face.any() else np.zeros(len(self._sound_face), dtype=bool)
        self._is_welded = False
        self._looks = looks

    @cached_property
    def _planes_of_rings(self) -> Planes:
        """Of the corners as given: rings and polygons are told in them."""
        return planes_of(self._b, ~self._few, self._tolerances.planarity_m)

    @cached_property
    def _planes_of_shells(self) -> Planes:
        """Of the corners as they are once shells are closed: a plane of others would tell welded faces apart that meet."""
        return planes_of(self._b, ~self._few, self._tolerances.planarity_m) if self._is_welded else self._planes_of_rings

    def meeting_rings(self, faces: Ints) -> None:
        """201, or 104 of a lone ring: ``faces`` that have no triangulation, told at their last ring's first corner."""
        b = self._b
        for face in faces.tolist():
            rings = b.rings_of(face)
            code = _RINGS_MEET if len(rings) > 1 else _SELF_INTERSECTION
            self._face_fault(code, face, b.xyz[b.corner[rings[-1].start]])

    def rings_and_polygons(self) -> None:
        """203, then 104 and 201 to 208, which are told in the plane of the polygon: of one far from any nothing more is said."""
        if not self._doubtful_face.any():
            return
        b, planes, sound = self._b, self._planes_of_rings, self._sound_face
        convex = is_convex(b, planes)
        exterior = np.zeros(len(convex), dtype=bool)
        exterior[b.face_start[:-1]] = True
        face_of_ring = np.repeat(np.arange(len(sound)), np.diff(b.face_start))
        far = sound & (planes.deviation_m > self._tolerances.planarity_m)
        for face in np.flatnonzero(far):
            where = b.corners_of(int(face))
            worst = where.start + int(np.abs(planes.height[where]).argmax())
            self._face_fault(_FAR, int(face), b.xyz[b.corner[worst]], float(planes.deviation_m[face]))
        doubtful = np.flatnonzero((sound & self._doubtful_face)[face_of_ring] & ~(convex & exterior))
        for ring in (open_rings := tangled(b, planes, doubtful)).tolist():
            self._face_fault(UNFINISHED, int(face_of_ring[ring]), b.xyz[b.corner[b.ring_start[ring]]])
        doubtful = doubtful[~np.isin(doubtful, open_rings)]
        for ring, place in self_intersections(b, planes, doubtful):
            self._face_fault(104, int(face_of_ring[ring]), place)
        several = np.flatnonzero(sound & self._doubtful_face & (np.diff(b.face_start) > 1))
        doubtful = several[~plainly_sound(b, planes, several)] if len(several) else several
        for face in doubtful:
            for code, place in ring_faults(b, planes, int(face)):
                self._face_fault(code, int(face), place)
        for face, angle_deg in bent(b, planes, convex, sound & self._doubtful_face, self._tolerances.normals_deg):
            self._face_fault(_BENT, face, b.xyz[b.corner[b.corners_of(face)]].mean(axis=0), angle_deg)

    def shells(self) -> None:
        """301 to 307."""
        b, sound = self._b, self._sound_shell
        if not len(sound):
            return
        mended = np.array([bool(m.mended) for m in self._makeups])
        faulty = b.shell_of_face[~self._sound_face | mended[b.body_of_face]]
        sound[faulty[faulty != LOOSE]] = False
        found, twin = sound_shells(b, sound)
        if (doubtful := np.flatnonzero(sound & ~found)).size and weld(b, doubtful, self._tolerances.snap_m):
            self._is_welded = True
            found, twin = sound_shells(b, sound)
        for shell in np.flatnonzero(sound & ~found):
            for fault in shell_faults(b, int(shell)):
                self._shell_fault(fault.code, fault.face, fault.place)
        crossing: Mask = np.zeros(len(sound), dtype=bool)
        unfinished: list[int] = []
        crossings = crossing_faces(b, self._planes_of_shells, sound, twin, self._looks, unfinished) if sound.any() else ()
        for one, _, place in crossings:
            if not crossing[b.shell_of_face[one]]:
                crossing[b.shell_of_face[one]] = True
                self._shell_fault(_CROSSING, one, place)
        for shell in unfinished:
            face = int(b.shell_start[shell])
            self._unfinished(face, b.xyz[b.corner[b.corners_of(face)]].mean(axis=0))

    def solids(self) -> None:
        """401 to 601."""
        b = self._b
        shells_of = np.diff(b.solid_start)
        if not len(shells_of):
            return
        exterior = np.zeros(len(self._sound_shell), dtype=bool)
        exterior[b.solid_start[:-1]] = True
        inwards = self._sound_shell & ((signed_volumes_m3(b) < 0) == exterior)
        sound = np.logical_and.reduceat(self._sound_shell, b.solid_start[:-1])
        for shell in np.flatnonzero(inwards):
            face = int(b.shell_start[shell])
            self._fault(_INWARDS, face, b.xyz[b.corner[b.corners_of(face)]].mean(axis=0), names_face=False)
        several = np.diff(b.body_solid_start) > 1
        solid_of_shell = np.repeat(np.arange(len(shells_of)), shells_of)
        body_of_solid = np.repeat(np.arange(len(several)), np.diff(b.body_solid_start))
        wanted = np.flatnonzero((sound & ((shells_of > 1) | several[body_of_solid]))[solid_of_shell])
        hulls = dict(zip(wanted.tolist(), hulls_of(b, self._planes_of_shells, wanted), strict=True))
        hollow = np.zeros(len(several), dtype=bool)
        hollow[body_of_solid[shells_of > 1]] = True
        for body in np.flatnonzero(several | hollow).tolist():
            solids = np.arange(b.body_solid_start[body], b.body_solid_start[body + 1])
            looks = self._looks.of_body(int(np.diff(b.first_corner()[b.body_start[body : body + 2]])[0]))
            for solid in solids[sound[solids] & (shells_of[solids] > 1)].tolist():
                sound[solid] = self._is_sound_inside(solid, hulls, looks)
            if several[body]:
                self._between_solids(body, sound, hulls, looks)

    def _is_sound_inside(self, solid: int, hulls: Mapping[int, Hull], looks: Looks) -> bool:
        shells = [hulls[s] for s in range(int(self._b.solid_start[solid]), int(self._b.solid_start[solid + 1]))]
        is_sound = True
        with self._until_spent(shells):
            for code, shell, place in shell_faults_of_solid(shells, looks):
                is_sound = False
                self._fault(code, shells[shell].face, place, names_face=False)
        return is_sound

    def _between_solids(self, body: int, sound: Mask, hulls: Mapping[int, Hull], looks: Looks) -> None:
        b = self._b
        first, end = int(b.body_solid_start[body]), int(b.body_solid_start[body + 1])
        exteriors = {k - first: hulls[int(b.solid_start[k])] for k in range(first, end) if sound[k]}
        if not exteriors:
            return
        with self._until_spent(list(exteriors.values())):
            for code, solid, place in faults_between(exteriors, self._makeups[body], looks):
                self._fault(code, exteriors[solid].face, place, names_face=False)

    @contextmanager
    def _until_spent(self, hulls: Sequence[Hull]) -> Iterator[None]:
        """Tell once of a body that as much was looked at as may be, at the first of the surfaces that were held against each other."""
        try:
            yield
        except LooksSpentError:
            self._unfinished(hulls[0].face, hulls[0].triangles[0].mean(axis=0))

    def _unfinished(self, face: int, place: Floats) -> None:
        body = int(self._b.body_of_face[face])
        if not any(f.body == body and f.code == UNFINISHED for f in self.faults):
            self._fault(UNFINISHED, face, place, names_face=False)

    def _few_or_same(self) -> Mask:
        b = self._b
        faulty = np.zeros(len(self._sound_face), dtype=bool)
        face_of_ring = np.repeat(np.arange(len(faulty)), np.diff(b.face_start))
        for ring in too_few_points(b):
            some = b.corner[b.corners_of(int(face_of_ring[ring]))]
            self._face_fault(101, int(face_of_ring[ring]), b.xyz[some[0]] if len(some) else np.zeros(3))
            faulty[face_of_ring[ring]] = True
        for corner in same_points(b, self._tolerances.snap_m):
            face = int(b.face_of_corner[corner])
            if not faulty[face]:
                self._face_fault(102, face, b.xyz[b.corner[corner]])
            faulty[face] = True
        return faulty

    def _face_fault(self, code: int, face: int, place: Floats, value: float | None = None) -> None:
        self._sound_face[face] = False
        self._fault(code, face, place, value=value)

    def _shell_fault(self, code: int, face: int, place: Floats) -> None:
        self._sound_shell[self._b.shell_of_face[face]] = False
        self._fault(code, face, place)

    def _fault(self, code: int, face: int, place: Floats, *, value: float | None = None, names_face: bool = True) -> None:
        b = self._b
        where = b.place(face, place)
        self.faults.append(SolidFault(int(b.body_of_face[face]), code, where, b.number(face) if names_face else None, value))
