// Evaluates rules with certlogic-js on request: benchmarks/certlogic.py starts it and asks for rounds.
// Usage: node certlogic.js NODE_MODULES PAIRS.json; each line of input asks for one round over all
// pairs, and is answered with the seconds that it took.
"use strict";

const fs = require("fs");
const path = require("path");
const readline = require("readline");

const { evaluate } = require(path.resolve(process.argv[2], "certlogic-js"));
const { rules, pairs } = JSON.parse(fs.readFileSync(process.argv[3], "utf8"));
const work = pairs.map(({ rule, data }) => [rules[rule], data]);

let truthy = 0;
const round = () => {
  const start = process.hrtime.bigint();
  for (const [logic, data] of work) if (evaluate(logic, data)) truthy += 1;
  return Number(process.hrtime.bigint() - start) / 1e9;
};

readline.createInterface({ input: process.stdin }).on("line", () => {
  process.stdout.write(`${round()}\n`);
});
