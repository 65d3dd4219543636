"""Other engines beside the desk's walk: what they are given, and what is told of those that fail."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks import backtest, plain_loop
from benchmarks.peers.__main__ import OURS, PeerRow, lines, measure, run_peer, write_task
from benchmarks.peers.environments import PEERS, Peer, python_of

from nightdesk.core.errors import Refused


@pytest.mark.parametrize("threshold", [plain_loop.THRESHOLD, 0.0])
def test_given_weights_are_those_of_the_whole_strategy(threshold: float) -> None:
    close = plain_loop.seeded_closes(6, 400)
    whole = plain_loop.run(close, threshold)
    weights = plain_loop.target_weights(close)
    assert np.isnan(weights[: plain_loop.YEAR]).all()
    assert plain_loop.run_given(close, weights, threshold).tolist() == whole.tolist()
    assert backtest.run_given_steps(close, weights, threshold) == pytest.approx(whole, rel=1e-12)


def test_our_own_engines_are_measured_by_the_scripts_of_all() -> None:
    loop, desk = measure(OURS, 4, 300, 0.02)
    assert set(loop.figures) == {"import", "first", "seconds", "mebibytes", "equity"}
    assert desk.figures["equity"] == pytest.approx(loop.figures["equity"], rel=1e-12)
    shown = list(lines([loop, desk, PeerRow(PEERS[0], {}, "it is away")]))
    assert "as the loop" in shown[2]
    assert "it is away" in shown[3]


def test_every_engine_has_a_script_that_is_python() -> None:
    for peer in (*PEERS, *OURS):
        compile(peer.script.read_text(), str(peer.script), "exec")
        assert all("==" in pin for pin in peer.pins), "not pinned"


def test_what_does_not_install_or_run_is_told_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.peers.environments.FOLDER", tmp_path)
    nowhere = Peer("bt", ("bt==0.0.0.nothing",))
    with pytest.raises(Refused, match=r"bt: bt==0\.0\.0\.nothing cannot be installed here"):
        python_of(nowhere)
    task = tmp_path / "task.npz"
    write_task(task, 3, 260, 0.0)
    assert "cannot be installed" in run_peer(nowhere, task).failed
    assert "nothing.npz" in run_peer(OURS[1], tmp_path / "nothing.npz").failed
