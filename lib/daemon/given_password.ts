import { invalidArgument, pathFaultOf } from "../errors.ts";

/**
 * The password of a user of REST, from where the CLI takes it too: the first line of a file, or a variable. It
 * is never an argument, because every user of the machine can see those.
 *
 * @param file by default the one that `WORKER_PASSWORD_FILE` names
 * @returns `null` if none is given
 * @throws {JobWorkerError} `invalid_argument` if the file cannot be read, or its first line is empty
 */
export async function givenPassword(
  environment: (name: string) => string | undefined,
  file: string | undefined = environment("WORKER_PASSWORD_FILE"),
): Promise<string | null> {
  if (!file) return environment("WORKER_PASSWORD") || null;
  const text = await Deno.readTextFile(file).catch((error) => {
    throw invalidArgument(`Cannot read the password in "${file}": ${pathFaultOf(error)}`);
  });
  const [password = ""] = text.split(/\r?\n/);
  if (password === "") throw invalidArgument(`The first line of "${file}" must be the password`);
  return password;
}
