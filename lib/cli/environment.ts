/** Looks up a variable; `undefined` and `""` both mean that it is not set. */
export type Environment = (name: string) => string | undefined;
