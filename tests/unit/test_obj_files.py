"""How OBJ names its libraries and pictures, as programs and people write it; what is in the archive counts, not whose disk is named."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from ingest.protocol import ModelHeader, PartRequest, ReadRequest
from ingest.readers.archive import Archive
from ingest.readers.choice import choose_reader
from twin.errors import RejectedError
from twin.featuretypes.loader import load_feature_types

PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf500f0003860180"
    "5a347d6b0000000049454e44ae426082"
)
PART = PartRequest(None, load_feature_types()["model_3d"], "d")
LIBRARY = "newmtl a\nKd 1 1 1\nmap_Kd tex.png\n"
ROOF = """mtllib {}
v 497000 3520000 0
v 497010 3520000 0
v 497010 3520010 5
v 497000 3520010 5
vt 0 0
vt 1 0
vt 1 1
vt 0 1
usemtl a
f 1/1 2/2 3/3 4/4
"""


def header_of(folder: Path, files: dict[str, str | bytes]) -> ModelHeader:
    with zipfile.ZipFile(folder / "m.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    request = ReadRequest(folder / "m.zip", (PART,), 4549, crs="EPSG:4549")
    header = next(iter(choose_reader(request).read(PART, request)))  # type: ignore[union-attr]
    assert isinstance(header, ModelHeader)
    return header


@pytest.mark.parametrize(
    "files",
    [
        {"m/a.obj": ROOF.format("./roof.mtl")},
        {"m/a.obj": ROOF.format(".\\Roof.MTL")},
        {"m/a.obj": ROOF.format("C:\\工程\\roof.mtl")},
        {"m/a.obj": ROOF.format("roof.mtl other.mtl"), "m/other.mtl": "newmtl b\n"},
        {"m/a.obj": ROOF.format("my roof.mtl"), "m/my roof.mtl": LIBRARY},
        {"m/a.obj": ROOF.format("mat/roof.mtl"), "m/mat/roof.mtl": LIBRARY, "m/mat/tex.png": PICTURE, "m/tex.png": b"none"},
        {"m/a.obj": ROOF.format("mat/roof.mtl"), "m/mat/roof.mtl": LIBRARY},
        {"m/a.obj": ROOF.format("roof.mtl"), "m/roof.mtl": LIBRARY.replace("tex.png", "D:\\贴图\\TEX.png")},
        {"m/a.obj": ROOF.format("roof.mtl"), "m/roof.mtl": LIBRARY.replace("map_Kd ", "\tmap_Kd\t-s 1 1 1 ")},
        {"m/a.obj": ROOF.format("屋面.mtl").encode("gbk"), "m/屋面.mtl": LIBRARY},
        {"m/a.obj": "\ufeff" + ROOF.format("roof.mtl"), "m/roof.mtl": "\ufeff" + LIBRARY},
        {"m/a.obj": ROOF.format("roof.mtl").replace("2/2 ", "2/2 \\\n").replace("\n", "\r\n")},
        {"m/a.obj": ROOF.format("roof.mtl").replace("\n", "\n  ")},
    ],
    ids=range(13),
)
def test_libraries_and_pictures_are_found_however_they_are_named(tmp_path: Path, files: dict[str, str | bytes]) -> None:
    usual: dict[str, str | bytes] = {"m/roof.mtl": LIBRARY, "m/tex.png": PICTURE}
    header = header_of(tmp_path, usual | files)
    assert (header.triangles, header.textured, header.minimum_m, header.maximum_m) == (2, True, 0.0, 5.0)


@pytest.mark.parametrize(
    ("library", "code"),
    [("gone.mtl", "model-content-missing"), ("gone.mtl roof.mtl", "model-content-missing"), ("../../roof.mtl", "model-uri-outside")],
)
def test_a_library_that_is_not_there_is_named(tmp_path: Path, library: str, code: str) -> None:
    with pytest.raises(RejectedError) as refused:
        header_of(tmp_path, {"m/a.obj": ROOF.format(library), "m/roof.mtl": LIBRARY, "m/tex.png": PICTURE})
    assert refused.value.code == code


@pytest.mark.parametrize(
    "bomb",
    [{"m/roof.mtl other.mtl": ROOF.format("roof.mtl other.mtl")}, {"m/mat/tex.png": ROOF.format("mat/roof.mtl")}],
    ids=["library", "picture"],
)
def test_what_unpacks_to_too_much_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bomb: dict[str, str]) -> None:
    """A file of such a name is there, so no other is looked for; each line that names it would unpack it once more."""
    ((name, model),) = bomb.items()
    unpacked = list[str]()
    as_it_was = Archive.read

    def counted(archive: Archive, entry: str) -> bytes:
        unpacked.append(entry)
        return as_it_was(archive, entry)

    monkeypatch.setattr(Archive, "read", counted)
    files: dict[str, str | bytes] = {"m/a.obj": model + model.splitlines()[0] + "\n", "m/roof.mtl": LIBRARY, "m/mat/roof.mtl": LIBRARY}
    with pytest.raises(RejectedError) as refused:
        header_of(tmp_path, {**files, "m/other.mtl": "newmtl b\n", "m/tex.png": PICTURE, name: bytes(11 << 20)})
    assert (refused.value.code, unpacked.count(name), unpacked[-1]) == ("zip-bomb", 1, name)
