// A back end for relays that share sockets (`weir.mux.v1`): it echoes what each end-user says.
//
//     node examples/mux_echo.ts 9000        then: pool_mode "multiplex", upstream_url "ws://127.0.0.1:9000/"
//
// Only what comes with Node, from 22.18 on, which runs TypeScript as it is. With the endpoint's secret in WEIR_ENDPOINT_SECRET it also
// proves that it is yours. The protocol is in `Session` and `Socket.hear`; the rest is WebSocket framing (RFC 6455), which a library
// would do for you. See docs/protocol.md.

import { createHash, createHmac } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";

const HELLO = 0, OPEN = 1, RESUME = 2, RESUMED = 3, DATA = 4, ACK = 5, CLOSE = 6, DRAIN = 7;
const WINDOW = 65536n;

/** A frame about a session: what it is, the session's 16 bytes, and numbers of 8 bytes each. */
function frame(kind: number, name: Buffer, ...numbers: bigint[]): Buffer {
  const head = Buffer.alloc(17 + 8 * numbers.length);
  head[0] = kind;
  name.copy(head, 1);
  numbers.forEach((number, at) => head.writeBigUInt64BE(number, 17 + 8 * at));
  return head;
}

/** One end-user. It outlives the socket that carries it. */
class Session {
  arrived = 0n;
  arrivedBytes = 0n;
  acknowledged = 0n;
  acknowledgedBytes = 0n;
  readonly about: { session: string; sub: string };
  private readonly name: Buffer;
  private socket: Socket;
  private sent = 0n;
  private sentBytes = 0n;
  private limit = WINDOW;
  /** Sent and not acknowledged. */
  private kept: { seq: bigint; bytes: Buffer }[] = [];
  /** No credit for them yet. */
  private waiting: { kind: number; message: Buffer }[] = [];

  constructor(name: Buffer, about: { session: string; sub: string }, socket: Socket) {
    this.name = name;
    this.about = about;
    this.socket = socket;
  }

  /** ACK or RESUMED: what arrived, and how much more may be sent. */
  standing(kind: number): Buffer {
    this.acknowledged = this.arrived;
    this.acknowledgedBytes = this.arrivedBytes;
    return frame(kind, this.name, this.arrived, this.arrivedBytes + WINDOW);
  }

  /** Says something to the end-user. */
  send(kind: number, message: Buffer): void {
    this.waiting.push({ kind, message });
    this.flush();
  }

  private flush(): void {
    while (this.sentBytes < this.limit) {
      const next = this.waiting.shift();
      if (next === undefined) return;
      this.sent += 1n;
      this.sentBytes += BigInt(next.message.length);
      const bytes = Buffer.concat([frame(DATA, this.name, this.sent), Buffer.of(next.kind), next.message]);
      this.kept.push({ seq: this.sent, bytes });
      this.socket.send(bytes);
    }
  }

  /** The other side says what arrived there. */
  seen(seq: bigint, limit: bigint): void {
    this.kept = this.kept.filter((one) => one.seq > seq);
    if (limit > this.limit) this.limit = limit;
    this.flush();
  }

  /** It goes on over this socket: what did not arrive is sent again. */
  resume(socket: Socket, seq: bigint, limit: bigint): void {
    this.socket = socket;
    socket.send(this.standing(RESUMED));
    this.kept = this.kept.filter((one) => one.seq > seq);
    for (const one of this.kept) socket.send(one.bytes);
    this.seen(seq, limit);
  }

  /** What the end-user says. This is where your own code goes. */
  hear(kind: number, message: Buffer): void {
    this.send(kind, message);
  }
}

const sessions = new Map<string, Session>();

class Socket {
  private readonly stream: Duplex;
  private rest = Buffer.alloc(0);
  private whole: Buffer[] = [];
  private opcode = 0;

  constructor(stream: Duplex, head: Buffer) {
    this.stream = stream;
    stream.on("data", (bytes: Buffer) => this.read(bytes));
    // Its sessions come back over another socket.
    stream.on("error", () => stream.destroy());
    this.read(head);
  }

  send(bytes: Buffer): void {
    this.write(0x82, bytes);
  }

  private write(first: number, payload: Buffer): void {
    const size = payload.length;
    const head = Buffer.alloc(size < 126 ? 2 : size < 65536 ? 4 : 10);
    head[0] = first;
    if (size < 126) head[1] = size;
    else if (size < 65536) {
      head[1] = 126;
      head.writeUInt16BE(size, 2);
    } else {
      head[1] = 127;
      head.writeBigUInt64BE(BigInt(size), 2);
    }
    if (this.stream.writable) this.stream.write(Buffer.concat([head, payload]));
  }

