// BullMQ as its guide shows it: a queue, and a worker with 50 jobs at once. What is done is kept,
// as it comes.

import { readFileSync } from "node:fs";
import { Queue, Worker } from "bullmq";

const NAME = "bench";

export class BullMq {
  constructor({ file, atOnce }) {
    const { hostname, port } = new URL(readFileSync(file, "utf8"));
    this.connection = { host: hostname, port: Number(port) };
    this.atOnce = atOnce;
    this.jobs = new Queue(NAME, { connection: this.connection });
  }

  // Runs jobs from now on.
  async work(run) {
    const { connection, atOnce } = this;
    const worker = new Worker(NAME, (job) => run(job.data), { connection, concurrency: atOnce });
    worker.on("error", (err) => console.error(err.message));
    await worker.waitUntilReady();
  }

  async queue(job) {
    await this.jobs.add(NAME, job);
  }

  async queueMany(jobs) {
    await this.jobs.addBulk(jobs.map((data) => ({ name: NAME, data })));
  }

  // It keeps whole milliseconds: rounded up, so that none is early by our doing.
  async schedule(due, job) {
    await this.jobs.add(NAME, job, { delay: Math.max(0, Math.ceil(due - Date.now())) });
  }

  async left() {
    const counts = await this.jobs.getJobCounts("wait", "active", "delayed", "prioritized");
    return Object.values(counts).reduce((sum, count) => sum + count, 0);
  }
}
