import {
  CALL_RESULTS,
  Deliveries,
  type FailedDelivery,
  type WebhookAnswer,
} from "../../lib/notify/deliveries.ts";
import { pauseAfter, RETRY_TIMES } from "../../lib/notify/retry_times.ts";
import type { WebhookRequest } from "../../lib/notify/webhook.ts";
import { SqliteStore } from "../../lib/store/sqlite_store.ts";
import type { NotificationState } from "../../lib/job/types.ts";
import { assert } from "../assert.ts";
import { DONE, job } from "../executor/job_fixture.ts";
import { temporaryDirectory, until } from "../worker/fixture.ts";

const ID = "01990000-0000-7000-8000-00000000000";

/** Answers of webhooks, by URL, and what was asked of them. */
class FakeSender {
  readonly sent: string[] = [];
  readonly ids = new Set<string | undefined>();
  readonly #answer: (url: string, at: number) => WebhookAnswer | Promise<WebhookAnswer>;

  constructor(answer: (url: string, at: number) => WebhookAnswer | Promise<WebhookAnswer>) {
    this.#answer = answer;
  }

  async send({ url, headers }: WebhookRequest, signal: AbortSignal): Promise<WebhookAnswer> {
    const at = this.sent.filter((sent) => sent === url).length;
    this.sent.push(url);
    this.ids.add(headers["webhook-id"]);
    const left = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => left.reject(signal.reason), { once: true });
    return await Promise.race([this.#answer(url, at), left.promise]);
  }
}

/** A store, and what tells webhooks of the jobs in it. */
async function begin(
  path: string,
  sender: FakeSender,
  { hosts = ["a.example", "b.example"], attempts = 3 } = {},
) {
  await using opened = new AsyncDisposableStack();
  const store = opened.use(await SqliteStore.open(`${path}/jobs.db`));
  const failed: FailedDelivery[] = [];
  const deliveries = opened.use(
    new Deliveries({
      outbox: store.outbox,
      settle: (outcome) => store.settle(outcome),
      sender,
      hosts: new Set(hosts),
      keys: [new Uint8Array(32)],
      onFailed: (failure) => failed.push(failure),
      onFault: (error) => {
        throw error;
      },
      retryTimes: { firstMs: 1, lastMs: 4, attempts },
    }),
  );
  const resources = opened.move();
  return {
    store,
    failed,
    results: deliveries.results,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** Records a job that runs, and then that it has ended. */
async function end(store: SqliteStore, jobId: string, url: string): Promise<void> {
  const running = job({ jobId, notify: { url, state: "pending" } });
  await store.put(running, "birth");
  await store.put({ ...running, end: DONE });
}

async function becomes(store: SqliteStore, jobId: string, state: NotificationState): Promise<void> {
  await until(async () => (await store.get(jobId))?.notify?.state === state);
}

Deno.test("Deliveries tells each webhook once that takes it, and only of jobs that have ended", async () => {
  await using directory = await temporaryDirectory();
  const sender = new FakeSender(() => ({ status: 204 }));
  await using began = await begin(directory.path, sender);
  const { store } = began;
  const url = "https://a.example/x";
  await store.put(job({ jobId: `${ID}0`, notify: { url, state: "pending" } }), "birth");
  assert.deepEqual(store.outbox.hosts(), []);
  await end(store, `${ID}1`, url);
  await becomes(store, `${ID}1`, "delivered");
  assert.deepEqual(sender.sent, [url]);
  assert.deepEqual(store.outbox.hosts(), []);
  assert.equal((await store.get(`${ID}0`))?.notify?.state, "pending");
});

Deno.test("Deliveries tries again with the same id, gives up in the end, and says so without the path", async () => {
  await using directory = await temporaryDirectory();
  const answers = [{ status: 500 }, { fault: "no answer" }, { status: 302 }];
  const sender = new FakeSender((_, at) => answers[at] ?? { status: 200 });
  await using began = await begin(directory.path, sender);
  const { store, failed } = began;
  await end(store, `${ID}1`, "https://a.example/secret");
  await becomes(store, `${ID}1`, "failed");
  assert.equal(sender.sent.length, 3);
  assert.equal(sender.ids.size, 1);
  await end(store, `${ID}2`, "https://b.example/");
  await becomes(store, `${ID}2`, "failed");
  const results = CALL_RESULTS.map((result) => began.results.of(result));
  assert.deepEqual(results, [0, 4, 2]);
  assert.deepEqual(
    failed.slice(0, 3).map(({ retryInMs, ...rest }) => ({ ...rest, isOver: retryInMs === null })),
    ["it answered 500", "no answer", "it answered 302"].map((why, at) => ({
      jobId: `${ID}1`,
      url: "https://a.example/***",
      why,
      isOver: at === 2,
    })),
  );
});

Deno.test("Deliveries does not call again who is gone, nor at all whom it may not call any more", async () => {
  await using directory = await temporaryDirectory();
  const sender = new FakeSender(() => ({ status: 410 }));
  await using began = await begin(directory.path, sender);
  await end(began.store, `${ID}1`, "https://a.example/");
  await end(began.store, `${ID}2`, "https://c.example/");
  await becomes(began.store, `${ID}1`, "failed");
  await becomes(began.store, `${ID}2`, "failed");
  assert.deepEqual(sender.sent, ["https://a.example/"]);
  assert.deepEqual(began.failed.map(({ retryInMs }) => retryInMs), [null, null]);
});

Deno.test("Deliveries is not held up at one host by another that does not answer", async () => {
  await using directory = await temporaryDirectory();
  const never = Promise.withResolvers<WebhookAnswer>();
  const sender = new FakeSender((url) =>
    url.includes("a.example") ? never.promise : { status: 200 }
  );
  await using began = await begin(directory.path, sender);
  const { store } = began;
  for (let at = 0; at < 9; at++) await end(store, `${ID}${at}`, "https://a.example/");
  await end(store, `${ID}9`, "https://b.example/");
  await becomes(store, `${ID}9`, "delivered");
  // So many at once, and no more.
  assert.ok(sender.sent.length <= 5, `${sender.sent}`);
});

Deno.test("Deliveries is not held up at a host by one of its webhooks that does not answer", async () => {
  await using directory = await temporaryDirectory();
  const never = Promise.withResolvers<WebhookAnswer>();
  const sender = new FakeSender((url, at) =>
    url.endsWith("/never")
      ? never.promise
      : url.endsWith("/later") && at < 2
      ? { status: 500 }
      : { status: 200 }
  );
  await using began = await begin(directory.path, sender);
  const { store } = began;
  for (let at = 0; at < 3; at++) await end(store, `${ID}${at}`, "https://a.example/never");
  for (let at = 3; at < 9; at++) await end(store, `${ID}${at}`, "https://a.example/now");
  await end(store, `${ID}9`, "https://a.example/later");
  for (let at = 3; at < 10; at++) await becomes(store, `${ID}${at}`, "delivered");
  assert.equal(
    sender.sent.filter((url) => url.endsWith("/never")).length,
    3,
    "Each is under way once",
  );
  never.resolve({ status: 200 });
  for (let at = 0; at < 3; at++) await becomes(store, `${ID}${at}`, "delivered");
});

Deno.test("What was not told when a daemon ended is told by the next one", async () => {
  await using directory = await temporaryDirectory();
  const url = "https://a.example/";
  {
    const silent = new FakeSender(() => Promise.withResolvers<WebhookAnswer>().promise);
    await using began = await begin(directory.path, silent);
    await end(began.store, `${ID}1`, url);
    await until(() => Promise.resolve(silent.sent.length === 1));
  }
  const sender = new FakeSender(() => ({ status: 200 }));
  await using began = await begin(directory.path, sender);
  await becomes(began.store, `${ID}1`, "delivered");
  assert.deepEqual(sender.sent, [url]);
});

Deno.test("pauseAfter() grows up to an hour, for about a day in all", () => {
  const pauses: number[] = [];
  for (let attempts = 1;; attempts++) {
    const pause = pauseAfter(attempts, RETRY_TIMES);
    if (pause === null) break;
    pauses.push(pause);
  }
  assert.ok(pauses.every((pause, at) => pause >= Math.min(5_000 * 2 ** at, 3_600_000)));
  assert.ok(pauses.every((pause, at) => pause <= 1.2 * Math.min(5_000 * 2 ** at, 3_600_000)));
  const hours = pauses.reduce((sum, pause) => sum + pause, 0) / 3_600_000;
  assert.ok(hours > 23 && hours < 29, `${hours}`);
});
