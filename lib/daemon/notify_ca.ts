import { X509Certificate } from "node:crypto";
import { certificatePems } from "../auth/pem.ts";
import type { DaemonOptions } from "../config/options.ts";
import { failedPrecondition, pathFaultOf } from "../errors.ts";
import { readTrustedFile } from "../files/trusted_file.ts";
import { MAX_CA_BYTES } from "./notifier_protocol.ts";

/**
 * The CAs that the certificates of webhooks may be of, beside the usual ones; PEM.
 *
 * @throws `failed_precondition`, naming the file
 */
export async function readNotifyCa({ notifyCa }: Pick<DaemonOptions, "notifyCa">): Promise<string> {
  if (notifyCa === "") return "";
  try {
    const text = await readTrustedFile(notifyCa, { maxBytes: MAX_CA_BYTES });
    const pems = certificatePems(text);
    if (pems.length === 0) throw new Error("there is no certificate in it");
    for (const pem of pems) new X509Certificate(pem);
    return pems.join("");
  } catch (error) {
    const why = pathFaultOf(error);
    throw failedPrecondition(`Cannot use --notify-ca "${notifyCa}": ${why}`, error);
  }
}
