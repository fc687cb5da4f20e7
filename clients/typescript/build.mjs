// Makes dist/: types from the service's OpenAPI document, then one tree of modules for `import` and one for `require`.
import { execFileSync } from "node:child_process";
import { copyFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const document = join(here, "../../tests/gateway/openapi.json");

function run(name, ...args) {
  const options = { cwd: here, stdio: ["ignore", process.stderr, process.stderr] };
  execFileSync(join(here, "node_modules/.bin", name), args, options);
}

rmSync(join(here, "dist"), { recursive: true, force: true });
run("openapi-typescript", document, "-o", "src/generated.ts");
run("tsc", "--project", ".");
run("tsc", "--project", ".", "--module", "commonjs", "--moduleResolution", "node10", "--outDir", "dist/cjs");
copyFileSync(join(here, "../../LICENSE"), join(here, "LICENSE"));
writeFileSync(join(here, "dist/cjs/package.json"), '{ "type": "commonjs" }\n');
