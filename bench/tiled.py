"""Datasets of the bench's buildings that are tiled, each loaded once a run, whoever asks for it."""

from __future__ import annotations

from bench.stage import Stage
from bench.workload import make_buildings
from twin.errors import NotFoundError


def tiled(stage: Stage, count: int) -> str:
    """Return the name of a dataset of ``count`` buildings."""
    name = f"tiled_{count}"
    try:
        stage.city.catalogue.dataset(name)
    except NotFoundError:
        stage.load(stage.geopackage(make_buildings(count)), name)
        stage.settle()
    return name
