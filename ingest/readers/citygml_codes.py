"""Code lists that came with a file: dictionaries of GML beside it, named by ``codeSpace`` (PLATEAU, i-UR)."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from lxml import etree

from ingest.readers.archive import Archive
from twin.errors import TwinError

_MAX_BYTES = 4 << 20
_MAX_LISTS = 500


@dataclass
class CodeLists:
    """The code lists in an archive, each read when first asked for; empty for a file that stands alone."""

    archive: Archive | None = None
    _read: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def name(self, code_space: str, code: str) -> str | None:
        """Return what a code means, None where the list did not come with the file or does not have it."""
        if self.archive is None:
            return None
        base = PurePosixPath(code_space.replace("\\", "/")).name
        if base not in self._read:
            self._read[base] = self._dictionary(self.archive, base) if len(self._read) < _MAX_LISTS else {}
        return self._read[base].get(code)

    def _dictionary(self, archive: Archive, base: str) -> Mapping[str, str]:
        entry = next((n for n in archive.names if PurePosixPath(n).name == base and "codelist" in n.casefold()), None)
        if entry is None or archive.size(entry) > _MAX_BYTES:
            return {}
        try:
            return dict(_definitions(archive.head(entry, _MAX_BYTES)))
        except (TwinError, etree.XMLSyntaxError):
            return {}  # a list that cannot be read names nothing; the codes stay


def _definitions(content: bytes) -> list[tuple[str, str]]:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    tree = etree.parse(io.BytesIO(content), parser)
    if tree.docinfo.internalDTD is not None:
        return []
    pairs = ((d.findtext("{*}name"), d.findtext("{*}description")) for d in tree.iter("{*}Definition"))
    return [(code.strip(), meaning.strip()) for code, meaning in pairs if code and meaning]
