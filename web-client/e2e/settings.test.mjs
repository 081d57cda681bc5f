import assert from "node:assert/strict";
import { test } from "node:test";
import { newTenant, obstacles, picture, signedIn } from "./harness.mjs";

test("who answers, which law counts and the key are set in the settings, and stay", async (t) => {
  const { owner, api } = await newTenant();
  const { page, complaints } = await signedIn(t, owner);
  await page.goto("/console/settings");
  await page.getByText("seals", { exact: true }).waitFor();
  assert.deepEqual(await obstacles(page), [], "tenant");
  await picture(page, "settings-tenant");
  await page.getByRole("button", { name: "Replace…" }).click();
  await page.getByRole("button", { name: "Replace key" }).click();
  await page.getByText("being replaced", { exact: true }).waitFor();

  await page.getByRole("tab", { name: "Law and decisions" }).click();
  await page.getByRole("textbox", { name: "Public holidays of" }).fill("xx");
  await page.getByText("Two members decide").click();
  await page.getByRole("button", { name: "Save changes" }).click();
  await page.getByText(/country/i).last().waitFor();
  await page.getByRole("textbox", { name: "Public holidays of" }).fill("de");
  await page.getByRole("button", { name: "Save changes" }).click();
  await page.getByText("Saved.").first().waitFor();
  assert.deepEqual(await obstacles(page), [], "law");
  await picture(page, "settings-law");

  await page.getByRole("tab", { name: "Controller" }).click();
  await page.getByRole("textbox", { name: "The officer’s mail address" }).fill("dpo@example.com");
  await page.getByRole("button", { name: "Save changes" }).click();
  await page.getByText("Saved.").first().waitFor();
  assert.deepEqual(await obstacles(page), [], "controller");
  await picture(page, "settings-controller");
  const tenant = await api("GET", "/tenant");
  assert.equal(tenant.holidays, "DE");
  assert.equal(tenant.four_eyes, true);
  assert.equal(tenant.controller.dpo_email, "dpo@example.com");
  assert.deepEqual(complaints, []);
});

test("a witness of the log is added and removed, and a wrong key is said at its field", async (t) => {
  const { owner } = await newTenant();
  const { page, complaints } = await signedIn(t, owner);
  await page.goto("/console/audit");
  await page.getByRole("button", { name: "Add a witness" }).click();
  await page.getByLabel("Verifier key").last().fill("nonsense");
  await page.getByLabel("Address").fill("http://127.0.0.1:9");
  await page.getByRole("button", { name: "Add witness" }).click();
  await page.getByText("verifier key as it publishes it").waitFor();
  assert.deepEqual(await obstacles(page), [], "form");
  await page.getByLabel("Verifier key").last().fill("witness.example+3ac253b8+BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
  await page.getByRole("button", { name: "Add witness" }).click();
  await page.getByRole("cell", { name: /witness\.example/ }).or(page.getByRole("rowheader", { name: /witness\.example/ })).first().waitFor();
  await page.waitForLoadState("networkidle");
  assert.deepEqual(await obstacles(page), [], "list");
  await picture(page, "witnesses");
  await page.getByRole("button", { name: "Remove…" }).click();
  await page.getByRole("button", { name: "Remove witness" }).click();
  await page.getByText("No witness yet").waitFor();
  assert.deepEqual(complaints, []);
});
