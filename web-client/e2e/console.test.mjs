import assert from "node:assert/strict";
import { test } from "node:test";
import { PASSWORD, connect, eventually, fresh, fromMail, openBrowser } from "./harness.mjs";

test("a new tenant signs up, confirms its address, opens an endpoint, sets a rule and sees who is connected", async (t) => {
  const { page, complaints } = await openBrowser(t);
  const slug = fresh("console");
  const owner = `${slug}@example.com`;
  const heading = (name) => page.getByRole("heading", { name, level: 1 }).waitFor();

  await page.goto("/console/sign-up");
  await page.getByLabel("Organisation").fill(slug.replaceAll("-", " "));
  assert.equal(await page.getByLabel("Short name").inputValue(), slug, "the short name follows the organisation's");
  await page.getByLabel("Your name").fill("Robin Walker");
  await page.getByLabel("E-mail").fill(owner);
  await page.getByLabel("Password", { exact: true }).fill("too short");
  await page.getByRole("button", { name: "Create tenant" }).click();
  await page.locator("input[name='/owner/password'][aria-invalid='true']").waitFor();
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Create tenant" }).click();
  await page.getByRole("heading", { name: "First steps" }).waitFor();

  await page.getByText("Please confirm").waitFor();
  const link = await fromMail(owner, /(\/console\/verify\?token=[\w.~-]+)/);
  await page.goto(link);
  await page.getByText("is confirmed").waitFor();
  assert.ok(!page.url().includes("token"), "the token does not stay in the address bar");
  await page.getByRole("link", { name: "To the console" }).click();
  await page.getByRole("heading", { name: "First steps" }).waitFor();
  assert.equal(await page.getByText("Please confirm").count(), 0, "the reminder is gone once the address is confirmed");

  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Endpoints" }).click();
  await heading("Endpoints");
  await page.getByRole("button", { name: "New endpoint" }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("Chat");
  await dialog.getByRole("button", { name: "Create endpoint" }).click();
  await page.getByRole("heading", { name: "Your endpoint is open" }).waitFor();
  assert.ok((await dialog.locator(".copy-field code").innerText()).length > 20, "the secret is shown once");
  await page.getByRole("button", { name: "I have stored it" }).click();
  await heading("Chat");

  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Retention rules" }).click();
  await heading("Retention rules");
  await page.getByRole("button", { name: "New rule" }).first().click();
  await dialog.getByRole("button", { name: /Endpoint/ }).click();
  await page.getByRole("option", { name: "chat" }).click();
  await dialog.getByText("Messages on chat are deleted after 30 days.").waitFor();
  await dialog.getByRole("button", { name: "Create rule" }).click();
  await page.getByRole("cell", { name: /Messages on chat are deleted after 30 days\./ }).waitFor();

  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Endpoints" }).click();
  await page.getByRole("link", { name: "Chat" }).click();
  await heading("Chat");
  await page.getByLabel("For the person").fill("user-42");
  await page.getByRole("button", { name: "Make token" }).click();
  const token = await page.locator(".secret code").innerText();
  const address = await page.locator(".facts .copy-field code").first().innerText();
  const client = await connect(t, address, token);

  await page.getByRole("tab", { name: "Try it" }).click();
  await page.getByRole("button", { name: "Connect", exact: true }).click();
  const feed = page.getByRole("log");
  await feed.getByText("connected").waitFor();
  await page.getByLabel("Message", { exact: true }).fill('{"text": "through the weir"}');
  await page.getByRole("button", { name: "Publish" }).click();
  await feed.locator(".in", { hasText: "through the weir" }).waitFor();
  await eventually("the other client to receive it", () => client.messages.some((message) => message.includes("through the weir")));

  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Messages" }).click();
  await heading("Messages");
  await page.getByRole("button", { name: "Unseal…" }).first().click();
  await page.getByRole("button", { name: "Unseal and record it" }).click();
  await page.locator("pre.payload", { hasText: "through the weir" }).waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Close" }).last().click();

  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Connections" }).click();
  await heading("Connections");
  const row = page.getByRole("row", { name: /user-42/ });
  await row.getByText(/^(authenticated|idle)$/).waitFor();
  await row.getByRole("button", { name: "Disconnect" }).click();
  await eventually("the client to be disconnected", () => client.closed);
  await row.waitFor({ state: "detached" });

  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Requests" }).click();
  await heading("Requests");
  await page.getByText(`/privacy/${slug}`).waitFor();

  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Audit log" }).click();
  await heading("Audit log");
  const receipt = page.waitForEvent("download");
  await page.getByRole("link", { name: "Receipt" }).first().click();
  assert.equal(await (await receipt).failure(), null, "the receipt downloads");

  assert.deepEqual(complaints, [], "the browser's console stays clean");
});

test("a stranger is sent to the sign-in and comes back to where they wanted to go", async (t) => {
  const { page, complaints } = await openBrowser(t);
  const slug = fresh("back");
  await page.goto("/console/sign-up");
  await page.getByLabel("Organisation").fill(slug);
  await page.getByLabel("Your name").fill("Robin Walker");
  await page.getByLabel("E-mail").fill(`${slug}@example.com`);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Create tenant" }).click();
  await page.getByRole("heading", { name: "First steps" }).waitFor();
  await page.getByRole("button", { name: /^Account of/ }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();

  await page.goto("/console/requests");
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.getByLabel("E-mail").fill(`${slug}@example.com`);
  await page.getByLabel("Password", { exact: true }).fill("not the password at all");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Requests", level: 1 }).waitFor();
  assert.deepEqual(complaints, []);
});
