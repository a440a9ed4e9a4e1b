/**
 * The contracts as data, in the form that protobufjs gives them: what they define is looked up here, without it.
 *
 * @module
 */

import contracts from "./gen/contracts.json" with { type: "json" };

/** A package, service, message or enum; each may contain others. */
export interface Definition {
  readonly nested?: Readonly<Record<string, Definition>>;
  /** What a service can do. */
  readonly methods?: Readonly<Record<string, DefinedMethod>>;
  /** What a message consists of. */
  readonly fields?: Readonly<Record<string, DefinedField>>;
}

/** A method of a service. */
export interface DefinedMethod {
  readonly requestType: string;
  readonly responseType: string;
  readonly requestStream?: boolean;
  readonly responseStream?: boolean;
}

/** A field of a message. */
export interface DefinedField {
  readonly id: number;
  /** In a list or a map, the type of a value. */
  readonly type: string;
  readonly rule?: "repeated";
  /** Maps have one. */
  readonly keyType?: string;
}

/** All contracts. */
export const CONTRACTS: Definition = contracts as object;

/** Where a definition is: what contains it, from the outside, and itself. */
export type DefinitionPath = readonly Definition[];

/**
 * Finds what a name means inside a definition, as protobuf does: what is nearest around it.
 *
 * @throws {TypeError} if nothing has the name
 */
export function resolve(path: DefinitionPath, name: string): DefinitionPath {
  const found = lookUp(path, name);
  if (found !== null) return found;
  throw new TypeError(`${name} is not in the contracts`);
}

/** The same; `null` if nothing has the name, as for that of a number or text. */
export function lookUp(path: DefinitionPath, name: string): DefinitionPath | null {
  for (let depth = path.length; depth > 0; depth--) {
    const found = [...path.slice(0, depth)];
    const isFound = name.split(".").every((part) => {
      const inner = found.at(-1)?.nested?.[part];
      if (inner !== undefined) found.push(inner);
      return inner !== undefined;
    });
    if (isFound) return found;
  }
  return null;
}
