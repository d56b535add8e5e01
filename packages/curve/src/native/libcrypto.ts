/**
 * The system's libcrypto, bound by koffi. Deep-bound (`deep: true`): otherwise its inner calls resolve to Node's own
 * OpenSSL, whose P-521 is the generic one and seven times slower. Everything here is synchronous and single-threaded:
 * one `Libcrypto` a thread. EC_POINT_mul with a single point is OpenSSL's constant-time multiplication.
 */
import koffi from 'koffi'
import { type CurveName, curve } from '../curve.ts'
import { CurveError } from '../curve-error.ts'
import { toBytes } from '../integer.ts'

type Pointer = unknown

/** The calls we use, as declared in openssl/ec.h, bn.h, crypto.h (OpenSSL 3). */
interface Calls {
  version(kind: number): string
  newGroup(nid: number): Pointer
  newPoint(group: Pointer): Pointer
  newNumber(): Pointer
  newContext(): Pointer
  order(group: Pointer): Pointer
  field(group: Pointer): Pointer
  readPoint(group: Pointer, point: Pointer, bytes: Uint8Array, length: number, context: Pointer): number
  writePoint(group: Pointer, point: Pointer, form: number, bytes: Uint8Array, length: number, context: Pointer): number
  multiply(group: Pointer, to: Pointer, g: Pointer, point: Pointer, scalar: Pointer, context: Pointer): number
  add(group: Pointer, to: Pointer, a: Pointer, b: Pointer, context: Pointer): number
  isInfinity(group: Pointer, point: Pointer): number
  readNumber(bytes: Uint8Array, length: number, to: Pointer): Pointer
  writeNumber(from: Pointer, bytes: Uint8Array, length: number): number
  newMontgomery(): Pointer
  setMontgomery(montgomery: Pointer, modulus: Pointer, context: Pointer): number
  toMontgomery(to: Pointer, from: Pointer, montgomery: Pointer, context: Pointer): number
  multiplyMontgomery(to: Pointer, a: Pointer, b: Pointer, montgomery: Pointer, context: Pointer): number
  powerConstantTime(to: Pointer, base: Pointer, exponent: Pointer, n: Pointer, context: Pointer, m: Pointer): number
  power(to: Pointer, base: Pointer, exponent: Pointer, n: Pointer, context: Pointer, m: Pointer): number
  square(to: Pointer, from: Pointer, n: Pointer, context: Pointer): number
  compare(a: Pointer, b: Pointer): number
  kronecker(a: Pointer, b: Pointer, context: Pointer): number
  clearErrors(): void
}

/** One group on one thread, with the numbers and points that its calls work on. */
export interface Group {
  /** Is this an uncompressed SEC 1 encoding of a point on the curve? OpenSSL checks form, range and equation. */
  isPoint(bytes: Uint8Array): boolean
  /** scalar · point, from and to uncompressed SEC 1. The point must have been checked. */
  multiply(point: Uint8Array, scalar: Uint8Array, result: Uint8Array): void
  multiplyBase(scalar: Uint8Array, result: Uint8Array): void
  /** Σ points; false when they cancel out. */
  sum(points: readonly Uint8Array[], result: Uint8Array): boolean
  /** a·b mod n, all of `width` bytes. */
  product(a: Uint8Array, b: Uint8Array): Uint8Array
  /** a⁻¹ mod n, by Fermat: a^(n−2). */
  inverse(a: Uint8Array): Uint8Array
  /** The principal root of `rhs` into `root`, both `width` bytes; false when `rhs` is no square. Variable-time. */
  squareRoot(rhs: Uint8Array, root: Uint8Array): boolean
}

export interface Libcrypto {
  /** Such as `OpenSSL 3.0.19 27 Jan 2026`. */
  readonly version: string
  group(name: CurveName): Group
}

const nids: Readonly<Record<CurveName, number>> = { 'P-256': 415, 'P-384': 715, 'P-521': 716 }
const uncompressed = 4

/** Loads libcrypto.so.3. CurveError `engine-unavailable` when it is not there. */
export function loadLibcrypto(): Libcrypto {
  const calls = bind()
  const groups = new Map<CurveName, Group>()
  return {
    version: calls.version(0),
    group(name) {
      const known = groups.get(name)
      if (known) return known
      const made = makeGroup(calls, name)
      groups.set(name, made)
      return made
    },
  }
}

