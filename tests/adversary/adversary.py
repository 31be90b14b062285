#!/usr/bin/env python3
"""A hostile, seedable check of Guitai's money over its real binaries. Standard library only.

  adversary.py --seed 7 --minutes 3 --port-base 25000 --dir target/adversary [--root .] [--callers 10] [--sample 60] [--without NAMES]
  adversary.py --judge-only --dir target/adversary           (judge a world left by an earlier run again; starts what is needed)

The programs are those of GUITAI_BIN_DIR, or else of ROOT/target/release.

It sets up a merchant as scripts/demo does (sandbox N, hub N+1, node 1 N+2, node 2 N+3, sandbox control N+4, a copied box N+5),
drives random real life over HTTP while it kills, stops, freezes and cuts things, sets clocks, lets midnight pass, puts old disks
back, starts copies of a box and has returns refused, heals everything, waits until all is at rest, and judges by oracles of its own (sandbox book and its log, both nodes' API, rows and journals, the hub's API and database).
Last lines: one line of figures, then every violation. Exit 0: none, 1: violations, 2: the run itself could not be made.
--without leaves scenarios out: clocks, midnight, restored, copied, refusals, contested. Clocks and midnight need Debian's package
`faketime`, and are left out with a word where it is missing.
The seed fixes every choice; timing of the machine still differs from run to run. DIR/events.jsonl holds every request, answer
and fault with its time; DIR/violations.json the violations with the whole history of each order.
"""

import argparse, collections, datetime, glob, http.client, json, os, pathlib, random, re, shutil, signal, socket, sqlite3, subprocess
import sys, threading, time

PASSWORD = "guitai-demo-2026"
STORES = [
    {"id": "S001", "name": "一店", "cashiers": ["03", "04"], "lon": "+121.44637", "lat": "+31.223500"},
    {"id": "S002", "name": "二店", "cashiers": ["03", "04"], "lon": "+121.43752", "lat": "+31.195290"},
]
OPEN = {"pending", "unknown", "held", "reversing", "refunding"}
FINAL = {"paid", "declined", "closed", "reversed", "part_refunded", "refunded", "quarantined"}
ANY = OPEN | FINAL
AFTER_PAID = {"paid", "reversing", "reversed", "refunding", "part_refunded", "refunded"}
# What an answer once given may have become by the end.
REACH = {
    "pending": ANY, "unknown": ANY, "held": ANY, "reversing": ANY,
    "paid": AFTER_PAID, "declined": {"declined"}, "closed": {"closed"} | AFTER_PAID,
    "reversed": {"reversed"} | AFTER_PAID, "refunding": AFTER_PAID, "part_refunded": {"part_refunded", "refunding", "refunded"},
    "refunded": {"refunded"}, "quarantined": {"quarantined"},
}


NODES = ("node1", "node2")
# A box started from a copy of node 1's folder, and whose it is.
COPY, COPIED = "copy1", "node1"
BEIJING_S = 8 * 3600
EXTRA = ("clocks", "midnight", "restored", "copied", "refusals", "contested")
# What somebody sets a till's clock to, in seconds beside the true time.
WRONG_CLOCKS = [360, -360, 3600, 8 * 3600, -8 * 3600, 86400, -86400, -26 * 365 * 86400]


class Cannot(Exception):
    pass


