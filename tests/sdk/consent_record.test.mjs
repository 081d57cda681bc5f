// Records and receipts of consents are JSON-LD to a library that we did not write, and say what ISO/IEC TS 27560 asks for.

import assert from "node:assert/strict";
import { test } from "node:test";
import jsonld from "jsonld";

const { WEIR_URL, WEIR_TOKEN, WEIR_CONSENT_ID } = process.env;

async function read(what) {
  const answer = await fetch(`${WEIR_URL}/api/v1/consents/${WEIR_CONSENT_ID}/${what}`, {
    headers: { authorization: `Bearer ${WEIR_TOKEN}` },
  });
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("content-type"), /^application\/ld\+json/);
  return answer.json();
}

/** Nothing is fetched: a document that needs the network to be understood is no proof. */
const documentLoader = (url) => {
  throw new Error(`a context from elsewhere: ${url}`);
};

const dpv = "https://w3id.org/dpv#";
const dct = "http://purl.org/dc/terms/";

test("the record's graph has every mandatory field", async () => {
  const record = await read("record");
  const quads = await jsonld.toRDF(record, { documentLoader, safe: true });
  const about = (predicate) => quads.filter((quad) => quad.predicate.value === predicate).map((quad) => quad.object.value);
  for (const predicate of [
    `${dct}conformsTo`, `${dct}identifier`, `${dpv}hasDataSubject`, `${dpv}hasNotice`, `${dct}language`, `${dpv}hasPurpose`,
    `${dpv}hasLegalBasis`, `${dpv}hasPersonalData`, `${dpv}hasDataController`, `${dpv}hasStorageCondition`, `${dpv}hasDuration`,
    `${dpv}hasJurisdiction`, `${dpv}hasRecipientThirdParty`, `${dpv}hasConsentControl`, `${dpv}hasRight`, `${dpv}hasAuthority`,
    `${dpv}hasName`, `${dpv}hasAddress`, `${dpv}hasContact`, `${dct}date`, `${dct}valid`, `${dpv}isImplementedByEntity`,
    `${dpv}hasConsentStatus`, `${dpv}hasIndicationMethod`,
  ]) {
    assert.ok(about(predicate).length > 0, predicate);
  }
  assert.deepEqual(about(`${dct}conformsTo`), ["https://w3id.org/dpv/schema/dpv-27560#record-eu-gdpr"]);
  assert.deepEqual(about(`${dpv}hasConsentStatus`), [`${dpv}ConsentGiven`]);
  assert.ok(about(`${dpv}hasLegalBasis`).includes("https://w3id.org/dpv/legal/eu/gdpr#A6-1-a"));
  assert.ok(about(`${dpv}hasRight`).includes("https://w3id.org/dpv/legal/eu/gdpr#A7-3"));
});

test("the receipt is a graph around a copy of the record, with its proof", async () => {
  const receipt = await read("record-receipt");
  const quads = await jsonld.toRDF(receipt, { documentLoader, safe: true });
  const conforms = quads.filter((quad) => quad.predicate.value === `${dct}conformsTo`).map((quad) => quad.object.value);
  assert.deepEqual(conforms.sort(), [
    "https://w3id.org/dpv/schema/dpv-27560#receipt-eu-gdpr",
    "https://w3id.org/dpv/schema/dpv-27560#record-eu-gdpr",
  ]);
  const { "@context": _, ...record } = await read("record");
  assert.deepEqual(receipt.record, record);
  assert.match(receipt.proof.proof_value, /^c2sp\.org\/tlog-proof@v1\n/);
});
