// Just enough of zip (APPNOTE 6.3): the central directory, stored and deflated entries. Reads slices, never the whole file.

const MOST = 64 * 2 ** 20;

/** `[{name, method, size, packed, offset}]` of a zip Blob. */
export async function entries(blob) {
  const tail = new DataView(await blob.slice(Math.max(0, blob.size - 65_557)).arrayBuffer());
  let end = tail.byteLength - 22;
  while (end >= 0 && tail.getUint32(end, true) !== 0x06054b50) end--;
  if (end < 0) throw new Error("This is not a zip file.");
  const total = tail.getUint16(end + 10, true);
  const size = tail.getUint32(end + 12, true);
  const start = tail.getUint32(end + 16, true);
  if (start === 0xffffffff) throw new Error("This zip is larger than 4 GB.");
  const bytes = new Uint8Array(await blob.slice(start, start + size).arrayBuffer());
  const view = new DataView(bytes.buffer);
  const out = [];
  for (let at = 0, n = 0; n < total && at + 46 <= bytes.length && view.getUint32(at, true) === 0x02014b50; n++) {
    const [name, extra, comment] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true));
    out.push({
      name: new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + name)),
      method: view.getUint16(at + 10, true),
      packed: view.getUint32(at + 20, true),
      size: view.getUint32(at + 24, true),
      offset: view.getUint32(at + 42, true),
    });
    at += 46 + name + extra + comment;
  }
  return out;
}

/** The text of one entry. */
export async function read(blob, entry) {
  if (entry.size > MOST) throw new Error(`${entry.name} is larger than 64 MB.`);
  const head = new DataView(await blob.slice(entry.offset, entry.offset + 30).arrayBuffer());
  if (head.byteLength < 30 || head.getUint32(0, true) !== 0x04034b50) throw new Error("This zip is damaged.");
  const start = entry.offset + 30 + head.getUint16(26, true) + head.getUint16(28, true);
  const data = blob.slice(start, start + entry.packed);
  if (entry.method === 0) return data.text();
  if (entry.method !== 8) throw new Error(`${entry.name} is packed in a way that is not supported.`);
  const reader = data.stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  const decoder = new TextDecoder();
  let [text, got] = ["", 0];
  for (let step = await reader.read(); !step.done; step = await reader.read()) {
    got += step.value.length;
    // The sizes in a zip are claims; what counts is what comes out.
    if (got > MOST) throw new Error(`${entry.name} is larger than 64 MB.`);
    text += decoder.decode(step.value, { stream: true });
  }
  return text + decoder.decode();
}
