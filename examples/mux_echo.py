"""A back end for relays that share sockets (`weir.mux.v1`): it echoes what each end-user says.

    python3 examples/mux_echo.py 9000        then: pool_mode "multiplex", upstream_url "ws://127.0.0.1:9000/"

Only the standard library. With the endpoint's secret in WEIR_ENDPOINT_SECRET it also proves that it is yours. The protocol is in `Session` and `Socket.hear`; the rest is WebSocket framing (RFC 6455), which a
library would do for you. See docs/protocol.md.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import struct
import sys

HELLO, OPEN, RESUME, RESUMED, DATA, ACK, CLOSE, DRAIN = range(8)
TEXT, BINARY = 1, 2
WINDOW = 65536


class Session:
    """One end-user. It outlives the socket that carries it."""

    def __init__(self, name, about):
        self.name, self.about = name, about
        self.socket = None
        self.arrived = self.acknowledged = self.arrived_bytes = self.acknowledged_bytes = 0
        self.sent = self.sent_bytes = 0
        self.limit = WINDOW
        self.kept = []  # (seq, frame): sent and not acknowledged
        self.waiting = []  # (kind, message): no credit for it yet

    def standing(self, kind):
        """ACK or RESUMED: what arrived, and how much more may be sent."""
        self.acknowledged, self.acknowledged_bytes = self.arrived, self.arrived_bytes
        return bytes([kind]) + self.name + struct.pack(">QQ", self.arrived, self.arrived_bytes + WINDOW)

    def send(self, kind, message):
        """Says something to the end-user."""
        self.waiting.append((kind, message))
        self.flush()

    def flush(self):
        while self.waiting and self.sent_bytes < self.limit:
            kind, message = self.waiting.pop(0)
            self.sent += 1
            self.sent_bytes += len(message)
            frame = bytes([DATA]) + self.name + struct.pack(">QB", self.sent, kind) + message
            self.kept.append((self.sent, frame))
            self.socket.send(frame)

    def seen(self, seq, limit):
        """The other side says what arrived there."""
        self.kept = [(number, frame) for number, frame in self.kept if number > seq]
        self.limit = max(self.limit, limit)
        self.flush()

    def resume(self, socket, seq, limit):
        """It goes on over this socket: what did not arrive is sent again."""
        self.socket = socket
        socket.send(self.standing(RESUMED))
        self.kept = [(number, frame) for number, frame in self.kept if number > seq]
        for _, frame in self.kept:
            socket.send(frame)
        self.limit = max(self.limit, limit)
        self.flush()

    def hear(self, kind, message):
        """What the end-user says. This is where your own code goes."""
        self.send(kind, message)


SESSIONS = {}


class Socket:
    def __init__(self, writer):
        self.writer = writer

    def send(self, frame):
        self.write(0x82, frame)

    def write(self, first, payload):
        size = len(payload)
        if size < 126:
            head = struct.pack(">BB", first, size)
        elif size < 65536:
            head = struct.pack(">BBH", first, 126, size)
        else:
            head = struct.pack(">BBQ", first, 127, size)
        self.writer.write(head + payload)

    def close_session(self, name, code, reason=b""):
        self.send(bytes([CLOSE]) + name + struct.pack(">H", code) + reason)

    def hear(self, frame):
        kind, name, rest = frame[0], frame[1:17], frame[17:]
        if kind in (HELLO, DRAIN):
            return
        session = SESSIONS.get(name)
        if kind == OPEN:
            (limit,) = struct.unpack(">Q", rest[:8])
            if session is None:
                session = SESSIONS[name] = Session(name, json.loads(rest[8:]))
            session.resume(self, 0, limit)
        elif kind == CLOSE:
            SESSIONS.pop(name, None)
            self.close_session(name, struct.unpack(">H", rest[:2])[0])
        elif session is None:
            self.close_session(name, 1011, b"unknown session")
        elif kind == RESUME:
            session.resume(self, *struct.unpack(">QQ", rest))
        elif kind == ACK:
            session.seen(*struct.unpack(">QQ", rest))
        elif kind == DATA:
            seq, of = struct.unpack(">QB", rest[:9])
            if seq != session.arrived + 1:
                return  # it arrived before a socket was lost
            session.arrived = seq
            session.arrived_bytes += len(rest) - 9
            session.hear(of, rest[9:])
            # Not every one by itself: the window is what limits it.
            if seq - session.acknowledged >= 16 or session.arrived_bytes - session.acknowledged_bytes >= WINDOW // 4:
                self.send(session.standing(ACK))


async def read_message(reader):
    """The next whole message: its opcode and payload."""
    opcode, whole = 0, b""
    while True:
        first, second = await reader.readexactly(2)
        size = second & 127
        if size == 126:
            (size,) = struct.unpack(">H", await reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", await reader.readexactly(8))
        mask = await reader.readexactly(4)
        masked = await reader.readexactly(size)
        key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
        payload = (int.from_bytes(masked, "big") ^ key).to_bytes(size, "big")
        if first & 15 >= 8:
            return first & 15, payload
        opcode, whole = (first & 15) or opcode, whole + payload
        if first & 128:
            return opcode, whole


async def serve(reader, writer):
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    challenge, secret = head.split(" ")[1].partition("/.well-known/weir-challenge/")[2], os.environ.get("WEIR_ENDPOINT_SECRET")
    if challenge and secret:  # whose back end this is: asked before it is first used
        answer = hmac.digest(secret.encode(), challenge.encode(), "sha256").hex()
        writer.write(f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(answer)}\r\n\r\n{answer}".encode())
        return writer.close()
    headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    key = next((line.split(": ", 1)[1] for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key")), None)
    if key is None or "weir.mux.v1" not in headers.get("sec-websocket-protocol", ""):
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        return writer.close()
    accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
    writer.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: weir.mux.v1\r\n\r\n".encode()
    )
    socket = Socket(writer)
    try:
        while True:
            opcode, payload = await read_message(reader)
            if opcode == 2:
                socket.hear(payload)
            elif opcode == 9:
                socket.write(0x8A, payload)
            elif opcode == 8:
                socket.write(0x88, payload[:2])
                return
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # its sessions come back over another socket
    finally:
        writer.close()


async def main(port):
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    print("listening on", server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
