"""Telling of backups: one that fails, none for two days, and that all is well again."""

from __future__ import annotations

from datetime import datetime, timedelta

from nightdesk.session.notices import Condition, Look, notice
from nightdesk.store.alert_spells import AlertSpell, Kind
from nightdesk.store.backup_rows import BackupStanding, backup_standing, note_cut_off
from nightdesk.store.db import Connection, lock_key, lone_lock

#: Without a backup for so long it is CRITICAL: twice the rhythm of the DAG that makes them.
TOO_OLD = timedelta(days=2)

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
