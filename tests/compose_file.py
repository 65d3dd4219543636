"""docker-compose.yaml as its containers see it, so that what is tested and what is run cannot drift apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

PATH = Path(__file__).resolve().parents[1] / "docker-compose.yaml"
#: What a person fills in before the first start, by `.env.example`.
SECRETS = tuple(re.findall(r"^(\w+)=$", PATH.with_name(".env.example").read_text(), re.MULTILINE))
#: `$$` is a dollar; `${NAME:?words}` must be set, `${NAME:-value}` need not.
_VARIABLE = re.compile(r"\$\$|\$\{(\w+)(?::([?-])([^}]*))?\}")


def services() -> dict[str, dict[str, Any]]:
    """Its services by name."""
    return dict(yaml.safe_load(PATH.read_text())["services"])


def filled_in(text: str, environ: Mapping[str, str]) -> str:
    """A text of the file with its variables replaced, as compose does it."""

    def value(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        if environ.get(found[1]):
            return environ[found[1]]
        if found[2] == "?":
            raise KeyError(f"{found[1]}: {found[3]}")
        return found[3] or ""

    return _VARIABLE.sub(value, text)


def settings_of(service: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a service's containers."""
    given = services()[service].get("environment", {})
    return {name: filled_in(str(value), environ) for name, value in given.items()}


def command_of(service: str, environ: Mapping[str, str]) -> list[str]:
    """What its containers run."""
    command = services()[service]["command"]
    words = command.split() if isinstance(command, str) else command
    return [filled_in(word, environ) for word in words]


def health_check_of(service: str, environ: Mapping[str, str]) -> list[str]:
    """What tells whether its containers are well, as a command."""
    kind, *words = services()[service]["healthcheck"]["test"]
    filled = [filled_in(word, environ) for word in words]
    return ["sh", "-c", *filled] if kind == "CMD-SHELL" else filled
