"""Draws a run of the demo: its terminal as an animated SVG, and the dashboard of the chart as a real Prometheus answers
its queries. Run by `cargo xtask pictures`."""

import argparse
import json
import os
import pathlib
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
import fcntl
import urllib.parse
import urllib.request

import dashboard

COLUMNS, LINES = 132, 36
METRICS = re.compile(r"http://(127\.0\.0\.1:\d+)/metrics")
# Prometheus asks so often that a demo of seconds has points to draw.
INTERVAL = "1s"
CONFIG = """
global: {{scrape_interval: {interval}, evaluation_interval: {interval}}}
scrape_configs:
  - job_name: audit-mitigation-operator
    file_sd_configs: [{{files: ["{targets}"], refresh_interval: 1s}}]
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Prometheus:
    def __init__(self, program, folder):
        self.targets = folder / "targets.json"
        self.targets.write_text("[]")
        config = folder / "prometheus.yml"
        config.write_text(CONFIG.format(interval=INTERVAL, targets=self.targets))
        self.address = f"127.0.0.1:{free_port()}"
        self.process = subprocess.Popen(
            [program, f"--config.file={config}", f"--storage.tsdb.path={folder}/data"]
            + [f"--web.listen-address={self.address}", "--log.level=error"]
        )

    def scrape(self, address):
        # Renamed into its place, so that it is never read half written.
        unfinished = self.targets.with_suffix(".unfinished")
        unfinished.write_text(json.dumps([{"targets": [address]}]))
        unfinished.rename(self.targets)

    def ask(self, expression, start, end):
        query = urllib.parse.urlencode({"query": expression, "start": start, "end": end, "step": INTERVAL})
        with urllib.request.urlopen(f"http://{self.address}/api/v1/query_range?{query}", timeout=30) as answer:
            return json.load(answer)["data"]["result"]


def record(command, prometheus):
    """Runs the demo in a terminal of its own, and returns what it printed when."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(command, [command, "--once"])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    start, said, events = time.monotonic(), "", []
    while True:
        try:
            text = os.read(terminal, 65536).decode("utf-8", "replace")
        except OSError:
            # The terminal's last writer has ended.
            break
        if not text:
            break
        sys.stdout.write(text)
        events.append((time.monotonic() - start, text))
        found = None if METRICS.search(said) else METRICS.search(said + text)
        said += text
        if found:
            prometheus.scrape(found[1])
    _, status = os.waitpid(child, 0)
    if status:
        sys.exit("the demo failed: see above")
    return events


def animate(events, path, folder):
    cast = folder / "demo.cast"
    header = {"version": 2, "width": COLUMNS, "height": LINES}
    prompt = [(0.0, "$ cargo xtask demo --once\r\n")]
    lines = [json.dumps(header)] + [json.dumps([at, "o", text]) for at, text in prompt + events]
    cast.write_text("\n".join(lines) + "\n")
    tool = pathlib.Path(sys.executable).with_name("termtosvg-ng")
    # A start of seconds, in which nothing is to be seen, is shortened; many lines of one moment are one frame.
    options = ["--max-frame-duration", "2000", "--min-frame-duration", "150", "--loop-delay", "8000"]
    subprocess.run([tool, "render", cast, path, *options, "--template", "gjm8_single_loop"], check=True)


def main():
    parser = argparse.ArgumentParser()
    for name in ["demo", "prometheus", "dashboard", "output"]:
        parser.add_argument(f"--{name}", required=True)
    arguments = parser.parse_args()
    output = pathlib.Path(arguments.output)
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        prometheus = Prometheus(arguments.prometheus, folder)
        try:
            start = time.time()
            events = record(arguments.demo, prometheus)
            end = time.time()
            # From where on there is something to see: the operator's first answers.
            began = prometheus.ask("audit_mitigation_operator_build_info", start, end)[0]["values"][0][0]
            source = json.loads(pathlib.Path(arguments.dashboard).read_text())
            dashboard.draw(source, lambda query: prometheus.ask(query, began, end), output / "dashboard.png")
        finally:
            prometheus.process.send_signal(signal.SIGTERM)
            prometheus.process.wait()
        animate(events, output / "demo.svg", folder)


if __name__ == "__main__":
    main()
