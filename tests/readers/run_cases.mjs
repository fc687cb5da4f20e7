// Reads files with the dashboard's own modules and prints what they come to: node run_cases.mjs JS_FOLDER DATA < cases.json

import { readFileSync } from "node:fs";
import { join } from "node:path";

const [folder, data] = process.argv.slice(2);
const { parseFile } = await import(join(folder, "parse.js"));
const out = [];
for (const { file, author } of JSON.parse(readFileSync(0, "utf8"))) {
  const told = { file, author };
  try {
    let result;
    try {
      result = await parseFile(new File([readFileSync(join(data, file))], file), author ?? undefined);
    } catch (error) {
      if (!error.result) throw error;
      result = error.result;
    }
    const created = result.memories.map((memory) => memory.created_at?.slice(0, 23) ?? null);
    const sources = [...new Set(result.memories.map((memory) => memory.source).filter(Boolean))].sort();
    Object.assign(told, {
      texts: result.memories.map((memory) => memory.text),
      created,
      sources,
      rejected: result.rejected.map((row) => row.place),
      left: result.left.sort(),
      undated: result.undated,
    });
  } catch (error) {
    Object.assign(told, { refused: error.message, authors: (error.authors ?? []).map((author) => author.id) });
  }
  out.push(told);
}
process.stdout.write(JSON.stringify(out));
