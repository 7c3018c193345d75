/* Check a receipt of a Ciconia broker: one file to copy, without dependencies, for browsers and Node from 20 on.

    const found = await verify(octets, keys, { login: idTokenClaims })  // throws ReceiptRefused
    if (found.index === null)                     // promised by found.by: later ask /log/proof?leaf=, and then
      await verify(octets, keys, { login: idTokenClaims, proof: answer })

A citizen's receipt is checked with { login: null, holder: "citizen" }.

`octets` and `proof` are Uint8Arrays. `keys` is the text of /log/vkey, which you fetched before and keep. The broker's
docs/receipt-format.md has every rule; the numbers in brackets are its sections. `ciconia_receipt.py` is the same for Python.
Licence: Apache-2.0. */

const { subtle } = globalThis.crypto;
const utf8 = new TextEncoder();
const LAST_SECOND = 253402300799; // 9999-12-31T23:59:59Z
const COUNT = /^(?:0|[1-9][0-9]{0,18})$/;
const LOG_KEY = 1, WITNESS_KEY = 4; // types of C2SP signed-note and tlog-cosignature
const NO_CONSENT = "This release does not rest on consent, so there is no consent to withdraw.";
const OBJECT = `${NO_CONSENT} One can object to the processing at the controller (GDPR Article 21).`;
const WITHDRAWAL = new Map([
  ["consent", "Consent can be withdrawn at any time, at the controller. What was done until then remains lawful (GDPR Article 7(3))."],
  ["contract", NO_CONSENT],
  ["legal_obligation", NO_CONSENT],
  ["vital_interests", NO_CONSENT],
  ["public_task", OBJECT],
  ["legitimate_interests", OBJECT],
]);
// Type and state of the event, by consent and otherwise
const GIVEN = ["expressed consent", "given"];
const APPROVED = ["approval of a release that does not rest on consent", "approved"];
const INFORMED = ["information about a release that does not rest on consent", "informed"];
const BEFORE = [
  ["release of what was consented to before", "given before"],
  ["release of what was approved before, and does not rest on consent", "approved before"],
];
const EVENTS = new Map([
  ["page", [GIVEN, APPROVED]],
  ["informed", [GIVEN, INFORMED]],
  ["remembered", [GIVEN, APPROVED]],
  ["unasked", BEFORE],
  ["offline", BEFORE],
  ["silent", BEFORE],
]);
const MEMBERS = ["v", "for", "log", "leaf", "openings", "record", "proof", "promise", "signature"];
const OPENED = { citizen: ["decision", "login", "sent", "subject"], relying_party: ["login", "sent"] };
const LISTS = ["names", "asked", "unknown", "withheld", "authorities", "sources", "transfer"];
const OPTIONAL = { decision: ["authorities", "person", "sources", "transfer"], subject: ["represented"] };
const CONTENTS = {
  decision: ["asked", "bits", "kind", "notice", "path", "record", "source", "time", "unknown", "withheld"],
  login: ["aud", "iss", "nonce", "sub"],
  sent: ["basis", "client", "loa", "names", "policy", "purpose", "record", "time"],
  subject: ["record", "subject"],
};
const RECORD = ["schema_version", "record_id", "receipt_id", "pii_principal_id", "processing", "events"];
const PROCESSING = [
  "privacy_notice", "purposes", "pii_information", "collection_method", "pii_controllers", "recipient_third_parties",
  "jurisdiction", "retention_period", "storage_locations", "withdrawal_method",
];
const COMPARTMENTS = ["decision", "login", "sent", "subject", "values"];
const COMMITMENTS = COMPARTMENTS.map((name) => `"${name}":"([^"]*)"`).join(",");
const LEAF = new RegExp(`^\\{"commitments":\\{${COMMITMENTS}\\},"tag":"([^"]*)","v":1\\}$`);

/** A rule of the format does not hold. The message says which, and quotes nothing of the file. */
export class ReceiptRefused extends Error {}

