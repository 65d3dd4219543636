"""Known faults of the packages that the desk runs on, risky lines of its own, and licences that it keeps out.

Fails when one is found; says what could not be looked up.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent

#: Words of licences that stay out of what the desk runs on.
KEPT_OUT = ("GPL", "GNU General Public", "AGPL", "Affero")

#: Packages whose licence was read, since what they declare does not say it plainly.
READ = {
    "pandas-ta": "MIT, in its own licence file",
    "peewee": "MIT, in its own licence file",
    "psycopg2-binary": "LGPL with exceptions: linked, not changed",
    "text-unidecode": "Artistic License, or GPL: the first is chosen",
}


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """What a tool of the environment said."""
    return subprocess.run(
        [str(BIN / command[0]), *command[1:]], cwd=PROJECT, capture_output=True, text=True, check=False
    )


def known_faults() -> tuple[list[str], str]:
    """Faults that are published of the pinned packages, and what is said of the look-up."""
    pins = ["-r", "requirements.txt", "--no-deps", "--disable-pip"]
    answer = run("pip-audit", *pins, "--format", "json", "--progress-spinner", "off")
    try:
        packages = json.loads(answer.stdout)["dependencies"]
    except (ValueError, KeyError):
        return [], f"not looked up: {answer.stderr.strip().splitlines()[-1:] or 'no answer'}"
    unknown = [one["name"] for one in packages if "skip_reason" in one]
    faults = [
        f"{one['name']} {one['version']}: {fault['id']}, mended in {fault['fix_versions'] or 'none'}"
        for one in packages
        for fault in one.get("vulns", ())
    ]
    known = len(packages) - len(unknown)
    said = f"{known} of {len(packages)} packages looked up"
    return faults, f"{said}; the source knows nothing of the others" if unknown else said


def risky_lines() -> tuple[list[str], str]:
    """Lines of our own that bandit finds, of medium severity and more."""
    answer = run(
        "bandit", "-q", "-c", "pyproject.toml", "-r", "include", "dags", "plugins", "-ll", "-f", "json"
    )
    found = json.loads(answer.stdout)
    faults = [
        f"{one['filename']}:{one['line_number']}: {one['test_id']} {one['issue_text']}"
        for one in found["results"]
    ]
    return faults, f"{found['metrics']['_totals']['loc']} lines looked at"


def licences() -> tuple[list[str], str]:
    """Packages of the lock whose licence stays out, or is not declared."""
    pinned = {
        line.partition("==")[0].strip()
        for line in (PROJECT / "requirements.txt").read_text().splitlines()
        if "==" in line
    }
    packages = json.loads(run("pip-licenses", "--format", "json").stdout)
    ours = [one for one in packages if one["Name"].lower() in pinned]
    faults = [
        f"{one['Name']} {one['Version']}: {one['License']}"
        for one in ours
        if one["Name"].lower() not in READ
        and (one["License"] == "UNKNOWN" or any(word in one["License"] for word in KEPT_OUT))
    ]
    return faults, f"{len(ours)} packages; read by a person: {', '.join(READ)}"


def main() -> int:
    """Each check with what it found; 1 where one found something."""
    failed = False
    for name, check in (("known faults", known_faults), ("risky lines", risky_lines), ("licences", licences)):
        faults, said = check()
        failed = failed or bool(faults)
        print(f"{name}: {len(faults)} ({said})")
        for line in faults:
            print(f"  {line}")
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
