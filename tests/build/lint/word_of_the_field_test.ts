import { assert } from "../../assert.ts";
import { findings } from "./findings.ts";

const RULE = "word-of-the-field";

Deno.test("word-of-the-field finds names that say nothing, and bounds in words of our own", () => {
  const wrong: [source: string, message: string][] = [
    ["class JobManager {}", '"Manager" says nothing: name JobManager after what it does'],
    ["interface TimeHelper {}", '"Helper" says nothing: name TimeHelper after what it does'],
    ["type TimeUtils = string;", '"Utils" says nothing: name TimeUtils after what it does'],
    ["const timeUtil = 1;", '"Util" says nothing: name timeUtil after what it does'],
    ["function startImpl() {}", '"Impl" says nothing: name startImpl after what it does'],
    ["const MOST_JOBS = 1;", "Write MAX_JOBS for MOST_JOBS"],
    ["const LONGEST_NAME = 1;", "Write MAX_NAME for LONGEST_NAME"],
    ["class A { static readonly LARGEST_FILE = 1; }", "Write MAX_FILE for LARGEST_FILE"],
    ["const SMALLEST_FILE = 1;", "Write MIN_FILE for SMALLEST_FILE"],
  ];
  for (const [source, message] of wrong) {
    assert.deepEqual(findings(RULE, source), [message], source);
  }
});

Deno.test("word-of-the-field accepts a service manager, and what others have named", () => {
  const right = [
    "class ServiceManager {}",
    'import { PackageManager } from "elsewhere";',
    "const MAX_JOBS = 1, MIN_FILE = 2, ALMOST_ALL = 3;",
    "class Manages {}",
  ];
  for (const source of right) assert.deepEqual(findings(RULE, source), [], source);
});
