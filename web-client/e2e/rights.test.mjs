import assert from "node:assert/strict";
import { test } from "node:test";
import { fresh, fromMail, newTenant, obstacles, openBrowser, picture, signedIn } from "./harness.mjs";

test("a link from a mail opens the privacy page, once and only when it is pressed", async (t) => {
  const { api, slug } = await newTenant();
  const person = `${fresh("mia")}@example.com`;
  await api("POST", "/subjects", { external_id: "user-9", email: person });
  const { page, complaints } = await openBrowser(t);
  await page.goto(`/privacy/${slug}`);
  await page.getByLabel("E-mail address").fill(person);
  await page.getByRole("button", { name: "Send me a code" }).click();
  await page.getByLabel("6-digit code").waitFor();
  const link = await fromMail(person, new RegExp(`(/privacy/${slug}#token=[\\w.~-]+)`));

  // As a scanner does: it opens the page, and presses nothing.
  for (let looks = 0; looks < 2; looks += 1) {
    const other = await openBrowser(t);
    await other.page.goto(link);
    await other.page.getByRole("heading", { name: "Open your page" }).waitFor();
    assert.ok(!other.page.url().includes("token"), "what signs in does not stay in the address bar");
  }
  const { page: phone, complaints: others } = await openBrowser(t);
  await phone.goto(link);
  await phone.getByRole("button", { name: "Open my page" }).waitFor();
  assert.deepEqual(await obstacles(phone), []);
  await picture(phone, "open-link");
  await phone.getByRole("button", { name: "Open my page" }).click();
  await phone.getByText(person).first().waitFor();
  await phone.getByRole("region", { name: "Held right now" }).waitFor();
  await picture(phone, "privacy-signed-in");
  assert.deepEqual(await obstacles(phone), []);

  const { page: late } = await openBrowser(t);
  await late.goto(link);
  await late.getByRole("button", { name: "Open my page" }).click();
  await late.getByText("This link was used or is too old.").waitFor();
  await late.getByRole("button", { name: "Order a new link or code" }).click();
  await late.getByLabel("E-mail address").waitFor();
  assert.deepEqual([...complaints, ...others], []);
});

test("the officer's pages can be walked, and a screen reader stumbles over nothing", async (t) => {
  const { owner, api } = await newTenant();
  const endpoint = await api("POST", "/endpoints", { slug: "chat", name: "Chat", kind: "channel" });
  await api("POST", "/retention-rules", { name: "Chat", target: "messages", endpoint_id: endpoint.id, duration: "P30D" });
  await api("POST", "/endpoints/" + endpoint.id + "/messages", { subject: "user-1", data: "hello" });
  await api("POST", "/holds", { name: "Wile v. Acme", reason: "A claim about a delivery" });
  const incident = await api("POST", "/incidents", { title: "A laptop was lost", facts: "In a train.", nature: ["confidentiality"], exposure: "stored", started_at: "2026-01-01T00:00:00Z" });
  const dpia = { title: "Chat", description: "Support chat", necessity: "There is no other way", risks: [{ risk: "eavesdropping", measure: "sealing", residual: "low" }] };
  const assessment = await api("POST", "/dpias", dpia);
  const report = await api("POST", "/reports", {});
  const person = `${fresh("sue")}@example.com`;
  await api("POST", "/subjects", { external_id: "user-2", email: person });
  const request = await api("POST", "/requests", { kind: "access", subject: "user-2" });

  const { page, complaints } = await signedIn(t, owner);
  for (const [name, path] of [
    ["retention", "retention"],
    ["holds", "holds"],
    ["incidents", "incidents"],
    ["incident", `incidents/${incident.id}`],
    ["assessments", "assessments"],
    ["assessment", `assessments/${assessment.id}`],
    ["records", "records"],
    ["reports", "reports"],
    ["report", `reports/${report.id}`],
    ["requests", "requests"],
    ["request", `requests/${request.id}`],
  ]) {
    await page.goto(`/console/${path}`);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.waitForLoadState("networkidle");
    await page.locator(".skeleton").first().waitFor({ state: "detached" });
    await picture(page, name);
    assert.deepEqual(await obstacles(page), [], path);
  }
  assert.deepEqual(complaints, []);
});

test("an impact assessment is written, decided and asked for, and two who write at once are told", async (t) => {
  const { owner, api } = await newTenant();
  const endpoint = await api("POST", "/endpoints", { slug: "chat", name: "Chat", kind: "channel" });
  const { page, complaints } = await signedIn(t, owner);
  await page.goto("/console/assessments");
  await page.getByText("No assessments yet").waitFor();
  await picture(page, "assessments-empty");
  assert.deepEqual(await obstacles(page), []);

  await page.getByRole("button", { name: "New assessment" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Title").fill("Support chat");
  await dialog.getByLabel("What is done, step by step").fill("People write to us, we answer.");
  await dialog.getByLabel("Why it is necessary").fill("There is no other way to help them.");
  await dialog.getByLabel("What could happen to people").fill("Somebody reads along");
  await dialog.getByRole("button", { name: "Enter it" }).click();
  await dialog.getByText("Please fill this in").waitFor();
  assert.equal(await dialog.getByLabel("What is done about it").getAttribute("aria-invalid"), "true", "the error stands at its field");
  await picture(page, "assessment-new");
  assert.deepEqual(await obstacles(page), []);
  await dialog.getByLabel("What is done about it").fill("It is sealed");
  await dialog.getByRole("button", { name: "Another risk" }).click();
  await dialog.getByRole("group", { name: "Risk 2" }).getByRole("button", { name: "Remove" }).click();
  await dialog.getByRole("button", { name: "Enter it" }).click();
  await page.getByRole("heading", { level: 1, name: "Support chat" }).waitFor();

  const [dpia] = (await api("GET", "/dpias")).items;
  const { title, description, necessity, risks } = dpia;
  await api("PUT", `/dpias/${dpia.id}`, { title: `${title} in 2027`, description, necessity, risks });
  await page.getByLabel("What the data protection officer advises").fill("Do it.");
  await page.getByRole("button", { name: "Save changes" }).click();
  await page.getByText("Theirs: title.").waitFor();
  await page.getByRole("button", { name: "Put mine on top of theirs" }).click();
  await page.getByRole("button", { name: "Save changes" }).click();
  await page.getByRole("heading", { level: 1, name: "Support chat in 2027" }).waitFor();

  await page.getByText("Acceptable", { exact: true }).click();
  await page.getByRole("button", { name: "Decide" }).click();
  await page.getByText("acceptable", { exact: true }).waitFor();
  await picture(page, "assessment-decided");
  assert.deepEqual(await obstacles(page), []);

  await page.goto(`/console/endpoints/${endpoint.id}`);
  await page.getByRole("tab", { name: "Assessment" }).click();
  await page.getByText("It needs one").click();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Nobody can connect").waitFor();
  await picture(page, "endpoint-assessment-closed");
  assert.deepEqual(await obstacles(page), []);
  await page.getByRole("button", { name: /It rests on/ }).click();
  await page.getByRole("option", { name: /Support chat/ }).click();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Nobody can connect").waitFor({ state: "detached" });
  await page.goto("/console/records");
  await page.getByRole("tab", { name: "Of whoever runs Weir for you" }).click();
  await page.getByText("transmitting messages over WebSockets").waitFor();
  await picture(page, "records-processor");
  assert.deepEqual(await obstacles(page), []);
  const csv = page.waitForEvent("download");
  await page.getByRole("link", { name: "CSV" }).click();
  assert.match((await csv).suggestedFilename(), /processor|record|\.csv/);
  assert.deepEqual(complaints, []);
});
