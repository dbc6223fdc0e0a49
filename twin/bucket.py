"""A store in a bucket of S3 or what speaks like it, through obstore; what programs need as files is copied to this machine once.

Where it is, who asks and how is the environment's: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL, AWS_REGION, … as obstore
documents them. None of it is kept, pickled or told.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, PreconditionError, UnauthenticatedError
from obstore.store import S3Store

from twin.bucket_address import BucketAddress
from twin.errors import NotFoundError, UnavailableError
from twin.local_copies import LocalCopies
from twin.store import Held, parts_of

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ClientConfig, RetryConfig

_PART_BYTES = 8 << 20
"""A file comes in parts, so that a large one is not one long request."""
_KNOWN = 100_000
"""Unchanging objects whose size and age are remembered."""
_TRIES = 2
"""Of a put, which obstore does not repeat after a timeout as it does reads: ours may be repeated, whatever became of the first."""
_YOUNG_NS = 3600 * 10**9
_BULK = 1000
_REACHED = "nothing-is-here"
"""An object that is asked for to see whether there is an answer."""
_NO_BUCKET = "<Code>NoSuchBucket</Code>"
_LONGEST_BYTES = 1024
"""Of a key in S3: servers call a request for a longer one bad, not the object missing."""
_MODIFIED = "twin-modified-ns"
_REQUESTS: ClientConfig = {"timeout": dt.timedelta(seconds=60), "connect_timeout": dt.timedelta(seconds=5), "allow_http": True}
"""Whether HTTP is spoken is said by the endpoint."""
_RETRIES: RetryConfig = {"max_retries": 6, "retry_timeout": dt.timedelta(seconds=90)}


class BucketStore:
    """A store (`twin.store.Store`) in a bucket: a put is one request, or one completed upload of parts, so it is seen whole or not at all.

    It pickles by its address. Requests end in bounded time and are repeated where that helps; then UnavailableError ``store-unavailable``,
    or ``store-refused`` where the bucket or the credentials are wrong.
    """

    def __init__(self, address: BucketAddress) -> None:
        self._address = address
        with _translated():
            self._bucket = S3Store(address.bucket, prefix=address.prefix or None, client_options=_REQUESTS, retry_config=_RETRIES)
        self._copies = LocalCopies(address.copies, address.copies_bytes)
        self._known = lru_cache(_KNOWN)(self._must_look)
        self._asker = lru_cache(1)(self._asked_by)

    def __reduce__(self) -> tuple[type[BucketStore], tuple[BucketAddress]]:
        return BucketStore, (self._address,)

    @property
    def is_far(self) -> bool:
        """Return True: every call is a request."""
        return True

    @property
    def scratch(self) -> Path:
        """Return a folder of this machine for files on their way into the store."""
        return self._copies.scratch

    def put(self, key: str, content: bytes, *, modified_ns: int | None = None) -> None:
        """Store ``content`` under ``key`` atomically, replacing what was there."""
        attributes = None if modified_ns is None else {_MODIFIED: str(modified_ns)}
        _repeated(lambda: obstore.put(self._bucket, _checked(key), content, attributes=attributes))

    def put_once(self, key: str, content: bytes, *, anew: bool = False) -> None:
        """Store ``content`` under a name that stands for it for ever, unless it is there already and not made ``anew``."""
        if anew or self.size(key) != len(content):
            self.put(key, content)

    def put_file(self, key: str, source: Path) -> None:
        """Store a copy of the file ``source`` under ``key`` atomically and durably."""
        _repeated(lambda: obstore.put(self._bucket, _checked(key), source))

    def adopt(self, key: str, finished: Path) -> None:
        """Make a finished file in :attr:`scratch` the object ``key``, durably; it becomes the copy of it."""
        self.put_file(key, finished)
        self._copies.take_file(key, self._must_look(key)[0].modified_ns, finished)

    def get(self, key: str) -> bytes:
        """Return the bytes under ``key``; NotFoundError when there are none."""
        with _translated():
            return bytes(obstore.get(self._bucket, _sought(key)).bytes())

    def part(self, key: str, first: int, last: int) -> bytes:
        """Return the bytes ``first`` to ``last`` (exclusive), fewer where it has fewer; NotFoundError when there is no object."""
        size = self._must_look(key)[0].size
        with _translated():
            return bytes(obstore.get_range(self._bucket, key, start=first, end=min(last, size))) if first < min(last, size) else b""

    def file(self, key: str, *, unchanging: bool = False) -> Path:
        """Return a copy of ``key`` on this machine, fetched unless one of its present state is there; NotFoundError when there is none."""
        copy = self._copies.found(key)
        if copy is not None and unchanging:
            return self._copies.path(key)
        held, tag = self._must_look(key)
        if copy is not None and (copy.st_mtime_ns, copy.st_size) == (held.modified_ns, held.size):
            return self._copies.path(key)
        return self._copies.take(key, held.modified_ns, lambda file: self._fetch(held, tag, file))

    def exists(self, key: str) -> bool:
        """Tell whether ``key`` holds something."""
        return self.held(key) is not None

    def size(self, key: str) -> int | None:
        """Return how many bytes ``key`` holds, None when it holds nothing."""
        found = self.held(key)
        return None if found is None else found.size

    def held(self, key: str, *, unchanging: bool = False) -> Held | None:
        """Return what is known of ``key``, None when it holds nothing; of what is ``unchanging``, what was known before."""
        try:
            return (self._known(key) if unchanging else self._must_look(key))[0]
        except NotFoundError:
            return None

    def touch(self, key: str) -> bool:
        """Make ``key`` look young: it is put again, at most once an hour; False when it holds nothing.

        What is forgotten or replaced meanwhile stays so, where the server knows conditional puts (If-Match).
        """
        try:
            held, tag = self._must_look(key)
            if held.modified_ns < time.time_ns() - _YOUNG_NS:
                self._put_again(key, self.get(key), tag)
        except NotFoundError:
            return False
        return True

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that start with the folder ``prefix``, in no particular order."""
        return (held.key for held in self.entries(prefix))

    def entries(self, prefix: str) -> Iterator[Held]:
        """Yield what is known of them by listing, which does not tell a time that was given to :meth:`put`."""
        with _translated():
            for found in obstore.list(self._bucket, _checked(prefix), chunk_size=_BULK):
                yield from (Held(str(one["path"]), one["size"], _modified_ns(one)) for one in found)

    def delete(self, key: str) -> None:
        """Forget ``key``; nothing happens when it is not there."""
        self.delete_all([key])

    def delete_all(self, keys: Collection[str]) -> None:
        """Forget ``keys``, a thousand a request."""
        for some in itertools.batched(map(_checked, keys), _BULK):
            with _translated(), suppress(FileNotFoundError):  # some servers complain about one that is not there
                obstore.delete(self._bucket, list(some))

    def delete_below(self, prefix: str) -> None:
        """Forget ``prefix`` and all keys in the folder of that name."""
        self.delete_all([*self.keys(prefix), prefix])

    def settle(self, keys: Collection[str] | None) -> None:
        """Return at once: what was put is durable."""

    def drain(self) -> None:
        """Return at once: what was put is stored."""

    def reach(self, within_s: float) -> None:
        """Return once the bucket has answered; UnavailableError when it has not within that time, or is none. Asked but once."""
        with _translated(), _bucket_missed():
            # a GET: many servers, but not AWS, ask no right to list for it; and no answer to a HEAD says that the bucket is missing
            obstore.get(self._asker(within_s), _REACHED)

    def _asked_by(self, within_s: float) -> S3Store:
        """Return what asks but once and no longer than that; it is kept, and so are credentials that it had to fetch."""
        limit = dt.timedelta(seconds=within_s)
        requests: ClientConfig = {"timeout": limit, "connect_timeout": limit, "allow_http": True}
        retries: RetryConfig = {"max_retries": 0, "retry_timeout": limit}
        return S3Store(self._address.bucket, prefix=self._address.prefix or None, client_options=requests, retry_config=retries)

    def _must_look(self, key: str) -> tuple[Held, str | None]:
        """Return what is known of ``key`` and its entity tag; NotFoundError when it holds nothing."""
        with _translated():
            found = obstore.get(self._bucket, _sought(key), options={"head": True})
            said = found.attributes.get(_MODIFIED, "")
            modified_ns = int(said) if said.isdigit() else _modified_ns(found.meta)
            return Held(key, found.meta["size"], modified_ns), found.meta["e_tag"]

    def _put_again(self, key: str, content: bytes, tag: str | None) -> None:
        """Put what is there in the state ``tag``; nothing happens when it was replaced, NotFoundError when it is gone."""
        try:
            obstore.put(self._bucket, key, content, mode={"e_tag": tag})
        except PreconditionError:
            self._must_look(key)
        except FileNotFoundError as error:
            raise NotFoundError("no such object") from error
        except BaseError:  # a server may know no conditional puts
            self.put(key, content)

    def _fetch(self, held: Held, tag: str | None, file: BinaryIO) -> int:
        """Write the object in the state ``tag`` to ``file``; UnavailableError when it was replaced meanwhile."""
        for first in range(0, held.size, _PART_BYTES):
            with _translated():
                options: obstore.GetOptions = {"range": (first, min(first + _PART_BYTES, held.size))}
                if tag is not None:
                    options["if_match"] = tag
                file.write(obstore.get(self._bucket, held.key, options=options).bytes())
        return held.size


