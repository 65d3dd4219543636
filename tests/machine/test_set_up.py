"""The files that set the desk up: tools/env.sh, requirements, Dockerfile and docker-compose.yaml."""

import configparser
import os
import re
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
import yaml
from psycopg2.extensions import parse_dsn
from tests.conftest import Databases

PROJECT = Path(__file__).resolve().parents[2]
STAND_IN = "#!/bin/sh\necho 'no such version' >&2\nexit 127\n"


def run_set_up(folder: Path, path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "tools").mkdir(exist_ok=True)
    shutil.copy(PROJECT / "tools" / "env.sh", folder / "tools")
    for name in ("requirements.txt", "requirements-dev.txt", "pyproject.toml"):
        (folder / name).write_text("")
    return subprocess.run(
        ["sh", "tools/env.sh"],
        cwd=folder,
        env={"PATH": str(path), "HOME": str(folder / "home"), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def bare_path(tmp_path: Path) -> Path:
    """A PATH with the shell's tools and a stand-in that carries Python's name but does not run."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("sh", "cat", "cksum", "dirname", "mkdir", "rm"):
        (folder / tool).symlink_to(shutil.which(tool) or tool)
    for name in ("python3.12", "python3", "uv"):
        (folder / name).write_text(STAND_IN)
        (folder / name).chmod(0o755)
    return folder


def test_without_any_python_the_set_up_says_what_is_needed_in_one_message(
    tmp_path: Path, bare_path: Path
) -> None:
    done = run_set_up(tmp_path, bare_path)
    assert done.returncode != 0
    assert "Nightdesk needs Python 3.12 or 3.13" in done.stderr
    assert "make env PYTHON=/path/to/python3.12" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_a_stand_in_on_path_is_passed_over_for_a_python_that_runs(tmp_path: Path, bare_path: Path) -> None:
    versions = tmp_path / "pyenv" / "versions" / "3.12.9" / "bin"
    versions.mkdir(parents=True)
    found = versions / "python"
    # It answers the probe and shows how it is called; making the environment is not this test's matter.
    found.write_text('#!/bin/sh\n[ "$1" = -c ] && exit 0\necho "called: $*" >&2\nexit 3\n')
    found.chmod(0o755)
    done = run_set_up(tmp_path, bare_path, PYENV_ROOT=str(tmp_path / "pyenv"))
    assert f"making .venv with {found}" in done.stderr
    assert "called: -m venv --clear .venv" in done.stderr


def test_an_environment_that_is_up_to_date_is_left_alone(tmp_path: Path, bare_path: Path) -> None:
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "nightdesk").write_text("#!/bin/sh\n")
    (venv / "bin" / "nightdesk").chmod(0o755)
    run_set_up(tmp_path, bare_path)
    stamp = subprocess.run(
        [
            "sh",
            "-c",
            '{ echo "$PWD"; cat requirements.txt requirements-dev.txt pyproject.toml tools/env.sh; } | cksum',
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PWD": str(tmp_path)},
    ).stdout
    (venv / "nightdesk.stamp").write_text(stamp)
    done = run_set_up(tmp_path, bare_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def pins_of(name: str) -> list[str]:
    lines = (PROJECT / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith((" ", "#"))]


@pytest.mark.parametrize(("name", "most"), [("requirements.txt", 250), ("requirements-dev.txt", 120)])
def test_every_requirement_is_pinned_and_names_no_registry(name: str, most: int) -> None:
    pins = pins_of(name)
    assert 20 < len(pins) < most
    assert [line for line in pins if not re.match(r"[A-Za-z0-9._-]+(\[[^]]*\])?==[^ ]+( ;.*)?$", line)] == []


def test_the_image_holds_no_test_tools_and_both_lists_pin_the_same_versions() -> None:
    run, development = (
        dict(pin.partition(" ;")[0].split("==") for pin in pins_of(name))
        for name in ("requirements.txt", "requirements-dev.txt")
    )
    assert {"pytest", "ruff", "mypy", "hypothesis", "playwright", "bandit"} <= development.keys() - run.keys()
    assert "requirements-dev" not in (PROJECT / "Dockerfile").read_text()
    assert {name: development[name] for name in run.keys() & development.keys()} == {
        name: run[name] for name in run.keys() & development.keys()
    }


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load((PROJECT / "docker-compose.yaml").read_text())


def test_compose_runs_every_part_once_on_one_network_with_a_health_check(compose: dict) -> None:
    services = compose["services"]
    of_airflow = {"api-server", "scheduler", "worker", "dag-processor", "triggerer"}
    watching = {"metrics", "prometheus", "grafana"}  # their test is in tests/metrics
    assert {"postgres", "redis", "migrate"} | of_airflow | watching == set(services)
    for service in services.values():
        assert service["networks"] == ["desk"]
        assert "healthcheck" in service
    for name in of_airflow:
        assert services[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    named = {mount.split(":")[0] for service in services.values() for mount in service.get("volumes", ())}
    folders = {name for name in named if name.startswith("./")}
    assert named - folders == set(compose["volumes"])
    assert all((PROJECT / folder).exists() for folder in folders)


def test_compose_takes_every_secret_from_the_environment_and_the_example_names_them_all(
    compose: dict,
) -> None:
    text = (PROJECT / "docker-compose.yaml").read_text()
    taken = set(re.findall(r"(?<!\$)\$\{(\w+)", text))
    required = set(re.findall(r"(?<!\$)\$\{(\w+):\?", text))
    offered = set(re.findall(r"^(\w+)=$", (PROJECT / ".env.example").read_text(), re.MULTILINE))
    assert taken == required == offered
    keys = {key for service in compose["services"].values() for key in service.get("environment", {})}
    for key in keys:
        if re.search("PASSWORD$|SECRET|FERNET", key):
            values = {one.get("environment", {}).get(key) for one in compose["services"].values()} - {None}
            assert all(value.startswith("${") or value == "" for value in values), key


def test_compose_gives_each_part_the_passwords_that_it_needs_and_listens_on_this_machine_alone(
    compose: dict,
) -> None:
    services = compose["services"]
    handed = [name for name, service in services.items() if "env_file" in service]
    assert {"migrate", "api-server", "scheduler", "worker"} <= set(handed)
    for name in handed:
        environ = services[name]["environment"]
        # What .env holds of them would else be in every part's environment.
        assert (environ["POSTGRES_PASSWORD"], environ["NIGHTDESK_OWNER_PASSWORD"]) == ("", ""), name
        assert bool(environ["NIGHTDESK_OWNER_DATABASE_URL"]) is (name == "migrate"), name
        assert "desk_writer:" in environ["NIGHTDESK_DATABASE_URL"]
        assert "desk_reader:" in environ["NIGHTDESK_READER_DATABASE_URL"]
    only_looks = services["metrics"]["environment"]
    addresses = {value for name, value in only_looks.items() if name.endswith("DATABASE_URL")}
    assert "NIGHTDESK_READER_DATABASE_URL" in only_looks
    assert len(addresses) == 1
    assert "desk_reader:" in addresses.pop()
    superuser = [
        name for name, one in services.items() if one.get("environment", {}).get("POSTGRES_PASSWORD")
    ]
    assert superuser == ["postgres"]
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert ports
    assert [port for port in ports if not str(port).startswith("127.0.0.1:")] == []


def test_the_script_of_compose_makes_users_of_each_role_twice_without_harm(
    databases: Databases,
) -> None:
    """By the script itself, with a psql of this machine in place of the container's."""
    psql = shutil.which("psql")
    if psql is None:
        pytest.skip("no psql here to run the script with")
    where = parse_dsn(databases.bare())["host"]
    passwords = {
        "AIRFLOW_DATABASE_PASSWORD": "it's a", "NIGHTDESK_OWNER_PASSWORD": 'b"$x',
        "NIGHTDESK_WRITER_PASSWORD": "c", "NIGHTDESK_READER_PASSWORD": "d",
    }  # fmt: skip
    environ = {
        "PATH": os.environ["PATH"], "PGHOST": where, "POSTGRES_USER": "postgres",
        "ROLES_FOLDER": str(PROJECT / "sql" / "roles"), **passwords,
    }  # fmt: skip
    for _ in range(2):
        subprocess.run(["sh", str(PROJECT / "tools/postgres/databases.sh")], env=environ, check=True)
    with (
        closing(psycopg2.connect(host=where, user="postgres", dbname="nightdesk")) as conn,
        conn.cursor() as cur,
    ):
        cur.execute(
            "SELECT r.rolname, r.rolcanlogin, array_agg(g.rolname::text) FROM pg_roles r "
            "JOIN pg_auth_members m ON m.member = r.oid JOIN pg_roles g ON g.oid = m.roleid "
            "WHERE r.rolname LIKE 'desk_%' GROUP BY 1, 2 ORDER BY 1"
        )
        assert cur.fetchall() == [
            (f"desk_{name}", True, [f"nightdesk_{name}"]) for name in ("owner", "reader", "writer")
        ]
        cur.execute("SELECT has_database_privilege('desk_owner', current_database(), 'CREATE')")
        assert cur.fetchone() == (True,)


def test_compose_makes_the_pools_that_are_lacking_and_keeps_the_others(compose: dict, tmp_path: Path) -> None:
    """By the script itself, with an `airflow` that has two pools and writes down what it is asked for."""
    from nightdesk.feeds.vendor_pools import POOLS

    asked = tmp_path / "asked"
    stand_in = f"""#!/bin/bash
    [ "$1 $2" = "pools list" ] && printf 'pool         slots\nfeeds_tiingo 9\ndefault_pool 128\n'
    [ "$1 $2" = "pools set" ] && echo "$3|$4|$5" >> {asked}
    exit 0
    """
    for name, text in (("airflow", stand_in), ("python", f'#!/bin/sh\nexec {sys.executable} "$@"\n')):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    script = compose["services"]["migrate"]["command"][-1]
    lines = (
        script[script.index("# slots") :].replace("$$", "$").replace("/tmp/pools", str(tmp_path / "pools"))
    )
    environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-ec", lines], env=environ, check=True)
    made = ["|".join(map(str, one)) for one in POOLS if one.name != "feeds_tiingo"]
    assert asked.read_text().splitlines() == made


def test_the_image_copies_only_what_is_there_and_ends_without_root() -> None:
    lines = (PROJECT / "Dockerfile").read_text().splitlines()
    copied = [
        word for line in lines if line.startswith("COPY") for word in line.split()[1:-1] if word[0] != "-"
    ]
    ignored = (PROJECT / ".dockerignore").read_text().splitlines()
    assert copied
    for name in copied:
        assert (PROJECT / name).exists(), name
        assert f"!{name.removeprefix('./')}" in ignored, name
    # The number of `airflow` in the official image.
    assert [line for line in lines if line.startswith("USER")][-1] == "USER 50000"
    image = next(line for line in lines if line.startswith("FROM")).split(":")[1].split("-")[0]
    assert f"apache-airflow=={image}\n" in (PROJECT / "requirements.txt").read_text()


def test_compose_hands_the_names_that_users_choose_to_every_part_and_keeps_the_desks_own(
    compose: dict,
) -> None:
    for name in ("migrate", "api-server", "scheduler", "worker", "dag-processor", "triggerer"):
        service = compose["services"][name]
        assert service["env_file"] == [{"path": ".env", "required": False}], name
        # A user's .env may name these for the desk on the machine itself.
        assert {"NIGHTDESK_DATABASE_URL", "NIGHTDESK_HOME", "NIGHTDESK_ROOT"} <= set(service["environment"])
    example = (PROJECT / ".env.example").read_text()
    assert re.search("^#NIGHTDESK_ALERT_MAIL=mailtos://", example, re.MULTILINE)


def test_the_addresses_of_alerts_that_the_docs_show_are_addresses() -> None:
    from nightdesk.alerts.sending import receivers

    texts = [(PROJECT / name).read_text() for name in (".env.example", "docs/operations.md")]
    shown = re.findall(r"^#?(NIGHTDESK_ALERT_\w+)=(\S+)$", "\n".join(texts), re.MULTILINE)
    assert len(shown) >= 5
    for name, address in shown:
        (receiver,) = receivers(name.removeprefix("NIGHTDESK_ALERT_").lower(), {name: address})
        assert receiver.service is not None, address
        if "MAIL" in name:
            assert receiver.name == "ops@example.com"
            assert receiver.service.from_addr[1] == "desk@example.com"
            assert receiver.service.smtp_host == "mail.example.com"
            assert receiver.service.user == "desk"


def test_the_unit_that_the_docs_show_runs_commands_that_exist_and_leaves_the_desk_to_its_supervisor(
    tmp_path: Path,
) -> None:
    from typer.main import get_command

    from nightdesk.cli import app

    (text,) = re.findall(r"```ini\n(.*?)```", (PROJECT / "docs" / "running.md").read_text(), re.DOTALL)
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(text)
    for key in ("ExecStart", "ExecStop"):
        program, name, *arguments = unit["Service"][key].split()
        assert program.endswith("/.venv/bin/nightdesk")
        get_command(app).commands[name].make_context(name, arguments)  # type: ignore[attr-defined]
    # A supervisor that was killed is begun again, one that `nightdesk down` has ended is not; what it watches
    # is not killed with it.
    assert (unit["Service"]["Restart"], unit["Service"]["KillMode"]) == ("on-failure", "process")
    systemd = shutil.which("systemd-analyze")
    if systemd is None:
        pytest.skip("no systemd here to check the unit")
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "nightdesk").symlink_to("/bin/true")
    path = tmp_path / "nightdesk.service"
    path.write_text(text.replace("/srv/nightdesk", str(tmp_path)).replace("User=desk\n", ""))
    checked = subprocess.run(
        [systemd, "verify", str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert "nightdesk.service" not in checked.stderr, checked.stderr
