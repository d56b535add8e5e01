import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { textValue, type Value } from './encodings.ts'
import { recording } from './recording.ts'
import { searchOf } from './search.ts'

// The control: a search that finds nothing proves nothing, so everything that it claims to find is planted here.

const x = Buffer.concat([Buffer.from([0, 1]), randomBytes(64)])
const y = randomBytes(66)
const point: Value = { name: 'a point', bytes: x }
const number = textValue('a number', '85073003328', '85.07.30-033.28')
const found = (value: Value, content: string | Uint8Array) => {
  const party = recording()
  party.add('here', 'something else')
  party.add('there', content)
  return searchOf(party).find(value).length > 0
}
const integer = BigInt(`0x${x.toString('hex')}`)
const compressed = Buffer.concat([Buffer.from([2]), x])
const uncompressed = Buffer.concat([Buffer.from([4]), x, y])
const json = (value: unknown) => Buffer.from(JSON.stringify(value))

describe('a point is found as', () => {
  it.each([
    ['raw bytes', Buffer.concat([y, x, y])],
    ['decimal', `level=${integer}`],
    ['hex', `\\x${x.toString('hex')}`],
    ['hex in capitals', x.toString('hex').toUpperCase()],
    ['hex of the number', integer.toString(16)],
    ['base64', x.toString('base64')],
    ['base64url', x.toString('base64url')],
    ['base64 of the bytes without leading zeros', x.subarray(1).toString('base64')],
    ['compressed', compressed.toString('base64url')],
    ['compressed, in hex', compressed.toString('hex')],
    ['uncompressed', `${uncompressed.toString('base64url')}:eyJhbGciOiJkaXIifQ`],
    ['uncompressed, padded', uncompressed.toString('base64')],
    ['an array of bytes', JSON.stringify([...x])],
    ['a member of JSON in base64', json({ scalar: x.toString('base64') }).toString('base64url')],
    ['that in hex', json({ token: json({ x: x.toString('base64') }).toString('base64') }).toString('hex')],
  ])('%s', (_, content) => {
    expect(found(point, content)).toBe(true)
  })
})

describe('an identifier is found as', () => {
  it.each([
    ['text', '{"msg":"refused 85073003328"}'],
    ['people write it', 'no 85.07.30-033.28'],
    ['base64', Buffer.from('ssn=85073003328').toString('base64')],
    ['base64url, one further', Buffer.from('ssn: 85073003328;').toString('base64url')],
    ['base64url, two further', Buffer.from('ssn: "85073003328"').toString('base64url')],
    ['hex', Buffer.from('85.07.30-033.28').toString('hex')],
    ['the value of a point', Buffer.concat([Buffer.alloc(46), Buffer.from('85073003328'), Buffer.from([11])])],
  ])('%s', (_, content) => {
    expect(found(number, content)).toBe(true)
  })
})

it('what is not there is not found', () => {
  const other = randomBytes(66)
  expect(found(point, Buffer.concat([uncompressed.fill(0, 30, 40), other]).toString('base64'))).toBe(false)
  expect(found(number, '85073003329 85.07.30-033.29')).toBe(false)
})

it('what would be found by chance is not searched for', () => {
  expect(() => found({ name: 'short', bytes: Buffer.from('short') }, '')).toThrow(RangeError)
})