/**
 * Check a receipt, and that it is of your login.
 *
 * `login` has the claims of the ID token that you checked before: `iss`, `aud`, `sub`, and your request's `nonce`. Over SAML:
 * the broker's address, your id there, the pairwise-id before its `@`, and the ID of your request. `null` compares nothing:
 * that is for those who had no login, such as auditors.
 *
 * `holder` is `relying_party`, or `citizen` for a receipt that the broker gave to a person.
 *
 * `proof` is the answer of /log/proof to a promise. `quorum` of the `witnesses` (C2SP verifier keys of type 4, one of each
 * operator) must have cosigned the checkpoint. Lines of other witnesses count for nothing.
 *
 * Resolves to { log, sent, leafHash, index, size, by, cosigned }: `index` and `size` are the leaf's place and the tree's size.
 * A promise has null there, and `by`: the time until which the log may take. Rejects with ReceiptRefused.
 */
export async function verify(octets, keys, { login, holder = "relying_party", proof = null, witnesses = [], quorum = 0 }) {
  must(login !== undefined, "the claims of a login are missing: null compares nothing");
  const receipt = read(octets);
  const { log, counting } = await readKeys(keys);
  const trusted = [];
  for (const vkey of witnesses) trusted.push(await readKey(vkey, WITNESS_KEY));
  const reached = new Set(trusted.map((key) => key.name).filter((name) => name !== log)).size;
  must(Number.isInteger(quorum) && quorum >= 0 && quorum <= reached, "a quorum that these witnesses cannot reach");
  hasMembers(receipt, MEMBERS);
  const { signature, ...unsigned } = receipt;
  must(receipt.v === 1 && receipt.for === holder && Object.hasOwn(OPENED, holder), "another version or holder");
  must(receipt.log === log, "it is of another log than the key");
  const message = utf8.encode(`ciconia/receipt/v1\n${jcs(unsigned)}`);
  let signed = false;
  for (const key of counting) signed ||= await holds(key, decoded(signature, 64), message);
  must(signed, "no key of the log signed it");
  const leaf = decoded(receipt.leaf, null);
  const opened = await openings(receipt.openings, commitments(leaf), holder);
  checkRecord(receipt.record, opened, holder);
  checkLogin(opened.login, login);
  const hashed = await sha256(Uint8Array.of(0), leaf);
  const standing = await standingOf(receipt, hashed, proof, [...counting, ...trusted]);
  // Nobody can have cosigned a promise
  must(standing.index === null || standing.cosigned.length >= quorum, "fewer witnesses cosigned than the quorum");
  return { log, sent: opened.sent, leafHash: hex(hashed), ...standing };
}

/** Check that a receipt that held commits to these values, by the names of `sent`. Rejects with ReceiptRefused. */
export async function checkValues(octets, values) {
  const receipt = read(octets);
  const found = await hmac(decoded(receipt.openings.values.nonce), jcs(values));
  must(same(found, commitments(decoded(receipt.leaf, null)).values), "it commits to other values");
}

