// The page around the library above: it reads files that the reader chose, and sends nothing anywhere.
const says = document.getElementById("words").dataset;
const form = document.forms[0];
const result = document.getElementById("result");
const titles = Object.fromEntries([...document.querySelectorAll("#titles data")].map((one) => [one.value, one.textContent]));
const filled = (text, parts) => text.replace(/\{([a-z]+)\}/g, (_, name) => parts[name]);
const octetsOf = async (name) => (form[name].files.length ? new Uint8Array(await form[name].files[0].arrayBuffer()) : null);
const moment = (seconds) =>
  new Date(seconds * 1000).toLocaleString(document.documentElement.lang, { dateStyle: "long", timeStyle: "short", timeZone: "UTC" });

function shown(kind, ...lines) {
  result.className = kind;
  result.replaceChildren(
    ...lines.map((line) => {
      const block = document.createElement(Array.isArray(line) ? "ul" : "p");
      if (Array.isArray(line)) {
        for (const each of line) block.append(Object.assign(document.createElement("li"), { textContent: each }));
      } else if (typeof line === "string") {
        block.textContent = line;
      } else {
        block.append(Object.assign(document.createElement("code"), { textContent: line.reason, lang: "en" }));
      }
      return block;
    }),
  );
}

async function checked() {
  const octets = await octetsOf("receipt");
  const key = await octetsOf("file");
  const keys = key ? new TextDecoder().decode(key) : form.key.value.trim();
  if (!octets || !keys) return shown("notice", says.missing);
  try {
    await crypto.subtle.importKey("raw", new Uint8Array(32), { name: "Ed25519" }, false, ["verify"]);
  } catch {
    return shown("notice", says.unable);
  }
  let found;
  try {
    const holder = /"for":"citizen"/.test(new TextDecoder().decode(octets)) ? "citizen" : "relying_party";
    found = await verify(octets, keys, { login: null, holder, proof: await octetsOf("proof") });
  } catch (error) {
    return shown("refused", says.refused, { reason: error instanceof ReceiptRefused ? error.message : "not a receipt" });
  }
  const { log, sent, index, size, by } = found;
  const parts = { log, service: sent.client, purpose: sent.purpose, time: moment(sent.time), place: index, size };
  const went = sent.names.map(([name, form]) => `${titles[name] ?? name}${form === "exact" ? "" : ` (${form})`}`);
  const standing = index === null ? filled(says.promised, { time: moment(by) }) : filled(says.placed, parts);
  return shown("holds", filled(says.holds, parts), went.length ? went : says.nothing, standing, says.not);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  checked();
});
document.getElementById("save").hidden = location.protocol === "file:";
form.hidden = false;
