// What every script needs: the endpoint under test, the two SDKs pointed at it, and ears that wait for events.
// The endpoint comes by environment: WEIR_URL, WEIR_APP_ID, WEIR_APP_KEY, WEIR_APP_SECRET; WEIR_ENDPOINT_ID and WEIR_TOKEN
// (an owner's session) for what is prepared over REST.

import assert from "node:assert/strict";
import Client from "pusher-js";
import Server from "pusher";

const url = new URL(need("WEIR_URL"));

export const app = { url, id: need("WEIR_APP_ID"), key: need("WEIR_APP_KEY"), secret: need("WEIR_APP_SECRET"), endpoint: need("WEIR_ENDPOINT_ID") };

/** How long anything may take. */
export const PATIENCE = 10_000;

/** The tenant's own key for its encrypted channels. Only the two SDKs know it. */
export const MASTER_KEY = Buffer.alloc(32, 7).toString("base64");

/** The server SDK; `over` replaces some of its options. */
export function server(over = {}) {
  return new Server({ appId: app.id, key: app.key, secret: app.secret, host: url.hostname, port: url.port, useTLS: false, timeout: PATIENCE, encryptionMasterKeyBase64: MASTER_KEY, ...over });
}

export const pusher = server();

/** Options of a client SDK. `as` is who it speaks for, the way a tenant's authorization endpoint would know it from its own session. */
export function clientOptions({ as, ...over } = {}) {
  return {
    cluster: "none",
    wsHost: url.hostname,
    wsPort: Number(url.port),
    forceTLS: false,
    enabledTransports: ["ws"],
    enableStats: false,
    channelAuthorization: {
      customHandler: ({ socketId, channelName }, done) => {
        const member = channelName.startsWith("presence-") ? { user_id: as?.id, user_info: as?.user_info } : undefined;
        done(null, pusher.authorizeChannel(socketId, channelName, member));
      },
    },
    userAuthentication: { customHandler: ({ socketId }, done) => done(null, pusher.authenticateUser(socketId, as)) },
    ...over,
  };
}

/** A client that is not connected for certain; it goes with the test. */
export function client(t, options = {}) {
  const { key = app.key, ...rest } = options;
  const one = new Client(key, clientOptions(rest));
  t.after(() => one.disconnect());
  return one;
}

/** A connected client. */
export async function connected(t, options) {
  const one = client(t, options);
  await state(one, "connected");
  return one;
}

/** Waits until the connection is in this state. */
export async function state(one, wanted, patience = PATIENCE) {
  await eventually(`the state ${wanted}, now ${one.connection.state}`, () => one.connection.state === wanted, patience);
}

/** Subscribes and waits for the answer: the channel, an ear that listened from the start, and what the answer said. */
export async function subscribe(one, name) {
  const channel = one.subscribe(name);
  const ear = new Ear(channel);
  return { channel, ear, answer: await ear.next("pusher:subscription_succeeded") };
}

/** Keeps what an emitter of the client SDK says, in order. */
export class Ear {
  constructor(emitter) {
    this.heard = [];
    this.kept = [];
    emitter.bind_global((event, data) => {
      this.heard.push({ event, data });
      this.kept.push({ event, data });
    });
  }

  /** The data of the next event of this name. What is called otherwise stays for later. */
  async next(event, patience = PATIENCE) {
    const found = await eventually(
      () => `${event}; heard ${JSON.stringify(this.heard)}`,
      () => {
        const at = this.kept.findIndex((each) => each.event === event);
        return at >= 0 && this.kept.splice(at, 1);
      },
      patience,
    );
    return found[0].data;
  }

  /** Data of all events of this name so far. */
  all(event) {
    return this.heard.filter((each) => each.event === event).map((each) => each.data);
  }

  /** Nothing of this name has come or comes in this time. */
  async silent(event, time = 300) {
    await pause(time);
    assert.deepEqual(this.kept.filter((each) => each.event === event), [], `no ${event} was expected`);
  }
}

/** What a call of the server SDK fails with. */
export async function refused(call) {
  try {
    await call;
  } catch (error) {
    assert.equal(error.name, "PusherRequestError", String(error));
    return error;
  }
  return assert.fail("the call should have been refused");
}

/** The codes of the errors that a connection reports, from now on. */
export function errors(one) {
  const codes = [];
  one.connection.bind("error", (error) => codes.push(error.data?.code ?? error.error?.data?.code ?? error.type));
  return codes;
}

/** A call of the REST API as the tenant's owner. */
export async function rest(method, path, body) {
  const response = await fetch(new URL(`/api/v1${path}`, url), {
    method,
    headers: { Authorization: `Bearer ${need("WEIR_TOKEN")}`, ...(body ? { "Content-Type": "application/json" } : {}) },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path} answered ${response.status}: ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}

/** Tries until `attempt` gives something, or the patience ends. */
export async function eventually(what, attempt, patience = PATIENCE) {
  const end = Date.now() + patience;
  for (;;) {
    const value = await attempt();
    if (value !== undefined && value !== false) return value;
    assert.ok(Date.now() < end, `waited ${patience} ms for ${typeof what === "function" ? what() : what}`);
    await pause(10);
  }
}

export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function need(name) {
  const value = process.env[name];
  assert.ok(value, `${name} must be set`);
  return value;
}
