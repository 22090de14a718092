"""The programs of the stand-in site. They import next to nothing, so that they start at once."""

import http.server
import os
import signal
import sys


class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        sys.stderr.write(f"answered {self.path} with {code}\n")


def prepare(exit_code: str) -> int:
    names = [name for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY") if os.environ.get(name)]
    print("stand-in prepared with", *names, flush=True)
    return int(exit_code)


def web(port: str) -> int:
    http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Health).serve_forever()
    return 0


def work() -> int:
    print("stand-in works", flush=True)
    signal.pause()
    return 0


def end() -> int:
    print("stand-in cannot work", flush=True)
    return 3


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["prepare", exit_code]:
            sys.exit(prepare(exit_code))
        case ["web", port]:
            sys.exit(web(port))
        case ["work"]:
            sys.exit(work())
        case _:
            sys.exit(end())
