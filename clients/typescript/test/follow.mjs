// Follows a task to its end and prints each event as a line of JSON, whatever happens to the gateway meanwhile.
// MODE "task" reads the task's own stream, "all" the socket of everything. Run by tests/typescript.
import { Reverie } from "reverie";

const ai = new Reverie({ url: process.env.URL, apiKey: process.env.KEY, timeoutMs: 60_000 });
const memories = Array.from({ length: 12 }, (_, n) => `the cat ate fish ${n} ${process.env.MODE}`);
const all = ai.events({ userId: "follower" });
const first = process.env.MODE === "all" ? all.next() : undefined;
if (first) await new Promise((resolve) => setTimeout(resolve, 500)); // the socket may open after the task was made too
const task = await ai.submitClusteringTask("follower", memories);

async function* everything() {
  yield (await first).value;
  yield* all;
}

for await (const { seq, type, result } of first ? everything() : task.events()) {
  console.log(JSON.stringify({ seq, type, themes: result?.themes.length ?? null }));
  if (type === "succeeded") break;
}
