// node parse.js NODE_MODULES DOCUMENT...: prints a line of JSON for each: what @asyncapi/parser makes of it.
'use strict';
const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');

const [folder, ...files] = process.argv.slice(2);
const { Parser } = createRequire(path.join(folder, 'here.js'))('@asyncapi/parser');

async function told(file) {
  const { document, diagnostics } = await new Parser().parse(fs.readFileSync(file, 'utf8'));
  const problems = diagnostics.filter((found) => found.code !== 'asyncapi-latest-version');
  const operations = document ? document.operations().all() : [];
  return {
    problems: problems.map((found) => `${found.path.join('.')}: ${found.message}`),
    sends: operations.filter((one) => one.isSend()).map((one) => one.id()),
    receives: operations.filter((one) => one.isReceive()).map((one) => one.id()),
    replied: operations.filter((one) => one.reply()).map((one) => one.id()),
  };
}

(async () => {
  for (const file of files) {
    console.log(JSON.stringify(await told(file)));
  }
})();
