import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { connect, eventually, fresh, fromMail, newTenant, openBrowser } from "./harness.mjs";

test("a person sees what is held, withdraws a consent while their socket watches, and downloads a copy", async (t) => {
  const { api, slug, name } = await newTenant();
  const person = `${fresh("kim")}@example.com`;
  const purpose = await api("POST", "/purposes", { slug: "support", name: "Support chat", description: "To answer your questions.", lawful_basis: "consent" });
  const endpoint = await api("POST", "/endpoints", { slug: "chat", name: "Chat", kind: "channel", purpose_id: purpose.id });
  await api("POST", "/retention-rules", { name: "Chat", target: "messages", endpoint_id: endpoint.id, duration: "P30D" });
  await api("POST", "/subjects", { external_id: "user-7", email: person });
  await api("POST", "/consents", { subject: "user-7", purpose: "support", state: "given", method: "api" });
  await api("POST", `/endpoints/${endpoint.id}/messages`, { subject: "user-7", data: { text: "where is my parcel" } });
  const { token } = await api("POST", `/endpoints/${endpoint.id}/tokens`, { sub: "user-7" });
  const socket = await connect(t, endpoint.connect_url, token);

  const { page, complaints } = await openBrowser(t);
  await page.goto(`/privacy/${slug}`);
  await page.getByRole("heading", { name: `What ${name} holds about you` }).waitFor();
  await page.getByText("To answer your questions.").waitFor();
  await page.getByLabel("E-mail address").fill(person);
  await page.getByRole("button", { name: "Send me a code" }).click();
  const code = page.getByLabel("6-digit code");
  await code.waitFor();
  const right = await fromMail(person, /\b(\d{6})\b/);
  await code.fill(right === "000000" ? "000001" : "000000");
  await page.getByText("That is not the code.").waitFor();
  await code.fill(right);

  const held = page.getByRole("region", { name: "Held right now" });
  await held.getByRole("heading", { name: "Support chat" }).waitFor();
  await held.getByText("1 message", { exact: true }).waitFor();
  await held.getByText("Kept for 30 days").waitFor();
  await held.getByText(/^29 days/).waitFor();

  const toggle = page.getByRole("switch", { name: "Allow “Support chat”" });
  assert.equal(await toggle.isChecked(), true);
  await toggle.focus();
  await page.keyboard.press("Space");
  await page.getByText("“Support chat” is off.").waitFor();
  assert.ok(await eventually("the socket to close", () => socket.closed), "the live connection ends with the withdrawal");
  await eventually("the switch to show it", async () => !(await toggle.isChecked()));

  await page.getByRole("button", { name: "Ask for a copy" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Ask for a copy" }).click();
  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: /Download the copy/ }).click();
  const zip = await readFile(await (await download).path());
  assert.equal(zip.subarray(0, 4).toString("latin1"), "PK\u0003\u0004", "what comes down is a ZIP");

  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByText("You are signed out.").waitFor();
  await page.reload();
  await page.getByLabel("E-mail address").waitFor();
  assert.deepEqual(complaints, [], "the browser's console stays clean");
});

test("deletion needs a second thought, then leaves nothing to see", async (t) => {
  const { api, slug } = await newTenant();
  const person = `${fresh("lee")}@example.com`;
  const endpoint = await api("POST", "/endpoints", { slug: "chat", name: "Chat", kind: "channel" });
  await api("POST", "/retention-rules", { name: "Chat", target: "messages", endpoint_id: endpoint.id, duration: "P30D" });
  await api("POST", "/subjects", { external_id: "user-8", email: person });
  await api("POST", `/endpoints/${endpoint.id}/messages`, { subject: "user-8", data: "to be forgotten" });

  const { page, complaints } = await openBrowser(t);
  await page.goto(`/privacy/${slug}`);
  await page.getByLabel("E-mail address").fill(person);
  await page.getByRole("button", { name: "Send me a code" }).click();
  await page.getByLabel("6-digit code").fill(await fromMail(person, /\b(\d{6})\b/));
  const held = page.getByRole("region", { name: "Held right now" });
  await held.getByText("1 message", { exact: true }).waitFor();

  await page.getByRole("button", { name: "Ask for deletion" }).click();
  const confirm = page.getByRole("button", { name: "Delete everything" });
  assert.equal(await confirm.isDisabled(), true, "not before it was understood");
  await page.getByText("I understand that this cannot be undone").click();
  await confirm.click();
  await page.getByText("Your request is in.").first().waitFor();
  const requests = page.getByRole("region", { name: "Your requests" });
  await requests.getByText("Deletion of your data").waitFor();
  await held.getByText("No messages of yours are held.").waitFor();
  assert.deepEqual(complaints, []);
});