function bind(): Calls {
  try {
    const library = koffi.load('libcrypto.so.3', { deep: true })
    const call = (signature: string) => library.func(signature)
    return {
      version: call('const char *OpenSSL_version(int)'),
      newGroup: call('void *EC_GROUP_new_by_curve_name(int)'),
      newPoint: call('void *EC_POINT_new(void *)'),
      newNumber: call('void *BN_secure_new()'),
      newContext: call('void *BN_CTX_secure_new()'),
      order: call('void *EC_GROUP_get0_order(void *)'),
      field: call('void *EC_GROUP_get0_field(void *)'),
      readPoint: call('int EC_POINT_oct2point(void *, void *, const uint8_t *, size_t, void *)'),
      writePoint: call('size_t EC_POINT_point2oct(void *, void *, int, _Out_ uint8_t *, size_t, void *)'),
      multiply: call('int EC_POINT_mul(void *, void *, void *, void *, void *, void *)'),
      add: call('int EC_POINT_add(void *, void *, void *, void *, void *)'),
      isInfinity: call('int EC_POINT_is_at_infinity(void *, void *)'),
      readNumber: call('void *BN_bin2bn(const uint8_t *, int, void *)'),
      writeNumber: call('int BN_bn2binpad(void *, _Out_ uint8_t *, int)'),
      newMontgomery: call('void *BN_MONT_CTX_new()'),
      setMontgomery: call('int BN_MONT_CTX_set(void *, void *, void *)'),
      toMontgomery: call('int BN_to_montgomery(void *, void *, void *, void *)'),
      multiplyMontgomery: call('int BN_mod_mul_montgomery(void *, void *, void *, void *, void *)'),
      powerConstantTime: call('int BN_mod_exp_mont_consttime(void *, void *, void *, void *, void *, void *)'),
      power: call('int BN_mod_exp_mont(void *, void *, void *, void *, void *, void *)'),
      square: call('int BN_mod_sqr(void *, void *, void *, void *)'),
      compare: call('int BN_cmp(void *, void *)'),
      kronecker: call('int BN_kronecker(void *, void *, void *)'),
      clearErrors: call('void ERR_clear_error()'),
    }
  } catch (cause) {
    throw new CurveError('engine-unavailable', 'libcrypto.so.3 (OpenSSL 3) does not load', cause)
  }
}

function makeGroup(calls: Calls, name: CurveName): Group {
  const { width, n, p } = curve(name)
  const pointLength = 1 + 2 * width
  const group = calls.newGroup(nids[name])
  if (!group) throw new CurveError('engine-unavailable', `this libcrypto has no ${name}`)
  const context = calls.newContext()
  const [point, result] = [calls.newPoint(group), calls.newPoint(group)]
  const [a, b, c] = [calls.newNumber(), calls.newNumber(), calls.newNumber()]
  const order = calls.order(group)
  const field = calls.field(group)
  const modOrder = montgomeryFor(order)
  const modField = montgomeryFor(field)
  const inverseExponent = constant(n - 2n)
  const rootExponent = constant((p + 1n) / 4n)
  // A Jacobi symbol costs a third of a root on P-521, and nearly a whole one on the smaller curves.
  const sieves = name === 'P-521'

  return {
    isPoint(bytes) {
      if (bytes.length !== pointLength || bytes[0] !== uncompressed) return false
      if (calls.readPoint(group, point, bytes, pointLength, context) === 1) return true
      calls.clearErrors()
      return false
    },

    multiply(pointBytes, scalar, to) {
      done(calls.readPoint(group, point, pointBytes, pointLength, context))
      calls.readNumber(scalar, width, a)
      done(calls.multiply(group, result, null, point, a, context))
      write(to)
    },

    multiplyBase(scalar, to) {
      calls.readNumber(scalar, width, a)
      done(calls.multiply(group, result, a, null, null, context))
      write(to)
    },

    sum(points, to) {
      points.forEach((bytes, i) => {
        done(calls.readPoint(group, i === 0 ? result : point, bytes, pointLength, context))
        if (i > 0) done(calls.add(group, result, result, point, context))
      })
      if (calls.isInfinity(group, result) === 1) return false
      write(to)
      return true
    },

    product(left, right) {
      calls.readNumber(left, width, a)
      calls.readNumber(right, width, b)
      done(calls.toMontgomery(a, a, modOrder, context))
      done(calls.multiplyMontgomery(c, a, b, modOrder, context))
      return number(c)
    },

    inverse(scalar) {
      calls.readNumber(scalar, width, a)
      done(calls.powerConstantTime(c, a, inverseExponent, order, context, modOrder))
      return number(c)
    },

    squareRoot(rhs, root) {
      calls.readNumber(rhs, width, a)
      if (sieves && calls.kronecker(a, field, context) === -1) return false
      // p ≡ 3 mod 4: a^((p+1)/4) is the principal root, if there is one.
      done(calls.power(b, a, rootExponent, field, context, modField))
      done(calls.square(c, b, field, context))
      if (calls.compare(a, c) !== 0) return false
      done(calls.writeNumber(b, root, width) === width ? 1 : 0)
      return true
    },
  }

  function montgomeryFor(modulus: Pointer): Pointer {
    const montgomery = calls.newMontgomery()
    done(calls.setMontgomery(montgomery, modulus, context))
    return montgomery
  }

  function constant(integer: bigint): Pointer {
    return calls.readNumber(toBytes(integer, width), width, calls.newNumber())
  }

  function write(to: Uint8Array): void {
    done(calls.writePoint(group, result, uncompressed, to, pointLength, context) === pointLength ? 1 : 0)
  }

  function number(from: Pointer): Uint8Array {
    const bytes = new Uint8Array(width)
    done(calls.writeNumber(from, bytes, width) === width ? 1 : 0)
    return bytes
  }

  /** Every call above is well-formed by type: a failure means that libcrypto is out of memory or not what it says. */
  function done(status: number): void {
    if (status === 1) return
    calls.clearErrors()
    throw new CurveError('engine-unavailable', 'libcrypto refused a well-formed call')
  }
}
