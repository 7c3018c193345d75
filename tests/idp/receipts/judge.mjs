// Judges each case of a corpus (JSON lines on standard input) with the library named by the first argument.
import { createInterface } from "node:readline";

const { ReceiptRefused, verify } = await import(process.argv[2]);
const octets = (text) => Uint8Array.from(Buffer.from(text, "base64"));
for await (const line of createInterface({ input: process.stdin })) {
  const given = JSON.parse(line);
  const rest = { ...given, proof: given.proof === null ? null : octets(given.proof) };
  try {
    const found = await verify(octets(given.octets), given.keys, rest);
    console.log(JSON.stringify([found.leafHash, found.index, found.size, found.by, found.cosigned]));
  } catch (error) {
    if (!(error instanceof ReceiptRefused)) throw error;
    console.log("null");
  }
}
