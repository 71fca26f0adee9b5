// Runs dependency-cruiser on the rules in dependency-cruiser.cjs. Its visitor for swc knows neither `using` nor .tsx nor
// import('…') in types, and TypeScript 7 leaves it no other parser: it is given each file's imports alone.
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const swc = require('@swc/core');
const { forbidden, options } = require('./dependency-cruiser.cjs');
const folders = ['domain', 'commands', 'projections', 'gateways', 'workflows', 'infra'].filter((folder) =>
  existsSync(folder),
);

const parseFile = swc.parseFileSync;
swc.parseFileSync = (file) => {
  const tree = parseFile(file, { syntax: 'typescript', tsx: file.endsWith('.tsx'), target: 'es2024' });
  const body = importedNames(tree).map((source) => ({ type: 'ImportDeclaration', source, specifiers: [] }));
  return { ...tree, body };
};

function importedNames(node) {
  if (node === null || typeof node !== 'object') return [];
  const inside = Object.values(node).flatMap(importedNames);
  if (node.source?.type === 'StringLiteral') return [node.source, ...inside];
  if (node.type === 'TsImportType') return [node.argument, ...inside];
  if (node.type !== 'CallExpression' || node.callee.type !== 'Import') return inside;
  const name = node.arguments[0].expression;
  return name.type === 'StringLiteral' ? [name, ...inside] : inside;
}

const { cruise } = await import('dependency-cruiser');
const { output } = await cruise(folders, { ...options, ruleSet: { forbidden }, validate: true });
const seen = output.modules.filter(({ source }) => /^(?!node_modules).*\.tsx?$/.test(source));
const onDisk = folders
  .flatMap((folder) => readdirSync(folder, { recursive: true }))
  .filter((file) => /\.tsx?$/.test(file));

for (const { rule, from, to } of output.summary.violations) console.error(`${rule.name}: ${from} -> ${to}`);
console.log(`${seen.length} modules, ${output.summary.totalDependenciesCruised} imports`);
if (seen.length < onDisk.length || output.summary.totalDependenciesCruised === 0) {
  console.error(`expected the imports of ${onDisk.length} modules: the parser has missed some`);
  process.exitCode = 1;
}
if (output.summary.violations.length > 0) process.exitCode = 1;
