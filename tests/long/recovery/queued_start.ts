/** The steps of the start of a queued job at which an engine may die. */
export const STEPS = [
  "before its record",
  "before its launch",
  "once it is launched",
  "once its process is recorded",
] as const;

/** One of them. */
export type Step = typeof STEPS[number];

/** The job that is started. */
export const QUEUED_ID = "01890a5d-ac96-774b-bcce-b302099a8057";
