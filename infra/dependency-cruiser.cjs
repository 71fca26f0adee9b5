// The arrows between folders (README). Tests may reach across them: they put real parts together.
const { existsSync, readdirSync } = require('node:fs');

const test = '\\.test\\.ts$';
const folders = ['domain', 'commands', 'projections', 'gateways', 'workflows', 'infra'];

/** `from` may import only the `allowed` folders (packages are not judged here). */
const arrow = (from, ...allowed) => ({
  name: `${from}-imports-only-${allowed.join('-and-')}`,
  severity: 'error',
  from: { path: `^${from}/`, pathNot: test },
  to: { path: `^(${folders.filter((folder) => !allowed.includes(folder)).join('|')})/` },
});

// A port's folder holds its contract or its choice of adapters; everything else in it belongs to adapters.
const ports = readdirSync('infra').filter((folder) =>
  ['contract.ts', 'open.ts'].some((file) => existsSync(`infra/${folder}/${file}`)),
);

const noAdapterImportsAnother = ports.map((port) => ({
  name: `adapter-of-${port}-imports-no-other-adapter`,
  severity: 'error',
  from: { path: `^infra/${port}/`, pathNot: [test, '/open\\.ts$'] },
  to: { path: `^infra/(${ports.join('|')})/`, pathNot: [`^infra/${port}/`, '/contract\\.ts$'] },
}));

module.exports = {
  forbidden: [
    arrow('domain', 'domain'),
    arrow('commands', 'domain', 'commands'),
    arrow('projections', 'domain', 'projections'),
    arrow('workflows', 'domain', 'workflows'),
    arrow('gateways', 'domain', 'commands', 'projections', 'gateways'),
    ...noAdapterImportsAnother,
    {
      name: 'domain-is-pure',
      comment: 'domain imports itself and zod: no other package, nothing of Node',
      severity: 'error',
      from: { path: '^domain/', pathNot: test },
      to: { pathNot: '^(domain|commands|projections|gateways|workflows|infra|node_modules/zod)/' },
    },
    {
      name: 'workflows-are-deterministic',
      comment: 'effects live in workflows/activities',
      severity: 'error',
      from: { path: '^workflows/', pathNot: [test, '^workflows/activities/'] },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'client-sees-only-the-protocol',
      severity: 'error',
      from: { path: '^gateways/client/', pathNot: test },
      to: { pathNot: '^gateways/(protocol\\.ts$|client/)' },
    },
    {
      name: 'web-client-sees-only-the-client-and-the-protocol',
      severity: 'error',
      from: { path: '^gateways/web/', pathNot: test },
      to: { path: `^(${folders.join('|')})/`, pathNot: '^gateways/(protocol\\.ts$|client/|web/)' },
    },
    {
      name: 'server-does-not-import-the-client',
      severity: 'error',
      from: { pathNot: ['^gateways/(client|web)/', '^infra/(testing|bench)/', test] },
      to: { path: '^gateways/client/' },
    },
    {
      name: 'server-does-not-import-the-web-client',
      severity: 'error',
      from: { pathNot: ['^gateways/web/', test] },
      to: { path: '^gateways/web/' },
    },
    {
      name: 'imports-resolve',
      severity: 'error',
      from: { pathNot: '^infra/bin/' }, // it imports what it has just built
      to: { couldNotResolve: true },
    },
  ],
  options: {
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
