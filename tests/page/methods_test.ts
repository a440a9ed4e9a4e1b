/** What the page calls, and what the table of methods, and so the documents, say of that. */

import { type Operation, OPERATIONS } from "../../lib/rest/operations.ts";
import {
  JOB_METHODS,
  type JobMethod,
  type Method,
  METHODS,
  operationIn,
} from "../../lib/service/methods.ts";
import { assert } from "../assert.ts";
import { ROOT } from "../programs.ts";

const PAGE = `${ROOT}lib/rest/page/`;

/** The method that an operation calls. */
function methodBehind(verb: string, path: string): JobMethod {
  const isCalled = (form: string) => {
    const operation: Operation = OPERATIONS[operationIn(form)];
    return operation.method === verb && operation.path === path && !form.includes("?");
  };
  const method = JOB_METHODS.find((method) => METHODS[method].rest.some(isCalled));
  return method ?? assert.fail(`The page asks for ${verb} ${path}, which calls no method`);
}

/** The methods that a source of the page calls: itself, or by way of REST. */
function* callsIn(text: string): Generator<string> {
  for (const [, method = ""] of text.matchAll(/\bservice\.(\w+)\(/g)) yield method;
  for (const [, post, path = ""] of text.matchAll(/(post\()?["`](\/v1\/[^"`?]*)/g)) {
    yield methodBehind(post === undefined ? "GET" : "POST", path.replace(/\$\{\w+\}/g, "{jobId}"));
  }
}

Deno.test("METHODS says what of the page calls each method", async () => {
  const called = new Set<string>();
  for await (const { name } of Deno.readDir(PAGE)) {
    if (!/\.[jt]s$/.test(name)) continue;
    for (const method of callsIn(await Deno.readTextFile(`${PAGE}${name}`))) called.add(method);
  }
  const told = JOB_METHODS.filter((name) => {
    const { page = [] }: Method = METHODS[name];
    return page.length > 0;
  });
  assert.deepEqual([...called].sort(), told.toSorted());
});
