// Against a real service: URL and KEY name it. Run by tests/typescript.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Conflict, InvalidInput, NotFound, ResultTimeout, Reverie, ServiceUnavailable, Unauthorized } from "reverie";

const { URL: url, KEY: apiKey } = process.env;
const ai = new Reverie({ url, apiKey, timeoutMs: 60_000 });
const TEXTS = [..."abcdefghijkl"].flatMap((n) => [`climbing at the hall number ${n}`, `the cat ate fish ${n}`]);

test("every operation gives its own result", async () => {
  assert.equal(await ai.ready(), true);
  const task = await ai.submitClusteringTask("ts1", TEXTS, { seed: 1, granularity: "fine" });
  const themes = await task.result({ timeoutMs: 60_000 });
  assert.equal(themes.themes.reduce((sum, theme) => sum + theme.size, 0) + themes.unclustered.length, 24);
  assert.deepEqual(ai.lastKnown("ts1", "cluster"), themes);
  const insight = await (await ai.submitAnalysisTask("ts1", TEXTS, { top: 3, now: new Date() })).result();
  assert.deepEqual(
    insight.importance.map((entry) => entry.rank),
    [1, 2, 3],
  );
  const found = await (await ai.submitRecallTask("ts1", "climbing hall", TEXTS, { top: 2 })).result();
  assert.ok(found.memories.every((memory) => memory.text.includes("climbing")));
  const [one, two] = await ai.embed(["one", "two"], { user_id: "ts1" });
  assert.ok(one instanceof Float32Array && one.length === two.length);
  assert.ok(Math.abs(Math.hypot(...two) - 1) < 1e-5);
  const png = await ai.chart(task.id, "map", { width: 300 });
  assert.deepEqual(
    [...png.slice(1, 4)],
    [..."PNG"].map((c) => c.charCodeAt(0)),
  );
});

test("the same again comes from the cache, is listed, and goes with its user", async () => {
  const first = await ai.submitClusteringTask(900719925474099267n, TEXTS);
  const events = [];
  for await (const event of first.events()) events.push(event);
  assert.equal(events.at(-1).type, "succeeded");
  assert.ok(events.every((event, i) => i === 0 || event.seq > events[i - 1].seq));
  const result = await first.result();
  const again = await ai.submitClusteringTask("900719925474099267", TEXTS);
  assert.equal(again.cached, true);
  assert.deepEqual((await again.result()).assignments, result.assignments);
  const listed = [];
  for await (const task of ai.tasks({ userId: "900719925474099267" })) listed.push(task);
  assert.ok(listed.some((task) => task.id === first.id));
  await assert.rejects(first.cancel(), Conflict);
  const receipt = await ai.forgetUser("900719925474099267");
  assert.ok(receipt.tasks >= 1);
  assert.equal(ai.lastKnown("900719925474099267", "cluster"), undefined);
  await assert.rejects(first.refresh(), NotFound);
});

test("bad items are named and strangers refused", async () => {
  const refused = await ai.submitClusteringTask("ts4", ["fine", "   "]).catch((error) => error);
  assert.ok(refused instanceof InvalidInput);
  assert.equal(refused.status, 422);
  assert.match(refused.errors[0].item, /^memories\[1\]/);
  const stranger = new Reverie({ url, apiKey: "not-a-key-at-all" });
  await assert.rejects(stranger.task("tsk_nothing"), Unauthorized);
  await assert.rejects(stranger.events().next(), Unauthorized);
  await assert.rejects(ai.task("tsk_nothing"), NotFound);
  assert.throws(() => ai.forgetUser(".."), RangeError); // a URL cannot say it
});

