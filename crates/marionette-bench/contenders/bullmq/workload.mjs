// The durable workloads, as `marionette-yardstick` has them for the contenders in Rust.

import { openSync, writeSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { BullMq } from "./contender.mjs";

const CALLERS = 64;
const MANY = 1_000;
const PRODUCERS = 4;
// How long a contender may take before its figure is given up.
const PATIENCE_MS = 60_000;
// Twenty jobs a second.
const PERIOD_MS = 50;
// The first scheduled job is due when all have been handed in; a tenth of the jobs need less.
const LEAD_MS = 9_000;
const SPAN_MS = 2_000;
const REST_MS = 30_000;
// How long a job takes that is logged.
const TAKES_MS = 5;

const now = () => performance.now();
// The wall clock, finer than milliseconds.
const wall = () => performance.timeOrigin + performance.now();
const nanos = (millis) => Math.round(millis * 1e6);
const counted = (count) => Array.from({ length: count }, (_, index) => ({ index, at: 0 }));
const all = (count, make) => Promise.all(Array.from({ length: count }, (_, index) => make(index)));
const rate = (count, start) => ({ per_s: count / ((now() - start) / 1000) });

export async function measure(order) {
  const contender = new BullMq(order);
  const { count } = order;
  switch (order.step) {
    case "one":
      return one(contender, count);
    case "callers":
      return callers(contender, count);
    case "many":
    case "fill":
      return many(contender, count);
    case "bulk":
      return bulk(contender, count);
    case "drain":
      return drain(contender, count);
    case "latency":
      return latency(contender, count);
    case "due":
      return due(contender, count);
    case "log":
      return log(contender, order.file);
  }
}

async function one(contender, count) {
  // The first job pays for what is prepared once.
  await contender.queue({ index: count, at: 0 });
  const start = now();
  for (const job of counted(count)) await contender.queue(job);
  return rate(count, start);
}

async function callers(contender, count) {
  await contender.queue({ index: count, at: 0 });
  const share = Math.floor(count / CALLERS);
  const start = now();
  await all(CALLERS, async () => {
    for (const job of counted(share)) await contender.queue(job);
  });
  return rate(share * CALLERS, start);
}

async function many(contender, count) {
  const jobs = counted(count);
  const start = now();
  for (let from = 0; from < count; from += MANY) {
    await contender.queueMany(jobs.slice(from, from + MANY));
  }
  return rate(count, start);
}

async function bulk(contender, count) {
  const share = Math.floor(count / PRODUCERS);
  const start = now();
  await all(PRODUCERS, () => many(contender, share));
  return rate(share * PRODUCERS, start);
}

async function drain(contender, count) {
  await many(contender, count);
  let first;
  let done = 0;
  await contender.work(async () => {
    first ??= now();
    done += 1;
  });
  await until(() => done >= count, PATIENCE_MS);
  if (done < count) throw new Error(`${done} of ${count} jobs ran`);
  while ((await contender.left()) > 0) await sleep(1);
  return { ...rate(count, first), twice: done - count };
}

async function latency(contender, count) {
  const waits = new Samples(count);
  await contender.work(async (job) => waits.record(job.index, nanos(now()) - job.at));
  const start = now();
  for (let index = 0; index < count; index += 1) {
    // Somewhere in its period: whoever polls must not meet the producer's beat.
    await sleep(start + PERIOD_MS * (index + Math.random()) - now());
    await contender.queue({ index, at: nanos(now()) });
  }
  await until(() => waits.missing === 0, PATIENCE_MS);
  return waits.figures();
}

async function due(contender, count) {
  const lateness = new Samples(count);
  await contender.work(async (job) => lateness.record(job.index, nanos(wall()) - job.at));
  const lead = LEAD_MS * (Math.min(Math.max(count, 600), 10_000) / 1e4);
  const [start, first] = [now(), wall() + lead];
  const share = Math.ceil(count / CALLERS);
  await all(CALLERS, async (caller) => {
    const end = Math.min((caller + 1) * share, count);
    for (let index = caller * share; index < end; index += 1) {
      const at = first + SPAN_MS * Math.random();
      await contender.schedule(at, { index, at: nanos(at) });
    }
  });
  if (now() - start >= lead) throw new Error(`handing them in took ${now() - start} ms`);
  await until(() => lateness.missing === 0, lead + SPAN_MS + REST_MS);
  return lateness.figures();
}

// Works until it is killed; a line for each start and each end, in a file that survives it.
async function log(contender, file) {
  const lines = openSync(file.replace(/\.[^./]*$/, ".log"), "a");
  const write = (what, { index }) => writeSync(lines, `${what} ${index} ${nanos(wall())}\n`);
  await contender.work(async (job) => {
    write("s", job);
    await sleep(TAKES_MS);
    write("d", job);
  });
  return new Promise(() => {});
}

async function until(reached, limit) {
  const start = now();
  while (!reached() && now() - start < limit) await sleep(1);
}

// A time in nanoseconds for each job, and how many have none.
class Samples {
  constructor(count) {
    this.times = Array(count);
    this.missing = count;
  }

  record(index, time) {
    if (this.times[index] === undefined) this.missing -= 1;
    this.times[index] = time;
  }

  figures() {
    const sorted = this.times.filter((time) => time !== undefined).sort((a, b) => a - b);
    const at = (share) => sorted[Math.ceil(sorted.length * share) - 1] / 1e6;
    const early = sorted.filter((time) => time < 0).length;
    return { p50_ms: at(0.5), p99_ms: at(0.99), early, never: this.missing };
  }
}
