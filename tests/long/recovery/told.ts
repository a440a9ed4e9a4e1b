import type { JobMethod } from "../../../lib/service/methods.ts";

/** What a caller has been told, or has begun: from then on it holds, also after a power cut. */
export type Told =
  | { readonly kind: "changed"; readonly method: JobMethod; readonly jobId: string }
  | { readonly kind: "ended"; readonly jobId: string }
  | { readonly kind: "pruning" }
  | { readonly kind: "pruned"; readonly jobIds: readonly string[] };
