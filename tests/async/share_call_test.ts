import { shareCall } from "../../lib/async/share_call.ts";
import { assert } from "../assert.ts";

Deno.test("shareCall() calls once for all who ask before there is an answer, and then again", async () => {
  const answers: PromiseWithResolvers<string>[] = [];
  const ask = shareCall(() => {
    const answer = Promise.withResolvers<string>();
    answers.push(answer);
    return answer.promise;
  });
  const first = [ask(), ask(), ask()];
  assert.equal(answers.length, 1);
  answers[0]?.resolve("one");
  assert.deepEqual(await Promise.all(first), ["one", "one", "one"]);
  const second = [ask(), ask()];
  assert.equal(answers.length, 2);
  answers[1]?.reject(new Error("Oh"));
  for (const asked of second) await assert.rejects(asked, /Oh/);
  const third = ask();
  answers[2]?.resolve("three");
  assert.equal(await third, "three");
});
