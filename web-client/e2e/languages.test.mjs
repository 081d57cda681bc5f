import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, fresh, fromMail, newTenant, obstacles, openBrowser, picture } from "./harness.mjs";

// The first heading, and words of the mail with the code.
const LANGUAGES = {
  en: [/^What .* holds about you$/, /Nobody will ever ask/],
  de: [/^Was .* über Sie gespeichert hat$/, /Ihr Code für die Datenschutzseite von/],
  fr: [/^Ce que .* conserve sur vous$/, /votre code pour la page de confidentialité de/],
  es: [/^Lo que .* conserva sobre usted$/, /Su código para la página de privacidad de/],
  nl: [/^Wat .* over u bewaart$/, /Uw code voor de privacypagina van/],
  pl: [/^Co .* przechowuje o Tobie$/, /kod do strony prywatności/],
};

/** What is wider than a small phone. */
const overflows = (page) =>
  page.evaluate(() => {
    const { clientWidth, scrollWidth } = document.documentElement;
    if (scrollWidth <= clientWidth) return [];
    return [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > clientWidth + 1).map((one) => `${one.tagName}.${one.className}: ${one.textContent?.slice(0, 60)}`);
  });

/** A person with something of everything on their page. */
async function somebody() {
  const { api, slug } = await newTenant();
  const person = `${fresh("kim")}@example.com`;
  const chat = await api("POST", "/purposes", { slug: "support", name: "Support chat", description: "To answer your questions.", lawful_basis: "consent" });
  await api("POST", "/purposes", { slug: "fraud", name: "Fraud", lawful_basis: "legitimate_interests", balancing_note: "Little is used, and nobody is hurt" });
  const endpoint = await api("POST", "/endpoints", { slug: "chat", name: "Chat", kind: "channel", purpose_id: chat.id });
  await api("POST", "/retention-rules", { name: "Chat", target: "messages", endpoint_id: endpoint.id, duration: "P30D" });
  await api("POST", "/subjects", { external_id: "user-7", email: person });
  await api("POST", "/consents", { subject: "user-7", purpose: "support", state: "given", method: "api" });
  await api("POST", `/endpoints/${endpoint.id}/messages`, { subject: "user-7", data: { text: "where is my parcel" } });
  await api("POST", "/requests", { kind: "access", subject: "user-7", notify: false });
  return { slug, person, api };
}

for (const [language, [heading, mailed]] of Object.entries(LANGUAGES)) {
  test(`the privacy page speaks ${language} on a small phone`, async (t) => {
    const { slug, person, api } = await somebody();
    const { page, complaints } = await openBrowser(t, { locale: language, viewport: { width: 360, height: 740 } });
    const look = async (name) => {
      await picture(page, `privacy-${language}-${name}`);
      assert.deepEqual(await overflows(page), [], `${name} fits`);
      assert.deepEqual(await obstacles(page), [], name);
    };
    await page.goto(`/privacy/${slug}`);
    await page.getByRole("heading", { level: 1, name: heading }).waitFor();
    assert.equal(await page.locator("html").getAttribute("lang"), language);
    await look("welcome");

    // One client may order 20 codes at once, and all walks are one client.
    if (["de", "pl"].includes(language)) {
      await page.locator('input[name="/email"]').fill("nobody");
      await page.locator("form button[type=submit]").click();
      await page.locator(".error").first().waitFor();
      await look("wrong-address");
    }
    await page.locator('input[name="/email"]').fill(person);
    await page.locator("form button[type=submit]").click();
    const code = page.locator('input[name="/code"]');
    await code.waitFor();
    await look("code");
    const right = await fromMail(person, /\b(\d{6})\b/);
    await fromMail(person, mailed);
    await code.fill(right === "000000" ? "000001" : "000000");
    await page.locator(".error").first().waitFor();
    await look("wrong-code");
    await code.fill(right);
    await page.locator("#held article").first().waitFor();
    // A correction, which a person has to decide about; here it is declined, in words of the page and of the officer.
    await page.locator(".asks article").nth(2).locator("button").click();
    await page.locator('textarea[name="/details/text"]').fill("Lyon");
    await page.locator(".dialog").locator("button[type=submit]").click();
    const waiting = () => api("GET", "/requests?state=approval").then(({ items }) => items[0]);
    const correction = await eventually("the correction to wait for a decision", waiting);
    await api("POST", `/requests/${correction.id}/refuse`, { code: "data_accurate", text: "We checked it." });
    await page.locator("#requests .notice.warn").waitFor();
    for (const details of await page.locator("details > summary").all()) await details.click();
    await page.waitForLoadState("networkidle");
    await look("rights");

    const kinds = await page.locator(".asks article").count();
    for (let kind = 0; kind < kinds; kind += 1) {
      const button = page.locator(".asks article").nth(kind).locator("button");
      if (await button.isDisabled()) continue;
      await button.click();
      await page.locator(".dialog").waitFor();
      await look(`ask-${kind}`);
      await page.keyboard.press("Escape");
      await page.locator(".dialog").waitFor({ state: "detached" });
    }
    await page.goto("/privacy/no-such-tenant");
    await page.locator(".empty").waitFor();
    await look("missing");
    assert.deepEqual(complaints, [], "the browser's console stays clean");
  });
}

test("a language that was chosen stays, and the server hears of it", async (t) => {
  const { slug, person } = await somebody();
  const { page, complaints } = await openBrowser(t, { locale: "sv-SE" });
  await page.goto(`/privacy/${slug}`);
  await page.getByRole("heading", { name: LANGUAGES.en[0] }).waitFor();
  await page.getByLabel("Language").selectOption("pl");
  await page.getByRole("heading", { name: LANGUAGES.pl[0] }).waitFor();
  assert.equal(await page.locator("html").getAttribute("lang"), "pl");
  await page.reload();
  await page.getByRole("heading", { name: LANGUAGES.pl[0] }).waitFor();
  const asked = page.waitForRequest((request) => request.url().endsWith("/codes"));
  await page.locator('input[name="/email"]').fill(person);
  await page.locator("form button[type=submit]").click();
  assert.equal((await asked).headers()["accept-language"], "pl");
  await fromMail(person, /Nikt nigdy nie poprosi o ten kod/);
  assert.deepEqual(complaints, []);
});
