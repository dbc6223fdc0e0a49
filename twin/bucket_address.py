"""Which bucket a store lies in: a value that pickles and says nothing secret; credentials are the environment's of whoever opens it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from twin.errors import BadRequestError

_URL = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*?))?/?")
_PREFIX = re.compile(r"[\w.-]+(/[\w.-]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """A bucket of an S3-compatible store, the folder in it, and where copies of what is read as a file lie on this machine."""

    bucket: str
    prefix: str
    copies: Path
    copies_bytes: int


def bucket_address(url: str, copies: Path, copies_bytes: int) -> BucketAddress:
    """Return the address that ``s3://bucket/prefix`` names; BadRequestError, which repeats no credentials, for anything else."""
    found = _URL.fullmatch(url)
    prefix = "" if found is None else found[2] or ""
    if found is None or (prefix and (not _PREFIX.fullmatch(prefix) or {".", ".."} & set(prefix.split("/")))):
        given = url if "@" not in url else f"…@{url.rpartition('@')[2]}"
        raise BadRequestError(f"not a store: {given!r}; it is s3://bucket/prefix", zh=f"存储地址无效：{given!r}，应为 s3://桶/前缀")
    return BucketAddress(found[1], prefix, copies, copies_bytes)