@contextmanager
def _bucket_missed() -> Iterator[None]:
    """Pass over an object that is missing, and tell of a bucket that is, by the code that S3 gives it."""
    try:
        yield
    except FileNotFoundError as error:
        if _NO_BUCKET not in str(error):
            return
        raise UnavailableError("there is no such bucket", zh="存储桶不存在").with_code("store-refused") from error


def _checked(key: str) -> str:
    """Return ``key``; BadRequestError for what is none."""
    parts_of(key)
    return key


def _sought(key: str) -> str:
    """Return ``key``; BadRequestError for what is none, NotFoundError for one that is longer than a bucket lets any be."""
    if len(key.encode("utf-8", "replace")) > _LONGEST_BYTES:
        raise NotFoundError("no such object")
    return _checked(key)


def _modified_ns(found: ObjectMeta) -> int:
    """Return when an object was put, in whole seconds, and below them what differs where its bytes do."""
    seconds = int(found["last_modified"].timestamp())
    digest = hashlib.blake2b(str(found["e_tag"]).encode(), digest_size=8).digest()
    return seconds * 10**9 + int.from_bytes(digest) % 10**9


def _repeated(put: Callable[[], object]) -> None:
    for left in reversed(range(_TRIES)):
        try:
            with _translated():
                put()
                return
        except UnavailableError as error:
            if left == 0 or error.code != "store-unavailable":
                raise


@contextmanager
def _translated() -> Iterator[None]:
    """Turn obstore's errors into ours; what it says is not passed on, since it may name more than the reader should see."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFoundError("no such object") from error
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise UnavailableError(
            "the object store refuses us: check the bucket and the credentials", zh="对象存储拒绝访问：请检查桶与凭据"
        ).with_code("store-refused") from error
    except PreconditionError as error:
        raise UnavailableError("an object was replaced while it was read; try again", zh="对象在读取时被替换，请重试") from error
    except BaseError as error:
        raise UnavailableError("the object store does not answer", zh="对象存储没有响应").with_code("store-unavailable") from error
