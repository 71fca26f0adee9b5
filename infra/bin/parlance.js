#!/usr/bin/env node
import { buildIfStale } from './build.js';

buildIfStale('server');
buildIfStale('web');
const { main } = await import('../../dist/infra/main.js');
await main(process.argv.slice(2));
