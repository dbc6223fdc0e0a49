"""What the entities of a DXF say besides their geometry, as columns: layer, CASS code, extended data, text, block and its attributes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import orjson
import pyarrow as pa
from ezdxf.lldxf.encoding import decode_dxf_unicode, decode_mif_to_unicode, has_dxf_unicode, has_mif_encoding
from ezdxf.tools.text import plain_mtext, plain_text

from ingest.readers.cass import APPLICATION, code_of
from ingest.readers.dxf_geometry import Kind
from ingest.readers.dxf_tags import RawEntity, Tags, first_of
from ingest.readers.json_columns import json_column

Decode = Callable[[bytes], str]

_APPLICATION, _STRING, _REAL, _INTEGERS = 1001, 1000, 1040, (1070, 1071)
_TEXTS = ("TEXT", "MTEXT")
_EVERY = ("layer", "handle", "entity", "cass_code", "cass_more", "xdata")
_OF_KIND: Mapping[Kind, tuple[str, ...]] = {"area": (), "line": (), "point": ("block", "rotation_deg"), "text": ("text", "rotation_deg")}


def text_decoder(codec: str) -> Decode:
    """Return how bytes become text: by ``codec``, then the escapes for characters that are not in it (U+XXXX, M+nXXXX)."""

    def decode(raw: bytes) -> str:
        text = raw.decode(codec, "replace").strip()
        if "\\" not in text:
            return text
        text = decode_dxf_unicode(text) if has_dxf_unicode(text) else text
        return decode_mif_to_unicode(text) if has_mif_encoding(text) else text

    return decode


def column_names(kinds: Iterable[Kind], tags: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the columns of entities of these kinds, whose blocks have attributes of these tags."""
    return tuple(dict.fromkeys([*_EVERY, *(name for kind in kinds for name in _OF_KIND[kind]), *(_free(tag) for tag in tags)]))


def attribute_tags(entity: RawEntity) -> list[bytes]:
    """Return the tags of an INSERT's attributes, undecoded."""
    return [first_of(tags, 2) or b"" for tags in entity.followers] if entity.kind == "INSERT" else []


def columns_of(entities: Sequence[RawEntity], names: Sequence[str], decode: Decode) -> dict[str, pa.Array]:
    """Return the columns ``names`` of entities; attributes of blocks stand in columns named by their tags."""
    rows = [_values(entity, decode) | _attributes(entity, decode) for entity in entities]
    texts = {name: [row.get(name) for row in rows] for name in names}
    return {name: json_column(values) if name == "xdata" else pa.array(values, pa.string()) for name, values in texts.items()}


def extended_of(entity: RawEntity, decode: Decode | None = None) -> Mapping[str, Sequence[str]]:
    """Return the extended data: the values of each application, numbers as they are written."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for code, value in entity.tags:
        if code == _APPLICATION:
            name = _plain(value, decode)
            current = found.setdefault(APPLICATION if name.upper() == APPLICATION else name, [])  # its names have no case
        elif code in (_STRING, _REAL, *_INTEGERS):
            current.append(_plain(value, decode))
    return found


def _plain(value: bytes, decode: Decode | None) -> str:
    return value.decode("latin-1").strip() if decode is None else decode(value)


def _values(entity: RawEntity, decode: Decode) -> dict[str, str | None]:
    extended = extended_of(entity, decode)
    code = code_of(extended)
    more = [text for text in extended.get(APPLICATION, ()) if text != code]
    others = {name: values for name, values in extended.items() if name != APPLICATION}
    return {
        "layer": decode(entity.first(8) or b"0"),
        "handle": _text(entity.tags, 5, decode),
        "entity": entity.kind,
        "cass_code": code,
        "cass_more": " ".join(more) or None,
        "xdata": orjson.dumps(others).decode() if others else None,
        "text": _shown(entity, decode),
        "block": _text(entity.tags, 2, decode) if entity.kind == "INSERT" else None,
        "rotation_deg": _text(entity.tags, 50, decode) if entity.kind in ("INSERT", *_TEXTS) else None,
    }


def _shown(entity: RawEntity, decode: Decode) -> str | None:
    """Return what a TEXT or MTEXT shows, without its formatting."""
    if entity.kind == "TEXT":
        return plain_text(_text(entity.tags, 1, decode) or "")
    if entity.kind != "MTEXT":
        return None
    whole = b"".join(value for code, value in entity.tags if code in (1, 3))
    return str(plain_mtext(decode(whole), split=False))


def _attributes(entity: RawEntity, decode: Decode) -> dict[str, str | None]:
    """Return the attributes of an INSERT by their tags."""
    if entity.kind != "INSERT":
        return {}
    return {_free(_text(tags, 2, decode) or ""): _text(tags, 1, decode) for tags in entity.followers}


def _free(tag: str) -> str:
    """Return the name of an attribute's column: not one of ours."""
    own = {*_EVERY, *(name for names in _OF_KIND.values() for name in names)}
    return f"{tag}_" if tag in own else tag


def _text(tags: Tags, code: int, decode: Decode) -> str | None:
    value = first_of(tags, code)
    return None if value is None else decode(value)
