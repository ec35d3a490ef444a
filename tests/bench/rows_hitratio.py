# SPDX-License-Identifier: Apache-2.0
"""How often the store has what is asked for, against other ways of evicting with as many bytes; and what that costs in copies.

The recorded traces are published with the Caffeine cache simulator and not shipped here: they are looked for in the folder WEIR_TRACES,
else in ../shared/traces beside the project. They have no sizes; see hit_trace.h.
"""
import lzma
import os
import pathlib
import shutil
import statistics

import programs
from rows import measures
from rows_store import tell
from stage import PROGRAMS
from stats import Absent, Failure, at_least, at_most

ZIPF = "zipf:100000:1000000"


def find_trace(name):
    folder = pathlib.Path(os.environ.get("WEIR_TRACES") or programs.SOURCE.parent / "shared/traces")
    path = folder / f"{name}.trace.xz"
    if not path.is_file():
        raise Absent(f"no {path.name}: WEIR_TRACES names no folder that has it")
    return path


def play(trace, mean_size, total, rounds):
    """Yields the values and raw figures of the rows about one trace: points to S3-FIFO and LRU, bytes copied for each inserted."""
    seen = tell(PROGRAMS / "hit_ratio", trace, mean_size, total, rounds)
    store = statistics.median(seen["store"])
    others = ", ".join(f"{name} {100 * seen[key]:.2f}" for name, key in (
        ("LRU", "lru"), ("SIEVE", "sieve"), ("S3-FIFO", "s3_fifo"), ("optimum", "optimal")))
    yield 100 * (seen["s3_fifo"] - store), (f"{100 * store:.2f} % of {seen['requests']} requests for {seen['objects']} objects, "
                                            f"mean and entry_size {mean_size} bytes, {total / 1e6:g} MB; {others}")
    yield 100 * (store - seen["lru"]), f"{100 * store:.2f} : {100 * seen['lru']:.2f} %"
    yield statistics.median(seen["copied"]), f"{min(seen['copied']):.3f} to {max(seen['copied']):.3f}"


def rows_of(trace, points_above_lru):
    return ((f"S6 {trace}", "points of hit ratio below S3-FIFO", at_most(1.5)),
            (f"S6 {trace} lru", "points of hit ratio above LRU", at_least(points_above_lru)),
            (f"S7 {trace}", "bytes copied for each byte inserted", at_most(1.0)))


def named(rows, figures):
    for row, (value, raw) in zip(rows, figures):
        yield row[0], value, raw


ZIPF_ROWS = rows_of("zipf", 1)
ORM_ROWS = rows_of("orm-busy", 0)
WEB_ROWS = rows_of("web07", 0)


@measures(*ZIPF_ROWS, theme="hitratio")
def measure_zipf(settings):
    yield from named(ZIPF_ROWS, play(ZIPF, 1536, 12_500_000, settings.rounds))


def play_recorded(name, *how):
    with lzma.open(find_trace(name)) as packed, programs.folder() as folder:
        trace = folder / name
        try:
            with open(trace, "wb") as unpacked:
                shutil.copyfileobj(packed, unpacked)
        except (EOFError, lzma.LZMAError) as problem:
            raise Failure(f"{name}: {problem}") from None
        yield from play(trace, *how)


@measures(*ORM_ROWS, theme="hitratio")
def measure_orm_busy(settings):
    yield from named(ORM_ROWS, play_recorded("orm-busy", 404, 2_400_000, settings.rounds))


@measures(*WEB_ROWS, theme="hitratio")
def measure_web07(settings):
    yield from named(WEB_ROWS, play_recorded("web07", 1024, 2_000_000, settings.rounds))
