// What both walks need: a browser, the local mailbox, REST calls to prepare with, and a WebSocket client.
// WEIR_URL is the running server, WEIR_MAILBOX_DIR the folder it leaves its mails in. WEIR_CHROMIUM may name another browser.

import assert from "node:assert/strict";
import { readFile, readdir, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";
import WebSocket from "ws";

export const URL_BASE = need("WEIR_URL").replace(/\/$/, "");
const MAILBOX = need("WEIR_MAILBOX_DIR");
const PATIENCE = 15_000;
const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const PASSWORD = "river stone quiet lantern";

/** A name no other run has used, so that the walks can share a server. */
export function fresh(prefix) {
  return `${prefix}-${Date.now().toString(36)}${Math.floor(Math.random() * 1e6).toString(36)}`;
}

/** A page whose console must stay clean: a violation of the content security policy shows up there. */
export async function openBrowser(t, more = {}) {
  const browser = await chromium.launch({
    executablePath: process.env.WEIR_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
  t.after(() => browser.close());
  const context = await browser.newContext({ baseURL: URL_BASE, locale: "en-GB", acceptDownloads: true, ...more });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
  page.on("console", (message) => {
    // A refused request (401 before signing in) is logged by the browser itself and is no fault of the page.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) complaints.push(message.text());
  });
  return { page, complaints };
}

/** The console, as a tenant's owner sees it after signing in. */
export async function signedIn(t, owner) {
  const { page, complaints } = await openBrowser(t);
  await page.goto("/console/sign-in");
  await page.getByLabel("E-mail").fill(owner);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation", { name: "Main" }).waitFor();
  return { page, complaints };
}

/** What a screen reader would stumble over. What react-aria has read out stays for seconds, and may name a button that is gone. */
export async function obstacles(page) {
  await page.evaluate(AXE);
  // What still fades in has too little contrast for a moment.
  await page.evaluate(() => {
    const ending = document.getAnimations().filter((one) => one.effect?.getComputedTiming().endTime !== Infinity);
    return Promise.allSettled(ending.map((one) => one.finished));
  });
  const { violations } = await page.evaluate(() => globalThis.axe.run({ exclude: ["[data-live-announcer]"] }));
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}

/** For looking at: into the folder WEIR_PICTURES_DIR, if it is set. */
export async function picture(page, name) {
  const folder = process.env.WEIR_PICTURES_DIR;
  if (folder) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}

/** The newest mail to `address` that holds what `pattern` looks for; the first group of the match. */
export async function fromMail(address, pattern) {
  return eventually(`a mail to ${address} with ${pattern}`, async () => {
    const mails = [];
    for (const name of await readdir(MAILBOX)) {
      if (!name.endsWith(".eml")) continue;
      const path = join(MAILBOX, name);
      mails.push({ at: (await stat(path)).mtimeMs, text: decode(await readFile(path, "utf8")) });
    }
    mails.sort((a, b) => b.at - a.at);
    for (const { text } of mails) {
      if (!new RegExp(`^To:.*${address.replace(/[.+]/g, "\\$&")}`, "im").test(text)) continue;
      const match = pattern.exec(text);
      if (match) return match[1] ?? match[0];
    }
    return undefined;
  });
}

/** A mail as plain text, each of its parts decoded the way it says; enough for our own mails. */
function decode(eml) {
  return eml
    .replace(/\r\n/g, "\n")
    .split(/^--.*$/m)
    .map((part) => {
      const [head, ...rest] = part.replace(/^\n+/, "").split("\n\n");
      const body = rest.join("\n\n");
      const how = /^Content-Transfer-Encoding:\s*(\S+)/im.exec(head)?.[1]?.toLowerCase();
      if (how === "base64") return `${head}\n\n${Buffer.from(body, "base64").toString("utf8")}`;
      if (how === "quoted-printable") return `${head}\n\n${quotedPrintable(body)}`;
      return part;
    })
    .join("\n");
}

function quotedPrintable(text) {
  const bytes = text.replace(/=\n/g, "").replace(/=([0-9A-F]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString("utf8");
}

/** Tries until `attempt` gives something, or the patience ends. */
export async function eventually(what, attempt) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const value = await attempt();
    if (value !== undefined && value !== false) return value;
    assert.ok(Date.now() < end, `waited ${PATIENCE} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A tenant made over REST, and calls in its name. */
export async function newTenant() {
  const slug = fresh("walk");
  const owner = `${slug}@example.com`;
  const call = caller(undefined);
  const signedUp = await call("POST", "/sign-up", { tenant: { name: `Walk ${slug}`, slug }, owner: { name: "Robin Walker", email: owner, password: PASSWORD } });
  const api = caller(signedUp.session.token);
  const token = await fromMail(owner, /\/console\/verify\?token=([\w.~-]+)/);
  await call("POST", "/email-verifications/confirm", { token });
  return { slug, name: `Walk ${slug}`, owner, api };
}

function caller(token) {
  return async (method, path, body) => {
    const response = await fetch(`${URL_BASE}/api/v1${path}`, {
      method,
      headers: { ...(body ? { "Content-Type": "application/json" } : {}), ...(token ? { Authorization: `Bearer ${token}` } : {}) },
      body: body ? JSON.stringify(body) : undefined,
    });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path} answered ${response.status}: ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  };
}

/** An end-user's socket; `messages` and `closed` tell what happened to it. */
export async function connect(t, connectUrl, token) {
  const url = new URL(connectUrl);
  url.host = new URL(URL_BASE).host;
  url.searchParams.set("token", token);
  const socket = new WebSocket(url);
  const seen = { messages: [], closed: undefined };
  socket.on("message", (data) => seen.messages.push(String(data)));
  socket.on("close", (code, reason) => {
    seen.closed = { code, reason: String(reason) };
  });
  t.after(() => socket.terminate());
  await new Promise((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
  });
  return seen;
}

function need(name) {
  const value = process.env[name];
  assert.ok(value, `${name} must be set`);
  return value;
}
