/**
 * The Belgian national register number (Royal Decree of 8 January 2006; also bis numbers): `YYMMDD`, a serial of three
 * digits, and two check digits. 97 − (the first nine digits mod 97); for those born from 2000 on, a 2 before the nine.
 */

/** The eleven digits, from `85073003328` or `85.07.30-033.28`; undefined when the form or the check digits are wrong. */
export function parseNationalNumber(text: string): string | undefined {
  const digits = form.exec(text)?.slice(1).join('')
  if (digits === undefined) return undefined
  const body = Number(digits.slice(0, 9))
  const check = Number(digits.slice(9))
  return check === 97 - (body % 97) || check === 97 - ((2_000_000_000 + body) % 97) ? digits : undefined
}

const form = /^\s*(\d{2})[. ]?(\d{2})[. ]?(\d{2})[- ]?(\d{3})[-. ]?(\d{2})\s*$/
