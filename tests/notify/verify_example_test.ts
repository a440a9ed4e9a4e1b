import { webhookRequest } from "../../lib/notify/webhook.ts";
import { assert } from "../assert.ts";
import { ROOT } from "../programs.ts";
import { WHOLE_JOB } from "../service/samples.ts";

const KEY = new Uint8Array(32).fill(5);
const SECRET = `whsec_${KEY.toBase64()}\n`;

/** Runs the program of the document on a request; what it has raised, or `""`. */
async function raised(headers: Readonly<Record<string, string>>, body: string): Promise<string> {
  const text = await Deno.readTextFile(`${ROOT}docs/notifications.md`);
  const [, program = ""] = /```python\n([^]*?)```/.exec(text) ?? [];
  const child = new Deno.Command("python3", {
    args: [
      "-c",
      `${program}\nimport json, sys\nh, b, s = json.load(sys.stdin)\nverify(h, b.encode(), s)`,
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const input = new Response(JSON.stringify([headers, body, SECRET])).body;
  const [{ stderr, code }] = await Promise.all([child.output(), input?.pipeTo(child.stdin)]);
  const said = new TextDecoder().decode(stderr);
  return code === 0 ? said : said.trim().split("\n").at(-1) ?? "";
}

Deno.test("The receiver in docs/notifications.md takes what we sign, and nothing else", async () => {
  const job = { ...WHOLE_JOB, labels: { "ä": "\u{1F600}" } };
  const others = [new Uint8Array(32).fill(6), KEY];
  const sign = (keys: readonly Uint8Array[], now: number) =>
    webhookRequest({ job, url: "https://hooks.example/" }, keys, now);
  const { headers, body } = sign([KEY], Date.now());
  assert.equal(await raised(headers, body), "");
  assert.equal(await raised(sign(others, Date.now()).headers, body), "");
  const invalid = "ValueError: The signature is not valid";
  assert.equal(await raised(headers, `${body} `), invalid);
  assert.equal(await raised({ ...headers, "webhook-id": "ended_x" }, body), invalid);
  assert.equal(await raised(sign(others.slice(0, 1), Date.now()).headers, body), invalid);
  const old = sign([KEY], Date.now() - 3_600_000);
  assert.equal(
    await raised(old.headers, body),
    "ValueError: The request is too old, or from the future",
  );
});
