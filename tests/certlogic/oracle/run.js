// Reads pairs, one JSON document a line ({"expr": …, "data": […]}), and writes for each line what
// certlogic-js makes of the expression: its issues, and for each of the data a value or a refusal.
// Usage: node run.js NODE_MODULES < pairs > outcomes
"use strict";

const path = require("path");
const readline = require("readline");

const certlogic = require(path.resolve(process.argv[2], "certlogic-js"));
const { validate } = require(path.resolve(process.argv[2], "certlogic-js", "dist", "validation"));

// A date-time in a result, told from its text; one that is none ("Invalid Date") is null.
const shown = (value) => {
  if (value instanceof Date) return { $date: Number.isNaN(value.getTime()) ? null : value.getTime() };
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value === "function" || value === undefined) return { $strange: typeof value };
  if (typeof value === "number" && !Number.isFinite(value)) return { $number: String(value) };
  return value;
};

const outcome = (expr, data) => {
  try {
    return { value: shown(certlogic.evaluate(expr, data)) };
  } catch (error) {
    return { error: String(error.message) };
  }
};

readline.createInterface({ input: process.stdin, crlfDelay: Infinity }).on("line", (line) => {
  const { expr, data } = JSON.parse(line);
  const outcomes = data.map((one) => outcome(expr, one));
  process.stdout.write(JSON.stringify({ issues: validate(expr), outcomes }) + "\n");
});
