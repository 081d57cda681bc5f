import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import Pusher from "pusher-js";
import { URL_BASE, eventually, newTenant, obstacles, picture, signedIn } from "./harness.mjs";

/** A pusher-js on these channels, signed for `user` as a tenant's back end would. */
function join(t, endpoint, secret, user, channels) {
  const { hostname, port } = new URL(URL_BASE);
  const client = new Pusher(endpoint.key, {
    cluster: "weir",
    wsHost: hostname,
    wsPort: Number(port),
    forceTLS: false,
    enabledTransports: ["ws"],
    channelAuthorization: {
      customHandler: ({ socketId, channelName }, done) => {
        const channel_data = JSON.stringify({ user_id: user });
        const signature = createHmac("sha256", secret).update(`${socketId}:${channelName}:${channel_data}`).digest("hex");
        done(null, { auth: `${endpoint.key}:${signature}`, channel_data });
      },
    },
  });
  t.after(() => client.disconnect());
  for (const channel of channels) client.subscribe(channel);
  return client;
}

test("the console shows who is on which channel, and when nobody is", async (t) => {
  const { owner, api } = await newTenant();
  const made = await api("POST", "/endpoints", { slug: "chat", name: "Chat", kind: "channel" });
  const { page, complaints } = await signedIn(t, owner);
  await page.goto(`/console/endpoints/${made.id}`);
  await page.getByRole("tab", { name: "Live" }).click();
  await page.getByText("Nobody is on a channel").waitFor();
  await page.getByText("Nothing recorded yet").waitFor();
  assert.deepEqual(await obstacles(page), []);
  await picture(page, "live-empty");

  const ada = join(t, made, made.secret, "ada", ["presence-room", "news"]);
  join(t, made, made.secret, "bob", ["presence-room"]);
  const room = page.getByRole("row", { name: /presence-room/ });
  await eventually("both members", async () => /2\s+2/.test(await room.innerText().catch(() => "")));
  await page.getByRole("row", { name: /^news 1 not a presence channel/ }).waitFor();
  assert.deepEqual(await obstacles(page), []);
  await picture(page, "live");

  await page.getByRole("button", { name: "Show members of presence-room" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("cell", { name: "ada" }).waitFor();
  await dialog.getByRole("cell", { name: "bob" }).waitFor();
  assert.deepEqual(await obstacles(page), []);
  await picture(page, "live-members");
  ada.disconnect();
  await dialog.getByRole("cell", { name: "ada" }).waitFor({ state: "detached" });
  await dialog.getByRole("button", { name: "Close" }).click();

  await page.getByLabel("Channels that begin with").fill("private-");
  await page.getByText("No live channel begins with").waitFor();
  await picture(page, "live-none-begins");
  assert.deepEqual(complaints, [], "the browser's console stays clean");
});
