import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ClaimPathError, claimsAt, parseClaimPath } from './claim-path.ts'

const claims = {
  sub: 'system-1',
  organisation: 'hospital-a',
  'a.b': 'dotted',
  roles: ['pseudo', 'ident'],
  resource_access: { 'nihdi-uhmep-api': { roles: ['doctor', 'nurse'] }, other: { roles: ['clerk'] } },
}
const at = (path: string) => claimsAt(parseClaimPath(path), claims)

describe('claim paths (pseudonyms.md §7)', () => {
  it("reads eHealth's path, hyphens and all", () => {
    expect(at('$.resource_access.nihdi-uhmep-api.roles[*]')).toEqual(['doctor', 'nurse'])
  })

  it('reads every step of the subset', () => {
    expect(at('$.sub')).toEqual(['system-1'])
    expect(at("$['a.b']")).toEqual(['dotted'])
    expect(at('$.roles[1]')).toEqual(['ident'])
    expect(at('$.resource_access[*].roles[*]')).toEqual(['doctor', 'nurse', 'clerk'])
    expect(at('$')).toEqual([claims])
  })

  it('finds nothing where a step leads nowhere', () => {
    for (const path of ['$.nobody', '$.roles[2]', '$.sub.length', '$.sub[0]', '$.roles.length', '$.sub[*]'])
      expect(at(path), path).toEqual([])
  })

  it('finds nothing that the token does not own', () => {
    for (const path of ['$.constructor', '$.__proto__', '$.roles.map', "$['toString']"])
      expect(at(path), path).toEqual([])
  })

  it('refuses everything outside the subset: invalid-claim-path', () => {
    const refused = [
      '',
      'sub',
      '.sub',
      '$.',
      '$sub',
      '$..sub',
      '$.*',
      '$.roles[-1]',
      '$.roles[01]',
      '$.roles[0:1]',
      '$.roles[0,1]',
      '$.roles[?(@.x)]',
      '$.roles[(1)]',
      '$["sub"]',
      "$['']",
      "$['a'b']",
      "$['a\\'b']",
      '$.roles[]',
      '$.sub ',
      ' $.sub',
      '$.röle',
      '$.roles[1',
      '$.sub\n',
      `$${'.a'.repeat(17)}`,
      `$.${'a'.repeat(255)}`,
    ]
    for (const path of refused) expect(() => parseClaimPath(path), path).toThrow(ClaimPathError)
  })

  it('finds what was put there, for any names', () => {
    const name = fc.stringMatching(/^[A-Za-z0-9_-]{1,12}$/)
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 8 }), fc.jsonValue(), (names, value) => {
        const nested = names.reduceRight<unknown>((inner, key) => Object.fromEntries([[key, inner]]), value)
        expect(claimsAt(parseClaimPath(`$.${names.join('.')}`), nested)).toEqual([value])
      }),
    )
  })
})
