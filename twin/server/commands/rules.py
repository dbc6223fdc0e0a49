"""`twin rules`: the rules files are checked by, without a database; their page, as docs/rules.md has it."""

from __future__ import annotations

import argparse

from twin.errors import NotFoundError
from twin.featuretypes.loader import load_feature_types
from twin.rules.loader import load_rules, rule_called
from twin.rules.page import rule_lines, rules_page
from twin.server.settings import Settings
from twin.server.terminal import Terminal


def rules(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> int:
    """List the rules, or say one of them whole; with ``--page`` write the page of all."""
    known, types = load_rules(), load_feature_types(settings.feature_type_folder)
    if options.page is not None:
        options.page.write_text(rules_page(known, types), encoding="utf-8")
        terminal.say(f"写出 {options.page.name}", f"{options.page.name} written")
    elif options.rule is not None:
        rule = rule_called(options.rule)
        if rule is None:
            raise NotFoundError(f"there is no rule {options.rule!r}", zh=f"没有规则 {options.rule!r}")
        for line in rule_lines(rule, types):
            terminal.print(line)
    else:
        for rule in known.values():
            terminal.print(f"{rule.id:<24} {rule.severity.value:<9} {rule.title.in_language(terminal.language)}")
    terminal.result({"rules": {rule.id: rule.severity.value for rule in known.values()}})
    return 0
