import { BUILD } from "../../build.ts";
import { messageOf } from "../../errors.ts";
import { concat } from "../../net/frames.ts";
import type { Environment } from "../environment.ts";
import type { Settings } from "../invocation.ts";

/**
 * The directory of the sockets, which nobody but the user can enter. It is made if it is not there.
 *
 * @throws if there is none, or others could put something into it
 */
export async function socketDirectory(environment: Environment): Promise<string> {
  const [runtime, home] = [environment("XDG_RUNTIME_DIR"), environment("HOME")];
  const base = runtime?.startsWith("/") ? runtime : home?.startsWith("/") ? home : null;
  if (base === null) throw new Error("neither XDG_RUNTIME_DIR nor HOME names a directory");
  const me = Deno.uid();
  // After sudo it may be that of the user before, who could not use what root makes there.
  if ((await Deno.stat(base)).uid !== me) throw new Error(`"${base}" is not yours`);
  // As build/head.sh has it, which says what may be written: a test holds them together.
  const path = `${base}${base === runtime ? "" : "/.cache"}/job-worker/connections`;
  try {
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new Error(`"${path}" cannot be made: ${messageOf(error)}`, { cause: error });
  }
  const { isDirectory, uid, mode } = await Deno.lstat(path);
  if (!isDirectory || uid !== me || ((mode ?? 0) & 0o077) !== 0) {
    throw new Error(`"${path}" is not a directory of yours that nobody else can enter (mode 0700)`);
  }
  return path;
}

/**
 * The socket of the keeper for these settings. Another address, certificate, key or CA, or another build, has
 * another: by their content, so whoever asks for it can read the key, and what was replaced is not used again.
 */
export async function socketPath(directory: string, settings: Settings): Promise<string> {
  const { address, cert, key, ca } = settings;
  const files = await Promise.all([cert, key, ca].map((path) => Deno.readFile(path)));
  const sizes = files.map(({ byteLength }) => byteLength);
  const head = new TextEncoder().encode(JSON.stringify([BUILD, address, sizes]));
  const hash = await crypto.subtle.digest("SHA-256", concat([head, ...files]));
  // The path of a socket has 107 bytes at most, see unix(7).
  const name = new Uint8Array(hash, 0, 12).toBase64({ alphabet: "base64url" });
  return `${directory}/${name}.sock`;
}
