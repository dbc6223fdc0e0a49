"""Settings: where the data is, which database, which port. The only place that reads the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from twin.bucket_address import bucket_address
from twin.bucket_opening import open_bucket
from twin.errors import BadRequestError
from twin.store import FolderStore, Store

DEFAULT_PORT = 8000
MOST_WEB_PROCESSES = 64
"""Each holds up to 33 connections to the database; the embedded one takes 250."""
_PROJ_DATA = (Path("/usr/share/proj"),)
"""Where Debian's proj-data keeps the geoid grids."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What one command runs with."""

    data_dir: Path
    database_url: str | None
    """A real server instead of the embedded cluster (TWIN_DATABASE_URL)."""
    host: str
    port: int
    proj_data_dirs: tuple[Path, ...]
    actor: str
    real_data_dir: Path
    """Folder of real files that demo cities other than the sample take (TWIN_REAL_DATA)."""
    max_upload_bytes: int = 4 << 30
    """Largest upload taken over HTTP (TWIN_MAX_UPLOAD_MB)."""
    keep_checked_days: int = 14
    """How long the rows of a checked submission wait to be published (TWIN_KEEP_CHECKED_DAYS); its files stay."""
    web_processes: int = 1
    """How many processes of `twin serve` answer requests (TWIN_WORKERS)."""
    public_url: str | None = None
    """Scheme and host that links begin with (TWIN_PUBLIC_URL, ``https://host[:port]``); None: what each request says."""
    allowed_hosts: tuple[str, ...] = ()
    """Hosts that are answered for (TWIN_ALLOWED_HOSTS); empty: every one."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses whose X-Forwarded-For and X-Forwarded-Proto are believed (TWIN_TRUSTED_PROXIES); empty: nobody's."""
    exports_bytes: int = 20 << 30
    """How much of files of whole datasets is kept (TWIN_EXPORTS_MB), what was not asked for longest goes first."""
    local_crs_file: Path | None = None
    """The secret file of the city's own coordinate systems (TWIN_LOCAL_CRS); None: ``local_crs.yaml`` in the data folder."""

    own_waivers: bool = False
    """Whether a reviewer may waive findings of what was handed in with the same token (TWIN_OWN_WAIVERS)."""
    store_bucket: str | None = None
    """A bucket, s3://bucket/prefix, instead of the data folder's store (TWIN_STORE); obstore reads endpoint and credentials in AWS_…."""
    copies_bytes: int = 20 << 30
    """How much of a bucket may lie on this machine as copies, about (TWIN_STORE_COPIES_MB)."""
    scheduler: str | None = None
    """The Dask scheduler, tcp://host:8786, whose workers draw large datasets (TWIN_SCHEDULER); None: processes of this machine."""
    tile_cache_bytes: int = 1 << 30
    """How much of finished vector tiles is kept, about (TWIN_TILE_CACHE_MB); 0: every tile is drawn anew."""
    tile_compression: bool = True
    """Whether tiles are compressed by EXT_meshopt_compression (TWIN_TILE_COMPRESSION), which a client without its decoder cannot read."""
    tile_outlines: bool = False
    """Whether buildings in tiles carry the outlines of their faces (TWIN_TILE_OUTLINES): a quarter more bytes."""

    @property
    def city_file(self) -> Path:
        """The deployment's city.yaml."""
        return self.data_dir / "city.yaml"

    @property
    def local_crs_path(self) -> Path:
        """Where the parameters of the city's own coordinate systems are, if it has any."""
        return self.local_crs_file or self.data_dir / "local_crs.yaml"

    @property
    def store_folder(self) -> Path:
        """Folder of the object store."""
        return self.data_dir / "store"

    @property
    def copies_folder(self) -> Path:
        """Folder of copies of what the bucket holds, for programs that read files; it may be emptied at any time."""
        return self.data_dir / "copies"

    def open_store(self) -> Store:
        """Return the object store: the bucket of these settings, else a folder of the data folder."""
        if self.store_bucket is None:
            return FolderStore(self.store_folder)
        return open_bucket(bucket_address(self.store_bucket, self.copies_folder, self.copies_bytes))

    @property
    def work_folder(self) -> Path:
        """Folder of what is needed for the time of a job; what killed processes leave in it is swept away."""
        return self.data_dir / "work"

    @property
    def tile_cache_folder(self) -> Path:
        """Folder of finished vector tiles, for all web processes of this machine; it may be emptied at any time."""
        return self.data_dir / "cache" / "tiles"

    @property
    def feature_type_folder(self) -> Path:
        """Folder of the deployment's own FeatureTypes."""
        return self.data_dir / "featuretypes"

    @property
    def style_folder(self) -> Path:
        """Folder of the deployment's own styles, a JSON file a FeatureType (styles/style.schema.json)."""
        return self.data_dir / "styles"

    def listening_on(self, host: str) -> Settings:
        """Return these settings with another address to listen on."""
        return replace(self, host=host)

    def with_scheduler(self, scheduler: str | None) -> Settings:
        """Return these settings with another Dask scheduler, if one is given."""
        return self if scheduler is None else replace(self, scheduler=scheduler)

    def in_folder(self, data_dir: Path) -> Settings:
        """Return these settings with another data folder."""
        return replace(self, data_dir=data_dir)


