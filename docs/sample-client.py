#!/usr/bin/env python3
"""A small client of a Guitai node that knows nothing but what the node says of itself in /api/openapi.json.

usage: sample-client.py URL KEY AMOUNT_FEN PAYMENT_CODE [REFUND_FEN]

It charges, waits until the result is known, gives a part back if asked to, and prints what came of it as JSON lines.
Exit code 0: paid. 1: not paid, and nothing was taken. 2: refused, and nothing was taken. 3: nobody knows yet; look or ask
again later with the same key, never charge again. 4: paid, but what was asked after that was refused.
"""

import http.client
import json
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

TRIES = 8
OPEN = ("pending", "unknown", "reversing", "refunding")


class Refused(Exception):
    """A problem of the server's: `code` for programs, `detail` and `remedy` for people."""

    def __init__(self, status, problem, retry_after):
        super().__init__(f"{status} {problem.get('code')}: {problem.get('detail')} {problem.get('remedy')}")
        self.status, self.retry_after = status, retry_after


class Unanswered(Exception):
    """No answer in all tries: it may be done or not."""


class Api:
    """Calls operations by their names."""

    def __init__(self, url, key):
        self.url, self.key = url.rstrip("/"), key
        self.document = json.loads(self.send("GET", "/api/openapi.json", {}, None))
        self.operations = {
            operation["operationId"]: (method.upper(), path, operation)
            for path, methods in self.document["paths"].items()
            for method, operation in methods.items()
        }

    def resolve(self, part):
        found = self.document if "$ref" in part else part
        for name in part["$ref"][2:].split("/") if "$ref" in part else ():
            found = found[name]
        return found

    def call(self, name, body=None, **given):
        """One act. Where a key is wanted, one is made and kept over all tries: asked twice, it is done once."""
        method, path, operation = self.operations[name]
        headers, query = {"Accept": "application/json", "Accept-Language": "en"}, {}
        for parameter in map(self.resolve, operation.get("parameters", ())):
            field, place = parameter["name"], parameter["in"]
            if field == "Idempotency-Key":
                headers[field] = given.pop("idempotency_key", None) or str(uuid.uuid4())
            elif field in given and place == "path":
                value = str(given.pop(field))
                pattern = parameter["schema"].get("pattern")
                if pattern and not re.search(pattern, value):
                    raise ValueError(f"{field} {value!r} is not {pattern}")
                path = path.replace("{%s}" % field, urllib.parse.quote(value, safe=""))
            elif field in given and place == "query":
                query[field] = given.pop(field)
        if given:
            raise TypeError(f"{name} takes no {', '.join(given)}")
        if query:
            path += "?" + urllib.parse.urlencode(query)
        safe = method == "GET" or "Idempotency-Key" in headers
        for tries_left in reversed(range(TRIES if safe else 1)):
            try:
                return json.loads(self.send(method, path, headers, body) or "null")
            except (Refused, OSError, http.client.HTTPException) as error:
                # Too much at this moment, not now, or no answer, which says nothing about the money: again, with the same key.
                if isinstance(error, Refused) and error.status < 500 and error.status != 429:
                    raise
                if not tries_left:
                    raise Unanswered(f"{name}, Idempotency-Key {headers.get('Idempotency-Key')}: {error}") from None
                time.sleep(min(getattr(error, "retry_after", None) or 1, 30))

    def send(self, method, path, headers, body):
        headers = {**headers, "Authorization": f"Bearer {self.key}"}
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=75) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            text = error.read()
            problem = json.loads(text) if "problem+json" in error.headers.get("Content-Type", "") else {}
            after = error.headers.get("Retry-After", "")
            raise Refused(error.code, problem, int(after) if after.isdigit() else None) from None


def settled(api, payment, seconds=60):
    """Reads a payment until its result is known, or the time is over."""
    until = time.monotonic() + seconds
    while payment["state"] in OPEN and time.monotonic() < until:
        time.sleep(1)
        payment = api.call("get_payment", order_no=payment["order_no"])
    return payment


def show(what, payment):
    shown = {name: payment.get(name) for name in ("order_no", "state", "amount_fen", "refunded_fen", "reason")}
    print(json.dumps({"what": what, **shown}, ensure_ascii=False), flush=True)


def main(url, key, amount_fen, code, refund_fen=None):
    api = Api(url, key)
    payment = api.call("charge", {"amount_fen": amount_fen, "auth_code": code})
    try:
        payment = settled(api, payment)
        show("charge", payment)
        if payment["state"] != "paid":
            return 3 if payment["state"] in OPEN else 1
        if refund_fen:
            given_back = api.call("refund_payment", {"amount_fen": refund_fen}, order_no=payment["order_no"])
            show("refund", settled(api, given_back))
        show("query", api.call("get_payment", order_no=payment["order_no"]))
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 4 if payment["state"] == "paid" else 3
    return 0


if __name__ == "__main__":
    words = sys.argv[1:]
    if len(words) not in (4, 5) or not words[0].startswith("http") or not all(fen.isdecimal() for fen in words[2::2]):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    try:
        sys.exit(main(words[0], words[1], int(words[2]), words[3], *map(int, words[4:])))
    except (Refused, OSError) as refused:
        # Before anything was sent, or by the node's own word.
        print(refused, file=sys.stderr)
        sys.exit(2)
    except Unanswered as unanswered:
        print(f"no answer, so nobody knows: {unanswered}", file=sys.stderr)
        sys.exit(3)
