import { JobWorkerError } from "../../lib/errors.ts";
import { ProcessGroups } from "../../lib/process/process_groups.ts";
import { findProgram } from "../../lib/process/program.ts";
import { assert } from "../assert.ts";
import { rejection, temporaryDirectory } from "../worker/fixture.ts";

/** Asks the kernel as somebody who is not root, whom it refuses nothing. */
async function groupsOfNobody(directory: string): Promise<ProcessGroups> {
  const sh = `${directory}/sh`;
  const drop = Deno.uid() === 0 ? "setpriv --reuid=65534 --regid=65534 --clear-groups " : "";
  await Deno.writeTextFile(sh, `#!/bin/sh\nexec ${drop}/bin/sh "$@"\n`, { mode: 0o755 });
  return new ProcessGroups({ setsid: "/usr/bin/setsid", sh });
}

interface Place extends AsyncDisposable {
  readonly path: string;
  readonly groups: ProcessGroups;
  /** Makes a file below the place. */
  file(name: string, mode: number): Promise<string>;
  directory(name: string, mode: number): Promise<string>;
  find(name: string, PATH?: string): Promise<string>;
}

async function openPlace(): Promise<Place> {
  const temporary = await temporaryDirectory();
  const { path } = temporary;
  await Deno.chmod(path, 0o755);
  const groups = await groupsOfNobody(path);
  return {
    path,
    groups,
    async file(name, mode) {
      await Deno.writeTextFile(`${path}/${name}`, "#!/bin/sh\n");
      await Deno.chmod(`${path}/${name}`, mode);
      return `${path}/${name}`;
    },
    async directory(name, mode) {
      await Deno.mkdir(`${path}/${name}`);
      await Deno.chmod(`${path}/${name}`, mode);
      return `${path}/${name}`;
    },
    async find(name, PATH = path) {
      return (await findProgram(name, { path: PATH, workingDirectory: path, groups })).program;
    },
    async [Symbol.asyncDispose]() {
      await groups[Symbol.asyncDispose]();
      await temporary[Symbol.asyncDispose]();
    },
  };
}

async function refusal(promise: Promise<unknown>): Promise<JobWorkerError> {
  const error = await rejection(promise);
  assert.ok(error instanceof JobWorkerError, String(error));
  assert.equal(error.code, "failed_precondition");
  return error;
}

Deno.test("findProgram() takes the first in PATH that can be executed", async () => {
  await using place = await openPlace();
  for (const name of ["a", "b", "c", "d"]) await place.directory(name, 0o755);
  await place.file("b/tool", 0o644);
  await place.directory("c/tool", 0o755);
  const first = await place.file("d/tool", 0o755);
  await place.file("tool", 0o755);
  const PATH = ["a", "b", "c", "d", ""].map((name) => `${place.path}/${name}`).join(":");
  assert.equal(await place.find("tool", PATH), first);
});

Deno.test("findProgram() takes a name with a slash relative to the working directory", async () => {
  await using place = await openPlace();
  await place.directory("bin", 0o755);
  const path = await place.file("bin/tool", 0o755);
  assert.equal(await place.find("bin/tool"), path);
  assert.equal(await place.find(path), path);
  assert.equal(await place.find("./bin/../bin/tool"), `${place.path}/./bin/../bin/tool`);
});

Deno.test("findProgram() takes an empty or relative part of PATH for the working directory", async () => {
  await using place = await openPlace();
  await place.directory("bin", 0o755);
  await place.file("bin/tool", 0o755);
  await place.file("here", 0o755);
  assert.equal(await place.find("here", `${place.path}/nope:`), `${place.path}/./here`);
  assert.equal(await place.find("tool", "bin"), `${place.path}/bin/tool`);
});

