import { BUILD } from "./build.ts";

/** The version of Job Worker, by Semantic Versioning. */
export const VERSION = "0.1.0";

/** The same for people, with what it was built of: `0.1.0 (3a41712)`. */
export const VERSION_TEXT: string = `${VERSION} (${BUILD})`;
