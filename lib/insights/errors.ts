/**
 * What is wrong with what clients post. The texts are meant for them: they name the item and the field, never a value,
 * since values are a tenant's data.
 *
 * @module
 */
import { AppError } from "../errors.ts";

/** A request body that can't be used. */
export class BodyError extends AppError {
  /** For logs. */
  override name = "BodyError";
}

/** The name that clients know a decoded value's type by. */
export function typeName(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
