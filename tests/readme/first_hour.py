#!/usr/bin/env python3
"""Follows the README's set-up as a newcomer does: types its commands into terminals, in an empty folder, until a payment is taken.

  first_hour.py README BIN_DIR      in a network of its own if the system gives one, since the examples' ports are fixed

Prints one JSON line: entries typed, seconds, the payment as headquarters shows it.
"""

import fcntl
import json
import os
import pty
import re
import secrets
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
import urllib.request

HEADING = "## Setting it up"
PASSWORDS = {"guitai-hub": "zongbu-mima-7431", "guitai-node": "dianzhang-mima-01"}
CODE = re.compile(r"\b(?:[0-9A-Z]{5}-){8}[0-9A-Z]{5}\b")
PROMPT = re.compile(r"<(\d+)>\$ $")
ASKS = re.compile(r"(password|once more): $")
READY = re.compile(r"listen=|ready")
STEP_SECONDS = 30


class Terminal:
    """A shell in the folder, with what it has shown since the last look."""

    def __init__(self, folder, programs):
        self.shown = ""
        self.child, self.master = pty.fork()
        if self.child == 0:
            os.chdir(folder)
            path = f"{programs}:{os.environ['PATH']}"
            plain = {"PATH": path, "PS1": "<$?>$ ", "TERM": "xterm", "LANG": "C.UTF-8", "HOME": folder}
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "--noediting"], plain)
        # As wide as a screen, or the shell breaks what is typed into lines.
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        self.until(PROMPT)

    def type(self, line):
        self.shown = ""
        os.write(self.master, f"{line}\n".encode())

    def until(self, *patterns):
        """Waits until one of the patterns is shown; answers which, with the match."""
        end = time.monotonic() + STEP_SECONDS
        while True:
            for pattern in patterns:
                found = pattern.search(self.shown)
                if found:
                    return pattern, found
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            if not ready:
                sys.exit(f"nothing more came after:\n{self.shown}")
            try:
                self.shown += os.read(self.master, 65536).decode(errors="replace")
            except OSError:
                sys.exit(f"the terminal ended after:\n{self.shown}")

    def close(self):
        try:
            os.write(self.master, b"\x03")
            time.sleep(0.1)
            os.killpg(self.child, signal.SIGHUP)
        except OSError:
            pass
        os.close(self.master)
        os.waitpid(self.child, 0)


def commands(readme):
    """The block of commands under the heading, each with what its comment says."""
    text = open(readme, encoding="utf-8").read().split(HEADING, 1)[1].split("\n## ", 1)[0]
    block = re.search(r"(?:^    guitai-.*\n)+", text, re.M).group(0)
    return [[part.strip() for part in (line + " # ").split(" # ", 2)][:2] for line in block.splitlines()]


class Newcomer:
    def __init__(self, folder, programs):
        self.entries, self.code = 0, ""
        self.new = lambda: Terminal(folder, programs)
        self.terminals = [self.new()]

    def follow(self, command, comment):
        stays = comment.startswith("stays")
        if stays:
            self.terminals.append(self.new())
        terminal = self.terminals[-1 if stays else 0]
        self.entries += 1
        terminal.type(command.replace("CODE", self.code))
        if stays:
            which, found = terminal.until(READY, PROMPT)
            if which is PROMPT:
                sys.exit(f"{command} ended:\n{terminal.shown}")
            return
        password = PASSWORDS[command.split()[0]]
        while True:
            which, found = terminal.until(PROMPT, ASKS)
            if which is PROMPT:
                break
            self.entries += 1
            asked = terminal.shown
            terminal.type(password)
            terminal.shown = asked[: found.start()]
        if password in terminal.shown:
            sys.exit(f"the password is shown:\n{terminal.shown}")
        if found.group(1) != "0":
            sys.exit(f"{command}: exit {found.group(1)}\n{terminal.shown}")
        code = CODE.search(terminal.shown)
        if " enrol " in command and code and "guitai-hub" in command:
            self.code = code.group(0)
            if "█" not in terminal.shown:
                sys.exit(f"no picture of the code:\n{terminal.shown}")

    def close(self):
        for terminal in reversed(self.terminals):
            terminal.close()


def ask(url, body=None, headers=None):
    headers = {"Accept": "application/json", "X-Guitai": "1", **(headers or {})}
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=20) as answer:
        return json.load(answer), answer.headers


def log_in(base, account, password):
    _, headers = ask(f"{base}/api/v1/sessions", {"account": account, "password": password})
    return {"Cookie": headers["Set-Cookie"].split(";")[0]}


def pay(readme):
    """What the counter's page and headquarters' page do, at the addresses the README gives."""
    addresses = re.findall(r"http://127\.0\.0\.1:\d+", open(readme, encoding="utf-8").read().split(HEADING, 1)[1])
    node, hub = "http://127.0.0.1:8080", "http://127.0.0.1:8443"
    if node not in addresses or hub not in addresses:
        sys.exit(f"the README names other addresses: {addresses}")
    counter = log_in(node, "01", PASSWORDS["guitai-node"])
    code = "13" + "".join(secrets.choice("0123456789") for _ in range(16))
    sale = {"amount_fen": 1200, "auth_code": code, "till": "T1"}
    paid, _ = ask(f"{node}/api/v1/payments", sale, {**counter, "Idempotency-Key": secrets.token_hex(16)})
    if paid["state"] != "paid":
        sys.exit(f"the payment is {paid}")
    headquarters = log_in(hub, "hq", PASSWORDS["guitai-hub"])
    end = time.monotonic() + STEP_SECONDS
    while True:
        seen, _ = ask(f"{hub}/api/v1/payments", None, headquarters)
        for payment in seen["items"]:
            if payment["order_no"] == paid["order_no"] and payment["state"] == "paid":
                return {"order_no": paid["order_no"], "store": payment["store"], "state": payment["state"]}
        if time.monotonic() > end:
            sys.exit(f"headquarters never saw {paid['order_no']}: {seen}")
        time.sleep(0.05)


def own_network():
    """A network of this process's own, with nothing but this machine in it."""
    if os.environ.get("GUITAI_OWN_NETWORK") != "yes":
        if subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode == 0:
            os.environ["GUITAI_OWN_NETWORK"] = "yes"
            os.execvp("unshare", ["unshare", "-rn", sys.executable, *sys.argv])
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        # SIOCSIFFLAGS: the loopback interface is up.
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x8 | 0x40))


def main():
    readme, programs = (os.path.abspath(path) for path in sys.argv[1:3])
    own_network()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        newcomer = Newcomer(folder, programs)
        try:
            for command, comment in commands(readme):
                newcomer.follow(command, comment)
            seen = pay(readme)
        finally:
            newcomer.close()
        took = {"entries": newcomer.entries, "seconds": round(time.monotonic() - begun, 1), "own_network":
                os.environ.get("GUITAI_OWN_NETWORK") == "yes"}
        print(json.dumps({**took, **seen}))


if __name__ == "__main__":
    main()
