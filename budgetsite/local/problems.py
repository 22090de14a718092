"""What can go wrong in a way that the person at the keyboard can mend."""


class LocalProblem(Exception):
    """A message for the terminal, without a stack trace; it says what to do next."""


class StopRequested(BaseException):
    """Ctrl-C, SIGTERM or SIGHUP arrived; a BaseException, so that no handler of errors swallows it."""

    def __init__(self, signal_number: int):
        super().__init__(signal_number)
        self.signal_number = signal_number


class LocalServersNotRunning(LocalProblem):
    """Nothing listens for this data folder."""

    def __init__(self, data_dir: object):
        super().__init__(
            f"The local PostgreSQL is not running (data folder {data_dir}).\n"
            "Start it with `make run` in another terminal, or set DATABASE_URL to use a server of your own."
        )
