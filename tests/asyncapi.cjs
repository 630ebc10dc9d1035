// Says what is wrong with an AsyncAPI document: `node asyncapi.cjs FILE`, with @asyncapi/parser on NODE_PATH.
const { readFileSync } = require("node:fs");
const { Parser } = require("@asyncapi/parser");

const ERROR = 0;

(async () => {
  const source = process.argv[2];
  const { document, diagnostics } = await new Parser().parse(readFileSync(source, "utf8"), { source });
  const errors = diagnostics.filter((it) => it.severity === ERROR);
  errors.forEach((it) => console.log(`${it.path.join(".")}: ${it.message}`));
  const channels = document?.channels().all().length ?? 0;
  console.log(`${channels} channels, ${errors.length} errors`);
  process.exitCode = errors.length === 0 && channels > 0 ? 0 : 1;
})();