def note(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


class World:
    """The processes and their addresses."""

    def __init__(self, root, folder, base, columns=None):
        self.bin = pathlib.Path(os.environ.get("GUITAI_BIN_DIR") or pathlib.Path(root) / "target" / "release")
        self.faketime = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)
        self.offset = collections.Counter()     # whose clock is how far off, in seconds
        self.dir = pathlib.Path(folder).resolve()
        self.base = base
        self.proc, self.started, self.prefix, self.env = {}, {}, {}, {}
        self.lock = threading.RLock()
        self.log = None
        self.log_lock = threading.Lock()
        self.key = {}
        self.counts = collections.Counter()
        self.wanted = {}

    # ---- addresses
    def port(self, who):
        return self.base + {"sandbox": 0, "hub": 1, "node1": 2, "node2": 3, "control": 4, COPY: 5}[who]

    def address(self, who):
        return f"127.0.0.1:{self.port(who)}"

    # ---- log
    def event(self, **what):
        with self.log_lock:
            if self.log is None:
                self.log = open(self.dir / "events.jsonl", "a")
            self.log.write(json.dumps({"t": round(time.time(), 3), **what}, ensure_ascii=False) + "\n")

    # ---- http
    def http(self, who, method, path, body=None, key=None, headers=None, timeout=30):
        connection = http.client.HTTPConnection("127.0.0.1", self.port(who), timeout=timeout)
        try:
            head = {"Accept": "application/json", **(headers or {})}
            if key:
                head["Authorization"] = f"Bearer {key}"
            data = None
            if body is not None:
                data = json.dumps(body, ensure_ascii=False).encode()
                head["Content-Type"] = "application/json"
            connection.request(method, path, data, head)
            answer = connection.getresponse()
            raw = answer.read()
            try:
                value = json.loads(raw) if raw else None
            except ValueError:
                value = {"raw": raw[:200].decode("utf8", "replace")}
            return answer.status, value, dict(answer.getheaders())
        finally:
            connection.close()

    def get(self, who, path, key=None, tries=20, timeout=30):
        for left in range(tries, 0, -1):
            try:
                status, value, _ = self.http(who, "GET", path, key=key, timeout=timeout)
                if status == 200:
                    return value
                if status in (401, 403, 404):
                    raise Cannot(f"GET {who}{path}: {status} {value}")
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.3)
        raise Cannot(f"GET {who}{path}: no answer")

    def pages(self, who, path, key):
        items, cursor = [], None
        while True:
            more = f"&cursor={cursor}" if cursor else ""
            page = self.get(who, f"{path}{'&' if '?' in path else '?'}limit=200{more}", key)
            items += page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return items

    # ---- processes
    def command(self, who):
        if who == "sandbox":
            return [self.bin / "guitai-sandbox", "run", "--listen", self.address("sandbox"), "--control", self.address("control"),
                    "--data", self.dir / "sandbox"]
        if who == "hub":
            return [self.bin / "guitai-hub", "run", "--config", self.dir / "hub.toml"]
        return [self.bin / "guitai-node", "run", "--config", self.dir / f"{who}.toml"]

    def alive(self, who):
        return who in self.proc and self.proc[who].poll() is None

    def launch(self, who):
        with self.lock:
            if self.alive(who):
                return
            log = open(self.dir / f"{who}.log", "ab")
            words = [*self.prefix.get(who, []), *map(str, self.command(who))]
            env = {**os.environ, "NO_COLOR": "1", **self.env.get(who, {})}
            self.proc[who] = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, start_new_session=True)
            self.started[who] = time.time()

    def ready(self, who, seconds=30):
        end = time.monotonic() + seconds
        door, path = {"sandbox": ("control", "/control/book"), "hub": ("hub", "/api/v1/health")}.get(who, (who, "/api/v1/health"))
        while time.monotonic() < end:
            if not self.alive(who):
                raise Cannot(f"{who} ended with {self.proc[who].poll()}; see {self.dir}/{who}.log")
            try:
                if self.http(door, "GET", path, timeout=5)[0] == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.02)
        raise Cannot(f"{who} is not ready in {seconds} s")

    def up(self, who, seconds=30):
        self.launch(who)
        self.ready(who, seconds)

    def send(self, who, number):
        with self.lock:
            if self.alive(who):
                self.proc[who].send_signal(number)

    def kill(self, who, number=signal.SIGKILL):
        with self.lock:
            if not self.alive(who):
                return
            self.proc[who].send_signal(signal.SIGCONT)
            self.proc[who].send_signal(number)
            try:
                self.proc[who].wait(timeout=15)
            except subprocess.TimeoutExpired:
                self.counts["needed SIGKILL after SIGTERM"] += 1
                self.proc[who].kill()
                self.proc[who].wait()

    def stop_all(self):
        for who in (COPY, "node1", "node2", "hub", "sandbox"):
            try:
                self.kill(who, signal.SIGTERM)
            except Exception as error:  # noqa: BLE001
                note(f"stopping {who}: {error}")

    # ---- clocks
    def movable(self, who):
        """`who` lives by a clock of its own from its next start on; its monotonic clock stays true."""
        self.set_clock(who, 0)
        self.env[who] = {"LD_PRELOAD": self.faketime, "FAKETIME_TIMESTAMP_FILE": str(self.dir / f"{who}.clock"), "FAKETIME_NO_CACHE": "1",
                         "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}

    def set_clock(self, who, seconds):
        self.offset[who] = seconds
        new = self.dir / f"{who}.clock.new"
        new.write_text(f"{seconds:+d}\n")
        new.rename(self.dir / f"{who}.clock")

    # ---- disks
    def last_fact(self, node):
        with sqlite3.connect(f"file:{self.dir}/{node}/journal.db?mode=ro", uri=True) as here:
            return "%d-%d" % here.execute("SELECT epoch, number FROM fact ORDER BY epoch DESC, number DESC LIMIT 1").fetchone()

    def at_hub(self, node):
        store = STORES[NODES.index(node)]["id"]
        try:
            status, value, _ = self.http("hub", "GET", "/api/v1/stores", key=self.key["hub"], timeout=5)
        except (OSError, http.client.HTTPException):
            return None
        return {x["store"]: x["facts"] for x in value["items"]}.get(store) if status == 200 else None

    # ---- command lines
    def run(self, program, *words, stdin=None, check=True):
        done = subprocess.run([self.bin / program, *map(str, words)], input=stdin, capture_output=True, text=True)
        if check and done.returncode:
            raise Cannot(f"{program} {' '.join(map(str, words))}: {done.returncode} {done.stderr.strip()}")
        return done.stdout.strip() if check else done

    # ---- sandbox control
    def line(self, mode, timeout=5):
        return self.http("control", "POST", "/control/line", {"mode": mode}, timeout=timeout)[0]

    def advance(self, ms, timeout=5):
        return self.http("control", "POST", "/control/clock", {"advance_ms": ms}, timeout=timeout)[0]

    def refuse(self, what, mode):
        """False where the sandbox has no such switch, or does not answer."""
        try:
            return self.http("control", "POST", "/control/refuse", {"what": what, "mode": mode}, timeout=5)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def accept(self):
        for what in ("refund", "cancel"):
            self.refuse(what, "accept")

    def book(self):
        return self.get("control", "/control/book", timeout=60)["orders"]

    def book_log(self):
        """Refunds and reversals, from the sandbox's own log: the last record of each number."""
        refunds, reversals = {}, {}
        for line in (self.dir / "sandbox/book.jsonl").read_text().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if "refund" in entry:
                refunds[entry["refund"]["refund_no"]] = entry["refund"]
            if "reversal" in entry:
                reversals[entry["reversal"]["reversal_no"]] = entry["reversal"]
        return refunds, reversals

    # ---- provisioning, as scripts/demo does it
    def node_config(self, number, store, pay):
        return f"""[node]
data = "node{number}"
listen = "{self.address(f'node{number}')}"
[store]
title = "{store['name']}"
longitude = "{store['lon']}"
latitude = "{store['lat']}"
[acquirer]
kind = "allinpay"
base = "http://{self.address('sandbox')}/allinpay/apiweb"
orgid = "{pay['orgid']}"
cusid = "{pay['cusid']}"
appid = "{pay['appid']}"
sign = "rsa"
merchant_private_key_file = "merchant.pem"
platform_public_key_file = "platform.pem"
[[till]]
id = "T1"
termno = "0000{number:02}01"
[[till]]
id = "T2"
termno = "0000{number:02}02"
[[till]]
id = "T9"
[devices.printer]
kind = "file"
folder = "receipts{number}"
"""

    def provision(self, sample=60):
        self.dir.mkdir(parents=True, exist_ok=True)
        self.up("sandbox")
        self.kill("sandbox", signal.SIGTERM)
        pay = json.loads((self.dir / "sandbox/credentials.json").read_text())["allinpay"]
        (self.dir / "merchant.pem").write_text(pay["merchant_private_key"])
        (self.dir / "merchant.pem").chmod(0o600)
        (self.dir / "platform.pem").write_text(pay["platform_public_key"])
        hub = self.dir / "hub.toml"
        hub.write_text(f'[hub]\nname = "测试商户"\ndata = "hub"\nlisten = "{self.address("hub")}"\nquic = "{self.address("hub")}"\n')
        self.run("guitai-hub", "account", "create", "--config", hub, "--account", "admin", "--name", "总部", "--role", "headquarters",
                 stdin=PASSWORD + "\n")
        self.key["hub"] = self.run("guitai-hub", "api-key", "create", "--config", hub, "--name", "adv", "--scope", "read")
        for store in STORES:
            self.run("guitai-hub", "store", "add", "--config", hub, "--store", store["id"], "--name", store["name"])
        self.up("hub")
        for number, store in enumerate(STORES, 1):
            who = f"node{number}"
            config = self.dir / f"{who}.toml"
            config.write_text(self.node_config(number, store, pay))
            code = self.run("guitai-hub", "enrol", "--config", hub, "--store", store["id"])
            self.run("guitai-node", "enrol", "--config", config, "--hub", f"http://{self.address('hub')}", "--code", code)
            for account, role in [("01", "administrator")] + [(a, "cashier") for a in store["cashiers"]]:
                self.run("guitai-node", "account", "create", "--config", config, "--account", account, "--name", f"人{account}",
                         "--role", role, stdin=PASSWORD + "\n")
            for name, scope in [("erp", "charge,post,refund,read"), ("till", "charge,read")]:
                self.key[f"{who}/{name}"] = self.run("guitai-node", "api-key", "create", "--config", config, "--name", name, "--scope", scope)
            if sample:
                self.run("guitai-node", "sample", "--config", config, "--sandbox", self.dir / "sandbox", "--cashiers",
                         ",".join(store["cashiers"]), "--days", "3", "--payments", sample)
        (self.dir / "keys.json").write_text(json.dumps(self.key))

    def start_all(self):
        if not self.key:
            self.key = json.loads((self.dir / "keys.json").read_text())
        for who in ("sandbox", "hub", "node1", "node2"):
            self.up(who)

    def erp(self, node):
        return self.key[f"{COPIED if node == COPY else node}/erp"]

    def rows(self, node):
        return self.pages(node, "/api/v1/payments", self.erp(node))

    def journal(self, node):
        """Facts as `guitai-node journal` prints them, read by eyes of our own."""
        out = self.run("guitai-node", "journal", "--config", self.dir / f"{node}.toml")
        facts = []
        for line in out.splitlines():
            fact = json.loads(line)
            body = fact["body"]
            one = lambda name: (re.search(rf"\b{name}: (\d{{20}})", body) or [None, None])[1]
            fen = lambda name: int(m[1]) if (m := re.search(rf"\b{name}: Fen\((\d+)\)", body)) else None
            key = re.search(r'Idempotency \{ caller: "([^"]*)", key: "([^"]*)"', body)
            facts.append({"fact": fact["fact"], "kind": fact["kind"], "body": body, "order_no": one("order_no"), "reversal_no": one("reversal_no"),
                          "refund_no": one("refund_no"), "void_no": (re.search(r"void_no: Some\((\d{20})\)", body) or [None, None])[1],
                          "amount": fen("amount"), "left": fen("left"), "refunded": fen("refunded"), "before": fen("refunded_before"),
                          "void": "void: Some(" in body, "caller": key and key[1], "key": key and key[2]})
        return facts

    def branches(self, node):
        """Facts of dead branches, as `guitai-node journal --branches` prints them."""
        lines = self.run("guitai-node", "journal", "--branches", "--config", self.dir / f"{node}.toml").splitlines()
        return [json.loads(line) for line in lines]

    def heal(self):
        for who in ("sandbox", "hub", "node1", "node2"):
            self.send(who, signal.SIGCONT)
        time.sleep(0.2)
        for who in ("sandbox", "hub", "node1", "node2"):
            self.up(who, 60)
        for _ in range(10):
            try:
                if self.line("up") == 200:
                    break
            except OSError:
                time.sleep(0.5)
        self.accept()
        self.advance(60_000)


class Shop:
    """Random real life on top of a world, with everything remembered that was ever answered."""

    def __init__(self, world, seed):
        self.w, self.seed = world, seed
        self.lock = threading.Lock()
        self.stop = threading.Event()
        self.requests = {}      # (node, caller, key) -> {path, body, how, orders, statuses, lost}
        self.acks = []          # (t, node, order_no, state, reason, fact, how)
        self.codes = collections.defaultdict(list)   # code -> [(node, caller, key)]
        self.known = {"node1": [], "node2": []}      # order_no, amount, code, state, born
        self.cookies = {}
        self.serial = 0
        self.bills = {}
        self.violations = []
        self.wrong = collections.Counter()
        self.latency = []
        self.without = set()
        self.midnight_passed = False

    # ---- little things
    def fresh(self, rng, prefix="k"):
        with self.lock:
            self.serial += 1
            return f"{prefix}-{self.seed}-{self.serial:07d}-{rng.randrange(16**6):06x}"

    def code(self, rng):
        with self.lock:
            self.serial += 1
            n = self.serial
        head, width = rng.choice([("13", 18), ("28", 18), ("62", 19), ("10", 18)])
        middle = f"{self.seed % 10000:04d}{n:07d}"
        return head + middle + "".join(rng.choice("0123456789") for _ in range(width - 2 - len(middle)))

    def amount(self, rng):
        digits = rng.choice([0, *range(26, 100, 7)]) if rng.random() < 0.45 else rng.randrange(1, 26)
        return rng.randrange(1, 400) * 100 + digits

    def violate(self, what, **context):
        with self.lock:
            self.violations.append({"what": what, **context})

    def session(self, node, account):
        with self.lock:
            cookie = self.cookies.get((node, account))
        if cookie:
            return cookie
        status, _, headers = self.w.http(node, "POST", "/api/v1/sessions", {"account": account, "password": PASSWORD}, headers={"X-Guitai": "1"})
        if status != 200:
            raise OSError(f"log-in {status}")
        cookie = next(v for k, v in headers.items() if k.lower() == "set-cookie").split(";")[0]
        with self.lock:
            self.cookies[(node, account)] = cookie
        return cookie

    # ---- one keyed request, remembered
    def ask(self, node, caller, key, path, body, how, code=None, timeout=25, record=True):
        ident = (node, caller, key)
        with self.lock:
            entry = self.requests.setdefault(ident, {"path": path, "body": body, "how": how, "orders": set(), "statuses": [], "lost": 0, "code": code})
            if code and ident not in self.codes[code]:
                self.codes[code].append(ident)
        same = entry["path"] == path and entry["body"] == body
        headers = {"Idempotency-Key": key}
        bearer = None
        began = time.time()
        try:
            if caller in ("erp", "till"):
                bearer = self.w.key[f"{COPIED if node == COPY else node}/{caller}"]
            else:
                headers.update({"Cookie": self.session(node, caller), "X-Guitai": "1"})
            status, value, _ = self.w.http(node, "POST", path, body, bearer, headers, timeout)
        except (OSError, http.client.HTTPException) as error:
            with self.lock:
                entry["lost"] += 1
            self.w.event(kind="ask", node=node, caller=caller, key=key, path=path, body=self.shown(body), lost=repr(error)[:80])
            return None, None
        if status == 401 and caller not in ("erp", "till"):
            with self.lock:
                self.cookies.pop((node, caller), None)
        self.w.event(kind="ask", node=node, caller=caller, key=key, path=path, body=self.shown(body), status=status,
                     took=round(time.time() - began, 3), order=(value or {}).get("order_no"), state=(value or {}).get("state"),
                     code=(value or {}).get("code"))
        self.take(ident, entry, same, status, value, how, record)
        return status, value

    @staticmethod
    def shown(body):
        return {k: ("***" if k == "approver" else v) for k, v in (body or {}).items()}

    def take(self, ident, entry, same, status, value, how, record=True):
        node, caller, key = ident
        if status == 200:
            order_no = value["order_no"]
            with self.lock:
                if not same:
                    self.violations.append({"what": "another body under a used key was answered 200", "ident": ident, "order_no": order_no})
                entry["orders"].add(order_no)
                entry["statuses"].append(200)
                self.acks.append((time.time(), node, order_no, value["state"], value.get("reason"), value["fact"], how))
                if entry["path"] == "/api/v1/payments" and node in self.known and not any(k["order_no"] == order_no for k in self.known[node][-400:]):
                    self.known[node].append({"order_no": order_no, "amount": value["amount_fen"], "born": time.time(),
                                             "bill": value.get("bill"), "cashier": value["cashier"]})
            if entry["path"] == "/api/v1/payments" and same and value["amount_fen"] != entry["body"]["amount_fen"]:
                self.violate("the answer has another amount than the request", ident=ident, order_no=order_no)
        else:
            with self.lock:
                if same:
                    entry["statuses"].append(status if status != 429 else 429)
                elif status == 409:
                    self.w.counts["other body refused"] += 1
            if status >= 500 and status != 503:
                self.violate(f"HTTP {status}", ident=ident, value=value)

    def look(self, node, order_no, how="get"):
        try:
            status, value, _ = self.w.http(node, "GET", f"/api/v1/payments/{order_no}", key=self.w.erp(node), timeout=15)
        except (OSError, http.client.HTTPException):
            return None
        if status != 200:
            if status == 404:
                self.violate("an acknowledged order is unknown to its node", node=node, order_no=order_no)
            return None
        with self.lock:
            self.acks.append((time.time(), node, order_no, value["state"], value.get("reason"), value["fact"], how))
        return value

    def at_once(self, *jobs):
        threads = [threading.Thread(target=job, daemon=True) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

    def pick(self, rng, node, recent=200):
        with self.lock:
            pool = self.known[node][-recent:]
        return rng.choice(pool) if pool else None

    def who(self, rng):
        return rng.choices(["erp", "till", "03", "04"], [6, 2, 1, 1])[0]

    def sale(self, rng, amount=None, **more):
        body = {"amount_fen": amount or self.amount(rng), "auth_code": self.code(rng), "till": rng.choice(["T1", "T2"]),
                "wait_ms": rng.choice([0, 100, 500, 2000]), **more}
        return body

    # ---- scenarios
    def plain(self, rng, node):
        body, caller = self.sale(rng), self.who(rng)
        key = self.fresh(rng)
        self.ask(node, caller, key, "/api/v1/payments", body, "charge", body["auth_code"])
        for _ in range(rng.choice([0, 0, 0, 1, 2])):
            time.sleep(rng.random() * 0.5)
            self.ask(node, caller, key, "/api/v1/payments", body, "charge again", body["auth_code"])

    def twice(self, rng, node):
        """One key at once, with the same and with another body."""
        body, caller, key = self.sale(rng), self.who(rng), self.fresh(rng)
        other = {**body, "amount_fen": body["amount_fen"] + 100, "auth_code": self.code(rng)}
        first = lambda: self.ask(node, caller, key, "/api/v1/payments", body, "same key at once", body["auth_code"])
        jobs = [first, first, first]
        self.at_once(*jobs)
        # Only a key that was taken in is used up; one refused at the door (401, node down) is free for anything.
        if self.requests[(node, caller, key)]["orders"] and rng.random() < 0.6:
            self.ask(node, caller, key, "/api/v1/payments", other, "other body")

    def one_code(self, rng, node):
        """One payment code from two tills at once, sometimes at two stores."""
        body = self.sale(rng)
        second = {**body, "till": "T2" if body["till"] == "T1" else "T1"}
        other = rng.choice(["node1", "node2"]) if rng.random() < 0.3 else node
        a, b = self.fresh(rng), self.fresh(rng)
        self.at_once(lambda: self.ask(node, "erp", a, "/api/v1/payments", body, "code at two tills", body["auth_code"]),
                     lambda: self.ask(other, "erp", b, "/api/v1/payments", second, "code at two tills", body["auth_code"]))

    def bill(self, rng, node):
        """A bill paid whole by two at once, or in parts, or over."""
        with self.lock:
            self.serial += 1
            number = f"B{self.seed}-{self.serial}"
        total = self.amount(rng)
        ref = {"source": "erp", "number": number, "total_fen": total}
        with self.lock:
            self.bills[number] = total
        if rng.random() < 0.5:
            parts = [total] * rng.choice([2, 3])
        else:
            part = max(1, total // rng.choice([2, 3]))
            parts = [part] * rng.choice([3, 4])
        jobs = []
        for part in parts:
            body = self.sale(rng, amount=part, bill=ref)
            key = self.fresh(rng)
            jobs.append(lambda body=body, key=key: self.ask(node, "erp", key, "/api/v1/payments", body, "bill", body["auth_code"]))
        if rng.random() < 0.6:
            self.at_once(*jobs)
        else:
            for job in jobs:
                job()
        def later():
            for _ in range(rng.choice([0, 1, 3])):
                time.sleep(rng.choice([1, 5, 20, 95]) * rng.random())
                if self.stop.is_set():
                    return
                body = self.sale(rng, amount=total, bill=ref)
                self.ask(node, "erp", self.fresh(rng), "/api/v1/payments", body, "bill again", body["auth_code"])
        threading.Thread(target=later, daemon=True).start()

    def again(self, rng, node):
        """retry_of an earlier attempt of the same amount."""
        old = self.pick(rng, node, 60)
        if not old:
            return
        body = self.sale(rng, amount=old["amount"], retry_of=old["order_no"])
        job = lambda body=body: self.ask(node, "erp", self.fresh(rng), "/api/v1/payments", body, "retry_of", body["auth_code"])
        if rng.random() < 0.3:
            other = self.sale(rng, amount=old["amount"], retry_of=old["order_no"])
            self.at_once(job, lambda: self.ask(node, "erp", self.fresh(rng), "/api/v1/payments", other, "retry_of", other["auth_code"]))
        else:
            job()

    def approval(self, rng):
        return {"account": "01", "password": PASSWORD} if rng.random() < 0.25 else None

    def give(self, rng, node, old, what, amount=None):
        body = {}
        if what == "refunds":
            body = {"amount_fen": amount}
            if rng.random() < 0.3:
                body["reason"] = "质量问题"
        approver = self.approval(rng)
        caller = "erp"
        if approver:
            body["approver"] = approver
            caller = rng.choice(["erp", "till"])
        key = self.fresh(rng, what[:1])
        path = f"/api/v1/payments/{old['order_no']}/{what}"
        status, _ = self.ask(node, caller, key, path, body, what)
        if status is None or rng.random() < 0.2:
            self.ask(node, caller, key, path, body, what + " again")

    def refunds(self, rng, node):
        old = self.pick(rng, node)
        if not old:
            return
        whole = old["amount"]
        def part():
            size = rng.choice([whole, max(1, whole // 2), max(1, whole // 3), 120, 121, 1, whole + 1])
            return min(size, 50_000_000)
        jobs = [lambda amount=part(): self.give(rng, node, old, "refunds", amount) for _ in range(rng.choice([1, 2, 3]))]
        if rng.random() < 0.3:
            jobs.append(lambda: self.give(rng, node, old, "void"))
        self.at_once(*jobs)

    def void(self, rng, node):
        old = self.pick(rng, node, 40)
        if old:
            jobs = [lambda: self.give(rng, node, old, "void")] * rng.choice([1, 1, 2])
            bill = old.get("bill")
            if bill and rng.random() < 0.5:
                body = self.sale(rng, amount=old["amount"], **({"bill": bill} if bill["source"] != "counter" else {"retry_of": old["order_no"]}))
                jobs.append(lambda: self.ask(node, "erp", self.fresh(rng), "/api/v1/payments", body, "charge during void", body["auth_code"]))
            self.at_once(*jobs)

    def contested(self, rng, node):
        """A bill whose payment is voided, the void refused by the acquirer (an order of ending 19 refuses every cancel), and charged again meanwhile."""
        with self.lock:
            self.serial += 1
            number = f"C{self.seed}-{self.serial}"
        total = rng.randrange(5, 400) * 100 + 19
        ref = {"source": "erp", "number": number, "total_fen": total}
        body = self.sale(rng, amount=total, bill=ref)
        status, value = self.ask(node, "erp", self.fresh(rng), "/api/v1/payments", body, "contested", body["auth_code"])
        if status != 200:
            return

        def later():
            old = {"order_no": value["order_no"], "amount": total}
            path = f"/api/v1/payments/{old['order_no']}"
            for _ in range(30):
                if self.stop.wait(4):
                    return
                row = self.look(node, old["order_no"])
                if row and row["state"] in ("pending", "unknown") and row["can"]["cancel"]:
                    self.ask(node, "erp", self.fresh(rng, "s"), path + "/cancel", {}, "cancel")
                if row and row["state"] == "paid":
                    break
            else:
                return
            for _ in range(3):
                again = self.sale(rng, amount=total - 19, bill=ref)
                self.at_once(lambda: self.ask(node, "erp", self.fresh(rng, "v"), path + "/void", {}, "void to be refused"),
                             lambda: self.ask(node, "erp", self.fresh(rng), "/api/v1/payments", again, "charge during a void", again["auth_code"]))
                if self.stop.wait(rng.random() * 3):
                    return
        threading.Thread(target=later, daemon=True).start()

    def wrong_approver(self, rng, node):
        old = self.pick(rng, node)
        if not old or self.wrong[node] >= 8:
            return
        self.wrong[node] += 1
        kind = rng.choice(["scope", "role", "password"])
        body = {} if rng.random() < 0.5 else {"amount_fen": 1}
        what = "refunds" if body else "void"
        caller = "till"
        if kind == "role":
            body["approver"] = {"account": "03", "password": PASSWORD}
        if kind == "password":
            body["approver"] = {"account": "01", "password": "wrong-password-1"}
        status, value = self.ask(node, caller, self.fresh(rng, "w"), f"/api/v1/payments/{old['order_no']}/{what}", body, f"wrong approver {kind}")
        if status == 200:
            self.violate("a return without a right approver was accepted", node=node, order_no=old["order_no"], kind=kind)
        self.w.counts["wrong approvers"] += 1

    def says(self, rng, node):
        old = self.pick(rng, node, 120)
        if old:
            verb = rng.choice(["cancel", "cancel", "handed-over", "not-handed-over"])
            self.ask(node, "erp", self.fresh(rng, "s"), f"/api/v1/payments/{old['order_no']}/{verb}", {}, verb)

    def reads(self, rng, node):
        for _ in range(3):
            old = self.pick(rng, node)
            if old:
                self.look(node, old["order_no"])

    def nonsense(self, rng, node):
        body = rng.choice([{"amount_fen": 0}, {"amount_fen": -100}, {"amount_fen": 50_000_001}, {"amount_fen": 100, "till": "T9"},
                           {"amount_fen": 100, "auth_code": "6901234567892"}, {"amount_fen": 100, "till": "T7"},
                           {"amount_fen": 100, "bill": {"source": "erp", "number": "X"}}])
        body = {"auth_code": self.code(rng), "till": "T1", **body}
        status, value = self.ask(node, "erp", self.fresh(rng, "n"), "/api/v1/payments", body, "nonsense")
        if status == 200:
            self.violate("nonsense was accepted", body=body, order_no=value["order_no"])

    SCENARIOS = [("plain", 40), ("twice", 8), ("one_code", 8), ("bill", 10), ("again", 8), ("refunds", 12), ("void", 8), ("contested", 2),
                 ("wrong_approver", 2), ("says", 6), ("reads", 6), ("nonsense", 2)]

    def caller(self, number):
        rng = random.Random(f"{self.seed}/caller/{number}")
        names, weights = zip(*[one for one in self.SCENARIOS if one[0] not in self.without])
        while not self.stop.is_set():
            node = rng.choice(["node1", "node2"]) if number % 3 == 0 else ("node1" if number % 2 else "node2")
            name = rng.choices(names, weights)[0]
            try:
                getattr(self, name)(random.Random(rng.random()), node)
            except (OSError, http.client.HTTPException, Cannot) as error:
                self.w.event(kind="scenario", name=name, error=repr(error)[:200])
            self.w.counts["scenarios"] += 1
            self.stop.wait(rng.random() * 0.4)

    def janitor(self, number):
        """Cashiers with open payments: cancel after 15 s, handed over or not after 60 s."""
        rng = random.Random(f"{self.seed}/janitor/{number}")
        while not self.stop.is_set():
            for node in ("node1", "node2"):
                with self.lock:
                    old = [k for k in self.known[node][-600:] if 14 < time.time() - k["born"] < 150 and not k.get("done")]
                for k in rng.sample(old, min(6, len(old))):
                    row = self.look(node, k["order_no"])
                    if not row:
                        continue
                    if row["state"] in FINAL:
                        k["done"] = True
                        continue
                    if row["state"] in ("pending", "unknown", "held"):
                        age = time.time() - k["born"]
                        verb = rng.choice(["handed-over", "not-handed-over", None]) if age > 58 else rng.choice(["cancel", None, None])
                        if verb:
                            self.ask(node, "erp", self.fresh(rng, "s"), f"/api/v1/payments/{k['order_no']}/{verb}", {}, verb)
            self.stop.wait(1.0)

    # ---- faults
    def fault(self, what, **more):
        self.w.counts["faults"] += 1
        self.w.counts[what] += 1
        self.w.event(kind="fault", what=what, **more)

    def breaker(self):
        """Processes: kill, stop, freeze. One thread, so that whoever is down comes up again."""
        rng = random.Random(f"{self.seed}/breaker")
        bag = []
        while not self.stop.is_set():
            self.stop.wait(rng.uniform(0.3, 4))
            if self.stop.is_set():
                return
            if not bag:
                # A bag, so that every run of two minutes meets every kind.
                bag = ["kill node"] * 5 + ["kill both", "kill twice", "freeze node", "kill hub", "restart sandbox"] * 2 + \
                    ["stop node", "stop hub", "freeze hub", "freeze sandbox"] + \
                    [one for one, name in (("restore node", "restored"), ("copy node", "copied")) if name not in self.without]
                rng.shuffle(bag)
            what = bag.pop()
            node = rng.choice(["node1", "node2"])
            try:
                if what in ("kill node", "stop node"):
                    self.fault(what, node=node)
                    self.w.kill(node, signal.SIGKILL if what == "kill node" else signal.SIGTERM)
                    self.stop.wait(rng.choice([0, 0, 0.2, 1, 4]))
                    self.back(node)
                elif what == "kill both":
                    self.fault(what)
                    for each in ("node1", "node2"):
                        self.w.kill(each)
                    for each in ("node1", "node2"):
                        self.back(each)
                elif what == "kill twice":
                    self.fault(what, node=node)
                    self.w.kill(node)
                    self.w.launch(node)
                    time.sleep(rng.random() * 0.4)
                    self.w.kill(node)
                    self.back(node)
                elif what.startswith("freeze"):
                    whom = node if what == "freeze node" else what.split()[1]
                    seconds = rng.choice([0.5, 2, 5, 12] if whom != "sandbox" else [0.5, 3, 10, 17])
                    self.fault(what, whom=whom, seconds=seconds)
                    self.w.send(whom, signal.SIGSTOP)
                    self.stop.wait(seconds)
                    self.w.send(whom, signal.SIGCONT)
                elif what in ("kill hub", "stop hub"):
                    self.fault(what)
                    self.w.kill("hub", signal.SIGKILL if what == "kill hub" else signal.SIGTERM)
                    self.stop.wait(rng.choice([0, 1, 5, 15]))
                    self.w.up("hub")
                elif what == "restart sandbox":
                    self.fault(what)
                    self.w.kill("sandbox")
                    self.stop.wait(rng.choice([0, 0.5, 4]))
                    self.w.up("sandbox")
                elif what == "restore node":
                    self.restore(rng, node)
                elif what == "copy node":
                    self.copy(rng)
            except Cannot as error:
                self.violate("a process did not come back", error=str(error))
                return

    def restore(self, rng, node):
        """An older copy of a node's disk is put back. What the hub has not is lost with any disk, so the disk dies when the hub has all."""
        data, old = self.w.dir / node, self.w.dir / f"{node}.old"
        self.w.kill(node, signal.SIGTERM)
        shutil.rmtree(old, ignore_errors=True)
        shutil.copytree(data, old, ignore=shutil.ignore_patterns("*.sock"))
        self.back(node)
        self.stop.wait(rng.uniform(2, 6))
        for _ in range(12):
            if self.stop.is_set():
                break
            self.w.up("hub")
            self.stop.wait(0.5)
            self.w.kill(node, signal.SIGTERM)
            if self.w.at_hub(node) == self.w.last_fact(node):
                self.fault("restore node", node=node)
                shutil.rmtree(data)
                old.rename(data)
                break
            self.back(node)
        self.back(node)

    def copy(self, rng):
        """Node 1's folder on a second box, both selling; then node 1 is off until the copy has told the hub what it took, or that it may not."""
        w = self.w
        self.fault("copy node")
        w.kill(COPIED, signal.SIGTERM)
        shutil.rmtree(w.dir / COPY, ignore_errors=True)
        shutil.copytree(w.dir / COPIED, w.dir / COPY, ignore=shutil.ignore_patterns("*.sock"))
        config = (w.dir / f"{COPIED}.toml").read_text()
        config = config.replace(f'data = "{COPIED}"', f'data = "{COPY}"').replace(w.address(COPIED), w.address(COPY)).replace("receipts1", "receipts3")
        (w.dir / f"{COPY}.toml").write_text(config)
        self.back(COPIED)
        try:
            w.up(COPY, 10)
        except Cannot:
            w.counts["copies that refused to start"] += 1
            w.kill(COPY)
            return
        for _ in range(rng.choice([6, 12])):
            # At the same moment: numbers begin with the hundredth of the second, so both may draw the same.
            if self.stop.wait(1 - time.time() % 1):
                break
            jobs = []
            # Of two equal sums nobody could say whose they are, and both would be set aside for a person (rule 1).
            for node, amount in ((COPIED, 5000), (COPY, 5100)):
                body = self.sale(rng, amount=amount)
                key = self.fresh(rng)
                jobs.append(lambda body=body, key=key, node=node: self.ask(node, "erp", key, "/api/v1/payments", body, "two boxes", body["auth_code"]))
            self.at_once(*jobs)
        w.up("hub")
        w.kill(COPIED, signal.SIGTERM)
        end = time.time() + 15
        while time.time() < end:
            try:
                sync = w.http(COPY, "GET", "/api/v1/sync", key=w.erp(COPIED), timeout=5)[1] or {}
            except (OSError, http.client.HTTPException):
                break
            if sync.get("hub") == "connected" and sync.get("unsent") == 0:
                break
            time.sleep(0.3)
        w.kill(COPY, signal.SIGTERM)
        self.back(COPIED)

    def back(self, node):
        began = time.time()
        self.w.up(node, 60)
        self.latency.append(time.time() - began)
        with self.lock:
            for account in ("03", "04"):
                self.cookies.pop((node, account), None)

    def liner(self):
        rng = random.Random(f"{self.seed}/line")
        moved = 0
        while not self.stop.is_set():
            self.stop.wait(rng.uniform(1, 6))
            if self.stop.is_set():
                return
            try:
                if rng.random() < 0.2 and moved < 1_500_000:
                    ms = rng.choice([500, 5_000, 20_000, 40_000])
                    moved += ms
                    self.fault("clock advanced", ms=ms)
                    self.w.advance(ms)
                    continue
                mode = rng.choice(["refuse", "mute", "slow", "cut", "mute"])
                self.fault("line " + mode)
                self.w.line(mode)
                self.stop.wait(rng.choice([0.3, 1, 3, 8]))
                self.w.line("up")
            except (OSError, http.client.HTTPException):
                pass

    def clocks(self):
        """Somebody sets a till's clock, and somebody sets it right; once in a run midnight passes in Beijing, for everybody."""
        rng = random.Random(f"{self.seed}/clocks")
        true, turns = 0, 0
        while not self.stop.is_set():
            self.stop.wait(rng.uniform(2, 8))
            if self.stop.is_set():
                break
            turns += 1
            if "midnight" not in self.without and not self.midnight_passed and turns == 3:
                ahead = 86400 - int(time.time() + BEIJING_S + true) % 86400 + 5
                self.fault("midnight", ahead=ahead)
                self.midnight_passed = True
                true += ahead
                for who in ("sandbox", "hub", *NODES):
                    self.w.set_clock(who, true)
                continue
            if "clocks" in self.without:
                continue
            node, wrong = rng.choice(NODES), rng.choice(WRONG_CLOCKS)
            self.fault("clock set", node=node, wrong=wrong)
            self.w.set_clock(node, true + wrong)
            self.stop.wait(rng.uniform(2, 10))
            self.w.set_clock(node, true)
        for who in ("sandbox", "hub", *NODES):
            self.w.set_clock(who, true)

    def refusals(self):
        """Times in which the acquirer refuses refunds, or cancels."""
        rng = random.Random(f"{self.seed}/refusals")
        while not self.stop.wait(rng.uniform(4, 15)):
            what = rng.choice(["refund", "refund", "cancel"])
            if self.w.refuse(what, "refuse"):
                self.fault("refusing " + what)
                self.stop.wait(rng.uniform(1, 6))
        self.w.accept()

    def trade(self, minutes, callers):
        threads = [threading.Thread(target=self.caller, args=(n,), daemon=True) for n in range(callers)]
        threads += [threading.Thread(target=self.janitor, args=(n,), daemon=True) for n in range(2)]
        threads += [threading.Thread(target=self.breaker, daemon=True), threading.Thread(target=self.liner, daemon=True)]
        if not {"clocks", "midnight"} <= self.without:
            threads.append(threading.Thread(target=self.clocks, daemon=True))
        if "refusals" not in self.without:
            threads.append(threading.Thread(target=self.refusals, daemon=True))
        for thread in threads:
            thread.start()
        end = time.time() + minutes * 60
        while time.time() < end:
            time.sleep(min(5, max(0.1, end - time.time())))
        self.stop.set()
        for thread in threads:
            thread.join(90)
        if any(thread.is_alive() for thread in threads):
            note("a caller did not end in 90 s")

    # ---- after the storm
    def repeat(self, idents, how):
        """The same requests once more, as a real caller would after a lost answer."""
        queue, lock = list(idents), threading.Lock()

        def work():
            while True:
                with lock:
                    if not queue:
                        return
                    ident = queue.pop()
                entry = self.requests[ident]
                node, caller, key = ident
                for _ in range(6):
                    status, _ = self.ask(node, caller, key, entry["path"], entry["body"], how, entry["code"])
                    if status not in (None, 401, 429, 503):
                        break
                    time.sleep(0.5)
        self.at_once(*[work] * 6)

    def settle(self, most_s=420):
        """Until nothing is open at the nodes and the first late check has been made."""
        self.w.heal()
        # Whatever lost an answer and never had a good one is asked again: only then is a refusal the last word.
        unresolved = [i for i, e in self.requests.items() if e["lost"] and not e["orders"] and i[0] != COPY]
        note(f"healed; {len(unresolved)} requests lost their answer and are sent again")
        self.repeat(unresolved, "resolve")
        end, quiet_since = time.time() + most_s, None
        said, seen = {}, {}
        while time.time() < end:
            rows = {node: self.w.rows(node) for node in ("node1", "node2")}
            charges = [(node, r) for node in rows for r in rows[node] if r["kind"] == "charge"]
            still = [(node, r) for node, r in charges if r["state"] in OPEN]
            self.w.advance(5_000)
            for node, r in still:
                verb = {"held": "not-handed-over", "pending": "cancel", "unknown": "cancel"}.get(r["state"])
                if verb and time.time() - said.get(r["order_no"], 0) > 14:
                    said[r["order_no"]] = time.time()
                    self.ask(node, "erp", self.fresh(random.Random(), "z"), f"/api/v1/payments/{r['order_no']}/{verb}", {}, "end " + verb)
            # Ended by a reversal of ours, or expired: money may still land, and the node looks again 60 s later.
            ended = {r["order_no"]: self.seconds(r.get("finished_at")) for _, r in charges
                     if r["state"] == "reversed" or (r["state"] == "closed" and r.get("reason") in ("expired", "cancelled"))}
            # In the world's own time, which midnight may have moved; a stamp may also be ahead, but not its end after it was seen.
            watched = [min(at - self.w.offset["hub"], seen.setdefault(no, time.time())) for no, at in ended.items()]
            until = max([self.w.started["node1"], self.w.started["node2"], self.healed, *watched]) + 78
            if not still and time.time() > until:
                if quiet_since and time.time() - quiet_since > 3:
                    note("everything is at rest")
                    return True
                quiet_since = quiet_since or time.time()
            else:
                quiet_since = None
            time.sleep(2 if still else min(5, max(1, until - time.time())))
        open_now = [(node, r["order_no"], r["state"], r["amount_fen"]) for node, r in still]
        self.violate("not at rest in time", open=open_now[:20])
        return False

    @staticmethod
    def seconds(text):
        if not text:
            return 0
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()

    def finish(self):
        self.healed = time.time()
        self.settle()
        # The same key is the same order for ever.
        mine = [i for i, e in self.requests.items() if e["orders"] and i[0] != COPY]
        note(f"asking {len(mine)} keys again")
        self.repeat(mine, "for ever")


def judge(world, shop):
    """Every oracle. `shop` may be None: then only the books are compared with each other."""
    w = world
    bad = shop.violations if shop else []
    facts_of = collections.defaultdict(list)

    def violate(what, order_no=None, **context):
        bad.append({"what": what, **({"order_no": order_no} if order_no else {}), **context})

    # ---- the hub has everything
    for node in ("node1", "node2"):
        end = time.time() + 60
        while time.time() < end:
            sync = w.get(node, "/api/v1/sync", w.erp(node))
            store = {"node1": "S001", "node2": "S002"}[node]
            at_hub = {x["store"]: x["facts"] for x in w.get("hub", "/api/v1/stores", w.key["hub"])["items"]}
            if sync["hub"] == "connected" and sync["unsent"] == 0 and at_hub[store] == w.get(node, "/api/v1/health")["facts"]:
                break
            time.sleep(0.5)
        else:
            violate("the backlog does not reach the hub", node=node, sync=sync)
    book = w.book()
    refunds, reversals = w.book_log()
    by_no = {}
    for order in book:
        if order["order_no"] in by_no:
            violate("an order twice in the book", order["order_no"])
        by_no[order["order_no"]] = order
        if order["charges"] > 1:
            violate("an order charged more than once", order["order_no"], book=order)
    rows = {node: w.rows(node) for node in ("node1", "node2")}
    seen, everyone = {}, {}
    journals = {node: w.journal(node) for node in rows}

    for node, store in (("node1", "S001"), ("node2", "S002")):
        # Boxes on copies of one folder share an issuer until the hub parts them, and may draw one number each: what the other box
        # drew was entered again from its branch. Rows of such a number are told apart by their original.
        branches, draws = w.branches(node), {"Intended": "order_no", "ReversalIntended": "reversal_no", "RefundIntended": "refund_no"}
        again = {f["body"] for f in branches}
        by_both = set()
        if node == COPIED and w.counts["copy node"]:
            here, there = ({f[draws[f["kind"]]] for f in journals[node] if f["kind"] in draws and (f["body"] in again) == entered}
                           for entered in (False, True))
            by_both = here & there
        name = lambda no, original: f"{no}/{original}" if original and no in by_both else no
        mine = {}
        for row in rows[node]:
            no = name(row["order_no"], row.get("original_no"))
            if no in seen:
                violate("one number on two rows", no, nodes=[node, seen[no]])
            seen[no] = seen[row["order_no"]] = node
            mine[no] = row
        everyone[node] = mine
        # ---- journal: numbers drawn once, keys once; a fold of our own
        drawn, keys, fold, returns, paid_facts = collections.Counter(), collections.Counter(), {}, {}, collections.Counter()
        stood = {}      # where a charge stood when it began to be taken back
        fact_order = {}
        for f in journals[node]:
            no = f["order_no"]
            fact_order[f["fact"]] = no
            if no:
                facts_of[no].append(f)
            if f["kind"] == "undigested":
                violate("a fact that its own node cannot read", node=node, fact=f)
            if f["key"]:
                keys[(f["caller"], f["key"])] += 1
            kind = f["kind"]
            if kind in draws and not (f["body"] in again and f[draws[kind]] in by_both):
                drawn[f[draws[kind]]] += 1
            if kind == "Intended":
                fold[no] = ["pending", 0]
            elif kind == "ReversalIntended":
                if fold[no][0] != "reversing":
                    stood[no] = fold[no][0]
                fold[no][0] = "reversing"
                if f["void"]:
                    returns[name(f["reversal_no"], no)] = ["void", "reversing", f["amount"], no]
            elif kind == "RefundIntended":
                fold[no][0] = "refunding"
                returns[name(f["refund_no"], no)] = ["refund", "refunding", f["amount"], no]
            elif kind == "Reversed":
                fold[no][0] = "reversed"
                if f["void_no"]:
                    fold[no][1] = f["amount"]
                    returns[name(f["void_no"], no)][1] = "reversed"
            elif kind == "ReversalRefused":
                # Refused, a void or a copy's try at what had ended here leaves it as it stood.
                fold[no][0] = stood[no] if stood[no] in FINAL else "reversing"
                if f["void_no"]:
                    returns[name(f["void_no"], no)][1] = "declined"
            elif kind == "Refunded":
                fold[no] = ["refunded" if f["left"] == 0 else "part_refunded", fold[no][1] + f["amount"]]
                returns[name(f["refund_no"], no)][1] = "refunded"
                if fold[no][1] != f["refunded"]:
                    violate("a refund's running sum is wrong", no, fact=f, sum=fold[no][1])
            elif kind == "RefundRefused":
                fold[no][0] = "part_refunded" if fold[no][1] else "paid"
                returns[name(f["refund_no"], no)][1] = "declined"
            elif kind in ("Paid", "Declined", "Closed", "Quarantined", "Pended", "Doubted", "HandedOver", "NotHandedOver"):
                fold[no][0] = {"Pended": "pending", "Doubted": "unknown", "HandedOver": "held", "NotHandedOver": "unknown"}.get(kind, kind.lower())
                paid_facts[no] += kind == "Paid"
        for what, counter in (("a number drawn twice", drawn), ("a key taken in twice", keys)):
            for one, count in counter.items():
                if count > 1:
                    violate(what, one if isinstance(one, str) else None, node=node, which=one, count=count)
        for no, count in paid_facts.items():
            if count > 1:
                violate("counted as paid more than once", no, node=node, count=count)
        charges = {no: r for no, r in mine.items() if r["kind"] == "charge"}
        if set(charges) != set(fold):
            violate("rows and journal differ", node=node, only_rows=list(set(charges) - set(fold))[:5], only_journal=list(set(fold) - set(charges))[:5])
        for no, row in charges.items():
            if no in fold and (row["state"], row["refunded_fen"]) != tuple(fold[no]):
                violate("a row differs from its facts", no, node=node, row=[row["state"], row["refunded_fen"]], facts=fold[no])
        for no, (kind, state, amount, original) in returns.items():
            row = mine.get(no)
            if not row or (row["kind"], row["state"], row["amount_fen"], row["original_no"]) != (kind, state, amount, original):
                violate("a return's row differs from its facts", no, node=node, row=row, facts=[kind, state, amount, original])
        for no, row in mine.items():
            if row["kind"] != "charge" and no not in returns:
                violate("a return without facts", no, node=node)
        # ---- node against the book
        for no, row in charges.items():
            # A number somebody else had used: what the book has under it is theirs.
            at_bank, state = None if row.get("reason") == "number_used" else by_no.get(no), row["state"]
            bank = at_bank["state"] if at_bank else "absent"
            kept = at_bank["amount_fen"] if bank in ("paid", "part_refunded", "refunded") else 0
            if at_bank and at_bank["amount_fen"] != row["amount_fen"]:
                violate("another amount at the acquirer", no, node=node, book=at_bank, row=row["amount_fen"])
            if state in ("declined", "closed") and (kept or bank in ("reversed",)):
                violate(f"the node says {state}, the book {bank}", no, node=node, reason=row.get("reason"), book=at_bank)
            if state in ("declined", "closed", "reversed") and bank == "pending":
                violate(f"the node says {state}, the book still pending", no, node=node, book=at_bank)
            if state == "closed" and row.get("reason") == "not_sent" and at_bank:
                violate("closed as not sent, but the acquirer has it", no, node=node, book=at_bank)
            if state == "reversed" and bank not in ("reversed",):
                violate(f"the node says reversed, the book {bank}", no, node=node, book=at_bank)
            if state == "paid" and bank != "paid":
                violate(f"the node says paid, the book {bank}", no, node=node, book=at_bank)
            if state in ("part_refunded", "refunded") and (bank != state or at_bank["refunded_fen"] != row["refunded_fen"]):
                violate("refunds differ from the book", no, node=node, row=[state, row["refunded_fen"]], book=at_bank)
            if state == "quarantined" and row["amount_fen"] % 100 != 13:
                violate("quarantined without reason", no, node=node, message=row.get("message"), book=at_bank)
            if at_bank and at_bank["refunded_fen"] > at_bank["amount_fen"]:
                violate("more refunded than paid", no, book=at_bank)
            given = sum(r["amount_fen"] for r in mine.values() if r["kind"] == "refund" and r["original_no"] == no and r["state"] == "refunded") \
                if row["refunded_fen"] else 0
            voided = [r for r in mine.values() if r["kind"] == "void" and r["original_no"] == no and r["state"] == "reversed"] if state == "reversed" else []
            if row["refunded_fen"] != given + sum(r["amount_fen"] for r in voided):
                violate("refund rows do not sum to what their charge says", no, node=node, row=row["refunded_fen"], rows=given)
            if row["refunded_fen"] > row["amount_fen"]:
                violate("more refunded than paid", no, node=node, row=row)
        for no, row in mine.items():
            # Which of two had a number at the acquirer, its log does not say.
            if row["kind"] == "refund" and row["order_no"] not in by_both:
                at_bank = refunds.get(no)
                done = bool(at_bank and at_bank["state"] == "done")
                if done != (row["state"] == "refunded") or (at_bank and at_bank["amount_fen"] != row["amount_fen"]):
                    violate(f"a refund row says {row['state']}, the book otherwise", no, node=node, original=row["original_no"], book=at_bank)
        # ---- checks of its own
        done = w.run("guitai-node", "verify", "--config", w.dir / f"{node}.toml", check=False)
        if done.returncode:
            violate("verify fails", node=node, out=done.stdout + done.stderr)
        # ---- hub rows and facts
        theirs = {name(r["order_no"], r.get("original_no")): r for r in w.pages("hub", f"/api/v1/payments?store={store}", w.key["hub"])}
        strip = lambda r: {k: v for k, v in r.items() if k not in ("can", "store")}
        if set(theirs) != set(mine):
            violate("the hub has other rows", node=node, only_hub=list(set(theirs) - set(mine))[:5], only_node=list(set(mine) - set(theirs))[:5])
        for no in set(theirs) & set(mine):
            a, b = strip(mine[no]), strip(theirs[no])
            if a != b:
                violate("hub and node differ on a row", no, node=node, differ={k: [a.get(k), b.get(k)] for k in a.keys() | b.keys() if a.get(k) != b.get(k)})
        with sqlite3.connect(f"file:{w.dir}/{node}/journal.db?mode=ro", uri=True) as here:
            ours = here.execute("SELECT epoch, number, body, head FROM fact WHERE store=? ORDER BY 1,2", (store,)).fetchall()
        copies = undigested = None
        for path in (w.dir / "hub").glob("*.db"):
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as there:
                if there.execute("SELECT count(*) FROM sqlite_schema WHERE name='fact'").fetchone()[0]:
                    copies = there.execute("SELECT epoch, number, body, head FROM fact WHERE store=? ORDER BY 1,2", (store,)).fetchall()
                    undigested = there.execute("SELECT count(*) FROM undigested WHERE store=?", (store,)).fetchone()[0]
        if copies is not None and copies != ours:
            violate("the hub's facts are not the node's", node=node, hub=len(copies), here=len(ours))
        if undigested:
            violate("the hub could not digest facts", node=node, count=undigested)
        if [f"{e}-{n}" for e, n, _, _ in ours] != [f["fact"] for f in journals[node]]:
            violate("`journal` does not print what the file holds", node=node)
        # ---- days
        days = sorted({r["business_day"] for r in mine.values()})
        for day in days:
            paid = [r for r in charges.values() if r["business_day"] == day and
                    (r["state"] in ("paid", "refunding", "part_refunded", "refunded") or
                     (r["state"] == "reversed" and r["refunded_fen"]) or (r["state"] == "reversing" and r.get("received_fen") is not None))]
            voids = [r for r in mine.values() if r["kind"] == "void" and r["business_day"] == day and r["state"] == "reversed"]
            given = [r for r in mine.values() if r["kind"] == "refund" and r["business_day"] == day and r["state"] == "refunded"]
            stats = w.get(node, f"/api/v1/stats/day?date={day}", w.erp(node))
            hub = w.get("hub", f"/api/v1/stats?date={day}&store={store}", w.key["hub"])
            for name, part in (("paid", paid), ("voided", voids), ("refunded", given)):
                right = {"count": len(part), "sum_fen": sum(r["amount_fen"] for r in part)}
                if stats[name] != right:
                    violate(f"the day's {name} is wrong", node=node, day=day, said=stats[name], rows=right)
                if hub[name] != stats[name]:
                    violate(f"the hub's {name} of the day differs", node=node, day=day, hub=hub[name], node_says=stats[name])
            doubt = [r for r in charges.values() if r["business_day"] == day and r["state"] in ("unknown", "held", "reversing", "quarantined")]
            right = {"count": len(doubt), "sum_fen": sum(r["amount_fen"] for r in doubt)}
            if stats["unknown"] != right or hub["unknown"] != right:
                violate("the day's doubt is wrong", node=node, day=day, said=stats["unknown"], hub=hub["unknown"], rows=right)
            if stats["net_fen"] != stats["paid"]["sum_fen"] - stats["voided"]["sum_fen"] - stats["refunded"]["sum_fen"] or hub["net_fen"] != stats["net_fen"]:
                violate("the day's net is wrong", node=node, day=day, net=stats["net_fen"], hub=hub["net_fen"])
            for group in ("by_wallet", "by_cashier", "by_hour"):
                for source, said in ((node, stats), ("hub", hub)):
                    total = sum(g["sum_fen"] if group == "by_hour" else g["paid"]["sum_fen"] for g in said[group])
                    if total != said["paid"]["sum_fen"]:
                        violate(f"{group} does not sum to the day", where=source, node=node, day=day, sums=total, day_says=said["paid"]["sum_fen"])
        # ---- all days together against the book: what the acquirer kept for this store
        kept = 0
        for no in charges:
            at_bank = None if charges[no].get("reason") == "number_used" else by_no.get(no)
            if at_bank and at_bank["state"] in ("paid", "part_refunded", "refunded") and charges[no]["state"] != "quarantined":
                kept += at_bank["amount_fen"] - at_bank["refunded_fen"]
        net = sum(w.get(node, f"/api/v1/stats/day?date={day}", w.erp(node))["net_fen"] for day in days)
        if kept != net:
            violate("the days' net is not what the acquirer holds", node=node, book=kept, stats=net)
        if not shop:
            continue
        # ---- everything ever answered is still true
        # Answers from before a fork healed may name the facts of a dead branch.
        in_branches = {(f["fact"], (re.search(r"\border_no: (\d{20})", f["body"]) or [None, None])[1]) for f in branches}
        for t, at, no, state, reason, fact, how in shop.acks:
            if at != node:
                continue
            row = charges.get(no)
            if not row:
                violate("an acknowledged order is gone", no, node=node, answered=[t, state, how])
                continue
            allowed = REACH[state]
            if state == "closed" and reason in ("not_sent", "configuration"):
                allowed = {"closed"}
            if state == "reversed" and any(f["kind"] == "Reversed" and f["void_no"] for f in facts_of[no]):
                allowed = {"reversed"}
            if row["state"] not in allowed:
                violate(f"answered {state}, in the end {row['state']}", no, node=node, answered=[t, state, reason, how])
            if fact_order.get(fact) != no and (fact, no) not in in_branches:
                violate("an answer's fact is not in the journal", no, node=node, fact=fact, answered=[t, state, how])
        by_key = {(f["caller"], f["key"]): f for f in journals[node] if f["key"]}
        for (at, caller, key), entry in shop.requests.items():
            if at != node:
                continue
            ident = [at, caller, key]
            if len(entry["orders"]) > 1:
                violate("one key, two orders", sorted(entry["orders"])[0], ident=ident, orders=sorted(entry["orders"]))
            found = [f for (c, k), f in by_key.items() if k == key] if entry["orders"] else \
                [f for f in [by_key.get((caller, key)) or by_key.get((f"key:{caller}", key)) or by_key.get((f"account:{caller}", key))] if f]
            if entry["orders"] and entry["path"].endswith(("/payments", "/refunds", "/void")) and not found:
                violate("answered 200, but no fact has the key", sorted(entry["orders"])[0], ident=ident)
            if found and entry["orders"] and found[0]["order_no"] not in entry["orders"]:
                violate("the key's fact is of another order", found[0]["order_no"], ident=ident, orders=sorted(entry["orders"]))
            if not entry["orders"] and entry["statuses"] and found:
                violate("refused, but done", found[0]["order_no"], ident=ident, statuses=entry["statuses"])

    # ---- the book has nothing nobody asked for
    for no in by_no:
        if no not in seen:
            violate("the acquirer has an order no node knows", no, book=by_no[no])
    for no, refund in refunds.items():
        if no not in seen and refund["state"] == "done":
            violate("the acquirer has a refund no node knows", no, refund=refund)
    # ---- bills
    taken, covered, totals = collections.Counter(), collections.Counter(), {}
    on_bill = collections.defaultdict(list)
    for node, mine in everyone.items():
        for no, row in mine.items():
            if row["kind"] == "charge" and row.get("bill"):
                bill = (node, row["bill"]["source"], row["bill"]["number"])
                totals[bill] = max(totals.get(bill, 0), row["bill"]["total_fen"])
                on_bill[bill].append((no, row["state"], row["business_day"]))
                at_bank = by_no.get(no)
                if at_bank and at_bank["state"] in ("paid", "part_refunded", "refunded"):
                    taken[bill] += at_bank["amount_fen"] - at_bank["refunded_fen"]
                if row["state"] in ("paid", "part_refunded"):
                    covered[bill] += row["amount_fen"] - row["refunded_fen"]
    for bill, total in totals.items():
        if taken[bill] > total:
            violate("a bill was taken more than once", on_bill[bill][0][0], bill=bill, total=total, taken=taken[bill], attempts=on_bill[bill])
        if covered[bill] > total:
            violate("a bill is covered more than once", on_bill[bill][0][0], bill=bill, total=total, covered=covered[bill], attempts=on_bill[bill])
    # ---- codes
    if shop:
        for code, idents in shop.codes.items():
            orders = {no for i in idents for no in shop.requests[i]["orders"]}
            taken_by = [no for no in orders if by_no.get(no, {}).get("charges", 0)]
            if len(taken_by) > 1:
                violate("one payment code was charged twice", taken_by[0], orders=taken_by)
            for node in ("node1", "node2"):
                here = {no for i in idents if i[0] == node for no in shop.requests[i]["orders"]}
                if len(here) > 1:
                    violate("one payment code was sent twice", sorted(here)[0], orders=sorted(here))
    done = w.run("guitai-hub", "verify", "--config", w.dir / "hub.toml", check=False)
    if done.returncode:
        violate("the hub's verify fails", out=done.stdout + done.stderr)
    # ---- context
    for one in bad:
        no = one.get("order_no")
        if no:
            one["facts"] = [f"{f['fact']} {f['kind']} {f['body'][:260]}" for f in facts_of.get(no, [])]
            one["book"] = one.get("book") or by_no.get(no)
            if shop:
                one["answers"] = [[round(t, 1), state, reason, how] for t, _, n, state, reason, _, how in shop.acks if n == no][:12]
    figures = {"rows": {n: len(rows[n]) for n in rows}, "facts": {n: len(journals[n]) for n in journals}, "book": len(book),
               "states": dict(collections.Counter(r["state"] for n in rows for r in rows[n] if r["kind"] == "charge")),
               "refunds": sum(r["kind"] == "refund" for n in rows for r in rows[n]), "voids": sum(r["kind"] == "void" for n in rows for r in rows[n])}
    return bad, figures


def report(bad, folder):
    grouped = collections.OrderedDict()
    for one in bad:
        grouped.setdefault(one["what"], []).append(one)
    for what, many in grouped.items():
        print(f"VIOLATION {what}: {len(many)}")
        for one in many[:3]:
            print("   ", json.dumps({k: v for k, v in one.items() if k != "what"}, ensure_ascii=False, default=str)[:1800])
    (folder / "violations.json").write_text(json.dumps(bad, ensure_ascii=False, indent=1, default=str))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--port-base", type=int, default=25000)
    parser.add_argument("--dir", default="target/adversary/world")
    parser.add_argument("--root", default=".", help="where target/release holds the programs")
    parser.add_argument("--callers", type=int, default=10)
    parser.add_argument("--sample", type=int, default=60)
    parser.add_argument("--without", default="", help=f"scenarios to leave out, comma-separated: {', '.join(EXTRA)}")
    parser.add_argument("--judge-only", action="store_true")
    asked = parser.parse_args()
    without = set(filter(None, asked.without.split(",")))
    if without - set(EXTRA):
        parser.error(f"--without {','.join(sorted(without - set(EXTRA)))}: allowed are {', '.join(EXTRA)}")
    world = World(asked.root, asked.dir, asked.port_base)
    if not world.faketime and not {"clocks", "midnight"} <= without:
        note("Debian's package faketime is missing: clocks stay true, no midnight passes")
        without |= {"clocks", "midnight"}
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(2))
    began = time.time()
    try:
        if asked.judge_only:
            world.start_all()
            bad, figures = judge(world, None)
            print(f"adversary judge: {json.dumps(figures)} violations {len(bad)}")
            report(bad, world.dir)
            return 1 if bad else 0
        if world.dir.exists():
            shutil.rmtree(world.dir)
        beijing = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=8))
        if beijing.hour == 23 and beijing.minute > 15:
            note("it is nearly midnight in Beijing: voids and reversals over midnight end otherwise; run it later")
        world.provision(asked.sample)
        if not {"clocks", "midnight"} <= without:
            world.stop_all()
            for who in ("sandbox", "hub", *NODES):
                world.movable(who)
        world.start_all()
        note(f"provisioned in {time.time() - began:.0f} s; seed {asked.seed}, {asked.minutes} min of trade")
        shop = Shop(world, asked.seed)
        shop.without = without
        shop.trade(asked.minutes, asked.callers)
        note("the storm is over")
        shop.finish()
        bad, figures = judge(world, shop)
        c = world.counts
        kills = c["kill node"] + 2 * c["kill both"] + 2 * c["kill twice"]
        slow = sorted(shop.latency)
        back = f"median {slow[len(slow) // 2]:.2f} s, worst {slow[-1]:.2f} s" if slow else "-"
        lost = sum(e["lost"] for e in shop.requests.values())
        print(f"adversary: seed {asked.seed}, minutes {asked.minutes}, requests {sum(len(e['statuses']) + e['lost'] for e in shop.requests.values())}, "
              f"answers lost {lost}, acknowledged {len(shop.acks)}, charges {sum(figures['states'].values())}, voids {figures['voids']}, refunds {figures['refunds']}, "
              f"book {figures['book']}, node kills {kills}, hub kills {c['kill hub'] + c['stop hub']}, sandbox kills {c['restart sandbox']}, "
              f"freezes {c['freeze node'] + c['freeze hub'] + c['freeze sandbox']}, line faults {sum(v for k, v in c.items() if k.startswith('line '))}, "
              f"disks restored {c['restore node']}, boxes copied {c['copy node']}, clocks set {c['clock set']}, midnights {c['midnight']}, "
              f"refusals {c['refusing refund'] + c['refusing cancel']}, "
              f"faults {c['faults']}, back after a kill {back}, took {time.time() - began:.0f} s, violations {len(bad)}")
        print("states:", json.dumps(figures["states"]), "facts:", json.dumps(figures["facts"]))
        report(bad, world.dir)
        return 1 if bad else 0
    except Cannot as error:
        print(f"adversary: could not run: {error}")
        return 2
    finally:
        world.stop_all()


if __name__ == "__main__":
    sys.exit(main())