function must(holds, what) {
  if (!holds) throw new ReceiptRefused(what);
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function hasMembers(value, names) {
  const right = isObject(value) && Object.keys(value).length === names.length && names.every((name) => Object.hasOwn(value, name));
  must(right, "an object with other members than the format has");
}

function decoded(text, size = 32) {
  must(typeof text === "string", "not a text");
  let data = null;
  try {
    data = atob(text);
  } catch {
    // refused below
  }
  must(data !== null && btoa(data) === text && (size === null || data.length === size), "not base64 of this spelling or size");
  return Uint8Array.from(data, (letter) => letter.charCodeAt(0));
}

function joined(...parts) {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function same(one, other) {
  return one.length === other.length && one.every((octet, place) => octet === other[place]);
}

function hex(octets) {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
}

async function sha256(...parts) {
  return new Uint8Array(await subtle.digest("SHA-256", joined(...parts)));
}

async function hmac(nonce, text) {
  const key = await subtle.importKey("raw", nonce, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await subtle.sign("HMAC", key, utf8.encode(text)));
}

/** Whether each sign is one that people see, or a space: no control, no turn of direction, no other white space. */
function isPrintable(text) {
  return !/[^ \P{Z}]|\p{C}/u.test(text);
}

/** The canonical spelling (RFC 8785) of texts, whole numbers, truth values, null, lists and objects. */
function jcs(value) {
  if (Array.isArray(value)) return `[${value.map(jcs).join(",")}]`;
  if (isObject(value)) {
    return `{${Object.keys(value).sort().map((name) => `${jcs(name)}:${jcs(value[name])}`).join(",")}}`;
  }
  must(typeof value !== "string" || !/\p{Surrogate}/u.test(value), "half a sign");
  must(typeof value !== "number" || (Number.isSafeInteger(value) && value >= 0), "a number that is not whole, or too large");
  return JSON.stringify(value);
}

/** [1] The file. JSON.parse takes a member twice, and other spellings of a number: the spelling tells. */
function read(octets) {
  must(octets.length <= 262144, "too large");
  let text, found, canonical;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(octets);
    found = JSON.parse(text);
    canonical = `${jcs(found)}\n`;
  } catch {
    throw new ReceiptRefused("not strict JSON of texts and whole numbers");
  }
  must(isObject(found) && canonical === text, "not one object in its canonical spelling");
  const words = text.replace(/"[^"\\]*(?:\\.[^"\\]*)*"/g, "").match(/[a-z]+/g) ?? [];
  must(words.join() === "null", "a truth value, or another null than that of proof or promise");
  return found;
}

/** [2] The log's name, and its keys that are not revoked. */
async function readKeys(text) {
  const listed = [];
  for (const line of text.replace(/\n$/, "").split("\n")) {
    if (line.startsWith("— ") && listed.length) {
      listed.at(-1).lines.push(line);
    } else {
      const vkey = line.replace(/^revoked /, "");
      listed.push({ vkey, revoked: vkey !== line, key: await readKey(vkey, LOG_KEY), lines: [] });
    }
  }
  const log = listed[0].key.name;
  must(listed.every(({ key }) => key.name === log) && listed.length <= 1000, "keys of two logs, or more than a log has");
  must(new Set(listed.map(({ vkey }) => vkey)).size === listed.length, "a key twice");
  let before = listed[0].key;
  let over = "ciconia/log-keys/v1\n";
  for (const { vkey, key, lines } of listed) {
    over += `${vkey}\n`;
    const vouching = [];
    for (const line of lines) {
      const { key: signer, signature } = signerOf(line, [before, key]);
      must(signer && (await holds(signer, signature, utf8.encode(over))), "another key vouches for a key");
      must(!vouching.includes(signer.keyId), "a key vouches twice");
      vouching.push(signer.keyId);
    }
    must(key === before || vouching.includes(before.keyId), "the key before does not vouch for a key");
    if (vouching.includes(key.keyId)) before = key;
  }
  const counting = listed.filter(({ revoked }) => !revoked).map(({ key }) => key);
  must(counting.length, "every key of the log is revoked");
  return { log, counting };
}

async function readKey(vkey, kind) {
  const [name, keyId, ...rest] = vkey.split("+");
  const octets = decoded(rest.join("+"), 33);
  must(name && isPrintable(name) && !name.includes(" ") && octets[0] === kind, "a key without a name, or of another kind");
  must(hex(await sha256(utf8.encode(`${name}\n`), octets)).slice(0, 8) === keyId, "a key whose id is another's");
  const publicKey = await subtle.importKey("raw", octets.slice(1), { name: "Ed25519" }, false, ["verify"]);
  return { name, keyId, kind, publicKey };
}

/** The key that a signature line names, undefined if it is none of these; and the signature. */
function signerOf(line, keys) {
  const [mark, name, encoded, ...more] = line.split(" ");
  const data = decoded(encoded, null);
  const right = mark === "—" && name && isPrintable(name) && !name.includes("+") && more.length === 0 && data.length > 4;
  must(right, "not a signature line");
  const keyId = hex(data.slice(0, 4));
  return { key: keys.find((each) => each.name === name && each.keyId === keyId), signature: data.slice(4) };
}

async function holds(key, signature, message) {
  if (key.kind === WITNESS_KEY) {
    if (signature.length !== 72) return false;
    const time = new DataView(signature.buffer).getBigUint64(0);
    must(time > 0n && time < 2n ** 63n, "a cosignature without a time");
    message = joined(utf8.encode(`cosignature/v1\ntime ${time}\n`), message);
    signature = signature.slice(8);
  }
  return subtle.verify({ name: "Ed25519" }, key.publicKey, signature, message);
}

/** [4] The leaf. */
function commitments(leaf) {
  const found = LEAF.exec(String.fromCharCode(...leaf.slice(0, 1000)));
  must(found && leaf.length < 1000, "not a leaf");
  const parts = found.slice(1).map((text) => decoded(text));
  return Object.fromEntries(COMPARTMENTS.map((name, place) => [name, parts[place]]));
}

/** [5] The contents of the openings that this holder has, all of one record. */
async function openings(given, committed, holder) {
  hasMembers(given, [...OPENED[holder], "values"]);
  hasMembers(given.values, ["nonce"]);
  // "" in a citizen's receipt that was made later: the nonce is kept nowhere
  if (holder !== "citizen" || given.values.nonce !== "") decoded(given.values.nonce);
  const found = {};
  for (const name of OPENED[holder]) {
    hasMembers(given[name], ["nonce", "content"]);
    const { nonce, content } = given[name];
    const more = (OPTIONAL[name] ?? []).filter((each) => isObject(content) && Object.hasOwn(content, each));
    hasMembers(content, [...CONTENTS[name], ...more]);
    must(same(await hmac(decoded(nonce), jcs(content)), committed[name]), "an opening does not open its commitment");
    for (const [member, value] of Object.entries(content)) {
      const right = LISTS.includes(member) ? Array.isArray(value) : typeof value === (member === "time" ? "number" : "string");
      must(right, "a member of another kind");
    }
    found[name] = content;
  }
  const { login, sent, decision, subject } = found;
  must(WITHDRAWAL.has(sent.basis) && ["low", "substantial", "high"].includes(sent.loa), "no known basis or level");
  must(/^[0-9a-f]{32}$/.test(sent.record), "no id of a record");
  const isPair = (pair) => Array.isArray(pair) && pair.length === 2 && pair.every((each) => typeof each === "string");
  must(sent.names.every(isPair), "no pairs of names");
  const told = [...Object.values(sent).filter((each) => typeof each === "string"), ...sent.names.flat()];
  must(told.every(isPrintable), "a sign that is not printable");
  must(login.aud === sent.client, "a login at another relying party");
  if (decision) {
    const { record, time, kind, path } = decision;
    must(record === sent.record && time === sent.time && kind === "release", "its openings are of two records");
    must(EVENTS.has(path), "a decision that no page has");
  }
  const indexes = subject ? [subject.subject, subject.represented ?? subject.subject] : [];
  must(!subject || subject.record === sent.record, "its openings are of two records");
  must(indexes.every((each) => /^[0-9a-f]{64}$/.test(each)), "no number of a person");
  return found;
}

/** Compare the login that the log committed to with the one that the service saw. */
function checkLogin(committed, login) {
  const seen = { nonce: "", ...(login === null ? committed : login) };
  if (Array.isArray(seen.aud) && seen.aud.length === 1) [seen.aud] = seen.aud;
  for (const name of ["iss", "aud", "sub", "nonce"]) {
    must(seen[name] === committed[name], `it is of another login than yours: ${name} differs`);
  }
}

/** [6] The readable record. */
function checkRecord(record, { sent, login, decision }, holder) {
  hasMembers(record, RECORD);
  const said = record.processing;
  hasMembers(said, PROCESSING);
  const lists = [said.purposes, said.recipient_third_parties, record.events];
  must(lists.every((each) => Array.isArray(each) && each.length === 1 && isObject(each[0])), "not a list of one object");
  const [[purpose], [recipient], [event]] = lists;
  hasMembers(event, ["event_time", "event_type", "event_state"]);
  const equal = [
    [record.schema_version, "ciconia/receipt/v1, with names after ISO/IEC TS 27560:2023"],
    [record.record_id, sent.record],
    [record.receipt_id, `${sent.record}/${holder}`],
    [record.pii_principal_id, login.sub],
    [said.privacy_notice, decision ? decision.notice : "as shown to the citizen; its hash is in the citizen's receipt"],
    [purpose.purpose, sent.purpose],
    [purpose.lawful_basis, sent.basis],
    [recipient.party_id, sent.client],
    [said.withdrawal_method, WITHDRAWAL.get(sent.basis)],
    [event.event_time, timeText(sent.time)],
  ];
  must(equal.every(([words, opening]) => words === opening), "the readable record differs from what it opens");
  // Only a citizen's receipt opens how it was decided
  const ways = decision ? [EVENTS.get(decision.path)] : [...EVENTS.values()];
  const known = ways.map(([consented, approved]) => (sent.basis === "consent" ? consented : approved));
  must(known.some(([type, state]) => event.event_type === type && event.event_state === state), "an event of another basis");
  const listed = said.pii_information;
  must(Array.isArray(listed) && listed.length === sent.names.length, "more or fewer attributes than it opens");
  for (const [place, [name, form]] of sent.names.entries()) {
    hasMembers(listed[place], ["attribute", "pii_type", "pii_attribute_id"]);
    must(listed[place].attribute === name && listed[place].pii_type === form, "another attribute or form than it opens");
  }
}

function timeText(seconds) {
  must(Number.isSafeInteger(seconds) && seconds <= LAST_SECOND, "not a time");
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}

/** [7, 8] The index and the tree's size, or the time of a promise; and the witnesses that cosigned. */
async function standingOf(receipt, hashed, proof, keys) {
  const { proof: given, promise, log } = receipt;
  must((given === null) !== (promise === null), "not exactly one of proof and promise");
  let found;
  if (given !== null) {
    hasMembers(given, ["index", "path", "checkpoint"]);
    must(Number.isSafeInteger(given.index), "not a proof");
    found = await placed(hashed, { ...given, index: BigInt(given.index) }, log, keys);
  } else {
    hasMembers(promise, ["leaf_hash", "by"]);
    must(same(decoded(promise.leaf_hash), hashed), "a promise of another leaf");
    timeText(promise.by);
    found = { index: null, size: null, by: promise.by, cosigned: [] };
  }
  return proof === null ? found : placed(hashed, readProof(proof), log, keys);
}

async function placed(hashed, { index, path, checkpoint }, log, keys) {
  must(Array.isArray(path) && path.length <= 63, "not a proof");
  const { size, root, cosigned } = await readCheckpoint(checkpoint, log, keys);
  must(index < size, "an index beyond the tree");
  let fn = index, sn = size - 1n, found = hashed;
  for (const step of path) {
    const p = decoded(step);
    must(sn !== 0n, "too long a path");
    if (fn % 2n || fn === sn) {
      found = await sha256(Uint8Array.of(1), p, found);
      for (; fn % 2n === 0n && fn; fn /= 2n) sn /= 2n;
    } else {
      found = await sha256(Uint8Array.of(1), found, p);
    }
    fn /= 2n;
    sn /= 2n;
  }
  must(sn === 0n && same(found, root), "the path does not lead from the leaf to the checkpoint's root");
  return { index: Number(index), size: Number(size), by: null, cosigned };
}

/** The tree's size and root, and the witnesses that cosigned. */
async function readCheckpoint(note, log, keys) {
  must(typeof note === "string" && utf8.encode(note).length <= 65536, "too large a checkpoint");
  const lines = note.split("\n");
  must(lines.length >= 6 && lines.length <= 105 && lines[3] + lines.at(-1) === "", "not the lines of a checkpoint");
  must(lines[0] === log && COUNT.test(lines[1]), "a checkpoint of another log, or without a size");
  const text = utf8.encode(lines.slice(0, 3).map((line) => `${line}\n`).join(""));
  let own = 0;
  const cosigned = [];
  for (const line of lines.slice(4, -1)) {
    const { key, signature } = signerOf(line, keys);
    must(key || !line.startsWith(`— ${log} `), "an unknown key of the log's name");
    must(!key || (await holds(key, signature, text)), "a checkpoint's signature does not hold");
    if (key?.kind === LOG_KEY) own += 1;
    else if (key) cosigned.push(key.name);
  }
  const once = own === 1 && new Set([...cosigned, log]).size === 1 + cosigned.length;
  must(once, "not one signature of the log, and at most one of each witness");
  return { size: BigInt(lines[1]), root: decoded(lines[2]), cosigned };
}

/** Index, path and checkpoint of a C2SP tlog-proof. */
function readProof(octets) {
  must(octets.length <= 69632, "too large a proof");
  const whole = new TextDecoder("utf-8", { ignoreBOM: true }).decode(octets);
  const gap = whole.indexOf("\n\n");
  const [first, number = "", ...path] = whole.slice(0, Math.max(gap, 0)).split("\n");
  const index = number.replace(/^index /, "");
  const right = gap >= 0 && first === "c2sp.org/tlog-proof@v1" && number.startsWith("index ") && COUNT.test(index);
  must(right, "not a tlog-proof");
  return { index: BigInt(index), path, checkpoint: whole.slice(gap + 2) };
}