Deno.test("findProgram() says ENOENT for what is not there, and where it looked", async () => {
  await using place = await openPlace();
  await Deno.symlink(`${place.path}/gone`, `${place.path}/dangling`);
  const { reason, message } = await refusal(place.find("nope", `${place.path}:${place.path}/nope`));
  assert.equal(reason, "ENOENT");
  assert.ok(
    message.includes(`program "nope": not found in PATH (${place.path}:${place.path}/nope)`),
    message,
  );
  assert.doesNotMatch(message, /shell/);
  for (const line of ["echo hi | wc", "./nope --flag"]) {
    assert.match(
      (await refusal(place.find(line))).message,
      /; if it is a line for a shell, run: sh -c '…'$/,
    );
  }
  for (const name of ["./nope", "nope/at/all", "dangling", "/bin/sh/x"]) {
    assert.equal((await refusal(place.find(name))).reason, "ENOENT", name);
  }
});

Deno.test("findProgram() says EACCES for what is there and cannot be executed, and why", async () => {
  await using place = await openPlace();
  await place.file("readable", 0o644);
  await place.file("of-another", 0o700);
  await place.directory("directory", 0o755);
  const expected: [string, RegExp][] = [
    ["readable", /program "readable": .*\/readable is not executable: permission denied$/],
    ["./readable", /permission denied$/],
    ["directory", /program "directory": .*\/directory is a directory$/],
    [place.path, /is a directory$/],
    ["/dev/null", /\/dev\/null is not executable/],
  ];
  if (Deno.uid() === 0) expected.push(["of-another", /permission denied$/]);
  for (const [name, message] of expected) {
    const error = await refusal(place.find(name));
    assert.equal(error.reason, "EACCES", name);
    assert.match(error.message, message);
  }
});

Deno.test("findProgram() first reports a working directory that is missing, none, or forbidden", async () => {
  await using place = await openPlace();
  const directory = await place.directory("mine", 0o755);
  const forbidden = await place.directory("forbidden", Deno.uid() === 0 ? 0o700 : 0o600);
  const file = await place.file("file", 0o755);
  const findFrom = (workingDirectory: string, name: string) =>
    findProgram(name, { path: place.path, workingDirectory, groups: place.groups });
  assert.deepEqual(await findFrom(directory, "file"), {
    program: file,
    workingDirectory: directory,
  });
  const expected: [string, string, string][] = [
    [`${place.path}/nope`, "ENOENT", "no such directory"],
    [`${file}/below`, "ENOENT", "no such directory"],
    [file, "ENOTDIR", "not a directory"],
    [forbidden, "EACCES", "permission denied"],
  ];
  for (const [path, reason, why] of expected) {
    for (const name of ["file", "no-such-program"]) {
      const error = await refusal(findFrom(path, name));
      assert.equal(error.reason, reason);
      assert.ok(error.message.endsWith(`working directory "${path}": ${why}`), error.message);
    }
  }
});

Deno.test("findProgram() finds a program at the end of a long PATH", async () => {
  await using place = await openPlace();
  const tool = await place.file("tool", 0o755);
  const PATH = [...Array.from({ length: 200 }, (_, index) => `/nope/${index}`), place.path].join(
    ":",
  );
  assert.equal(await place.find("tool", PATH), tool);
});

Deno.test("findProgram() repeats the beginning of a long PATH only", async () => {
  await using place = await openPlace();
  const { message } = await refusal(place.find("nope", `/${"a".repeat(100_000)}`));
  assert.match(message, /not found in PATH \(\/a+…\)$/);
  assert.ok(message.length < 1_200, `${message.length}`);
});

Deno.test("findProgram() starts elsewhere if a directory that need not be there cannot be entered", async () => {
  await using place = await openPlace();
  const directory = await place.directory("mine", 0o755);
  const forbidden = await place.directory("forbidden", Deno.uid() === 0 ? 0o700 : 0o600);
  await place.file("mine/tool", 0o755);
  const findFrom = (workingDirectory: string, name: string) => {
    const where = { path: "", workingDirectory, otherwise: directory, groups: place.groups };
    return findProgram(name, where);
  };
  for (const from of [forbidden, `${place.path}/nope`, `${directory}/tool`, directory]) {
    const program = `${directory}/./tool`;
    assert.deepEqual(await findFrom(from, "./tool"), { program, workingDirectory: directory });
  }
  assert.match((await refusal(findFrom(forbidden, "nope"))).message, /not found/);
});
