/** The version of Job Worker, by Semantic Versioning. */
export const VERSION = "0.1.0";
