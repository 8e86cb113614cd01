/**
 * Errors in requests, with texts for clients. They name the item and the field, never a value: values are a tenant's
 * data.
 *
 * @module
 */
import { AppError } from "../errors.ts";

/** An invalid request body. */
export class BodyError extends AppError {
  override name = "BodyError";
}

/** The JSON type of a decoded value. */
export function typeName(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
