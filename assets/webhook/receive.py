#!/usr/bin/env python3
"""Receives what trunkline posts to a webhook, checks who it is from, and prints each once.

    TRUNKLINE_WEBHOOK_SECRET=whsec_... python3 receive.py 9000

It needs nothing but Python 3.8. The signature is that of Standard Webhooks (https://www.standardwebhooks.com), for which there
are libraries in most languages: with `pip install standardwebhooks`, `check` is `Webhook(secret).verify(body, headers)`.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

LARGEST = 1 << 20
TOLERANCE = 5 * 60


class Forged(Exception):
    """It is not from who has the secret, or was sent long ago."""


def check(secret, headers, body, now=None):
    """Returns the id of a delivery, or raises Forged. `headers` have names in small letters, and `body` is what was read."""
    try:
        key = base64.b64decode(secret.split("whsec_", 1)[1])
        id, sent, signatures = (headers["webhook-" + name] for name in ("id", "timestamp", "signature"))
        age = abs((time.time() if now is None else now) - int(sent))
    except (IndexError, KeyError, ValueError) as why:
        raise Forged("a header or the secret is missing or no such thing") from why
    # Whoever recorded a delivery may send it again later.
    if age > TOLERANCE:
        raise Forged("it was sent at another time")
    mac = hmac.new(key, f"{id}.{sent}.".encode() + body, hashlib.sha256).digest()
    expected = "v1," + base64.b64encode(mac).decode()
    # There are two signatures while the secret is changed. `==` would tell by its time how much of one is right.
    if not any(hmac.compare_digest(expected.encode(), one.encode()) for one in signatures.split(" ")):
        raise Forged("no signature fits")
    return id


class Receiver(BaseHTTPRequestHandler):
    seen = set()

    def do_POST(self):
        length = int(self.headers.get("content-length") or 0)
        if length > LARGEST:
            return self.answer(413)
        body = self.rfile.read(length)
        try:
            id = check(os.environ["TRUNKLINE_WEBHOOK_SECRET"], {k.lower(): v for k, v in self.headers.items()}, body)
        except Forged as why:
            print("refused:", why, file=sys.stderr, flush=True)
            return self.answer(401)
        # An answer may get lost, and then the same comes again. Keep the ids where they survive a restart.
        if id not in self.seen:
            self.seen.add(id)
            print(json.loads(body)["text"], flush=True)
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
