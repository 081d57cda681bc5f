// Code to copy. Keys and tokens are placeholders: a secret is never put into an example.

import type { Endpoint } from "../../api/types";

export function connectSnippet(endpoint: Endpoint | undefined, tenantSlug: string): string {
  const url = endpoint?.connect_url ?? `${window.location.origin.replace(/^http/, "ws")}/connect/${tenantSlug}/chat`;
  return `// token: a JWT that your back end signs with the endpoint's secret, { sub: "user-42", exp: … }
const socket = new WebSocket("${url}?token=" + token);
socket.onmessage = (event) => console.log(event.data);`;
}

export function publishSnippet(endpoint: Endpoint | undefined): string {
  return `curl ${window.location.origin}/api/v1/endpoints/${endpoint?.id ?? "$ENDPOINT_ID"}/messages \\
  -H "Authorization: Bearer $WEIR_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{"data": {"text": "hello"}}'`;
}

export function signSnippet(): string {
  return `import { SignJWT } from "jose";

const token = await new SignJWT({ sub: "user-42" })
  .setProtectedHeader({ alg: "HS256" })
  .setIssuedAt()
  .setExpirationTime("1h")
  .sign(new TextEncoder().encode(process.env.WEIR_ENDPOINT_SECRET));`;
}
