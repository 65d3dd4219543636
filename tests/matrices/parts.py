"""Lets several processes work on parts of a matrix side by side, each with desks of its own."""

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

#: As many as this machine has processors for, and no more than two: others may be at work too.
WORKERS = min(2, os.cpu_count() or 1)


def in_parts[T](work: Callable[[int], T], parts: int) -> list[T]:
    """What `work` gives for each part, by its number.

    Parameters
    ----------
    work : callable
        A function of a module, or a partial of one.
    parts : int
        How many processes there are, forked from this one: it must have begun no thread.
    """
    forking = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(parts, mp_context=forking) as pool:
        return list(pool.map(work, range(parts)))
