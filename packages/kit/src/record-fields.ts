/**
 * What may stand in a log or in the journal: a closed list of fields, each with a strict pattern.
 *
 * A value that doesn't fit is not recorded. Beyond its own pattern no value may look like a person's number, a point,
 * a key or a token, whatever the field: names come from operators and issuers, who make mistakes.
 *
 * Does not protect: a name chosen to carry a person ("jansen-peter") is a name.
 */

/** A name of a client, organisation, domain, operation: begins with a letter. */
const namePattern = /^[A-Za-z][\w.:/@-]{0,127}$/

/** A problem's code, a check's name. */
const codePattern = /^[a-z][a-z0-9-]{0,63}$/

/** Of our own making (`crypto.randomUUID`). */
const correlationPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** A client or an organisation as its issuer names it. */
const partyPattern = /^[A-Za-z0-9][\w.:/@-]{0,127}$/

/** Nine digits in a row, however they are grouped: identity numbers have nine to twelve. */
const longNumber = /\d(?:[ ./-]?\d){8}/

/** Eleven: what a person's number has and an enterprise's (ten, Belgium's CBE) has not. */
const personNumber = /\d(?:[ ./-]?\d){10}/

/** Compact JOSE, and what begins as its header does. */
const token = /eyJ|[\w-]{16,}\.[\w-]{16,}\.[\w-]{16,}/

/** 32 hexadecimal digits in a row. */
const hexadecimal = /[0-9a-fA-F]{32}/

/** A run as long as a compressed P-256 point in base64 (44), with the mix of letters and digits that chance gives. */
const encoded = /(?=[\w+/-]*[a-z])(?=[\w+/-]*[A-Z])(?=[\w+/-]*\d)[\w+/-]{40,}/

export function looksSecret(text: string): boolean {
  return longNumber.test(text) || token.test(text) || hexadecimal.test(text) || encoded.test(text)
}

export function isName(value: unknown): value is string {
  return typeof value === 'string' && namePattern.test(value) && !looksSecret(value)
}

/**
 * A client id or an organisation out of a verified token: a name, an enterprise's number or a UUID, since issuers use
 * these. A person's number is none.
 */
export function isParty(value: unknown): value is string {
  if (typeof value !== 'string' || !partyPattern.test(value)) return false
  if (isCorrelation(value)) return true
  return ![personNumber, token, hexadecimal, encoded].some(pattern => pattern.test(value))
}

export function isCode(value: unknown): value is string {
  return typeof value === 'string' && codePattern.test(value) && !looksSecret(value)
}

export function isCorrelation(value: unknown): value is string {
  return typeof value === 'string' && correlationPattern.test(value)
}

/** Counts, statuses, ports, milliseconds: too small to hold an identity number. */
export function isSmallNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 && value < 100_000_000
}
