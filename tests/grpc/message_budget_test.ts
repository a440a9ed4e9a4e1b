import { MessageBudget } from "../../lib/grpc/message_budget.ts";
import { assert } from "../assert.ts";

const MIB = 1024 * 1024;

Deno.test("MessageBudget has so much for a user, so much for all, and gets it back once", () => {
  const budget = new MessageBudget({ what: "requests", perUser: 4 * MIB, total: 6 * MIB });
  const first = budget.take("alice", 3 * MIB);
  assert.throws(
    () => budget.take("alice", MIB + 1),
    /^RangeError: Too many large requests of user "alice" at once: more than 4 MiB/,
  );
  const second = budget.take("bob", 3 * MIB);
  assert.throws(
    () => budget.take("carol", 1),
    /^RangeError: Too many large requests at once: more than 6 MiB/,
  );
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  budget.take("alice", 3 * MIB);
  assert.throws(() => budget.take("carol", 1), RangeError);
  second[Symbol.dispose]();
  budget.take("bob", 3 * MIB);
});
