// What this process is told to do, as words on its command line; it answers with a `key=value` line
// for each figure. The words and the figures are those of `marionette-yardstick`.

const STEPS = ["one", "callers", "many", "bulk", "fill", "drain", "latency", "due", "log"];

// A process that takes longer hangs.
const LIMIT_MS = 180_000;

function order(words) {
  const [step, count, atOnce, mode, file] = words;
  if (!STEPS.includes(step)) throw new Error(`no step is called ${step}`);
  for (const number of [count, atOnce]) {
    if (!/^\d+$/.test(number)) throw new Error(`${number}: no number`);
  }
  if (file === undefined) throw new Error("no file is given");
  return { step, count: Number(count), atOnce: Number(atOnce), mode, file };
}

async function main(told) {
  setTimeout(() => {
    console.error(`gave up after ${LIMIT_MS / 1000} s`);
    process.exit(1);
  }, LIMIT_MS).unref();
  // Only now: what is wrong with an order is said even where no package is installed.
  const { measure } = await import("./workload.mjs");
  const figures = await measure(told);
  for (const [key, figure] of Object.entries(figures)) console.log(`${key}=${figure}`);
}

function fail(code) {
  return (err) => {
    console.error(err.message);
    process.exit(code);
  };
}

let told;
try {
  told = order(process.argv.slice(2));
} catch (err) {
  fail(2)(err);
}
// Without waiting for what its connections still do.
main(told).then(() => process.exit(0), fail(1));
