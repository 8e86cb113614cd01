/**
 * Errors in requests and ConfigMaps, with texts for those who sent them. They name the item and the field, never a value: values
 * are a tenant's data.
 *
 * @module
 */
import { AppError, TerminalError } from "../errors.ts";

/** An invalid request body. */
export class BodyError extends AppError {
  override name = "BodyError";
}

/** A ConfigMap must not be sent until someone changes it; the message tells a site's developer how. */
export class RefusedError extends TerminalError {
  override name = "RefusedError";
}

/** The JSON type of a decoded value. */
export function typeName(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
