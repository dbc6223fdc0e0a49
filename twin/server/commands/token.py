"""`twin token`: who may write."""

from __future__ import annotations

import argparse

from twin.server.city import open_city
from twin.server.settings import Settings
from twin.server.terminal import Terminal
from twin.tokens import Tokens


def create(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> None:
    """Make a token and show it, this once."""
    with open_city(settings) as city:
        text = Tokens(city.pool).make(options.name, "reviewer" if options.reviewer else "writer")
    show(options.name, text, terminal)
    terminal.result({"name": options.name, "token": text, "role": "reviewer" if options.reviewer else "writer"})


def show_all(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> None:
    """List the tokens by name; their texts are not kept."""
    with open_city(settings) as city:
        found = Tokens(city.pool).all()
    for t in found:
        if not terminal.json_output:
            revoked = f"  已吊销 revoked {t.revoked_at:%Y-%m-%d %H:%M:%S}Z" if t.revoked_at else ""
            role = "  复核人 reviewer" if t.role == "reviewer" else ""
            terminal.print(f"{t.made_at:%Y-%m-%d %H:%M:%S}Z  {t.name}{role}{revoked}")
    terminal.result(
        {
            "tokens": [
                {
                    "name": t.name,
                    "role": t.role,
                    "made_at": t.made_at.isoformat(),
                    "revoked_at": t.revoked_at and t.revoked_at.isoformat(),
                }
                for t in found
            ]
        }
    )


def revoke(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> None:
    """Take a token out of force."""
    with open_city(settings) as city:
        Tokens(city.pool).revoke(options.name)
    terminal.say(f"令牌“{options.name}”已吊销", f"the token {options.name!r} is revoked")
    terminal.result({"name": options.name})


def show(name: str, text: str, terminal: Terminal) -> None:
    """Show a token that has just been made."""
    terminal.say(
        f"写入令牌“{name}”（只显示这一次）：{text}",
        f"token {name!r} for writing (shown this once): {text}",
    )