def read_settings(
    environment: Mapping[str, str], *, data_dir: Path | None = None, port: int | None = None, host: str | None = None
) -> Settings:
    """Return the settings of this run: arguments first, then TWIN_… variables, then defaults; BadRequestError on nonsense."""
    folder = data_dir or (Path(environment["TWIN_DATA_DIR"]) if environment.get("TWIN_DATA_DIR") else default_data_dir())
    return Settings(
        data_dir=folder.expanduser().absolute(),
        database_url=environment.get("TWIN_DATABASE_URL") or None,
        host=host or environment.get("TWIN_HOST") or "127.0.0.1",
        port=_port(port if port is not None else environment.get("TWIN_PORT", DEFAULT_PORT)),
        proj_data_dirs=tuple(Path(p) for p in environment.get("TWIN_PROJ_DATA", "").split(":") if p) or _PROJ_DATA,
        actor=environment.get("TWIN_ACTOR") or environment.get("SUDO_USER") or environment.get("USER") or "operator",
        real_data_dir=Path(environment.get("TWIN_REAL_DATA") or "../shared/data").expanduser().absolute(),
        max_upload_bytes=_count("TWIN_MAX_UPLOAD_MB", environment, 4096) << 20,
        keep_checked_days=_count("TWIN_KEEP_CHECKED_DAYS", environment, 14),
        web_processes=_count("TWIN_WORKERS", environment, 1, most=MOST_WEB_PROCESSES),
        public_url=environment.get("TWIN_PUBLIC_URL") or None,
        allowed_hosts=_listed("TWIN_ALLOWED_HOSTS", environment),
        trusted_proxies=_listed("TWIN_TRUSTED_PROXIES", environment),
        exports_bytes=_count("TWIN_EXPORTS_MB", environment, 20 << 10) << 20,
        own_waivers=_switch("TWIN_OWN_WAIVERS", environment),
        store_bucket=environment.get("TWIN_STORE") or None,
        copies_bytes=_count("TWIN_STORE_COPIES_MB", environment, 20 << 10) << 20,
        scheduler=environment.get("TWIN_SCHEDULER") or None,
        tile_cache_bytes=_count("TWIN_TILE_CACHE_MB", environment, 1 << 10, least=0) << 20,
        tile_compression=_switch("TWIN_TILE_COMPRESSION", environment, default="yes"),
        tile_outlines=_switch("TWIN_TILE_OUTLINES", environment),
        local_crs_file=Path(environment["TWIN_LOCAL_CRS"]).expanduser().absolute() if environment.get("TWIN_LOCAL_CRS") else None,
    )


def default_data_dir() -> Path:
    """Return /var/lib/citytwin for root (whose home the database's account cannot enter), else .twin here."""
    return Path("/var/lib/citytwin") if os.geteuid() == 0 else Path(".twin")


def _count(name: str, environment: Mapping[str, str], default: int, most: int = 1_000_000, least: int = 1) -> int:
    text = environment.get(name) or str(default)
    if not text.isdigit() or not least <= int(text) <= most:
        raise BadRequestError(f"{name} is a number from {least} to {most}: {text}", zh=f"{name} 应为 {least} 至 {most} 的整数：{text}")
    return int(text)


def _listed(name: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(part.strip() for part in environment.get(name, "").split(",") if part.strip())


def _switch(name: str, environment: Mapping[str, str], default: str = "no") -> bool:
    text = environment.get(name) or default
    if text not in ("yes", "no"):
        raise BadRequestError(f"{name} is yes or no: {text}", zh=f"{name} 应为 yes 或 no：{text}")
    return text == "yes"


def _port(value: int | str) -> int:
    try:
        port = int(value)
    except ValueError:
        port = 0
    if not 1 <= port <= 65535:
        raise BadRequestError(f"not a port: {value}", zh=f"端口无效：{value}")
    return port
