"""What all commands have in common."""

import errno
import os
import subprocess
import sys

import pytest
from tests.fakes.smtp import mail_server
from typer.main import get_command

from nightdesk.cli import app
from nightdesk.cli.app import ORDER, refusal

COMMANDS = sorted(get_command(app).commands)


def test_every_command_of_the_desk_is_there():
    assert tuple(COMMANDS) == tuple(sorted(ORDER))


@pytest.mark.parametrize("name", [one for one in COMMANDS if one not in ("airflow", "db", "users", "worker")])
def test_every_command_explains_itself_with_an_example_and_can_speak_json(nightdesk, name):
    text = nightdesk(name, "--help").stdout
    assert f"  nightdesk {name}" in text.partition("Example")[2]
    assert "--json" in text


@pytest.mark.parametrize(
    ("group", "name"),
    [
        (group, name)
        for group in ("db", "users")
        for name in sorted(get_command(app).commands[group].commands)
    ],
)
def test_every_part_of_a_group_explains_itself_with_an_example(nightdesk, group, name):
    text = nightdesk(group, name, "--help").stdout
    assert f"nightdesk {group} {name}" in text.partition("Example")[2]
    assert "--json" in text


def test_a_command_of_airflow_gets_its_own_options(nightdesk):
    assert "nightdesk airflow dags list-runs" in nightdesk("airflow", "--help").stdout
    context = (
        get_command(app)
        .commands["airflow"]
        .make_context("airflow", ["dags", "list", "--output", "json", "-v"])
    )
    assert context.params == {"arguments": ["dags", "list", "--output", "json", "-v"]}


def test_help_tells_of_every_command_in_the_order_of_a_day(nightdesk):
    lines = nightdesk("--help").stdout.partition("Commands:")[2].splitlines()
    assert [line.split()[0] for line in lines if line.strip()] == list(ORDER)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["backtest", "multi_asset"], "Missing option '--from'"),
        (["backtest", "multi_asset", "--from", "soon", "--to", "2022-12-30"], "'soon' is not a date"),
        (
            ["backtest", "multi_asset", "--from", "2022-02-30", "--to", "2022-12-30"],
            "'2022-02-30' is not a date",
        ),
        (["run", "multi_asset", "--session", "2022-12-30", "--loud"], "No such option: --loud"),
        (["kill", "multi_asset"], "Missing option '--reason'"),
        (
            ["backtest", "multi_asset", "--from", "2022-01-03", "--to", "2022-12-30", "--set", "no_value"],
            "'no_value' is not KEY=VALUE",
        ),
    ],
)
def test_wrong_usage_ends_with_status_2_and_says_what_is_wrong(nightdesk, arguments, said):
    assert said in nightdesk(*arguments, status=2).stderr


def test_the_module_is_the_same_command(process):
    done = process("--help")
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: nightdesk ")


def test_an_error_of_a_real_process_is_one_paragraph_on_standard_error_with_status_1(process):
    done = process("books", "nowhere")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("nightdesk: there is no book 'nowhere' in ")
    assert "Traceback" not in done.stderr


def test_help_imports_nothing_heavy():
    code = "import sys, nightdesk.cli; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    assert not {"numpy", "pandas", "psycopg2", "airflow", "pydantic", "rich", "great_expectations"} & set(
        loaded
    )


def test_the_command_reads_the_env_file_of_its_project_as_it_stands(process, project, database, tmp_path):
    with mail_server(tmp_path, implicit=True) as mail:
        address = mail.url("ops@example.com")
        assert "&mode=ssl" in address
        (project / ".env").write_text(f"NIGHTDESK_ALERT_MAIL={address}\n")
        done = process("alerts", "--test")
        assert (done.returncode, mail.subjects()) == (0, ["WARNING a test of the alerts"]), done.stderr
        # What the environment says wins.
        done = process("alerts", "--test", NIGHTDESK_ALERT_MAIL="")
        assert done.returncode == 1
        assert "set NIGHTDESK_ALERT_MAIL" in done.stderr


def test_a_wrong_line_of_the_env_file_refuses_every_command_but_those_that_stop(process, project, database):
    (project / ".env").write_text("A=1\n. ./other\n")
    done = process("books")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"nightdesk: {project / '.env'}, line 2: expected NAME=value" in done.stderr
    stopped = process("kill", "multi_asset", "--reason", "a fire")
    assert ".env, line 2: " in stopped.stderr
    assert "book multi_asset was never started" in stopped.stderr


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_full_disk_is_told_in_one_line_though_the_system_names_no_file(number):
    said = refusal(OSError(number, os.strerror(number)))
    assert said.startswith(
        f"nightdesk: {os.strerror(number)}: a disk that the command writes to takes no more"
    )


def test_an_error_of_the_system_that_names_no_file_and_is_no_disk_is_a_defect():
    with pytest.raises(OSError, match="Bad file descriptor"):
        refusal(OSError(errno.EBADF, os.strerror(errno.EBADF)))
