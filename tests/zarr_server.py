"""A web server in this process that serves a folder, as well as it is told to."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class Faults(dict):
    """What a server does instead, by pattern of the path: an error, "cut", "html", or a list of such that are done one after the other."""

    def __init__(self):
        super().__init__()
        self.asked = []
        self.parts = True  # whether parts of files are sent

    def of(self, path):
        fault = next((fault for pattern, fault in self.items() if re.search(pattern, path)), None)
        return (fault.pop(0) if fault else None) if isinstance(fault, list) else fault


@contextmanager
def serving(folder) -> Iterator[tuple[str, Faults]]:
    """Serve a folder; yields the address, and what goes wrong."""
    faults = Faults()

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments, **more):
            super().__init__(*arguments, directory=str(folder), **more)

        def log_message(self, *_):
            pass

        def list_directory(self, path):
            self.send_error(404)

        def do_GET(self):
            faults.asked.append(f"{self.command} {self.path}")
            fault = faults.of(self.path)
            if isinstance(fault, int):
                self.send_error(fault)
            elif fault == "html":
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b"<!DOCTYPE html><html>Log in</html>")
            elif fault == "cut":
                self.send_response(200)
                self.send_header("Content-Length", "100000")
                self.end_headers()
                self.wfile.write(b"half")
            elif faults.parts and self.command == "GET" and "Range" in self.headers:
                self.send_part()
            elif self.command == "HEAD":
                super().do_HEAD()
            else:
                super().do_GET()

        do_HEAD = do_GET

        def send_part(self):
            content = (folder / self.path.lstrip("/")).read_bytes()
            start, stop = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers["Range"]).groups()
            part = content[int(start) : int(stop) + 1] if start else content[-int(stop) :]
            self.send_response(206)
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            self.wfile.write(part)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", faults
        finally:
            server.shutdown()
            thread.join()
