/**
 * A self-signed certificate for a server without a certificate of its own: X.509 version 3 (RFC 5280) in DER, written by
 * hand for this one shape.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash, createSign, generateKeyPairSync } from "node:crypto";

/** A certificate, or a chain that begins with the server's own, and its key; both PEM. */
export interface ServerCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** Lifetime, in milliseconds: a year. */
export const SELF_SIGNED_VALID_MS = 365 * 24 * 60 * 60 * 1000;

/** Tolerance for clients whose clocks are behind. */
const BACKDATED_MS = 60 * 60 * 1000;

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_ID = 0x06;
const UTF8_STRING = 0x0c;
const SEQUENCE = 0x30;
const SET = 0x31;
const DNS_NAME = 0x82;
const IP_ADDRESS = 0x87;

const ECDSA_WITH_SHA256 = sequence(der(OBJECT_ID, bytes("2a8648ce3d040302")));
const COMMON_NAME = der(OBJECT_ID, bytes("550403"));
const TRUE = bytes("0101ff");

/** What browsers and TLS libraries accept as a host name. */
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;

/**
 * Creates a key (EC, P-256) and a certificate for it that cannot sign others. The key is stored nowhere else.
 *
 * @param hostname The server's name besides localhost; left out when it is not a valid host name.
 * @param now Milliseconds since the epoch.
 */
export function createSelfSigned(hostname: string, now: number): ServerCertificate {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = publicKey.export({ type: "spki", format: "der" });
  const name = sequence(der(SET, sequence(COMMON_NAME, der(UTF8_STRING, Buffer.from("insights-remote")))));
  // Derived from the key, so that it is unique; the first byte keeps it positive.
  const serial = Buffer.concat([bytes("01"), createHash("sha256").update(key).digest().subarray(0, 15)]);
  const body = sequence(
    der(0xa0, der(INTEGER, bytes("02"))),
    der(INTEGER, serial),
    ECDSA_WITH_SHA256,
    name,
    sequence(time(now - BACKDATED_MS), time(now + SELF_SIGNED_VALID_MS)),
    name,
    key,
    der(0xa3, extensions(hostname)),
  );
  const signature = createSign("SHA256").update(body).sign(privateKey);
  const certificate = sequence(body, ECDSA_WITH_SHA256, der(BIT_STRING, bytes("00"), signature));
  return {
    certificate: pem("CERTIFICATE", certificate),
    key: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
  };
}

function extensions(hostname: string): Buffer {
  return sequence(
    // Basic constraints: not a CA.
    extension("551d13", TRUE, sequence()),
    // Key usage: digital signature.
    extension("551d0f", TRUE, der(BIT_STRING, bytes("0780"))),
    // Extended key usage: TLS server.
    extension("551d25", bytes(""), sequence(der(OBJECT_ID, bytes("2b06010505070301")))),
    extension("551d11", bytes(""), sequence(...alternativeNames(hostname))),
  );
}

function alternativeNames(hostname: string): readonly Buffer[] {
  const names = ["localhost", ...HOST_NAME.test(hostname) ? [hostname] : []];
  return [
    ...names.map((name) => der(DNS_NAME, Buffer.from(name))),
    ...["7f000001", "1".padStart(32, "0")].map((address) => der(IP_ADDRESS, bytes(address))),
  ];
}

function extension(id: string, critical: Buffer, value: Buffer): Buffer {
  return sequence(der(OBJECT_ID, bytes(id)), critical, der(OCTET_STRING, value));
}

/** From 2050 on, years have four digits (RFC 5280, 4.1.2.5). */
function time(milliseconds: number): Buffer {
  const digits = `${new Date(milliseconds).toISOString().replace(/\D/g, "").slice(0, 14)}Z`;
  return digits >= "2050" ? der(0x18, Buffer.from(digits)) : der(0x17, Buffer.from(digits.slice(2)));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(SEQUENCE, ...parts);
}

/** Tag, length and content. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag, ...lengthBytes(content.length)]), content]);
}

/** In the fewest bytes; lengths are at most 65,535 here. */
function lengthBytes(length: number): readonly number[] {
  if (length < 0x80) return [length];
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
}

function bytes(hexadecimal: string): Buffer {
  return Buffer.from(hexadecimal, "hex");
}

function pem(label: string, content: Buffer): string {
  const lines = content.toString("base64").replace(/.{64}(?=.)/g, "$&\n");
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}
