/** The house's arrows (docs/architecture.md): apps → services' contracts → packages; curve stands on the ground. */
const forbid = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to })

export default {
  forbidden: [
    forbid('no-circles', 'A circle has no bottom.', {}, { circular: true }),
    forbid(
      'ground',
      'curve stands on the ground.',
      { path: '^packages/curve/' },
      { path: '^(packages/(?!curve/)|services|apps|stack)' },
    ),
    forbid(
      'pseudonym-on-curve',
      'pseudonym stands on curve alone.',
      { path: '^packages/pseudonym/' },
      { path: '^(packages/(?!(curve|pseudonym)/)|services|apps|stack)' },
    ),
    forbid(
      'box-on-curve',
      'box stands on curve alone.',
      { path: '^packages/box/' },
      { path: '^(packages/(?!(curve|box)/)|services|apps|stack)' },
    ),
    forbid(
      'kit-alone',
      'kit knows no part of the domain.',
      { path: '^packages/kit/' },
      { path: '^(packages/(?!kit/)|services|apps|stack)' },
    ),
    forbid(
      'kit-for-services',
      'kit is for services only.',
      { path: '^(packages/(?!kit/)|apps/)' },
      { path: '^packages/kit/' },
    ),
    forbid(
      'services-apart',
      "A service calls another's HTTP contract, never its code.",
      { path: '^services/([^/]+)/' },
      { path: '^(services/(?!$1/)|apps/|stack/)' },
    ),
    forbid(
      'apps-see-contracts',
      'An app knows a service by its contract.',
      { path: '^apps/' },
      { path: '^(services/[^/]+/src/(?!contract)|stack/)' },
    ),
    forbid(
      'browser-safe',
      'curve and pseudonym run in browsers: what needs Node stands behind an export condition.',
      {
        path: '^packages/(curve|pseudonym)/src/',
        pathNot: '(/native/|/native\\.ts|\\.node\\.ts|\\.test\\.ts|test-support)',
      },
      { dependencyTypes: ['core'] },
    ),
    forbid(
      'tests-outside',
      'What is shipped imports no test.',
      { pathNot: '(\\.test\\.ts$|^tests/|^bench/)' },
      { path: '(\\.test\\.ts$|^tests/|^bench/)' },
    ),
    forbid('no-deprecated', 'Node says not to.', {}, { dependencyTypes: ['deprecated'] }),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(/dist/|node_modules)' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['littlebox:source', 'node', 'import', 'types', 'default'],
    },
  },
}
