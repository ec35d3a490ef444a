# SPDX-License-Identifier: Apache-2.0
"""The shared-memory store against the least that can be done, against other stores, and against its own promises."""
import json
import pathlib
import shutil
import statistics
import subprocess
import tempfile

from remote_servers import Memcached, Redis, start
from rows import measures
from stage import PROGRAMS, Stage
from stats import Failure, alternate, at_least, at_most, median, ratio

HERE = pathlib.Path(__file__).resolve().parent


def tell(*command):
    """What a program prints as JSON."""
    try:
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=300)
    except subprocess.TimeoutExpired:
        raise Failure(f"does not end: {command[0]}") from None
    if done.returncode != 0 or not done.stdout:
        raise Failure(f"{pathlib.Path(command[0]).name} {' '.join(map(str, command[1:]))}: {done.stderr or done.stdout}")
    return json.loads(done.stdout)


def find(name):
    path = shutil.which(name)
    if not path:
        raise Failure(f"{name} is not installed; ./dev bench installs it where there is apt-get")
    return path


def apcu():
    """As many entries in its hint as the load has, and twice that: with the default, most of a fetch is a walk along a list."""
    options = {"apc.enable_cli": "1", "apc.shm_size": "96M", "apc.entries_hint": "131072"}
    return tell(find("php"), *(f"-d{name}={value}" for name, value in options.items()), HERE / "store_apcu.php")


def lmdb():
    with tempfile.TemporaryDirectory(prefix="weir-bench-", dir="/dev/shm") as folder:
        return tell(PROGRAMS / "store_peers", "lmdb", folder)


def nanoseconds(above, below, figure):
    def words(value):
        return f"{value:.0f} ns" if value < 10000 else f"{value / 1000:.1f} µs"
    return f"{words(median(above, figure))} : {words(median(below, figure))}"


@measures(("S1 hot", "get of 1 KB among 256 keys, against hash + copy", at_most(1.4)),
          ("S1 random", "get of 1 KB among 64 MB, against hash + copy", at_most(2.3)),
          ("S2 hot", "APCu's fetch of 1 KB among 256 keys, against a get", at_least(3)),
          ("S2 random", "APCu's fetch of 1 KB among 64 MB, against a get", at_least(2)),
          ("S2 set", "APCu's store over 1 KB among 64 MB, against a set", at_least(1)),
          ("S3 memcached", "memcached's get over a unix socket, 1 KB among 64 MB, against a get", at_least(50)),
          ("S3 redis", "Redis's GET over a unix socket, 1 KB among 64 MB, against a get", at_least(50)),
          ("S3 lmdb", "LMDB's get and a copy of 1 KB among 64 MB, against a get", at_least(3)), theme="store")
def measure_speed(settings):
    with Stage() as stage:
        memcached, redis = start(stage, Memcached), start(stage, Redis)
        seen = alternate(settings.rounds, {
            "floor": lambda: tell(PROGRAMS / "store_sides", "floor"),
            "shm": lambda: tell(PROGRAMS / "store_sides", "shm"),
            "apcu": apcu,
            "lmdb": lmdb,
            "memcached": lambda: tell(PROGRAMS / "store_peers", "memcached", memcached.socket_path),
            "redis": lambda: tell(PROGRAMS / "store_peers", "redis", redis.socket_path)})
    for name, figure in (("S1 hot", "hot_ns"), ("S1 random", "random_ns")):
        yield name, ratio(seen["shm"], seen["floor"], figure), nanoseconds(seen["shm"], seen["floor"], figure)
    for name, side, figure in (("S2 hot", "apcu", "hot_ns"), ("S2 random", "apcu", "random_ns"), ("S2 set", "apcu", "set_ns"),
                               ("S3 memcached", "memcached", "random_ns"), ("S3 redis", "redis", "random_ns"),
                               ("S3 lmdb", "lmdb", "random_ns")):
        yield name, ratio(seen[side], seen["shm"], figure), nanoseconds(seen[side], seen["shm"], figure)


@measures(("S4 threads", "gets of one hot key by two threads, against one", at_least(1.8)),
          ("S4 stopped", "p99 of a get beside a stopped process that holds the shard's lock, against none", at_most(1.1)), theme="store")
def measure_readers(settings):
    seen = [tell(PROGRAMS / "store_readers") for _ in range(settings.rounds)]
    yield "S4 threads", median(seen, "scaling"), f"{median(seen, 'two_rate') / 1e6:.1f} M/s : {median(seen, 'one_rate') / 1e6:.1f} M/s"
    yield "S4 stopped", median(seen, "beside"), f"{median(seen, 'beside_p99_ns'):.0f} ns : {median(seen, 'alone_p99_ns'):.0f} ns"


@measures(("S5 overhead", "bytes of book-keeping for an item of 1 KB in a full store", at_most(40)),
          ("S5 useful", "share of the store that is keys and values after 10⁷ overwrites of random size", at_least(0.8)),
          ("S5 flat", "the same in the last five rounds of a million, against the first five", at_least(0.99)), theme="store")
def measure_space(_):
    full = tell(PROGRAMS / "store_space", "overhead")
    yield "S5 overhead", full["overhead"], f"index at {full['load']:.2f}; with what lies dead or is not filled yet {full['all']:.1f}"
    seen = tell(PROGRAMS / "store_space", "overwrites")
    useful = seen["useful"]
    rounds = " ".join(f"{share:.3f}" for share in useful)
    yield "S5 useful", min(useful), f"least of the rounds {rounds}; {seen['copied']:.2f} bytes copied for each inserted"
    yield "S5 flat", statistics.mean(useful[5:]) / statistics.mean(useful[:5]), "means"


@measures(("S9 clear", "nanoseconds of a clear, the slower of a 1 MB store and a full one of 64 MB", at_most(100)),
          ("S9 reset", "milliseconds of a set that resets a shard of 64 MB first, after kill -9 in its lock", at_most(1)),
          ("S9 lease", "milliseconds from kill -9 of a lease's holder until another has it", at_most(100)), theme="store")
def measure_faults(settings):
    seen = [tell(PROGRAMS / "store_faults") for _ in range(settings.rounds)]
    small, full = median(seen, "small_clear_ns"), median(seen, "full_clear_ns")
    yield "S9 clear", max(small, full), f"{small:.1f} and {full:.1f} ns"
    yield "S9 reset", median(seen, "reset_ns") / 1e6, f"slowest of all shards {median(seen, 'slowest_reset_ns') / 1e6:.3f} ms"
    yield "S9 lease", median(seen, "lease_ns") / 1e6, "the holder is not waited for meanwhile"
