// Code to copy, with this endpoint's address and key filled in. Secrets and tokens are placeholders: a secret is never put
// into an example.

import type { Endpoint } from "../../api/types";

export interface Snippet {
  title: string;
  code: string;
  /** What the copy button copies. */
  what: string;
}

/** One way to use an endpoint from code. */
export interface Way {
  id: string;
  label: string;
  snippets: Snippet[];
}

/** Every way that fits this kind of endpoint, the usual one first. */
export function waysInto(endpoint: Endpoint, tenantSlug: string): Way[] {
  const plain = { id: "websocket", label: "Plain WebSocket", snippets: plainSnippets(endpoint, tenantSlug) };
  if (endpoint.kind !== "channel") return [plain];
  const place = placeOf(endpoint);
  return [
    { id: "pusher-js", label: "pusher-js", snippets: [{ title: "In the browser: npm install pusher-js", code: pusherJs(endpoint, place), what: "pusher-js code" }] },
    { id: "echo", label: "Laravel Echo", snippets: [{ title: "In the browser: npm install laravel-echo pusher-js", code: echo(endpoint, place), what: "Echo code" }, { title: "On the server: .env", code: laravelEnv(endpoint, place), what: "settings" }] },
    { id: "node", label: "Node server", snippets: [{ title: "On your back end: npm install pusher", code: node(endpoint, place), what: "Node code" }] },
    { id: "python", label: "Python server", snippets: [{ title: "On your back end: pip install pusher", code: python(endpoint, place), what: "Python code" }] },
    plain,
  ];
}

interface Place {
  host: string;
  port: number;
  tls: boolean;
}

/** Where the endpoint is reached from outside, as the SDKs want it. */
export function placeOf(endpoint: Pick<Endpoint, "connect_url">): Place {
  const url = new URL(endpoint.connect_url);
  const tls = url.protocol === "wss:";
  return { host: url.hostname, port: url.port === "" ? (tls ? 443 : 80) : Number(url.port), tls };
}

function pusherJs({ key }: Endpoint, { host, port, tls }: Place): string {
  return `import Pusher from "pusher-js";

const pusher = new Pusher("${key}", {
  cluster: "weir", // has to be there; not used
  wsHost: "${host}",
  wsPort: ${port},
  wssPort: ${port},
  forceTLS: ${tls},
  enabledTransports: ["ws", "wss"],
  channelAuthorization: { endpoint: "/pusher/auth" }, // your back end; for private and presence channels
});

pusher.subscribe("news").bind("headline", (data) => console.log(data));`;
}

function echo({ key }: Endpoint, { host, port, tls }: Place): string {
  return `import Echo from "laravel-echo";
import Pusher from "pusher-js";

window.Pusher = Pusher;
const echo = new Echo({
  broadcaster: "pusher",
  key: "${key}",
  cluster: "weir",
  wsHost: "${host}",
  wsPort: ${port},
  wssPort: ${port},
  forceTLS: ${tls},
  enabledTransports: ["ws", "wss"],
});

echo.private("orders.1").listen("OrderShipped", (event) => console.log(event));`;
}

function laravelEnv({ app_id, key }: Endpoint, { host, port, tls }: Place): string {
  return `BROADCAST_CONNECTION=pusher
PUSHER_APP_ID=${app_id}
PUSHER_APP_KEY=${key}
PUSHER_APP_SECRET=the endpoint's secret
PUSHER_HOST=${host}
PUSHER_PORT=${port}
PUSHER_SCHEME=${tls ? "https" : "http"}`;
}

function node({ app_id, key }: Endpoint, { host, port, tls }: Place): string {
  return `import Pusher from "pusher";

const pusher = new Pusher({
  appId: "${app_id}",
  key: "${key}",
  secret: process.env.WEIR_ENDPOINT_SECRET,
  host: "${host}",
  port: "${port}",
  useTLS: ${tls},
});

await pusher.trigger("news", "headline", { text: "hello" });

// What /pusher/auth answers, once you know who asks:
pusher.authorizeChannel(socketId, channelName, { user_id: "user-42", user_info: { name: "Ada" } });`;
}

function python({ app_id, key }: Endpoint, { host, port, tls }: Place): string {
  return `import os
import pusher

client = pusher.Pusher(
    app_id="${app_id}",
    key="${key}",
    secret=os.environ["WEIR_ENDPOINT_SECRET"],
    host="${host}",
    port=${port},
    ssl=${tls ? "True" : "False"},
)

client.trigger("news", "headline", {"text": "hello"})`;
}

function plainSnippets(endpoint: Endpoint, tenantSlug: string): Snippet[] {
  const snippets = [
    { title: "1. Sign a token on your back end", code: signSnippet(), what: "code that signs" },
    { title: "2. Connect from the browser", code: connectSnippet(endpoint, tenantSlug), what: "code that connects" },
  ];
  if (endpoint.kind === "channel") snippets.push({ title: "3. Publish", code: publishSnippet(endpoint), what: "curl command" });
  return snippets;
}

/** A plain socket; of some endpoint of the tenant while there is none yet. */
export function connectSnippet(endpoint: Endpoint | undefined, tenantSlug: string): string {
  const url = endpoint?.connect_url ?? `${window.location.origin.replace(/^http/, "ws")}/connect/${tenantSlug}/chat`;
  return `// token: a JWT that your back end signs with the endpoint's secret, { sub: "user-42", exp: … }
const socket = new WebSocket("${url}?token=" + token);
socket.onmessage = (event) => console.log(event.data);`;
}

/** A publish over REST; of some endpoint while there is none yet. */
export function publishSnippet(endpoint: Endpoint | undefined): string {
  const origin = endpoint ? new URL(endpoint.connect_url.replace(/^ws/, "http")).origin : window.location.origin;
  return `curl ${origin}/api/v1/endpoints/${endpoint?.id ?? "$ENDPOINT_ID"}/messages \\
  -H "Authorization: Bearer $WEIR_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{"data": {"text": "hello"}}'`;
}

function signSnippet(): string {
  return `import { SignJWT } from "jose";

const token = await new SignJWT({ sub: "user-42" })
  .setProtectedHeader({ alg: "HS256" })
  .setIssuedAt()
  .setExpirationTime("1h")
  .sign(new TextEncoder().encode(process.env.WEIR_ENDPOINT_SECRET));`;
}
