#!/usr/bin/env python3
"""A small client of a Guitai node that knows nothing but what the node says of itself in /api/openapi.json.

usage: sample-client.py URL KEY AMOUNT_FEN PAYMENT_CODE [REFUND_FEN]

It charges, waits until the result is known, gives a part back if asked to, and prints what came of it as JSON lines.
Exit code 0: paid. 1: not paid, and nothing was taken. 2: refused. 3: still unknown; ask again later, never charge again.
"""

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
        self.status, self.code, self.retry_after = status, problem.get("code"), retry_after


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
            except Refused as refused:
                # Too much at this moment, or not now: the same request again, with the same key.
                if refused.status not in (429, 503) or not tries_left:
                    raise
                time.sleep(min(refused.retry_after or 1, 30))
            except OSError:
                # No answer says nothing about the money: the same request again, with the same key.
                if not tries_left:
                    raise
                time.sleep(1)

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
    payment = settled(api, api.call("charge", {"amount_fen": int(amount_fen), "auth_code": code}))
    show("charge", payment)
    if payment["state"] in OPEN:
        return 3
    if payment["state"] != "paid":
        return 1
    if refund_fen:
        given_back = api.call("refund_payment", {"amount_fen": int(refund_fen)}, order_no=payment["order_no"])
        show("refund", settled(api, given_back))
    show("query", api.call("get_payment", order_no=payment["order_no"]))
    return 0


if __name__ == "__main__":
    if len(sys.argv) not in (5, 6):
        sys.exit(__doc__)
    try:
        sys.exit(main(*sys.argv[1:]))
    except Refused as refused:
        print(refused, file=sys.stderr)
        sys.exit(2)
