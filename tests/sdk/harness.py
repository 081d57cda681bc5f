"""What the Python scripts need: the endpoint under test, the SDK pointed at it, and a bare socket to listen with.

The endpoint comes by environment, as in harness.mjs.
"""

import base64
import json
import os
import time
import urllib.parse
import urllib.request

import pusher
import websocket

PATIENCE = 10

url = urllib.parse.urlsplit(os.environ["WEIR_URL"])
key = os.environ["WEIR_APP_KEY"]
endpoint = os.environ["WEIR_ENDPOINT_ID"]
master_key = base64.b64encode(bytes([7] * 32)).decode()


def server(**over):
    """The server SDK; `over` replaces some of its options."""
    options = {
        "app_id": os.environ["WEIR_APP_ID"],
        "key": key,
        "secret": os.environ["WEIR_APP_SECRET"],
        "ssl": False,
        "host": url.hostname,
        "port": url.port,
        "timeout": PATIENCE,
        "encryption_master_key_base64": master_key,
    }
    return pusher.Pusher(**{**options, **over})


class Listener:
    """A client of the protocol, as small as it can be."""

    def __init__(self):
        address = f"ws://{url.netloc}/app/{key}?protocol=7&client=listener&version=1.0"
        self.socket = websocket.create_connection(address, timeout=PATIENCE)
        self.id = self.next("pusher:connection_established")["socket_id"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, event, data):
        self.socket.send(json.dumps({"event": event, "data": data}))

    def subscribe(self, channel, **signed):
        self.send("pusher:subscribe", {"channel": channel, **signed})
        return self.next("pusher_internal:subscription_succeeded", channel)

    def frame(self):
        """The next frame's event, channel and parsed data; the number of subscribers comes when it comes."""
        frame = {"event": "pusher_internal:subscription_count"}
        while frame["event"] == "pusher_internal:subscription_count":
            frame = json.loads(self.socket.recv())
        data = frame.get("data")
        try:
            data = json.loads(data) if isinstance(data, str) else data
        except ValueError:
            pass  # Text that is not JSON is data too.
        return frame["event"], frame.get("channel"), data

    def next(self, event, channel=None):
        """The data of the next event of this name; others are passed over."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found, where, data = self.frame()
            if found == event and channel in (None, where):
                return data
        raise AssertionError(f"waited {PATIENCE} seconds for {event}")

    def close_code(self):
        """The code that ends the connection; what comes before it is passed over."""
        while True:
            opcode, data = self.socket.recv_data()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return int.from_bytes(data[:2], "big")


def rest(method, path, body=None):
    """A call of the REST API as the tenant's owner."""
    request = urllib.request.Request(
        f"{url.geturl()}/api/v1{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {os.environ['WEIR_TOKEN']}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.loads(answer.read() or b"null")
