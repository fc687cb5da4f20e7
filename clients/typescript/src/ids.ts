const LETTERS = "0123456789abcdefghjkmnpqrstvwxyz";

/** `prefix` and a ULID in small letters: ids made later sort later. */
export function newId(prefix: string): string {
  let time = Date.now();
  let head = "";
  for (let i = 0; i < 10; i++) {
    head = LETTERS.charAt(time % 32) + head;
    time = Math.floor(time / 32);
  }
  const tail = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => LETTERS.charAt(byte & 31));
  return prefix + head + tail.join("");
}
