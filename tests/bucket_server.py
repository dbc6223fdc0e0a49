"""An S3-compatible server on loopback, its objects in memory, as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import boto3

from tests.served_city import free_port

BUCKET = "city"
_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "tester",
    "AWS_SECRET_ACCESS_KEY": "of-no-account",
    "AWS_REGION": "us-east-1",
    "AWS_ALLOW_HTTP": "true",
}


@contextmanager
def bucket_server() -> Iterator[Mapping[str, str]]:
    """Serve an empty bucket for the block and give the environment by which it is found."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=_clean()
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _make_bucket(f"{url}/{BUCKET}")
        yield {"AWS_ENDPOINT_URL": url, **_CREDENTIALS}
    finally:
        server.kill()
        server.wait()


def credentials_allowed(server: Mapping[str, str], actions: Sequence[str]) -> Mapping[str, str]:
    """Have the server ask for credentials from now on, and give the environment with some that allow only ``actions``."""
    iam = boto3.client(
        "iam",
        endpoint_url=server["AWS_ENDPOINT_URL"],
        region_name=server["AWS_REGION"],
        aws_access_key_id=server["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=server["AWS_SECRET_ACCESS_KEY"],
    )
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}
    iam.create_user(UserName="web")
    iam.put_user_policy(UserName="web", PolicyName="web", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="web")["AccessKey"]
    plain = {"Content-Type": "text/plain"}  # else the body is taken for a form
    request = urllib.request.Request(f"{server['AWS_ENDPOINT_URL']}/moto-api/reset-auth", data=b"0", headers=plain)
    urllib.request.urlopen(request, timeout=10).close()
    return {**server, "AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


def _make_bucket(url: str) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="PUT"), timeout=10).close()
            return
        except urllib.error.URLError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
