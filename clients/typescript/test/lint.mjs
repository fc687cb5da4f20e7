// Lints an OpenAPI document by the recommended rules of Redocly and Spectral; prints what they find, status 1 for any.
import { readFileSync } from "node:fs";
import { createConfig, lintFromString } from "@redocly/openapi-core";
import spectral from "@stoplight/spectral-core";
import rulesets from "@stoplight/spectral-rulesets";

const source = readFileSync(process.argv[2], "utf-8");
const found = [];

const config = await createConfig({ extends: ["recommended"] });
for (const problem of await lintFromString({ source, absoluteRef: "openapi.json", config }))
  found.push(`redocly ${problem.severity} ${problem.ruleId}: ${problem.message} (${problem.location[0]?.pointer})`);

const checker = new spectral.Spectral();
checker.setRuleset(new spectral.Ruleset({ extends: [[rulesets.oas, "recommended"]] }));
for (const problem of await checker.run(source))
  found.push(`spectral ${problem.severity} ${problem.code}: ${problem.message} (${problem.path.join("/")})`);

console.log(found.join("\n"));
process.exitCode = found.length ? 1 : 0;
