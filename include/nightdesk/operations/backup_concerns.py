"""Telling of backups: one that fails, none for two days, and that all is well again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from nightdesk.session.notices import Condition, Look, notice
from nightdesk.store.alert_spells import AlertSpell, Kind
from nightdesk.store.backup_rows import BackupStanding, backup_standing, note_cut_off, stored_drills
from nightdesk.store.db import Connection, lock_key, lone_lock

#: Without a backup for so long it is CRITICAL: twice the rhythm of the DAG that makes them.
TOO_OLD = timedelta(days=2)

#: The DAG makes one every 24 hours, and takes its time.
LATE = timedelta(hours=26)

#: Among so many of the newest drills is one that came to an end.
_DRILLS = 5

_KINDS: tuple[Kind, ...] = ("backup",)

_TODO = (
    "`nightdesk backup` tries it at once and says what is wrong; `nightdesk backups` lists what is there. "
    "See that the DAG upkeep is switched on."
)


def tell_backups(conn: Connection) -> int:
    """Tell that backups fail or are too old, once a spell, and when one is there again.

    Returns
    -------
    int
        How many alerts were raised now.
    """
    with lone_lock(conn, lock_key("backup")) as alone:
        if alone:  # nobody makes one: what has not ended never will
            note_cut_off(conn)
    standing = backup_standing(conn)
    condition = _condition(standing)

    def over(spell: AlertSpell) -> str | None:
        if standing.made_at is None:
            return None
        return (
            f"There is a backup again: {standing.file} of {_instant(standing.made_at)} in {standing.place}."
        )

    stamp = (standing.failed_at or standing.made_at or standing.at).isoformat()
    return notice(conn, Look("", _KINDS, stamp), [] if condition is None else [condition], over)


@dataclass(frozen=True)
class BackupAge:
    """How backups stand, in a few words.

    Attributes
    ----------
    gravity : {'', 'well', 'late', 'bad'}
        Empty where there is nothing to lose yet.
    words : str
    """

    gravity: Literal["", "well", "late", "bad"]
    words: str


def backup_age(conn: Connection) -> BackupAge:
    """How old the newest backup is, and what speaks against relying on it, in a few words.

    It is late after `LATE`, and when the last attempt failed; bad after `TOO_OLD`, and when the newest drill
    that came to an end failed.
    """
    standing = backup_standing(conn)
    since = standing.made_at or standing.begun_at
    if since is None:
        return BackupAge("", "none, nothing to lose yet")
    age = standing.at - since
    words = "none yet" if standing.made_at is None else f"{_ago(age)} ago"
    drilled = next((one.outcome for one in stored_drills(conn, _DRILLS) if one.outcome is not None), None)
    if drilled == "failed":
        return BackupAge("bad", f"{words}, the drill failed")
    if standing.error is not None:
        words += ", the last attempt failed"
    if age >= TOO_OLD:
        return BackupAge("bad", words)
    is_late = age >= LATE or standing.error is not None or standing.made_at is None
    return BackupAge("late" if is_late else "well", words)


def _ago(age: timedelta) -> str:
    """A length of time in whole minutes, hours or, from two days on, days."""
    minutes = max(0, int(age.total_seconds()) // 60)
    count, unit = (
        (minutes, "minute") if minutes < 60
        else (minutes // 60, "hour") if minutes < 2 * 24 * 60
        else (minutes // (24 * 60), "day")
    )  # fmt: skip
    return f"{count} {unit}{'' if count == 1 else 's'}"


def _condition(standing: BackupStanding) -> Condition | None:
    since = standing.made_at or standing.begun_at
    last = (
        f"The newest one is {standing.file} of {_instant(standing.made_at)} in {standing.place}."
        if standing.made_at is not None
        else "There was never one."
    )
    failed = (
        f" The last attempt, into {standing.failed_place}, failed at "
        f"{_instant(standing.failed_at)}: {standing.error}"
        if standing.failed_at is not None
        else ""
    )
    if since is not None and standing.at - since >= TOO_OLD:
        words = f"There has been no backup for {(standing.at - since).days} days. {last}{failed}"
        return Condition("backup", "", "CRITICAL", words, _TODO)
    if failed:
        return Condition("backup", "", "WARNING", f"A backup was not made.{failed} {last}", _TODO)
    return None


def _instant(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