test("memories live in the service, whatever their ids hold", async () => {
  const user = ai.user("a/b ü?#%");
  const kept = await user.remember("I adopted a cat called Miso", { kind: "fact" });
  assert.match(kept.memory.id, /^mem_[0-9a-z]{26}$/);
  assert.ok(kept.memory.created_at);
  const many = await user.rememberMany(["green tea", { id: "x/y", text: "a new wall", created_at: new Date(0) }]);
  assert.deepEqual([many.added, many.ids[1]], [2, "x/y"]);
  assert.equal((await user.remember("a new wall, higher", { id: "x/y" })).memory.text, "a new wall, higher");
  assert.equal((await user.update("x/y", { accessed: true })).memory.access_count, 1);
  assert.equal((await user.memory("x/y")).text, "a new wall, higher");
  const found = [];
  for await (const memory of user.memories({ q: "MISO" })) found.push(memory.text);
  assert.deepEqual(found, ["I adopted a cat called Miso"]);
  await user.setSettings({ timezone: "Europe/Berlin" });
  assert.equal((await user.settings()).timezone, "Europe/Berlin");
  assert.equal((await user.forget("x/y")).deleted, 1);
  await assert.rejects(user.memory("x/y"), NotFound);
  await assert.rejects(user.forgetMany({}), InvalidInput);
  assert.equal((await user.forgetMany({ ids: [kept.memory.id, many.ids[0]] })).deleted, 2);
  await user.rememberMany(["one", "two"]);
  assert.equal((await user.forgetAll()).deleted, 2);
  assert.equal((await user.erase()).user_id, user.id);
});

test("stored memories are themed, analysed and recalled", async () => {
  const user = ai.user("views");
  await user.rememberMany(TEXTS);
  const brought = await (await user.upkeep()).result({ timeoutMs: 60_000 });
  assert.equal(brought.memories, 24);
  const themes = await user.themes();
  assert.equal(themes.themes.reduce((sum, theme) => sum + theme.size, 0) + themes.unclustered.length, 24);
  assert.equal(ai.lastKnown("views", "cluster"), themes);
  assert.equal((await user.insights()).importance.length, 24);
  const found = await user.recall("climbing hall", { top: 2 });
  assert.deepEqual(
    found.memories.map((memory) => memory.text.startsWith("climbing")),
    [true, true],
  );
  const context = await user.context("climbing hall?", { max_tokens: 120 });
  assert.ok(context.tokens > 0 && context.tokens <= 120);
  assert.match(context.text, /climbing at the hall/);
  assert.ok(context.used.length > 0 && context.used.every(({ memory_id }) => typeof memory_id === "string"));
  const messages = await user.context(null, { max_tokens: 120, format: "messages" });
  assert.ok(Array.isArray(messages.messages) && messages.messages.length > 0);
});

test("a signal ends a call, an iteration and a wait; a time limit leaves the task alone", async () => {
  const gone = AbortSignal.abort(new Error("not needed"));
  await assert.rejects(ai.submitClusteringTask("ts5", TEXTS, {}, { signal: gone }), /not needed/);
  const leaving = new AbortController();
  const events = ai.events({ userId: "ts5", signal: leaving.signal });
  const next = events.next();
  setTimeout(() => leaving.abort(new Error("left")), 50);
  await assert.rejects(next, /left/);
  const task = await ai.submitClusteringTask(
    "ts5",
    TEXTS.map((text) => `${text} again`),
  );
  await assert.rejects(task.result({ timeoutMs: 0 }), ResultTimeout);
  assert.ok(await task.result());
});

test("all events of a user come on one socket", async () => {
  const events = ai.events({ userId: "ts6" });
  const first = events.next();
  const task = await ai.submitClusteringTask("ts6", TEXTS);
  for (let { value } = await first; value.type !== "succeeded"; { value } = await events.next())
    assert.equal(value.task_id, task.id);
  await events.return();
});

test("a service that is away is said soon, then at once", async () => {
  const nobody = new Reverie({ url: "http://127.0.0.1:9", apiKey, tries: 5 });
  await assert.rejects(nobody.task("tsk_x"), ServiceUnavailable);
  const began = performance.now();
  await assert.rejects(nobody.task("tsk_x"), /not asked again yet/);
  assert.ok(performance.now() - began < 50);
  assert.equal(await nobody.ready(), false);
});
