/** The steps of a start at which an engine may die, and whether there is a job afterwards. */
export const STEPS = {
  "before its record": false,
  "before its launch": false,
  "while it is launched": true,
  "once it is launched": true,
  "once it is in the trail": true,
  "once its process is recorded": true,
  "before it is confirmed": true,
} as const;

/** One of them. */
export type Step = keyof typeof STEPS;
