"""The store in a bucket, where what it takes is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.errors import UnavailableError

if TYPE_CHECKING:
    from twin.bucket import BucketStore
    from twin.bucket_address import BucketAddress


def open_bucket(address: BucketAddress) -> BucketStore:
    """Return the store at ``address``; UnavailableError where the extra ``cluster`` is not installed."""
    try:
        from twin.bucket import BucketStore  # noqa: PLC0415 - obstore comes with an extra
    except ModuleNotFoundError as error:
        raise UnavailableError(
            "a store in a bucket needs more packages: pip install 'citytwin[cluster]'",
            zh="使用对象存储需要另外的软件包：pip install 'citytwin[cluster]'",
        ).with_code("extra-missing") from error
    return BucketStore(address)
