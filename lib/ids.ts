import { v7 } from "uuid";

const JOB_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** A new id: a UUIDv7 (RFC 9562), so that ids sort in the order in which they were made. */
export function newId(): string {
  return v7();
}

/** Whether a text is a job id in the one form we write: lower case, with hyphens. */
export function isJobId(text: string): boolean {
  return JOB_ID.test(text);
}
