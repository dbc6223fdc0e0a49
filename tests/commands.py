"""The command line in this process: what a command does and says, without the seconds in which a process of its own imports everything."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import query_city

from tests import served_city
from tests.reading import shared_template
from tests.written_city import city_folder
from twin.server import cli


@dataclass(frozen=True)
class CityAtHand(served_city.City):
    """A city whose commands run here; its server runs in a process of its own."""

    def process(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run a command and return what it said and the code it would end with."""
        words = [*map(str, arguments), "--data-dir", str(self.data_dir)]
        said, told = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, self.environment(), clear=True),
            mock.patch("twin.server.city.Template", return_value=nullcontext(shared_template())),
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(told),
        ):
            code = cli.main(words)
        return subprocess.CompletedProcess(words, code, said.getvalue(), told.getvalue())


@contextmanager
def city_at_hand(run_folder: Path, template: str, dsn_of: Callable[[str], str]) -> Iterator[served_city.City]:
    """Have a new city for the block, its database a clone in the cluster of the whole run."""
    with city_folder(run_folder) as folder, query_city.clone_of(template, dsn_of) as url:
        yield served_city.make(folder, of=CityAtHand, TWIN_DATABASE_URL=url)