  private closeSession(name: Buffer, code: number, reason = ""): void {
    const words = Buffer.alloc(2);
    words.writeUInt16BE(code);
    this.send(Buffer.concat([frame(CLOSE, name), words, Buffer.from(reason)]));
  }

  /** One message of the protocol. */
  private hear(bytes: Buffer): void {
    const kind = bytes[0];
    const name = Buffer.from(bytes.subarray(1, 17));
    const rest = bytes.subarray(17);
    if (kind === HELLO || kind === DRAIN) return;
    const key = name.toString("hex");
    let session = sessions.get(key);
    if (kind === OPEN) {
      if (session === undefined) {
        session = new Session(name, JSON.parse(rest.subarray(8).toString()), this);
        sessions.set(key, session);
      }
      session.resume(this, 0n, rest.readBigUInt64BE());
    } else if (kind === CLOSE) {
      sessions.delete(key);
      this.closeSession(name, rest.readUInt16BE());
    } else if (session === undefined) {
      this.closeSession(name, 1011, "unknown session");
    } else if (kind === RESUME) {
      session.resume(this, rest.readBigUInt64BE(), rest.readBigUInt64BE(8));
    } else if (kind === ACK) {
      session.seen(rest.readBigUInt64BE(), rest.readBigUInt64BE(8));
    } else if (kind === DATA) {
      const seq = rest.readBigUInt64BE();
      // What arrived before a socket was lost is not heard again.
      if (seq !== session.arrived + 1n) return;
      session.arrived = seq;
      session.arrivedBytes += BigInt(rest.length - 9);
      session.hear(rest[8] ?? 0, Buffer.from(rest.subarray(9)));
      // Not every one by itself: the window is what limits it.
      const bytesSince = session.arrivedBytes - session.acknowledgedBytes;
      if (seq - session.acknowledged >= 16n || bytesSince >= WINDOW / 4n) this.send(session.standing(ACK));
    }
  }

  /** Takes whole frames out of what came. */
  private read(bytes: Buffer): void {
    this.rest = Buffer.concat([this.rest, bytes]);
    for (;;) {
      const { rest } = this;
      if (rest.length < 2) return;
      let size = rest[1]! & 127;
      let at = 2;
      if (size === 126) {
        if (rest.length < 4) return;
        size = rest.readUInt16BE(2);
        at = 4;
      } else if (size === 127) {
        if (rest.length < 10) return;
        size = Number(rest.readBigUInt64BE(2));
        at = 10;
      }
      if (rest.length < at + 4 + size) return;
      const mask = rest.subarray(at, at + 4);
      const payload = Buffer.from(rest.subarray(at + 4, at + 4 + size));
      for (let n = 0; n < size; n += 1) payload[n]! ^= mask[n & 3]!;
      this.rest = rest.subarray(at + 4 + size);
      this.take(rest[0]! >= 128, rest[0]! & 15, payload);
    }
  }

  private take(last: boolean, opcode: number, payload: Buffer): void {
    if (opcode === 9) this.write(0x8a, payload);
    else if (opcode === 8) {
      this.write(0x88, payload.subarray(0, 2));
      this.stream.end();
    } else if (opcode < 8) {
      this.opcode = opcode || this.opcode;
      this.whole.push(payload);
      if (!last) return;
      const message = Buffer.concat(this.whole);
      this.whole = [];
      if (this.opcode === 2) this.hear(message);
    }
  }
}

const server = createServer((request, response) => {
  // Whose back end this is: asked before it is first used.
  const token = request.url?.match(/^\/\.well-known\/weir-challenge\/(\w+)$/)?.[1];
  const secret = process.env["WEIR_ENDPOINT_SECRET"];
  if (token === undefined || secret === undefined) {
    response.writeHead(404).end();
    return;
  }
  response.end(createHmac("sha256", secret).update(token).digest("hex"));
});

server.on("upgrade", (request, stream, head) => {
  const offered = String(request.headers["sec-websocket-protocol"] ?? "").split(/, */);
  if (!offered.includes("weir.mux.v1")) {
    stream.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    return;
  }
  const key = String(request.headers["sec-websocket-key"]);
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  stream.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: weir.mux.v1\r\n\r\n`,
  );
  new Socket(stream, head);
});

server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => {
  console.log("listening on", (server.address() as AddressInfo).port);
});
