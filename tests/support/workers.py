# SPDX-License-Identifier: Apache-2.0
"""An app with a master and its workers, and clients that keep it busy while something happens to these."""
import pathlib
import re
import threading
import time

import http_client
from programs import App, eventually


def is_alive(pid):
    """Not even that a zombie is: who inherits one may be slow to fetch it."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Master(App):
    """The test app with `processes` workers."""

    def __init__(self, home, *arguments, processes=2, ends_well=True, **settings):
        self.processes = processes
        super().__init__(home, "--processes", str(processes), "--threads", "4", *arguments, **settings)
        self.check = ends_well
        self.wait_for_workers()

    def children(self):
        return {int(pid) for pid in pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()}

    def workers(self):
        """The pids of those that have said that they are up."""
        return self.children() & {int(pid) for pid in re.findall(r"process \d+ of \d+ is up pid=(\d+)", self.log())}

    def wait_for_workers(self, without=frozenset()):
        """Until there are as many as there should be, not counting these: the new ones."""
        def complete():
            workers = self.workers() - without
            return len(workers) == self.processes and workers
        return self.wait_until(complete, f"{self.processes} workers are up")

    def wait_for_line(self, pattern, mark=0):
        return self.wait_until(lambda: re.search(pattern, self.log()[mark:], re.M), pattern)

    def connect_to_worker(self, stack, pid=None):
        """A kept connection to a worker (this one, or any) and its pid."""
        while True:
            connection = stack.enter_context(self.connect())
            found = worker_of(connection)
            if pid in (None, found):
                return connection, found


def worker_of(connection):
    return int(re.search(rb"pid (\d+)", connection.ask("GET", "/counts", keep=True).body)[1])


class Load:
    """Clients that ask in turn, each on its own, for what `choose()` says: what failed, when it was under way, and the longest wait."""

    def __init__(self, addresses, choose, clients=8):
        self.choose, self.failed, self.count, self.longest, self.stop = choose, [], 0, 0, False
        self.threads = [threading.Thread(target=self.ask, args=[addresses[number % len(addresses)]]) for number in range(clients)]

    def ask(self, address):
        while not self.stop:
            started = time.monotonic()
            try:
                status = http_client.get(address, self.choose()).status
            except Exception as error:  # pylint: disable=broad-exception-caught
                status = repr(error)
            self.count += 1
            self.longest = max(self.longest, time.monotonic() - started)
            if status != 200:
                self.failed.append((started, time.monotonic(), status))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop = True
        for thread in self.threads:
            thread.join()

    def go_on(self, requests):
        """Until so many more were answered."""
        until = self.count + requests
        eventually(lambda: self.count > until, "requests are answered")

    def failed_but_for(self, kills):
        """What failed although none of these (times) fell into it."""
        return [status for started, ended, status in self.failed if not any(started <= killed <= ended for killed in kills)]

    def most_failed_by_one(self, kills):
        return max(sum(started <= killed <= ended for started, ended, _ in self.failed) for killed in kills)
