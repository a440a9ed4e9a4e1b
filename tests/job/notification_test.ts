import { JobWorkerError } from "../../lib/errors.ts";
import { checkNotify, newNotification, redactUrl } from "../../lib/job/notification.ts";
import { assert } from "../assert.ts";

Deno.test("checkNotify() takes https URLs at allowed hosts, and the port belongs to the host", () => {
  const allowed = ["hooks.example", "chat.example:8443", "[2001:db8::1]"];
  for (
    const url of [
      "https://hooks.example",
      "https://hooks.example:443/a?b=c",
      "https://HOOKS.example/a",
      "https://chat.example:8443/",
      "https://[2001:db8:0::1]/x",
    ]
  ) {
    checkNotify(url, allowed);
  }
  for (
    const url of [
      "https://chat.example/",
      "https://hooks.example:8443/",
      "https://hooks.example.evil.example/",
      "https://evil.example/https://hooks.example/",
      "https://hooks.example./",
      "https://127.0.0.1/",
    ]
  ) {
    assert.throws(() => checkNotify(url, allowed), {
      code: "failed_precondition",
      field: "notify",
      message: /^Cannot notify "[^"/]+": this daemon calls webhooks at .+ only \(--notify-allow\)$/,
    }, url);
  }
  assert.throws(() => checkNotify("https://hooks.example/secret", []), (error) => {
    assert.ok(error instanceof JobWorkerError);
    assert.match(error.message, /^Cannot notify "hooks.example": .+ can allow hosts by --notify-a/);
    return true;
  });
});

Deno.test("checkNotify() refuses what is no plain https URL, and what is too long", () => {
  const allowed = ["hooks.example"];
  for (
    const url of [
      "",
      "hooks.example",
      "http://hooks.example/",
      "ftp://hooks.example/",
      "https://user:password@hooks.example/",
      "https://user@hooks.example/",
      "https://:password@hooks.example/",
      "https://hooks.example/#part",
      `https://hooks.example/${"x".repeat(2048)}`,
      // It is longer once it is escaped.
      `https://hooks.example/${"ä".repeat(1000)}`,
      "https:// /",
    ]
  ) {
    assert.throws(() => checkNotify(url, allowed), {
      code: "invalid_argument",
      field: "notify",
      message: /^Invalid notify ".*": must be an https URL of at most 2048 characters/,
    }, url);
  }
});

Deno.test("redactUrl() leaves the host, and nothing that may be a secret", () => {
  const { url } = newNotification("https://hooks.example:8443/T0/B0/secret?token=secret");
  assert.equal(redactUrl(url), "https://hooks.example:8443/***");
  assert.equal(redactUrl(redactUrl(url)), "https://hooks.example:8443/***");
  // Whatever a host of a fleet may tell.
  assert.equal(redactUrl("secret"), "https://***");
});
