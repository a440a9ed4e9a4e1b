import type { AuditEntry } from "../../lib/service/audit.ts";
import { assert } from "../assert.ts";
import { ADMIN } from "./fixture.ts";

export const ENTRY: AuditEntry = {
  caller: ADMIN.caller,
  method: "listJobs",
  jobId: "",
  command: null,
  decision: "allowed",
  result: "ok",
};

/** An entry that can be told from others. */
export function entryOf(jobId: string): AuditEntry {
  return { ...ENTRY, method: "getJob", jobId };
}

export function linesOf(text: string): Record<string, unknown>[] {
  assert.ok(text === "" || text.endsWith("\n"));
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
}

/** For where nothing may go wrong. */
export function unexpected(error: unknown): never {
  throw error;
}

/** An entry of about 24 KiB, of which two hundred are more than is set aside. */
export function largeEntry(jobId: string): AuditEntry {
  return { ...entryOf(jobId), command: { name: "語".repeat(8000), args: [] } };
}
