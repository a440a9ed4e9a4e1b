/** A type with its optional fields made required, at every depth. */
export type Whole<T> = T extends Uint8Array | string | number | boolean | null ? T
  : T extends readonly (infer Item)[] ? readonly Whole<Item>[]
  : { readonly [Key in keyof T]-?: Whole<Exclude<T[Key], undefined>> };

/** `true` if two types have the same fields, optional ones included, and `false` if not. */
export type Alike<A, B> = [Whole<A>] extends [Whole<B>]
  ? ([Whole<B>] extends [Whole<A>] ? true : false)
  : false;
