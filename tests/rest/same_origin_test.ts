import { assert } from "../assert.ts";
import { JOB, TestApp } from "./fixture.ts";

Deno.test("What changes something must be meant for us and come from no other site", async () => {
  const api = new TestApp({ startJob: () => Promise.resolve(JOB) });
  const forbidden: Record<string, string>[] = [
    { Host: "evil.test" },
    { Host: "evil.test:8443", Origin: "https://evil.test:8443" },
    { Host: "worker.test.evil.test" },
    { Host: "" },
    { Origin: "https://evil.test" },
    { Origin: "null" },
    { Origin: "http://worker.test" },
    { Origin: "https://worker.test:9999" },
    { "Sec-Fetch-Site": "cross-site" },
    { "Sec-Fetch-Site": "same-site", Origin: "https://worker.test" },
  ];
  for (const headers of forbidden) {
    const response = await api.post("/start/", { command: "ls" }, headers);
    await response.body?.cancel();
    assert.equal(response.status, 403, JSON.stringify(headers));
  }
  const welcome: Record<string, string>[] = [
    {},
    { Host: "worker.test:8443" },
    { Host: "worker.test:8443", Origin: "https://worker.test:8443" },
    { Origin: "https://worker.test", "Sec-Fetch-Site": "same-origin" },
    { "Sec-Fetch-Site": "none" },
  ];
  for (const headers of welcome) {
    const response = await api.post("/start/", { command: "ls" }, headers);
    await response.body?.cancel();
    assert.equal(response.status, 200, JSON.stringify(headers));
  }
});

Deno.test("Behind a proxy, what changes something must come from one of the public origins", async () => {
  const publicOrigins = ["https://jobs.example", "https://jobs.example:8444"];
  const api = new TestApp({ startJob: () => Promise.resolve(JOB) }, { publicOrigins });
  const statusOf = async (headers: Record<string, string>) => {
    const response = await api.post("/start/", { command: "ls" }, headers);
    await response.body?.cancel();
    return response.status;
  };
  const own = { "Sec-Fetch-Site": "same-origin" };
  const welcome: Record<string, string>[] = [
    // Proxies that pass the host on, and such that put that of the daemon in its place.
    ...["jobs.example", "JOBS.example:443", "worker.test", "worker.test:8443"].flatMap((Host) => [
      { Host },
      { Host, Origin: "https://jobs.example", ...own },
      { Host, Origin: "https://JOBS.example" },
    ]),
    { Host: "jobs.example:8444", Origin: "https://jobs.example:8444", ...own },
    // The daemon can still be reached directly.
    { Host: "worker.test:8443", Origin: "https://worker.test:8443", ...own },
    { Host: "worker.test:443", Origin: "https://worker.test", ...own },
  ];
  for (const headers of welcome) assert.equal(await statusOf(headers), 200, Deno.inspect(headers));
  const forbidden: Record<string, string>[] = [
    { Host: "evil.example" },
    { Host: "evil.example", Origin: "https://jobs.example" },
    { Host: "evil.example", Origin: "https://evil.example" },
    { Host: "jobs.example.evil.example" },
    { Host: "evil.example@jobs.example" },
    { Host: "jobs.example/evil.example" },
    { Host: "jobs.example:1" },
    ...["jobs.example", "worker.test"].flatMap((Host) => [
      { Host, Origin: "https://evil.example" },
      { Host, Origin: "https://evil.jobs.example" },
      { Host, Origin: "https://jobs.example.evil.example" },
      { Host, Origin: "http://jobs.example" },
      { Host, Origin: "https://jobs.example:1" },
      { Host, Origin: "null" },
      { Host, Origin: "https://jobs.example", "Sec-Fetch-Site": "cross-site" },
      { Host, Origin: "https://jobs.example", "Sec-Fetch-Site": "same-site" },
    ]),
  ];
  for (const headers of forbidden) {
    assert.equal(await statusOf(headers), 403, Deno.inspect(headers));
  }
  const refused = await api.post("/start/", { command: "ls" }, { Origin: "https://other.example" });
  assert.match((await refused.json()).error, /--public-origins/);
});
