"""docs/operation.md names every command, option of `load`, setting and address there is."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from twin.server.cli import build_parser
from twin.server.settings import read_settings

REPOSITORY = Path(__file__).parents[2]
TEXT = (REPOSITORY / "docs" / "operation.md").read_text(encoding="utf-8")


def commands(parser: argparse.ArgumentParser, before: str = "") -> dict[str, argparse.ArgumentParser]:
    found: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, sub in action.choices.items():
                inner = commands(sub, f"{before}{name} ")
                found |= inner or {f"{before}{name}": sub}
    return found


def test_every_command_is_named() -> None:
    assert [name for name in commands(build_parser()) if f"`{name}`" not in TEXT] == []


def test_every_option_of_load_is_named() -> None:
    load = commands(build_parser())["load"]
    shown = [a.option_strings[0] for a in load._actions if a.option_strings and a.help is not argparse.SUPPRESS]
    assert [o for o in shown if o not in TEXT and o not in ("-h", "--layer")] == []


def test_every_setting_is_named() -> None:
    code = "".join(p.read_text(encoding="utf-8") for p in (REPOSITORY / "twin" / "server").rglob("*.py"))
    settings = set(re.findall(r"[\"'](TWIN_[A-Z_]+)[\"']", code))
    assert settings
    assert [s for s in sorted(settings) if s not in TEXT] == []


def test_every_address_is_named() -> None:
    routes = "".join(p.read_text(encoding="utf-8") for p in (REPOSITORY / "twin" / "server" / "routes").glob("*.py"))
    found = re.findall(r"add_api_route\(\"(/(?:api/[^\"]+|scene\.json))\"", routes)
    addresses = {re.sub(r":\w+}", "}", address) for address in found}  # the kind of a parameter is not part of the address
    assert addresses
    assert [a for a in sorted(addresses) if a not in TEXT] == []


def test_the_server_listens_to_this_machine_alone_unless_told() -> None:
    assert read_settings({}).host == "127.0.0.1"
    assert read_settings({"TWIN_HOST": "0.0.0.0"}).host == "0.0.0.0"
    assert read_settings({"TWIN_HOST": "0.0.0.0"}, host="::1").host == "::1"
